// draftfs gc: gives back the space of history that is older than its retention.

import ArgumentParser

struct GCCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gc",
        abstract: "Give back the space of old history now.",
        discussion: """
            A workspace keeps every earlier state for a day (draftfs limits retention changes that), and \
            backups with a name for ever. What only older states need is given back in the background; \
            this does it at once. In the directory above the workspaces it is for all of them, in a \
            workspace for that one and those that share history with it by forks.

            A moment that was released cannot be seen or rolled back to any more. The present content, \
            backups with a name, and what forks have are never touched.
            """)

    @Flag(help: "Show what would be given back, and give nothing back.")
    var dryRun = false

    @Option(help: ArgumentHelp(
        "Give back history of that age, such as 1h or 0s, whatever the retention says.", valueName: "age"))
    var olderThan: String?

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place()
        let words = (dryRun ? ["--dry-run"] : []) + (olderThan.map { ["--older-than", $0] } ?? []) + ["."]
        try ProgressLine.during(place, verb: "gc") { () throws(Failure) in try place.command("gc", words) }
        let lines = try place.objects("gc")
        let problems = lines.compactMap { $0.value["problem"]?.text }
        if workspace.json {
            for line in lines { print(line.line) }
        } else {
            printText(Text.table(Self.rows(lines.dropFirst().map(\.value)), right: [1, 2, 3]))
            print(sentence(lines.first?.value))
            for problem in problems { printError("draftfs: \(Text.printable(problem))") }
        }
        if !problems.isEmpty { throw ExitCode(ExitStatus.failure) }
    }

    private static func rows(_ parts: [JSONValue]) -> [[String]] {
        [["WORKSPACE", "PRESENT", "HISTORY", "GIVEN BACK", "EARLIEST"]] + parts.map { part in
            func size(_ key: String) -> String { Text.size(part[key]?.unsigned ?? 0) }
            return [
                Text.printable(part["workspace"]?.text ?? "(removed)"), size("present_bytes"),
                size("history_bytes"), size("released_bytes"), "@\(part["earliest"]?.plain ?? "0")",
            ]
        }
    }

    private func sentence(_ first: JSONValue?) -> String {
        let bytes = Text.size(first?["released_bytes"]?.unsigned ?? 0)
        let logs = first?["removed_logs"]?.unsigned ?? 0
        let files = logs == 0 ? "" : ", with \(logs) removed file\(logs == 1 ? "" : "s")"
        return dryRun ? "\(bytes) would be given back\(files)" : "\(bytes) given back\(files)"
    }
}
