// draftfs rollback: restores a workspace, or some of its paths, to a moment.

import ArgumentParser

struct RollbackCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback",
        abstract: "Return a workspace, or some paths, to a moment.",
        discussion: Moments.help + """
             The state before is kept as a backup, so that a rollback can be undone. Paths get \
            the present time as their mtime, so that make rebuilds them; a whole workspace gets its \
            old times.
            """)

    @Argument(help: "The moment to go back to.")
    var moment: String

    @Argument(help: "What to roll back. Default: the whole workspace.", completion: .file())
    var paths: [String] = []

    @Flag(help: "Give paths their old modification times.")
    var times = false

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place(paths)
        let moment = Moments.word(moment)
        let words = [moment] + (times ? ["--times"] : []) + (try place.paths(paths))
        let made = try AutomaticBackup.during(place) { () throws(Failure) in
            try place.command("rollback", words)
        }
        if workspace.json {
            printJSON(["rolled_back_to": .text(moment), "backup": made.map { .text($0) }])
        } else if let made {
            print("the state before is backup \(Text.printable(made))")
        } else {
            print("nothing to do: the state is already that of the moment")
        }
    }
}

/// Finds the automatic backup that a command makes of the state before it.
enum AutomaticBackup {
    static func during(
        _ place: Place, _ work: () throws(Failure) -> Void
    ) throws(Failure) -> String? {
        let before = try names(place)
        try ProgressLine.during(place, work)
        return try names(place).last { !before.contains($0) }
    }

    private static func names(_ place: Place) throws(Failure) -> [String] {
        try place.objects("backup").filter { $0.value["automatic"]?.boolean == true }
            .compactMap { $0.value["name"]?.text }
    }
}
