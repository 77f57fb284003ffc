// delete_file and delete_files_batch, with the names, arguments and replies of a framework's workspace
// server. A path whose last name is critical there is refused, as are the allowed directories themselves.
// The content of a deleted directory is deleted with it, whatever its names.

internal import MCP
internal import Platform
internal import Tools

enum DeleteTools {
    /// Names whose loss costs more than a file: a repository's history, secrets, environments.
    private static let critical: Set<String> = [
        ".git", ".env", ".massgen", "node_modules", "__pycache__", ".venv", "venv", ".pytest_cache",
        ".mypy_cache", ".ruff_cache", "massgen_logs", ".gemini",
    ]

    static let deleteFile = Tool(
        "delete_file", .delete, title: "Delete file or directory",
        "Deletes a file, a symlink itself, or a directory. A directory that is not empty needs "
            + "recursive. A path that itself is a repository or environment (.git, .env, ...) or an "
            + "allowed directory is refused.",
        input: [
            "path": Shape.path,
            "recursive": Shape.flag("Delete a directory with everything in it.", default: false),
        ], required: ["path"],
        output: [
            "success": Shape.flag(), "operation": Shape.text(), "error": Shape.text(),
            "details": Shape.object(
                [
                    "type": Shape.text(), "path": Shape.text(), "size": Shape.integer(),
                    "file_count": Shape.integer(),
                ], required: ["type", "path"]),
        ], outputRequired: ["success", "operation"], hints: ToolHints(isDestructive: true), isLong: true
    ) { call throws(ToolError) in
        do throws(ToolError) {
            return try delete(call, try call.path("path"))
        } catch {
            return CopyFileTools.batchFailure("delete_file", error)
        }
    }

    private static func checkCritical(_ path: ToolPath) throws(ToolError) {
        guard let name = path.names.last?.description, critical.contains(name) else { return }
        throw ToolError(.denied, "\(path) is not deleted: \(name) is protected from accidents")
    }

    private static func delete(_ call: Call, _ path: ToolPath) throws(ToolError) -> ToolReply {
        try checkCritical(path)
        let status = try call.ground.status(path)
        var details: [String: JSON] = [
            "type": status.type == .directory ? "directory" : "file",
            "path": .text(path.description),
        ]
        if status.type == .directory {
            var count = 0
            var walk = TreeWalk(call.ground)
            walk.isCancelled = { call.context.isCancelled }
            try walk.run(path) { entry throws(ToolError) in
                if entry.type != .directory { count += 1 }
                return .enter
            }
            let isEmpty = try call.ground.list(path).isEmpty
            guard isEmpty || call.flag("recursive") else {
                throw ToolError(
                    .exists, "\(path) is not empty (\(count) files): give recursive to delete them too")
            }
            details["file_count"] = Reply.integer(count)
            try call.ground.removeTree(path)
        } else {
            details["size"] = Reply.integer(status.size)
            try call.ground.remove(path)
        }
        return ToolReply(structured: [
            "success": true, "operation": "delete_file", "details": .object(details),
        ])
    }

    static let deleteFilesBatch = Tool(
        "delete_files_batch", .delete, title: "Delete files by patterns",
        "Deletes the files below a directory whose paths match the patterns; directories stay. "
            + Shape.patterns,
        input: [
            "base_path": Shape.text("The directory to delete in."),
            "include_patterns": CopyFileTools.nullable("What to delete; every file by default."),
            "exclude_patterns": CopyFileTools.nullable("What to keep."),
        ], required: ["base_path"], output: CopyFileTools.batchOutput("deleted"),
        outputRequired: ["success", "operation"], hints: ToolHints(isDestructive: true), isLong: true,
        run: deleteBatch)

    private struct Doomed {
        var entry: WalkEntry
        var size: UInt64
    }

    private static func deleteBatch(_ call: Call) throws(ToolError) -> ToolReply {
        do throws(ToolError) {
            let base = try call.path("base_path")
            let include = try CopyFileTools.includes(call)
            var walk = TreeWalk(call.ground, exclude: try call.rules("exclude_patterns"))
            walk.isCancelled = { call.context.isCancelled }
            var found: [Doomed] = []
            var kept: [JSON] = []
            var keptCount = 0
            try walk.run(base) { entry throws(ToolError) in
                if critical.contains(String(decoding: entry.names.last ?? [], as: UTF8.self)) {
                    keptCount += 1
                    kept.append(["path": .text(entry.path.description), "reason": "critical"])
                    return .skip
                }
                if entry.type == .directory { return .enter }
                if takes(entry.names, include) {
                    guard found.count < CopyPlan.mostItems else {
                        throw ToolError(.bounds, "there are too many files: delete them in several calls")
                    }
                    found.append(
                        Doomed(entry: entry, size: try call.ground.status(entry.path).size))
                }
                return .enter
            }
            return try delete(call, found, kept, keptCount)
        } catch {
            return CopyFileTools.batchFailure("delete_files_batch", error)
        }
    }

    /// Returns whether rules take a file. Where none fits it, the nearest directory above that one fits
    /// decides, as in a copy.
    private static func takes(_ names: [[UInt8]], _ include: GlobRules) -> Bool {
        if include.isEmpty { return true }
        for count in stride(from: names.count, to: 0, by: -1) {
            let isDirectory = count < names.count
            if let verdict = include.verdict(names[..<count], isDirectory: isDirectory) { return verdict }
        }
        return false
    }

    private static func delete(
        _ call: Call, _ found: [Doomed], _ kept: [JSON], _ keptCount: Int
    ) throws(ToolError) -> ToolReply {
        var deleted: [JSON] = []
        var failed: [JSON] = []
        var (count, failures) = (0, 0)
        for doomed in found {
            let path = doomed.entry.path
            if call.context.isCancelled { break }
            do throws(ToolError) {
                try call.ground.remove(path)
                count += 1
                call.context.progress(done: Int64(count), total: Int64(found.count))
                if deleted.count >= CopyRun.namedCopies { continue }
                deleted.append([
                    "path": .text(path.description),
                    "relative_path": .text(ToolPath.text(doomed.entry.names)),
                    "size": Reply.integer(doomed.size),
                ])
            } catch {
                failures += 1
                if failed.count >= CopyRun.namedCopies { continue }
                failed.append(["path": .text(path.description), "error": .text(error.description)])
            }
        }
        let room = call.replyBytes - 400
        return ToolReply(structured: [
            "success": .boolean(failures == 0), "operation": "delete_files_batch",
            "summary": [
                "deleted": Reply.integer(count), "skipped": Reply.integer(keptCount),
                "errors": Reply.integer(failures),
            ],
            "details": [
                "deleted_files": .list(Reply.fitting(deleted, atMost: room / 2)),
                "skipped_files": .list(Reply.fitting(kept, atMost: room / 4)),
                "errors": .list(Reply.fitting(failed, atMost: room / 4)),
            ],
        ])
    }
}
