// Tools that exchange changes between a workspace and its base, or another workspace. A merge or a commit
// changes files outside of the workspace, so it has a group of its own.

internal import FoundationEssentials
internal import MCP
internal import Platform
internal import Tools

enum CommitTools {
    private static let choice = Shape.choice(
        ["ours", "theirs"],
        "Where the base was changed too: keep what the workspace has (ours), or what the base has (theirs).")

    private static let workspace = Shape.text("The workspace; the allowed one if left out.")

    private static let output: KeyValuePairs<String, JSON> = [
        "content": Shape.content, "changes": Shape.integer(), "conflicts": Shape.integer(),
    ]

    static let commitWorkspace = Tool(
        "commit_workspace", .commit, title: "Commit to the base",
        "Puts the changes of a workspace, or of paths in it, into the base that all workspaces share. Other "
            + "workspaces see it once they are refreshed. If the base was changed at a path too, nothing is "
            + "done and the conflicts are listed. Use dry_run first.",
        input: [
            "path": workspace,
            "paths": Shape.list(of: Shape.text(), "Only these paths of the workspace.", to: 100),
            "dry_run": Shape.flag("List what would be committed, and the conflicts."), "choice": choice,
            "max_bytes": Shape.maxBytes,
        ], output: output, outputRequired: ["content"], hints: ToolHints(isDestructive: true)
    ) { call throws(ToolError) in
        let past = try PastTools.whole(call, writing: true)
        var paths: [[UInt8]] = []
        for name in call.list("paths") {
            let path = try call.ground.resolved(try call.ground.roots.path(name))
            guard let names = path.names(below: past.root) else {
                throw ToolError(.usage, "\(path) is not in the workspace \(past.root)")
            }
            paths.append([0x2f] + ToolPath(names: Array(names)).bytes)
        }
        return try run(call, past, "commit", paths.isEmpty ? [[0x2e]] : paths)
    }

    static let refreshWorkspace = Tool(
        "refresh_workspace", .workspaces, title: "Refresh a workspace",
        "Lets a workspace see the base of now, with what others have committed. Its own changes stay. If "
            + "both changed a path, nothing is done and the conflicts are listed. write_undo takes it back.",
        input: [
            "path": workspace, "dry_run": Shape.flag("List the changes that stay, and the conflicts."),
            "choice": choice, "max_bytes": Shape.maxBytes,
        ], output: output, outputRequired: ["content"], hints: ToolHints(isDestructive: true)
    ) { call throws(ToolError) in
        try run(call, try PastTools.whole(call, writing: true), "refresh", [[0x2e]])
    }

    static let mergeWorkspace = Tool(
        "merge_workspace", .commit, title: "Merge into a workspace",
        "Puts the changes of a workspace into another one, such as a common workspace of several agents, in "
            + "one step. The base is not touched. If both changed a path, nothing is done and the conflicts "
            + "are listed. write_undo in the other one takes it back.",
        input: [
            "path": workspace, "into": Shape.text("The name of the workspace that gets the changes."),
            "dry_run": Shape.flag("List what would be merged, and the conflicts."),
            "choice": Shape.choice(
                ["ours", "theirs"],
                "Where both were changed: take what the workspace has (ours), or keep what the other one has "
                    + "(theirs)."),
            "max_bytes": Shape.maxBytes,
        ], required: ["into"], output: output, outputRequired: ["content"],
        hints: ToolHints(isDestructive: true)
    ) { call throws(ToolError) in
        let name = call.text("into") ?? ""
        return try run(
            call, try PastTools.whole(call, writing: true), "merge",
            first: [Array((name.hasPrefix("-") ? "./" + name : name).utf8)], [])
    }

    private static func run(
        _ call: Call, _ past: any WorkspacePast, _ verb: String, first: [[UInt8]] = [],
        _ paths: [[UInt8]]
    ) throws(ToolError) -> ToolReply {
        let isDry = call.flag("dry_run")
        var options: [String] = isDry ? ["--dry-run"] : []
        if let choice = call.text("choice") { options.append("--\(choice)") }
        var failure: ToolError?
        do throws(ToolError) {
            try past.command(verb, first + options.map { Array($0.utf8) } + paths)
        } catch {
            failure = error
        }
        let items = PastTools.json(try past.read(verb, 16 << 20))
        let conflicts = items.first?["conflicts"]?.integer ?? 0
        let lines = items.dropFirst().compactMap { line($0, isDry: isDry) }
        if let failure {
            // Any other error has no report.
            guard conflicts > 0 else { throw failure }
            let named = lines.filter { $0.hasPrefix("C ") }.prefix(20).joined(separator: "; ")
            throw ToolError(failure.kind, "\(failure.description); \(named)")
        }
        let changes = items.first?["changes"]?.integer ?? 0
        let (text, count) = Reply.lines(lines, atMost: Int(call.textBytes))
        let left = lines.count - count
        return Reply.text(
            isDry ? text : (text.isEmpty ? "" : text + "\n") + end(verb, items.first, changes),
            notes: left > 0 ? ["\(left) more lines"] : [],
            ["changes": .integer(changes), "conflicts": .integer(conflicts)])
    }

    private static func line(_ item: JSON, isDry: Bool) -> String? {
        let path = item["path"]?.text ?? ""
        if let reason = item["conflict"]?.text { return "C \(path): \(reason)" }
        if item["decided"] != nil { return "decided \(path)" }
        guard isDry else { return nil }
        let old = item["old_path"]?.text.map { " from \($0)" } ?? ""
        return "\(item["status"]?.text ?? "") \(path)\(old)"
    }

    private static func end(_ verb: String, _ head: JSON?, _ changes: Int64) -> String {
        if verb == "merge" { return changes == 0 ? "Nothing to merge" : "Merged \(changes) changed paths" }
        if verb == "refresh" {
            return "Refreshed from commit \(head?["from"]?.integer ?? 0) to \(head?["to"]?.integer ?? 0); "
                + "\(changes) changed paths stay"
        }
        guard let number = head?["commit"]?.integer else { return "Nothing to commit" }
        return "Commit \(number) has \(changes) paths"
    }
}
