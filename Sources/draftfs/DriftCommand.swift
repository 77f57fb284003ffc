// draftfs drift: edited files whose base was changed by others, and what to do with them.

import ArgumentParser

struct DriftCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift",
        abstract: "List edited files whose base file was changed by others, or settle one.")

    @Option(
        help: ArgumentHelp(
            "The base file of now is the one to go by, where that changes no byte.",
            valueName: "path"),
        completion: .file())
    var accept: String?

    @Option(
        help: ArgumentHelp("The edits go, after a backup.", valueName: "path"),
        completion: .file())
    var drop: String?

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if accept != nil, drop != nil { throw ValidationError("give --accept or --drop, not both") }
    }

    func run() throws {
        let place = try workspace.place([accept ?? drop].compactMap { $0 })
        for (verb, path) in [("accept", accept), ("drop", drop)] {
            guard let path else { continue }
            let inside = try place.path(path)
            try place.command("drift", [verb, inside])
            if workspace.json { printJSON(["settled": .text(inside), "by": .text(verb)]) }
            return
        }
        let files = try place.objects("drift")
        if workspace.json {
            for file in files { print(file.line) }
        } else if !files.isEmpty {
            let rows = files.map { [$0.value["path"], $0.value["reason"]].map {
                Text.printable($0?.plain ?? "")
            } }
            printText(Text.table([["PATH", "REASON"]] + rows))
        }
    }
}
