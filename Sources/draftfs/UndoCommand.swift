// draftfs undo: reverts the last changes.

import ArgumentParser

struct UndoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "undo",
        abstract: "Undo the last change, or the last few.",
        discussion: """
            The changes are those that draftfs history shows. The state before is kept as a \
            backup. A file whose name is a number is given as ./3.
            """)

    @Argument(help: ArgumentHelp("How many changes (default: 1).", valueName: "n"))
    var first: String?

    @Argument(
        help: "Undo only changes of these paths. Default: of the whole workspace.",
        completion: .file())
    var paths: [String] = []

    @OptionGroup var workspace: WorkspaceOptions

    /// Returns the count and the paths. The first word is a path unless it is a number.
    static func split(_ first: String?, _ rest: [String]) -> (count: String?, paths: [String]) {
        guard let first else { return (nil, rest) }
        let isNumber = !first.isEmpty && first.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return isNumber ? (first, rest) : (nil, [first] + rest)
    }

    func validate() throws {
        guard let count = Self.split(first, paths).count else { return }
        guard let number = Int(count), number > 0 else {
            throw ValidationError("the number of changes must be 1 or more")
        }
    }

    func run() throws {
        let (count, given) = Self.split(first, paths)
        let place = try workspace.place(given)
        let words = [count ?? "1"] + (try place.paths(given))
        let made = try AutomaticBackup.during(place) { () throws(Failure) in
            try place.command("undo", words)
        }
        if workspace.json {
            printJSON([
                "undone": .number("\(Int(count ?? "1") ?? 1)"), "backup": made.map { .text($0) },
            ])
        } else if let made {
            print("the state before is backup \(Text.printable(made))")
        }
    }
}
