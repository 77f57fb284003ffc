// Tools that list a directory, with or without sizes, in parts that fit into a reply.

internal import MCP
internal import Platform
internal import Tools

enum ListTools {
    private static let listOutput: KeyValuePairs<String, JSON> = [
        "content": Shape.content, "total": Shape.integer("Names in the directory."),
        "shown": Shape.integer(), "next_start": Shape.integer("Where the next call continues."),
    ]

    private static let start = Shape.integer("Names to skip: next_start of an earlier reply.")

    static let listDirectory = Tool(
        "list_directory", .read, title: "List directory",
        "Lists a directory by name, with [DIR] or [FILE] before each. A long list is returned in parts: "
            + "next_start is where the next call continues.",
        input: ["path": Shape.path, "start": start, "max_bytes": Shape.maxBytes],
        required: ["path"], output: listOutput, outputRequired: ["content", "total", "shown"],
        hints: .readOnly
    ) { call throws(ToolError) in
        let entries = try call.ground.list(try call.path("path"))
            .sorted { $0.name < $1.name }
        return list(
            call, entries.map { line(isDirectory: $0.type == .directory, $0.name.bytes) }, ending: "")
    }

    static let listDirectoryWithSizes = Tool(
        "list_directory_with_sizes", .read, title: "List directory with sizes",
        "Lists a directory with the size of each file, sorted by name or by size, and the sums at "
            + "the end. A long list is returned in parts: next_start is where the next call continues.",
        input: [
            "path": Shape.path,
            "sortBy": Shape.choice(["name", "size"], "The sort order.", default: "name"),
            "start": start, "max_bytes": Shape.maxBytes,
        ], required: ["path"],
        output: [
            "content": Shape.content, "total": Shape.integer("Names in the directory."),
            "shown": Shape.integer(), "next_start": Shape.integer("Where the next call continues."),
            "files": Shape.integer(), "directories": Shape.integer(),
            "bytes": Shape.integer("Sum of the files' sizes."),
        ], outputRequired: ["content", "total", "shown", "files", "directories", "bytes"],
        hints: .readOnly, run: listWithSizes)

    private static func listWithSizes(_ call: Call) throws(ToolError) -> ToolReply {
        let entries = try call.ground.look(in: try call.path("path"))
        let bySize = call.text("sortBy") == "size"
        let sorted = entries.sorted { one, other in
            if bySize, one.status.size != other.status.size {
                return one.status.size > other.status.size
            }
            return one.entry.name < other.entry.name
        }
        let files = sorted.filter { $0.status.type != .directory }
        let bytes = files.reduce(UInt64(0)) { $0.addingReportingOverflow($1.status.size).partialValue }
        let ending = "\n\nTotal: \(files.count) files, \(sorted.count - files.count) directories"
            + "\nCombined size: \(Reply.size(bytes))"
        let lines = sorted.map { found in
            let isDirectory = found.status.type == .directory
            let name = line(isDirectory: isDirectory, found.entry.name.bytes)
            if isDirectory { return name }
            let size = Reply.size(found.status.size)
            return padded(name, 37) + " " + String(repeating: " ", count: max(0, 10 - size.count)) + size
        }
        return list(
            call, lines, ending: ending,
            [
                "files": Reply.integer(files.count),
                "directories": Reply.integer(sorted.count - files.count),
                "bytes": Reply.integer(bytes),
            ])
    }

    private static func line(isDirectory: Bool, _ name: [UInt8]) -> String {
        (isDirectory ? "[DIR] " : "[FILE] ") + Reply.name(name)
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func list(
        _ call: Call, _ lines: [String], ending: String, _ fields: [String: JSON] = [:]
    ) -> ToolReply {
        let start = min(Int(clamping: call.number("start") ?? 0), lines.count)
        let room = Int(call.textBytes) - ending.utf8.count
        let (text, count) = Reply.lines(lines[start...], atMost: room)
        let next: Int? = start + count < lines.count ? start + count : nil
        let more = next.map { ["\(lines.count - $0) more: continue with start \($0)"] } ?? []
        var reply = Reply.text(
            text + ending, notes: more,
            [
                "total": Reply.integer(lines.count), "shown": Reply.integer(count),
                "next_start": next.map(Reply.integer),
            ])
        if var members = reply.structured?.members {
            members.merge(fields) { _, field in field }
            reply.structured = .object(members)
        }
        return reply
    }
}
