// draftfs discard: discards workspaces. They can be restored until their retention is over.

import ArgumentParser

struct DiscardCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "discard",
        abstract: "Discard workspaces; they can be restored for a while.",
        discussion: """
            A discarded workspace disappears with its name. draftfs restore brings it back with all its \
            changes and its history. After the retention of the store (draftfs limits -C MOUNTPOINT \
            retention, 7 days by default) it is removed for good, and its space is free again.
            """)

    @Argument(help: "Names of workspaces, or their paths.", completion: .directory)
    var names: [String] = []

    @Flag(help: ArgumentHelp(
        "Remove them for good, with the discarded ones of these names. Without names: all discarded ones."))
    var now = false

    @Flag(help: "Discard the workspaces that have no changes and no named backups.")
    var allClean = false

    @Flag(help: "List the discarded workspaces.")
    var list = false

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        guard [now, allClean, list].count(where: { $0 }) <= 1 else {
            throw ValidationError("give only one of --now, --all-clean and --list")
        }
        if allClean || list {
            guard names.isEmpty else { throw ValidationError("--all-clean and --list take no names") }
        } else if !now, names.isEmpty {
            throw ValidationError("give the names of workspaces, --now, --all-clean or --list")
        }
    }

    func run() throws {
        let all = try WorkspaceList(directory: workspace.directory, names: names)
        if list { return try ListCommand.print(all, discarded: true, sort: nil, json: workspace.json) }
        var given: [String] = []
        for name in names { given.append(try all.name(name)) }
        let before = names.isEmpty ? try Self.names(all, allClean ? "list" : "discard") : given
        try all.command(
            "discard", (now ? ["--now"] : allClean ? ["--all-clean"] : []) + given.map(WorkspaceList.word))
        let left = allClean ? try Set(Self.names(all, "list")) : []
        let gone = before.filter { !left.contains($0) }
        if workspace.json {
            printJSON([now ? "removed" : "discarded": .list(gone.map { .text($0) })])
        } else if names.isEmpty {
            for name in gone { print(Text.printable(name)) }
        }
    }

    private static func names(_ all: WorkspaceList, _ file: String) throws(Failure) -> [String] {
        try all.place.objects(file).compactMap { $0.value["name"]?.text }
    }
}
