// search_files: finds names below a directory that match a pattern.

internal import MCP
internal import Platform
internal import Tools

enum SearchTools {
    static let searchFiles = Tool(
        "search_files", .read, title: "Search files",
        "Finds files and directories below a directory whose path matches a pattern, and returns their "
            + "full paths. " + Shape.patterns + " Symlinks are not followed.",
        input: [
            "path": Shape.path, "pattern": Shape.text("Such as *.py or src/**/*.test.js."),
            "excludePatterns": Shape.list(
                of: Shape.text(), "What to leave out, with everything below it.", default: []),
            "start": Shape.integer("Results to skip: next_start of an earlier reply."),
            "max_bytes": Shape.maxBytes,
        ], required: ["path", "pattern"],
        output: [
            "content": Shape.content, "shown": Shape.integer(),
            "total": Shape.integer("Results in the part that was searched."),
            "next_start": Shape.integer("Where the next call continues."),
            "unreadable": Shape.integer("Directories that could not be opened."),
        ], outputRequired: ["content", "shown", "total", "unreadable"], hints: .readOnly, isLong: true,
        run: search)

    /// The number of matches after which a search ends.
    private static let mostFinds = 100_000

    private static func search(_ call: Call) throws(ToolError) -> ToolReply {
        let top = try call.path("path")
        guard let pattern = try Glob(try call.name("pattern").utf8) else {
            throw ToolError(.usage, "the pattern is empty: give one such as *.py")
        }
        let start = Int(clamping: call.number("start") ?? 0)
        var walk = TreeWalk(call.ground, exclude: try call.rules("excludePatterns"))
        walk.isCancelled = { call.context.isCancelled }
        var found = 0
        var shown: [String] = []
        var room = Int(call.textBytes)
        var seen: Int64 = 0
        let report = try walk.run(top) { entry throws(ToolError) in
            seen += 1
            if seen % 512 == 0 { call.context.progress(done: seen, message: "names examined") }
            guard pattern.matches(entry.names, isDirectory: entry.type == .directory) else {
                return .enter
            }
            found += 1
            if found > start, room > 0 {
                let line = Reply.name(entry.path.bytes)
                room -= line.utf8.count + 1
                if room > 0 || shown.isEmpty { shown.append(line) }
            }
            return found >= mostFinds ? .stop : .enter
        }
        let next: Int? = start + shown.count < found ? start + shown.count : nil
        var notes = next.map { ["\(found - $0) more: continue with start \($0)"] } ?? []
        if report.unreadable > 0 { notes.append("\(report.unreadable) directories cannot be read") }
        let nothing = found == 0 ? "No matches found" : ""
        return Reply.text(
            shown.isEmpty ? nothing : shown.joined(separator: "\n"), notes: notes,
            [
                "shown": Reply.integer(shown.count), "total": Reply.integer(found),
                "next_start": next.map(Reply.integer),
                "unreadable": Reply.integer(report.unreadable),
            ])
    }
}
