// directory_tree: the names below a directory as JSON, level by level until the reply is full. So the
// levels near the top are complete, whatever lies below. There is no recursion: a tree may have any depth.

internal import MCP
internal import Platform
internal import Tools

enum TreeTools {
    static let directoryTree = Tool(
        "directory_tree", .read, title: "Directory tree",
        "Lists the names below a directory as JSON: name, type (file or directory), and children of "
            + "directories. Names that do not fit in the reply are counted in omitted, the deepest first; a "
            + "directory with omitted and no children was not opened: request its own tree. "
            + "Symlinks are shown as files and not followed.",
        input: [
            "path": Shape.path,
            "excludePatterns": Shape.list(
                of: Shape.text(), "What to leave out. " + Shape.patterns, default: []),
            "max_bytes": Shape.maxBytes,
        ], required: ["path"],
        output: [
            "content": Shape.text("The tree as JSON."), "entries": Shape.integer("Entries in the reply."),
            "omitted": Shape.integer("Known entries that are not in the reply."),
            "unopened": Shape.integer("Directories whose content is not shown."),
        ], outputRequired: ["content", "entries", "omitted", "unopened"], hints: .readOnly,
        run: tree)

    private struct Node {
        var name: [UInt8]
        var isDirectory: Bool
        var names: [[UInt8]]
        var children: Range<Int>?
        var omitted = 0
    }

    /// The maximum number of levels of the reply. Each is two levels of JSON, which is limited to 256.
    private static let mostLevels = 100

    private static func tree(_ call: Call) throws(ToolError) -> ToolReply {
        let top = try call.path("path")
        let rules = try call.rules("excludePatterns")
        var room = Int(call.textBytes)
        var nodes = [Node(name: [], isDirectory: true, names: [], children: nil)]
        var next = 0
        var (omitted, unopened) = (0, 0)
        while next < nodes.count {
            defer { next += 1 }
            guard nodes[next].isDirectory else { continue }
            try call.checkCancelled()
            let names = nodes[next].names
            guard room > 0, names.count < mostLevels else {
                unopened += 1
                continue
            }
            let found: [Node]
            do throws(ToolError) {
                found = try children(call.ground, top, names, rules)
            } catch {
                // The directory itself must exist; one below may be removed or unreadable.
                if names.isEmpty { throw error }
                unopened += 1
                continue
            }
            let start = nodes.count
            for child in found {
                let cost = child.name.count + (child.isDirectory ? 50 : 28)
                guard room >= cost else { break }
                room -= cost
                nodes.append(child)
            }
            nodes[next].children = start..<nodes.count
            nodes[next].omitted = found.count - (nodes.count - start)
            omitted += nodes[next].omitted
        }
        let text = json(nodes).line ?? "[]"
        var notes: [String] = []
        if omitted + unopened > 0 {
            notes.append(
                "\(omitted) names and the content of \(unopened) directories are not shown: request "
                    + "the tree of a directory below, or give max_bytes or excludePatterns")
        }
        return Reply.text(
            text, notes: notes,
            [
                "entries": Reply.integer(nodes.count - 1), "omitted": Reply.integer(omitted),
                "unopened": Reply.integer(unopened),
            ])
    }

    private static func children(
        _ ground: any Ground, _ top: ToolPath, _ names: [[UInt8]], _ rules: GlobRules
    ) throws(ToolError) -> [Node] {
        let path = try ToolPath(top.bytes + [0x2f] + names.joined(separator: [0x2f]))
        var found: [Node] = []
        for entry in try ground.list(path) {
            let isDirectory = entry.type == .directory
            let below = names + [entry.name.bytes]
            if rules.verdict(below, isDirectory: isDirectory) == true { continue }
            found.append(
                Node(name: entry.name.bytes, isDirectory: isDirectory, names: below, children: nil))
        }
        return found.sorted { $0.name.lexicographicallyPrecedes($1.name) }
    }

    /// Children come after their parents, so a backward pass has them ready.
    private static func json(_ nodes: [Node]) -> JSON {
        var built = [JSON](repeating: .null, count: nodes.count)
        for index in nodes.indices.reversed() {
            let node = nodes[index]
            let children = node.children.map { JSON.list(Array(built[$0])) }
            if let range = node.children { for child in range { built[child] = .null } }
            built[index] = .members([
                "name": .text(String(decoding: node.name, as: UTF8.self)),
                "type": node.isDirectory ? "directory" : "file",
                "children": children,
                "omitted": node.isDirectory && (children == nil || node.omitted > 0)
                    ? Reply.integer(node.omitted) : nil,
            ])
        }
        return built.first?["children"] ?? []
    }
}
