// draftfs refresh: makes commits and other changes of the base visible.

import ArgumentParser

struct RefreshCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refresh",
        abstract: "Let a workspace see the base of now.",
        discussion: """
            A workspace sees the base as it was when the workspace began, whatever others commit. This \
            gives it the base of now; its own changes that are not committed stay, and so does what is \
            open. It can be taken back by draftfs undo or rollback. It also makes changes visible that \
            other programs made in files of the base that were not edited here.

            If both changed a path, nothing is done and the paths are named. Then --ours keeps what the \
            workspace has there, --theirs takes what the base has, and --merge merges texts of which both \
            changed other lines (it needs git), and takes what only the base has changed of their mode, \
            owner and attributes. What another program changed in the base under a file that \
            was edited here is drift: see draftfs drift.
            """)

    @Flag(help: "Show the changes that stay, and the conflicts.")
    var dryRun = false

    @Flag(help: "Keep what the workspace has where the base was changed too.")
    var ours = false

    @Flag(help: "Take what the base has there.")
    var theirs = false

    @Flag(help: "Merge texts that both changed, if no line was changed by both.")
    var merge = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if [ours, theirs, merge].count(where: { $0 }) > 1 {
            throw ValidationError("give only one of --ours, --theirs and --merge")
        }
        if dryRun, merge { throw ValidationError("--dry-run does not work with --merge") }
    }

    func run() throws {
        let place = try workspace.place()
        if merge { return try runMerge(place) }
        let options = [(dryRun, "--dry-run"), (ours, "--ours"), (theirs, "--theirs")]
        let words = options.filter(\.0).map(\.1) + ["."]
        let report = ConflictReport(
            place: place, file: "refresh", isDryRun: dryRun, ours: ours, json: workspace.json)
        try report.during { () throws(Failure) in
            try ProgressLine.during(place) { () throws(Failure) in try place.command("refresh", words) }
        }
        let first = try report.show()
        if !workspace.json, !dryRun { printEnd(first) }
    }

    private func runMerge(_ place: Place) throws {
        try ConflictMerge(refreshing: place, json: workspace.json).run()
        let lines = try place.objects("refresh")
        if workspace.json {
            for line in lines { print(line.line) }
        } else {
            printEnd(lines.first?.value)
        }
    }

    private func printEnd(_ first: JSONValue?) {
        guard let from = first?["from"]?.plain, let to = first?["to"]?.plain, from != to else {
            print("the workspace sees the base of now: there were no commits to bring")
            return
        }
        let count = first?["changes"]?.plain ?? "0"
        print("refreshed from commit \(from) to \(to): \(count) changed path\(count == "1" ? "" : "s") kept")
    }
}
