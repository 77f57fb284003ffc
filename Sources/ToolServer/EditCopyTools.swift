// edit_file_copy and edit_files_copy_batch: copies that are edited before they get their names.

internal import MCP
internal import Platform
internal import Tools

enum EditCopyTools {
    static let editFileCopy = Tool(
        "edit_file_copy", .write, title: "Copy and edit file",
        "Copies a file and edits the copy in one call; the source is not changed. The edits are those "
            + "of edit_file. If the file system can, the copy shares all bytes that are not edited. "
            + Shape.budget + ".",
        input: [
            "source_path": Shape.text("The file to copy."),
            "destination_path": Shape.text("The path of the copy."),
            "edits": Shape.list(of: EditTools.editShape, "The edits of the copy.", to: 1000, default: []),
            "on_conflict": onConflict,
            "dry_run": Shape.flag("Only show the diff.", default: false), "max_bytes": Shape.maxBytes,
        ], required: ["source_path", "destination_path"],
        output: [
            "content": Shape.text("The diff."), "size": Shape.integer("Of the copy."),
            "edits": Shape.integer("Places that were edited."), "shared_bytes": Shape.integer(),
            "replaced": Shape.flag(), "dry_run": Shape.flag(),
        ], outputRequired: ["content", "size", "edits", "shared_bytes", "dry_run"],
        hints: ToolHints(isDestructive: true), isLong: true
    ) { call throws(ToolError) in
        let item = EditCopy.Item(
            source: try call.path("source_path"), destination: try call.path("destination_path"),
            edits: edits(call.arguments["edits"]))
        let isDry = call.flag("dry_run")
        let copy = copying(call, previewBytes: Int(call.textBytes) - 20)
        guard let done = try copy.run([item], dryRun: isDry).first else {
            throw ToolError(.system, "nothing was copied")
        }
        return Reply.text(
            "```diff\n\(done.preview)```",
            notes: [
                isDry ? "dry run: nothing was changed" : "copied to \(done.destination), \(done.size) bytes",
                "\(done.edits) edits",
            ],
            [
                "size": Reply.integer(done.size), "edits": Reply.integer(done.edits),
                "shared_bytes": Reply.integer(done.sharedBytes), "replaced": .boolean(done.replaced),
                "dry_run": .boolean(isDry),
            ])
    }

    private static let onConflict = Shape.choice(
        ["fail", "overwrite"], "What to do if a file exists.", default: "fail")

    private static func copying(_ call: Call, previewBytes: Int) -> EditCopy {
        var copy = EditCopy(
            call.ground, replaces: call.text("on_conflict") == "overwrite", previewBytes: previewBytes)
        copy.isCancelled = { [context = call.context] in context.isCancelled }
        return copy
    }

    private static func edits(
        _ list: JSON?
    ) -> @Sendable (TextFile) throws(ToolError) -> [TextEdit] {
        let items = list?.items ?? []
        return { text throws(ToolError) in
            var edits: [TextEdit] = []
            for (index, item) in items.enumerated() {
                let name = items.count > 1 ? "edit \(index + 1): " : ""
                edits.append(try EditTools.edit(item, text, name))
            }
            return edits
        }
    }

    // MARK: Many

    static let editFilesCopyBatch = Tool(
        "edit_files_copy_batch", .write, title: "Copy and edit many files",
        "Makes many edited copies in one call: up to 100 items, or up to 10,000 in a manifest, a JSON "
            + "file in the allowed directories. All copies are made or none, unless "
            + "on_error is skip. " + Shape.budget + ".",
        input: [
            "items": Shape.list(of: itemShape, "The copies.", to: 100),
            "manifest_path": Shape.text("A file with a JSON array of such items."),
            "destination_base_path": Shape.text(
                "The directory of relative destinations, instead of the first allowed directory."),
            "on_conflict": onConflict,
            "on_error": Shape.choice(
                ["fail", "skip"], "fail: if one copy cannot be made, none is made.", default: "fail"),
            "dry_run": Shape.flag("Only show what would happen.", default: false),
            "max_bytes": Shape.maxBytes,
        ],
        output: [
            "content": Shape.content, "copied": Shape.integer(), "failed": Shape.integer(),
            "edits": Shape.integer(), "shared_bytes": Shape.integer(), "dry_run": Shape.flag(),
        ], outputRequired: ["content", "copied", "failed", "edits", "dry_run"],
        hints: ToolHints(isDestructive: true), isLong: true, run: copyMany)

