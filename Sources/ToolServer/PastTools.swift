// Tools for the past of a workspace: backups, history, differences, rollback and undo, by its control
// files. The names are ones that permission hooks of frameworks know. Tools for a whole workspace require
// that all of it is allowed.

internal import FoundationEssentials
internal import MCP
internal import Platform
internal import Tools

enum PastTools {
    private static let place = Shape.text(
        "A path in the workspace; the first allowed directory if left out.")
    static let moment = Shape.text(
        "A backup's name, @SEQ, an ISO 8601 time with its zone after @, or an age such as -10m.")

    static let textOutput: KeyValuePairs<String, JSON> = [
        "content": Shape.content, "total": Shape.integer(), "shown": Shape.integer(),
        "next_start": Shape.integer(),
    ]

    /// Returns the workspace, and the path in it that a call is about; empty for the whole workspace.
    private static func workspace(
        _ call: Call, writing: Bool = false
    ) throws(ToolError) -> (past: any WorkspacePast, below: [FileName]) {
        let path = try call.ground.roots.path(call.text("path") ?? ".")
        let past = try call.ground.past(of: path, writing: writing)
        let real = try call.ground.resolved(path)
        return (past, Array(real.names(below: past.root) ?? []))
    }

    /// Returns the workspace for a call about all of it. It must lie in the roots as a whole.
    static func whole(
        _ call: Call, writing: Bool = false
    ) throws(ToolError) -> any WorkspacePast {
        let (past, _) = try workspace(call, writing: writing)
        try checkWhole(call, past, writing: writing)
        return past
    }

    private static func checkWhole(
        _ call: Call, _ past: any WorkspacePast, writing: Bool
    ) throws(ToolError) {
        guard call.ground.roots.root(of: past.root) != nil else {
            throw ToolError(
                .denied,
                "only a part of the workspace \(past.root) is allowed: name paths, or start "
                    + "the server with the whole workspace")
        }
        _ = try call.ground.past(of: past.root, writing: writing)
    }

    /// Returns lines in parts, in the given order.
    static func lines(_ call: Call, _ lines: [String]) -> ToolReply {
        let start = min(Int(clamping: call.number("start") ?? 0), lines.count)
        let (text, count) = Reply.lines(lines[start...], atMost: Int(call.textBytes))
        let next: Int? = start + count < lines.count ? start + count : nil
        return Reply.text(
            text, notes: next.map { ["\(lines.count - $0) more: continue with start \($0)"] } ?? [],
            [
                "total": Reply.integer(lines.count), "shown": Reply.integer(count),
                "next_start": next.map(Reply.integer),
            ])
    }

    static func json(_ bytes: [UInt8]) -> [JSON] {
        bytes.split(separator: 0x0a).compactMap { try? JSON(parsing: Array($0)) }
    }

    // MARK: Backups

    static let createBackup = Tool(
        "create_backup", .past, title: "Make a backup",
        "Makes a backup of the whole workspace before risky work. It copies nothing: it is one record.",
        input: [
            "name": Shape.text("Of the backup."), "comment": Shape.text("Its purpose."), "path": place,
        ], required: ["name"], output: ["content": Shape.content], outputRequired: ["content"],
        hints: ToolHints(isDestructive: false)
    ) { call throws(ToolError) in
        let name = try call.name("name")
        let words = [name, call.text("comment")].compactMap { $0 }.map { Array($0.utf8) }
        try whole(call, writing: true).command("backup", words)
        return Reply.text("Made the backup \(name); write_rollback with moment \(name) restores it")
    }

    static let listBackups = Tool(
        "list_backups", .past, title: "List backups",
        "Lists the backups of a workspace, newest first. Automatic ones were made before rollbacks, undos "
            + "and edits of large files.",
        input: ["path": place, "start": Shape.integer(), "max_bytes": Shape.maxBytes],
        output: textOutput, outputRequired: ["content", "total"], hints: .readOnly
    ) { call throws(ToolError) in
        let backups = json(try workspace(call).past.read("backup", 4 << 20))
        return lines(
            call,
            backups.reversed().map { backup in
                let name = backup["name"]?.text ?? ""
                let comment = backup["comment"]?.text ?? ""
                let kind = backup["automatic"] == true ? " (automatic)" : ""
                return "\(name)\(kind) @\(backup["sequence"]?.integer ?? 0) "
                    + "\(backup["time"]?.text ?? "") \(comment)"
            })
    }

    static let writeRollback = Tool(
        "write_rollback", .past, title: "Roll back",
        "Returns the workspace, or only paths and what is below them, to a moment. First a backup of the "
            + "state before is made, so a rollback can be undone.",
        input: [
            "moment": moment, "path": Shape.text("What to roll back; the whole workspace if left out."),
            "paths": Shape.list(of: Shape.text(), "Several paths, instead of path.", to: 100),
        ], required: ["moment"], output: ["content": Shape.content], outputRequired: ["content"],
        hints: ToolHints(isDestructive: true)
    ) { call throws(ToolError) in
        try goBack(call, "rollback", [Array(try call.name("moment").utf8)])
    }

