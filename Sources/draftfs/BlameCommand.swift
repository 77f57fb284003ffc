// draftfs blame: shows which change each run of bytes in a file comes from.

import ArgumentParser

struct BlameCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "blame",
        abstract: "Show which change the bytes of a file come from.")

    @Argument(help: "The file.", completion: .file())
    var path: String

    @OptionGroup var workspace: WorkspaceOptions

    func run() throws {
        let place = try workspace.place([path])
        let runs = try place.objects(
            "blame" + (try place.path(path)),
            missing: "there is no file \(Text.printable(path)) in the workspace \(place.root)")
        if workspace.json {
            for run in runs { print(run.line) }
        } else if !runs.isEmpty {
            let head = ["FROM", "TO", "SOURCE", "TIME", "PROCESS"]
            printText(Text.table([head] + Self.joined(runs.map(\.value)), right: [0, 1]))
        }
    }

    /// Returns one row for adjacent runs of the same process and kind.
    static func joined(_ runs: [JSONValue]) -> [[String]] {
        var rows: [[String]] = []
        var last: JSONValue?
        for run in runs {
            if let before = last, !rows.isEmpty, run["source"]?.text == "change",
                ["source", "op", "comm"].allSatisfy({ run[$0]?.text == before[$0]?.text }),
                run["pid"]?.unsigned == before["pid"]?.unsigned {
                let row = row(run)
                let first = rows[rows.count - 1][2].prefix { $0 != " " && $0 != "." }
                rows[rows.count - 1][1] = row[1]
                rows[rows.count - 1][2] = "\(first)..\(run["seq"]?.plain ?? "") \(run["op"]?.text ?? "")"
            } else {
                rows.append(row(run))
            }
            last = run
        }
        return rows
    }

    static func row(_ run: JSONValue) -> [String] {
        let range = run["range"]?.items.map(\.plain) ?? []
        let ends = [range.first ?? "", range.dropFirst().first ?? ""]
        let source = run["source"]?.plain ?? ""
        guard source == "change" else { return ends + [Text.printable(source)] }
        return ends + [
            "@\(run["seq"]?.plain ?? "") \(Text.printable(run["op"]?.plain ?? ""))",
            Text.short(run["time"]?.plain ?? ""), HistoryCommand.process(run),
        ]
    }
}