    private static let itemShape = Shape.object(
        [
            "source_path": Shape.text(), "destination_path": Shape.text(),
            "edits": Shape.list(of: EditTools.editShape, to: 1000),
        ], required: ["source_path", "destination_path"], closed: true)

    private static let mostItems = 10_000
    /// The maximum number of bytes of a manifest.
    private static let mostManifest: UInt64 = 16 << 20

    private static func items(_ call: Call) throws(ToolError) -> [JSON] {
        switch (call.arguments["items"]?.items, call.text("manifest_path")) {
        case (.some(let items), nil): return items
        case (nil, .some): break
        default: throw ToolError(.usage, "give either items or manifest_path")
        }
        let path = try call.path("manifest_path")
        let file = try call.ground.open(path)
        let size = try file.status().size
        guard size <= mostManifest else {
            throw ToolError(.bounds, "\(path) has \(size) bytes, but a manifest has at most \(mostManifest)")
        }
        let json: JSON
        do {
            json = try JSON(parsing: try file.read(Int(size), at: 0), valueLimit: 1_000_000)
        } catch let error as JSONError {
            throw ToolError(.usage, "\(path): \(error.sentence)")
        } catch {
            throw error as? ToolError ?? ToolError(.system, "\(path): \(error)")
        }
        let shape = Schema(Shape.list(of: itemShape, to: Int64(mostItems)))
        let problems = shape.problems(of: json)
        guard problems.isEmpty, let items = json.items else {
            throw ToolError(
                .usage, "\(path) is not a list of copies: \(problems.joined(separator: "; "))")
        }
        return items
    }

    private static func copyMany(_ call: Call) throws(ToolError) -> ToolReply {
        let base = try call.text("destination_base_path").map { text throws(ToolError) in
            try call.ground.roots.path(text)
        }
        var wanted: [EditCopy.Item] = []
        for item in try items(call) {
            let destination = item["destination_path"]?.text ?? ""
            let isRelative = !destination.hasPrefix("/") && !destination.hasPrefix("~")
            wanted.append(
                EditCopy.Item(
                    source: try call.ground.roots.path(item["source_path"]?.text ?? ""),
                    destination: isRelative && base != nil
                        ? try ToolPath((base?.bytes ?? []) + [0x2f] + Array(destination.utf8))
                        : try call.ground.roots.path(destination),
                    edits: edits(item["edits"])))
        }
        guard !wanted.isEmpty else { throw ToolError(.usage, "there are no items: give at least one") }
        let isDry = call.flag("dry_run")
        let copy = copying(call, previewBytes: 200)
        var done: [EditCopy.Done] = []
        var failures: [String] = []
        if call.text("on_error") == "skip" {
            for (index, item) in wanted.enumerated() {
                do throws(ToolError) {
                    done += try copy.run([item], dryRun: isDry)
                } catch {
                    failures.append("item \(index + 1): \(error.description)")
                }
                call.context.progress(done: Int64(index + 1), total: Int64(wanted.count))
            }
        } else {
            done = try copy.run(wanted, dryRun: isDry)
        }
        return reply(call, done, failures, isDry: isDry)
    }

    private static func reply(
        _ call: Call, _ done: [EditCopy.Done], _ failures: [String], isDry: Bool
    ) -> ToolReply {
        let edits = done.reduce(0) { $0 + $1.edits }
        let head = (isDry ? "Would make" : "Made")
            + " \(done.count) copies with \(edits) edits; \(failures.count) failed"
        let lines = [head] + failures
            + done.map { "\($0.destination): \($0.edits) edits, \($0.size) bytes" }
        let (text, count) = Reply.lines(lines, atMost: Int(call.textBytes))
        return Reply.text(
            text, notes: count < lines.count ? ["\(lines.count - count) more lines"] : [],
            [
                "copied": Reply.integer(done.count), "failed": Reply.integer(failures.count),
                "edits": Reply.integer(edits),
                "shared_bytes": Reply.integer(done.reduce(UInt64(0)) { $0 + $1.sharedBytes }),
                "dry_run": .boolean(isDry),
            ])
    }
}
