// draftfs drift: lists edited files whose base file changed, and settles them.

import ArgumentParser
import Platform

struct DriftCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drift",
        abstract: "List edited files whose base file has changed, or settle one.",
        discussion: """
            --accept settles clear cases, and otherwise merges the changes of the workspace and the \
            base, as git merge-file does. If both changed the same lines it does nothing: then --merge \
            writes both with marks between them, --ours keeps the file, and --theirs takes the \
            base's content, after a backup.
            """)

    @Option(
        help: ArgumentHelp("Settle the file, or merge changes that do not overlap.", valueName: "path"),
        completion: .file())
    var accept: String?

    @Option(
        help: ArgumentHelp("Merge, with marks where changes overlap.", valueName: "path"),
        completion: .file())
    var merge: String?

    @Option(help: ArgumentHelp("Keep the file.", valueName: "path"), completion: .file())
    var ours: String?

    @Option(
        name: [.long, .customLong("drop")],
        help: ArgumentHelp("Take the base's content, after a backup.", valueName: "path"),
        completion: .file())
    var theirs: String?

    @OptionGroup var workspace: WorkspaceOptions

    private var choices: [(verb: String, path: String?)] {
        [("accept", accept), ("merge", merge), ("ours", ours), ("theirs", theirs)]
    }

    func validate() throws {
        guard choices.filter({ $0.path != nil }).count < 2 else {
            throw ValidationError("give one of --accept, --merge, --ours and --theirs")
        }
    }

    func run() throws {
        let chosen = choices.first { $0.path != nil }
        let place = try workspace.place([chosen?.path].compactMap { $0 })
        if let chosen, let path = chosen.path {
            let inside = try place.path(path)
            let by = try settle(inside, chosen.verb, place)
            if workspace.json { printJSON(["settled": .text(inside), "by": .text(by)]) }
            return
        }
        let files = try place.objects("drift")
        if workspace.json {
            for file in files { print(file.line) }
        } else if !files.isEmpty {
            let rows = files.map { file in
                [
                    file.value["path"]?.plain ?? "", file.value["kept"]?.plain ?? "",
                    file.value["reason"]?.plain ?? "",
                ].map { Text.printable($0) }
            }
            printText(Text.table([["PATH", "KEPT", "REASON"]] + rows))
        }
    }

    /// - Returns: what was done in the end.
    private func settle(_ path: String, _ verb: String, _ place: Place) throws(Failure) -> String {
        switch verb {
        case "ours", "theirs":
            try place.command("drift", [verb, path])
            return verb
        case "accept":
            do throws(Failure) {
                try place.command("drift", [verb, path])
                return verb
            } catch {
                guard error.errno == .busy else { throw error }
            }
        default: break
        }
        try DriftMerge(place, path).run(marksConflicts: verb == "merge")
        return "merge"
    }
}