    static let writeUndo = Tool(
        "write_undo", .past, title: "Undo",
        "Undoes the last steps of the workspace, or of paths and what is below them. A step is a run of "
            + "changes of one process to one file. An undo can be undone too.",
        input: [
            "steps": Shape.integer("The number of steps.", from: 1, to: 1_000_000, default: 1),
            "path": Shape.text("Undo steps of this path; of the whole workspace if left out."),
            "paths": Shape.list(of: Shape.text(), "Several paths, instead of path.", to: 100),
        ], output: ["content": Shape.content], outputRequired: ["content"],
        hints: ToolHints(isDestructive: true)
    ) { call throws(ToolError) in
        try goBack(call, "undo", [Array("\(call.number("steps") ?? 1)".utf8)])
    }

    /// Returns the workspace of a path that is to be taken back, and the names of the path in it; none for
    /// the root of the workspace. Symlinks on the way are followed. In the last place one that lies in the
    /// workspace is taken back itself, as by `draftfs undo`.
    private static func scope(
        _ call: Call, _ name: String
    ) throws(ToolError) -> (past: any WorkspacePast, below: [FileName]) {
        let path = try call.ground.roots.path(name)
        let past = try call.ground.past(of: path, writing: true)
        let real: ToolPath
        // The directory above a root may not be looked at.
        if let last = path.names.last, let above = try? call.ground.resolved(path.parent),
            let around = try? call.ground.past(of: above, writing: true), around.root == past.root {
            real = above.appending(last)
        } else {
            real = try call.ground.resolved(path)
        }
        guard let below = real.names(below: past.root) else {
            throw ToolError(.denied, "\(path) is not in the workspace \(past.root): name a path in it")
        }
        return (past, Array(below))
    }

    private static func goBack(
        _ call: Call, _ verb: String, _ words: [[UInt8]]
    ) throws(ToolError) -> ToolReply {
        let names = call.list("paths") + (call.text("path").map { [$0] } ?? [])
        var past: (any WorkspacePast)?
        var paths: [[UInt8]] = []
        for name in names {
            let (found, below) = try scope(call, name)
            guard past.map({ $0.root == found.root }) ?? true else {
                throw ToolError(.usage, "the paths lie in several workspaces: use one call for each")
            }
            past = found
            if !below.isEmpty { paths.append(ToolPath(names: below).bytes) }
        }
        // The root of the workspace stands for all of it.
        if let past, paths.count < names.count {
            try checkWhole(call, past, writing: true)
            paths = []
        }
        if names.isEmpty { past = try whole(call, writing: true) }
        guard let past else { throw ToolError(.usage, "name a path") }
        try past.command(verb, words + paths)
        let before = json(try past.read("backup", 4 << 20)).last { $0["automatic"] == true }
        let name = before?["name"]?.text
        return Reply.text(
            "Done" + (name.map { "; the state before is the backup \($0)" } ?? ""))
    }

    // MARK: What happened

    static let readHistory = Tool(
        "read_history", .past, title: "History",
        "Lists changes, newest first: number, time, process, operation, path, bytes. With path only "
            + "those of that file or directory. before reaches further back than the last 5,000 changes.",
        input: [
            "path": place, "before": Shape.integer("Only changes up to this number."),
            "start": Shape.integer("Lines to skip."), "max_bytes": Shape.maxBytes,
        ], output: textOutput, outputRequired: ["content", "total"], hints: .readOnly
    ) { call throws(ToolError) in
        let (past, below) = try workspace(call)
        if below.isEmpty { _ = try whole(call) }
        let file = call.number("before").map { "history.\($0)" } ?? "history"
        let prefix = ToolPath.text(below.map(\.bytes))
        let changes = json(try past.read(file, 16 << 20)).filter { change in
            below.isEmpty || [change["path"], change["old_path"]].contains { path in
                guard let path = path?.text else { return false }
                return path == prefix || path.hasPrefix(prefix + "/")
            }
        }
        return lines(call, changes.reversed().map(Self.line))
    }

    private static func line(_ change: JSON) -> String {
        var line = "@\(change["seq"]?.integer ?? 0) \(change["time"]?.text?.prefix(19) ?? "")Z "
            + "\(change["comm"]?.text ?? "?")[\(change["pid"]?.integer ?? 0)] "
            + "\(change["op"]?.text ?? "") "
        if let old = change["old_path"]?.text { line += "\(old) -> " }
        line += change["path"]?.text ?? ""
        if let range = change["range"], let first = range[0]?.integer, let end = range[1]?.integer {
            line += " [\(first)..<\(end)]"
        }
        return line
    }

