// copy_file and copy_files_batch, with the names, arguments and reply keys of a framework's own workspace
// server, but without its faults.

internal import MCP
internal import Platform
internal import Tools

enum CopyFileTools {
    static let copyFile = Tool(
        "copy_file", .write, title: "Copy file or directory",
        "Copies a file, or a directory with everything in it, and shares bytes if the file system can. "
            + "The copy is made completely or not at all. overwrite replaces an existing file and merges "
            + "an existing directory: files only at the destination stay. Symlinks stay links.",
        input: [
            "source_path": Shape.text("What to copy."),
            "destination_path": Shape.text("The path of the copy."),
            "overwrite": Shape.flag("Replace existing files.", default: false),
        ], required: ["source_path", "destination_path"],
        output: [
            "success": Shape.flag(), "operation": Shape.text(),
            "details": Shape.object(
                [
                    "type": Shape.text("file or directory"), "source": Shape.text(),
                    "destination": Shape.text(), "size": Shape.integer("Of a file, in bytes."),
                    "file_count": Shape.integer("In a directory."),
                    "shared_bytes": Shape.integer("Bytes that the copy shares with its source."),
                ], required: ["type", "source", "destination"]),
        ], outputRequired: ["success", "operation", "details"],
        hints: ToolHints(isDestructive: true), isLong: true
    ) { call throws(ToolError) in
        let source = try call.path("source_path")
        let destination = try call.path("destination_path")
        var options = CopyOptions()
        options.conflict = call.flag("overwrite") ? .overwrite : .fail
        let plan = try CopyPlan(call.ground, source, options) { call.context.isCancelled }
        let result = try run(call, plan, destination, options)
        let isDirectory = plan.items.first?.kind == .directory
        return ToolReply(structured: [
            "success": true, "operation": "copy_file",
            "details": .members([
                "type": isDirectory ? "directory" : "file", "source": .text(source.description),
                "destination": .text(destination.description),
                "size": isDirectory ? nil : Reply.integer(result.bytes),
                "file_count": isDirectory ? Reply.integer(result.files + result.links) : nil,
                "shared_bytes": Reply.integer(result.sharedBytes),
            ]),
        ])
    }

    /// Carries out a plan, with progress reports.
    static func run(
        _ call: Call, _ plan: CopyPlan, _ destination: ToolPath, _ options: CopyOptions
    ) throws(ToolError) -> CopyResult {
        var copy = CopyRun(call.ground, plan, to: destination, options)
        copy.isCancelled = { call.context.isCancelled }
        let total = Int64(plan.files)
        copy.onProgress = { files, bytes in
            call.context.progress(
                done: Int64(files), total: total, message: "\(files) files, \(Reply.size(bytes))")
        }
        return try copy.run()
    }

    static let copyFilesBatch = Tool(
        "copy_files_batch", .write, title: "Copy files by patterns",
        "Copies the files below a directory whose paths match the patterns, with their directories. "
            + "Existing files stay, or are replaced with overwrite. " + Shape.patterns,
        input: [
            "source_base_path": Shape.text("The directory to copy from."),
            "destination_base_path": Shape.text(
                "The directory to copy to; the first allowed directory if empty.", default: ""),
            "include_patterns": nullable("What to copy; everything by default."),
            "exclude_patterns": nullable("What to leave out."),
            "overwrite": Shape.flag("Replace existing files.", default: false),
        ], required: ["source_base_path"], output: batchOutput("copied"),
        outputRequired: ["success", "operation"], hints: ToolHints(isDestructive: true), isLong: true,
        run: copyBatch)

    /// Returns the schema of an optional list. Frameworks send null for arguments that are left out.
    static func nullable(_ description: String) -> JSON {
        [
            "type": ["array", "null"], "items": ["type": "string"],
            "description": .text(description),
        ]
    }

    /// Returns the rules for what is copied or deleted. A `*` alone is everything, as without patterns.
    static func includes(_ call: Call) throws(ToolError) -> GlobRules {
        let patterns = call.list("include_patterns")
        return try GlobRules(patterns.allSatisfy { $0 == "*" } ? [] : patterns)
    }

    static func batchOutput(_ verb: String) -> KeyValuePairs<String, JSON> {
        let entry = Shape.object(["path": Shape.text(), "reason": Shape.text(), "error": Shape.text()])
        return [
            "success": Shape.flag(), "operation": Shape.text(), "error": Shape.text(),
            "summary": Shape.object(
                [
                    verb: Shape.integer(), "skipped": Shape.integer(), "errors": Shape.integer(),
                    "shared_bytes": Shape.integer(),
                ], required: [verb, "skipped", "errors"]),
            "details": Shape.object([
                "\(verb)_files": Shape.list(
                    of: Shape.object([
                        "source": Shape.text(), "destination": Shape.text(), "path": Shape.text(),
                        "relative_path": Shape.text(), "size": Shape.integer(),
                    ]), "The first files; summary counts all."),
                "skipped_files": Shape.list(of: entry), "errors": Shape.list(of: entry),
            ]),
        ]
    }

    private static func copyBatch(_ call: Call) throws(ToolError) -> ToolReply {
        do throws(ToolError) {
            var options = CopyOptions()
            options.include = try includes(call)
            options.exclude = try call.rules("exclude_patterns")
            options.conflict = call.flag("overwrite") ? .overwrite : .skip
            let source = try call.path("source_base_path")
            let name = call.text("destination_base_path") ?? ""
            let destination = try call.ground.roots.path(name.isEmpty ? "." : name)
            guard try call.ground.status(try call.ground.resolved(source)).type == .directory else {
                throw ToolError(.wrongType, "\(source) is not a directory: use copy_file for a file")
            }
            let plan = try CopyPlan(call.ground, source, options) { call.context.isCancelled }
            let result = try run(call, plan, destination, options)
            return batchReply(call, result, source)
        } catch {
            return batchFailure("copy_files_batch", error)
        }
    }

    /// Returns a failure. The framework expects it as a result, not as an error.
    static func batchFailure(_ operation: String, _ error: ToolError) -> ToolReply {
        ToolReply(structured: [
            "success": false, "operation": .text(operation), "error": .text(error.description),
        ])
    }

    private static func batchReply(
        _ call: Call, _ result: CopyResult, _ source: ToolPath
    ) -> ToolReply {
        let copied = result.copies.map { copy in
            let below = copy.source.names(below: source).map { ToolPath(names: Array($0)) }
            return JSON.members([
                "source": .text(copy.source.description),
                "destination": .text(copy.destination.description),
                "relative_path": below.map { .text(String($0.description.dropFirst())) },
                "size": Reply.integer(copy.size),
            ])
        }
        let skipped = result.skipped.map { skip in
            JSON.members(["path": .text(skip.path.description), "reason": .text(skip.reason)])
        }
        let room = call.replyBytes - 400
        return ToolReply(structured: [
            "success": true, "operation": "copy_files_batch",
            "summary": [
                "copied": Reply.integer(result.files + result.links),
                "skipped": Reply.integer(result.skipped.count), "errors": 0,
                "shared_bytes": Reply.integer(result.sharedBytes),
            ],
            "details": [
                "copied_files": .list(Reply.fitting(copied, atMost: room * 2 / 3)),
                "skipped_files": .list(Reply.fitting(skipped, atMost: room / 3)), "errors": [],
            ],
        ])
    }
}
