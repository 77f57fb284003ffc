// draftfs history: shows which process changed what, by paging back through `.draft/history.SEQ`.

import ArgumentParser
import Control

struct HistoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Show the changes of a workspace, or of a path, oldest first.")

    @Argument(
        help: "Only changes of this file, or of files below this directory.",
        completion: .file())
    var path: String?

    @Option(help: ArgumentHelp("Show at most the last N changes; 0 for all.", valueName: "n"))
    var limit = 100

    @OptionGroup var workspace: WorkspaceOptions

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit cannot be negative") }
    }

    func run() throws {
        let place = try workspace.place(path.map { [$0] } ?? [])
        let prefix = try path.map { path throws(Failure) in try place.path(path) }
        let items = try Self.collect(
            limit: limit == 0 ? .max : limit, prefix: prefix.flatMap { $0 == "/" ? nil : $0 },
            newest: JSONValue(parsing: try place.bytes("status"))?["sequence"]?.unsigned, in: place)
        if workspace.json {
            for item in items { print(item.line) }
        } else if !items.isEmpty {
            let head = ["SEQUENCE", "TIME", "PROCESS", "CHANGE", "PATH"]
            printText(
                Text.table([head] + Self.runs(items.map(\.value)).map(Self.row), right: [0]))
        }
    }

    /// Returns the last changes of a workspace, as below.
    static func collect(
        limit: Int, prefix: String? = nil, newest: UInt64? = nil, in place: Place
    ) throws(Failure) -> [(line: String, value: JSONValue)] {
        try collect(limit: limit, prefix: prefix, newest: newest) { sequence throws(Failure) in
            try place.objects(sequence.map { "history.\($0)" } ?? "history")
        }
    }

    /// Returns the last `limit` changes at or below `prefix`, oldest first.
    /// - Parameters:
    ///   - newest: the sequence number of the last change, if known.
    ///   - page: returns the changes up to a sequence number, or the last changes for nil. An empty
    ///     page need not be the end: not every sequence number is a change that history shows.
    static func collect(
        limit: Int, prefix: String?, newest: UInt64?,
        page: (UInt64?) throws(Failure) -> [(line: String, value: JSONValue)]
    ) throws(Failure) -> [(line: String, value: JSONValue)] {
        var found: [(line: String, value: JSONValue)] = []
        var last: UInt64?
        while found.count < limit {
            let items = try page(last)
            found += items.reversed().filter { matches($0.value, prefix) }
                .prefix(limit - found.count)
            let first = (last ?? newest).map { HistoryName.range(upTo: $0)?.lowerBound ?? 0 }
            guard let oldest = items.compactMap({ $0.value["seq"]?.unsigned }).min() ?? first,
                oldest > 1, oldest <= last ?? .max
            else { break }
            last = oldest - 1
        }
        return found.reversed()
    }

    /// Whether the change is to `prefix` or below it, before or after a rename.
    static func matches(_ item: JSONValue, _ prefix: String?) -> Bool {
        guard let prefix else { return true }
        return ["path", "old_path"].compactMap { item[$0]?.text }.contains { path in
            let path = path.hasPrefix("/") ? path : "/" + path
            return path == prefix || path.hasPrefix(prefix + "/")
        }
    }

    /// Consecutive changes shown as one line: writes of one process, each of which begins where the
    /// one before ended.
    struct Run {
        var first: JSONValue
        var last: JSONValue
        var count = 1
    }

    static func runs(_ items: [JSONValue]) -> [Run] {
        var runs: [Run] = []
        for item in items {
            if let run = runs.last, continues(item, run.last) {
                runs[runs.count - 1].last = item
                runs[runs.count - 1].count += 1
            } else {
                runs.append(Run(first: item, last: item))
            }
        }
        return runs
    }

    private static func continues(_ item: JSONValue, _ before: JSONValue) -> Bool {
        guard let range = item["range"]?.items, let old = before["range"]?.items, range.count == 2,
            old.count == 2, item["op"]?.text == "write" else { return false }
        return range[0].unsigned == old[1].unsigned
            && ["op", "path", "comm"].allSatisfy { item[$0]?.text == before[$0]?.text }
            && item["pid"]?.unsigned == before["pid"]?.unsigned
    }

    static func row(_ run: Run) -> [String] {
        var row = row(run.first)
        guard run.count > 1 else { return row }
        row[0] += "..\(run.last["seq"]?.plain ?? "")"
        let from = run.first["range"]?.items.first?.plain ?? ""
        let end = run.last["range"]?.items.last?.plain ?? ""
        let path = Text.printable(run.first["path"]?.plain ?? "")
        row[4] = "\(path) [\(from)..<\(end)]"
        return row
    }

    static func row(_ item: JSONValue) -> [String] {
        var path = Text.printable(item["path"]?.plain ?? "")
        if let old = item["old_path"]?.text { path = "\(Text.printable(old)) -> \(path)" }
        if let range = item["range"]?.items, range.count == 2 {
            path += " [\(range[0].plain)..<\(range[1].plain)]"
        }
        return [
            item["seq"]?.plain ?? "", Text.short(item["time"]?.plain ?? ""), process(item),
            Text.printable(item["op"]?.plain ?? ""), path,
        ]
    }

    /// Returns for example "make[4711]".
    static func process(_ item: JSONValue) -> String {
        "\(Text.printable(item["comm"]?.plain ?? ""))[\(item["pid"]?.plain ?? "")]"
    }
}
