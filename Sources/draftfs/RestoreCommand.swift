// draftfs restore: brings a discarded workspace back.

import ArgumentParser

struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Bring a discarded workspace back.",
        discussion: """
            It comes back with all its changes, its backups and its history. Of several with the same name \
            the one that was discarded last comes back; draftfs discard --list shows all, with their ids.
            """)

    @Argument(help: "The name that the workspace had.")
    var name: String

    @Option(help: ArgumentHelp("The id, if several of that name are discarded.", valueName: "id"))
    var id: UInt16?

    @Option(name: .customLong("as"), help: ArgumentHelp("A new name.", valueName: "name"))
    var newName: String?

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let all = try WorkspaceList(directory: workspace.directory)
        var words = [WorkspaceList.word(name)]
        if let id { words += ["--id", "\(id)"] }
        if let newName { words += ["--as", WorkspaceList.word(newName)] }
        try all.command("restore", words)
        if workspace.json { printJSON(["restored": .text(newName ?? name)]) }
    }
}
