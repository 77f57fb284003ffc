// Tools for whole workspaces: fork, list, discard and restore them, by the control files of a mount. The list
// of workspaces must be in the allowed directories for all but a fork of the own workspace.

internal import FoundationEssentials
internal import MCP
internal import Platform
internal import Tools

enum WorkspaceTools {
    /// Returns the list of workspaces.
    private static func list(_ call: Call, writing: Bool) throws(ToolError) -> any WorkspacePast {
        let path = try call.ground.roots.path(".")
        let found = try call.ground.past(of: path, writing: writing)
        guard (try? found.read("list", 1)) != nil else {
            throw ToolError(
                .denied,
                "\(found.root) is one workspace: start the server with the directory that lists them")
        }
        return found
    }

    private static func words(_ names: [String]) -> [[UInt8]] {
        // A name that begins with a dash is no option.
        names.map { Array(($0.hasPrefix("-") ? "./" + $0 : $0).utf8) }
    }

    static let listWorkspaces = Tool(
        "list_workspaces", .workspaces, title: "List workspaces",
        "Lists the workspaces of the mount, in the order of their making: name, what it was forked from, its "
            + "own files and bytes, the time of its last change, the status of the last command run in it. "
            + "With discarded those that can be restored.",
        input: [
            "discarded": Shape.flag("List the discarded workspaces instead."),
            "start": Shape.integer("Lines to skip."), "max_bytes": Shape.maxBytes,
        ],
        output: PastTools.textOutput, outputRequired: ["content", "total"], hints: .readOnly
    ) { call throws(ToolError) in
        let bytes = try list(call, writing: false).read(call.flag("discarded") ? "discard" : "list", 16 << 20)
        return PastTools.lines(call, PastTools.json(bytes).map(line))
    }

    private static func line(_ item: JSON) -> String {
        func number(_ key: String, _ unit: String) -> String {
            item[key]?.integer.map { ", \($0) \(unit)" } ?? ""
        }
        var line = item["name"]?.text ?? ""
        if let parent = item["parent"]?.text {
            line += ", forked from \(parent)@\(item["moment"]?.integer ?? 0)"
        }
        line += number("files", "files") + number("bytes", "bytes")
        if let time = item["last_change"]?.text { line += ", changed \(time)" }
        if let status = item["run"]?["status"]?.integer { line += ", last command ended with \(status)" }
        if let time = item["discarded"]?.text { line += ", discarded \(time)" }
        if let time = item["until"]?.text { line += ", kept until \(time)" }
        return line
    }

    static let forkWorkspace = Tool(
        "fork_workspace", .workspaces, title: "Fork a workspace",
        "Makes a workspace that begins as another one is now, or as it was at a moment. Nothing is copied, "
            + "and neither sees what is changed later in the other. Use it to try something without risk.",
        input: [
            "name": Shape.text("The name of the new workspace."),
            "path": Shape.text("The workspace to fork; the allowed one if left out."),
            "moment": PastTools.moment,
        ], required: ["name"], output: ["content": Shape.content, "path": Shape.text()],
        outputRequired: ["content"], hints: ToolHints(isDestructive: false)
    ) { call throws(ToolError) in
        let new = try call.name("name")
        let source: any WorkspacePast
        if let name = call.text("path") {
            let path = try call.ground.roots.path(name)
            source = try call.ground.past(of: path, writing: true)
            guard source.root == (try call.ground.resolved(path)) else {
                throw ToolError(.usage, "\(name) is not a workspace: list_workspaces has them")
            }
        } else {
            source = try PastTools.whole(call, writing: true)
            if (try? source.read("list", 1)) != nil {
                throw ToolError(
                    .usage,
                    "name the workspace to fork; create_directory makes one that begins with the base")
            }
        }
        try source.command("fork", words([new]) + (call.text("moment").map { [Array($0.utf8)] } ?? []))
        // The command has taken the name, so it is one.
        let path = (try? FileName(Array(new.utf8))).map { source.root.parent.appending($0) } ?? source.root
        let isAllowed = call.ground.roots.root(of: path) != nil
        return Reply.text(
            "Made the workspace \(new)" + (isAllowed ? ": its files are in \(path)" : ""),
            notes: isAllowed ? [] : ["its files are not in the allowed directories"],
            isAllowed ? ["path": .text("\(path)")] : [:])
    }

    static let discardWorkspace = Tool(
        "discard_workspace", .workspaces, title: "Discard a workspace",
        "Takes a workspace away with all its changes. It can be restored for a while.",
        input: ["path": Shape.text("The workspace.")], required: ["path"],
        output: ["content": Shape.content], outputRequired: ["content"], hints: ToolHints(isDestructive: true)
    ) { call throws(ToolError) in
        let list = try list(call, writing: true)
        let path = try call.path("path")
        guard path.parent == list.root, let name = path.names.last else {
            throw ToolError(.usage, "\(path) is not a workspace: list_workspaces has them")
        }
        try list.command("discard", words(["\(name)"]))
        return Reply.text("Discarded \(name); restore_workspace brings it back")
    }

    static let restoreWorkspace = Tool(
        "restore_workspace", .workspaces, title: "Restore a workspace",
        "Brings a discarded workspace back, with its changes and its history.",
        input: [
            "name": Shape.text("The name that it had."),
            "destination": Shape.text("Another name for it, if its own is taken."),
        ],
        required: ["name"], output: ["content": Shape.content], outputRequired: ["content"],
        hints: ToolHints(isDestructive: false)
    ) { call throws(ToolError) in
        let name = try call.name("name")
        let other = call.text("destination")
        try list(call, writing: true)
            .command("restore", words([name]) + (other.map { [Array("--as".utf8)] + words([$0]) } ?? []))
        return Reply.text("Restored \(other ?? name)")
    }
}