    static let readBlame = Tool(
        "read_blame", .past, title: "Blame",
        "Lists the bytes of a file as runs, each with the change that wrote it.",
        input: ["path": Shape.path, "start": Shape.integer(), "max_bytes": Shape.maxBytes],
        required: ["path"], output: textOutput, outputRequired: ["content", "total"],
        hints: .readOnly
    ) { call throws(ToolError) in
        let (past, below) = try workspace(call)
        let runs = json(try past.read("blame\(ToolPath(names: below))", 4 << 20))
        return lines(
            call,
            runs.map { run in
                let range = "\(run["range"]?[0]?.integer ?? 0)..<\(run["range"]?[1]?.integer ?? 0)"
                guard run["seq"] != nil else { return "\(range) \(run["source"]?.text ?? "")" }
                return "\(range) @\(run["seq"]?.integer ?? 0) \(run["op"]?.text ?? "") "
                    + "\(run["time"]?.text?.prefix(19) ?? "")Z \(run["comm"]?.text ?? "")"
                    + "[\(run["pid"]?.integer ?? 0)]"
            })
    }

    static let readWorkspaceDiff = Tool(
        "read_workspace_diff", .past, title: "What differs",
        "Lists what differs from the base, or from a moment: status (A added, D deleted, M changed, R "
            + "renamed, T another type, P permissions), old and new size, path.",
        input: [
            "moment": moment, "path": place, "start": Shape.integer(), "max_bytes": Shape.maxBytes,
        ], output: textOutput, outputRequired: ["content", "total"], hints: .readOnly
    ) { call throws(ToolError) in
        let (past, below) = try workspace(call)
        if below.isEmpty { _ = try whole(call) }
        let moment = call.text("moment")
        // An agent must not read the names of another workspace, also not as one of two points.
        if let moment, moment.contains("/") || moment.contains("workspace:") {
            throw ToolError(.usage, "\(moment) is not a moment of this workspace")
        }
        let text = try past.read(moment.map { "diff.\($0)" } ?? "diff", 16 << 20)
        let prefix = ToolPath.text(below.map(\.bytes))
        let found = String(decoding: text, as: UTF8.self).split(separator: "\n").filter { line in
            below.isEmpty || line.split(separator: "\t").dropFirst(3).contains {
                $0 == prefix || $0.hasPrefix(prefix + "/")
            }
        }
        return lines(call, found.map { String($0.replacing("\t", with: " ")) })
    }

    // MARK: State

    static let readWorkspaceStatus = Tool(
        "read_workspace_status", .past, title: "State of the workspace",
        "Shows sizes, counts, limits and warnings of a workspace, as JSON.",
        input: ["path": place, "max_bytes": Shape.maxBytes], output: ["content": Shape.content],
        outputRequired: ["content"], hints: .readOnly
    ) { call throws(ToolError) in
        let text = try workspace(call).past.read("status", 1 << 20)
        return Reply.text(Reply.cut(String(decoding: text, as: UTF8.self), atMost: Int(call.textBytes)))
    }

    static let readIntegrityReport = Tool(
        "read_integrity_report", .past, title: "Check integrity",
        "Checks the data of a file or directory against its checksums and returns the report. A check "
            + "that takes longer than wait_seconds continues; call again with start false.",
        input: [
            "path": place,
            "start": Shape.flag("Start a check; otherwise only show the last report.", default: true),
            "wait_seconds": Shape.integer("How long to wait for its end.", to: 20, default: 15),
            "max_bytes": Shape.maxBytes,
        ], output: ["content": Shape.content, "clean": Shape.flag(), "state": Shape.text()],
        outputRequired: ["content", "state"], hints: .readOnly, run: checkIntegrity)

    private static func checkIntegrity(_ call: Call) throws(ToolError) -> ToolReply {
        let (past, below) = try workspace(call)
        if below.isEmpty { _ = try whole(call) }
        if call.arguments["start"] != false {
            try past.command("verify", below.isEmpty ? [] : [ToolPath(names: below).bytes])
        }
        let deadline = ContinuousClock.now + .seconds(Int(call.number("wait_seconds") ?? 15))
        while true {
            let text = try past.read("verify", 1 << 20)
            let report = try? JSON(parsing: text)
            let state = report?["state"]?.text ?? "unknown"
            if state != "running" || ContinuousClock.now >= deadline || call.context.isCancelled {
                return Reply.text(
                    Reply.cut(String(decoding: text, as: UTF8.self), atMost: Int(call.textBytes)),
                    ["state": .text(state), "clean": report?["clean"]])
            }
            Pause.milliseconds(50)
        }
    }
}
