// copy_files: copies trees with filters, a pattern for names, templates, and a rule for conflicts.

internal import FoundationEssentials
internal import MCP
internal import Platform
internal import Tools

enum CopyFilesTools {
    static let copyFiles = Tool(
        "copy_files", .write, title: "Copy files",
        "Copies a file or a directory. Options filter files by patterns, size and age, rename them, "
            + "flatten directories and fill in templates. The structure, hard links, holes, modes, "
            + "times and attributes are kept. The copy is made completely or not at all; dry_run shows "
            + "what would happen. In a workspace a copy stores no data. " + Shape.patterns + " "
            + Shape.budget + ".",
        input: [
            "source_path": Shape.text("A file or directory."),
            "destination_path": Shape.text("The path of the copy; an existing directory is merged."),
            "include": Shape.list(of: Shape.text(), "What to copy; everything if left out."),
            "exclude": Shape.list(of: Shape.text(), "What to leave out."),
            "gitignore": Shape.flag("Leave out what .gitignore files name, and .git.", default: false),
            "min_size": Shape.integer("Only files of at least this many bytes."),
            "max_size": Shape.integer("Only files of at most this many bytes."),
            "newer_than_seconds": Shape.integer("Only files modified within this many seconds."),
            "older_than_seconds": Shape.integer("Only files not modified within this many seconds."),
            "rename": Shape.text(
                "A pattern for new file names, such as {stem}-old{ext}; {name}, {n} and {nnn} too."),
            "rename_regex": Shape.text(
                "An expression; rename replaces its first match in a file's name, with $1 for "
                    + "a group."),
            "flatten": Shape.flag("Put all files directly into the destination.", default: false),
            "symlinks": Shape.choice(
                CopyOptions.Symlinks.allCases.map(\.rawValue),
                "follow copies their targets, inside the allowed directories.", default: "preserve"),
            "preserve": Shape.list(
                of: Shape.choice(["mode", "times", "xattrs", "owner"], "An attribute."),
                "Attributes to keep; mode, times and xattrs if left out."),
            "on_conflict": Shape.choice(
                CopyOptions.Conflict.allCases.map(\.rawValue),
                "What to do if a file exists. merge combines the changes of both sides since merge_base.",
                default: "fail"),
            "merge_base": Shape.text("For merge: the common origin of both sides, a file or directory."),
            "on_overlap": Shape.choice(
                TextMerge.Overlap.allCases.map(\.rawValue),
                "For merge: what to do if both sides changed the same lines. fail copies nothing, mark "
                    + "writes both between marks, ours is the destination, theirs the source.",
                default: "fail"),
            "variables": variables, "portable": Shape.flag(
                "Report names that other systems cannot hold.", default: false),
            "dry_run": Shape.flag("Only show what would happen.", default: false),
            "max_bytes": Shape.maxBytes,
        ], required: ["source_path", "destination_path"],
        output: [
            "content": Shape.content, "files": Shape.integer(), "directories": Shape.integer(),
            "links": Shape.integer(), "bytes": Shape.integer("Of the files."),
            "shared_bytes": Shape.integer("Of these, shared with the source."),
            "replaced": Shape.integer(),
            "merged": Shape.integer("Files that now have the changes of both sides."),
            "overlaps": Shape.integer("Places in these files that both sides had changed."),
            "skipped": Shape.integer(), "templates": Shape.integer(), "dry_run": Shape.flag(),
            "elapsed_ms": Shape.integer(),
            "warnings": Shape.list(of: Shape.text()),
        ],
        outputRequired: [
            "content", "files", "directories", "links", "bytes", "shared_bytes", "skipped", "dry_run",
        ], hints: ToolHints(isDestructive: true), isLong: true, run: copyFiles)

    static let variables: JSON = [
        "type": "object", "additionalProperties": ["type": "string"],
        "description": .text(
            "The value of each {{name}} in text files and names; an unknown name is an error, \\{{ is "
                + "two braces. Binary files are not changed."),
    ]

    private static func copyFiles(_ call: Call) throws(ToolError) -> ToolReply {
        let start = ContinuousClock.now
        let options = try options(call)
        let (source, destination) = (try call.path("source_path"), try call.path("destination_path"))
        let plan = try CopyPlan(call.ground, source, options) { call.context.isCancelled }
        var warnings = call.flag("portable") ? PortableNames.warnings(plan.items.map(\.names)) : []
        let isDry = call.flag("dry_run")
        let result: CopyResult
        if isDry {
            result = try CopyRun(call.ground, plan, to: destination, options).preview()
        } else {
            result = try CopyFileTools.run(call, plan, destination, options)
        }
        if plan.files == 0, plan.links == 0, plan.directories == 0 {
            warnings.append("no file matches the filters")
        }
        let elapsed = start.duration(to: .now)
        return reply(call, result, warnings, elapsed, isDry: isDry)
    }

    private static func options(_ call: Call) throws(ToolError) -> CopyOptions {
        var options = CopyOptions()
        options.include = try call.rules("include")
        options.exclude = try call.rules("exclude")
        options.respectsGitignore = call.flag("gitignore")
        options.smallest = call.number("min_size")
        options.largest = call.number("max_size")
        let now = Int64(Date().timeIntervalSince1970 * 1e9)
        func moment(_ key: String) -> Int64? {
            call.number(key).map { now - Int64(clamping: min($0, 9_000_000_000)) * 1_000_000_000 }
        }
        options.modifiedAfter = moment("newer_than_seconds")
        options.modifiedBefore = moment("older_than_seconds")
        try options.setNames(pattern: call.text("rename"), expression: call.text("rename_regex"))
        options.flattens = call.flag("flatten")
        options.symlinks = call.text("symlinks").flatMap { .init(rawValue: $0) } ?? .preserve
        options.conflict = call.text("on_conflict").flatMap { .init(rawValue: $0) } ?? .fail
        if call.arguments["merge_base"] != nil { options.mergeBase = try call.path("merge_base") }
        options.overlap = call.text("on_overlap").flatMap { .init(rawValue: $0) } ?? .fail
        if call.arguments["preserve"] != nil {
            let known: [String: KeptAttributes] = [
                "mode": .mode, "times": .times, "xattrs": .xattrs, "owner": .owner,
            ]
            options.keeps = call.list("preserve").reduce(into: []) { $0.formUnion(known[$1] ?? []) }
        }
        options.variables = call.arguments["variables"]?.members?.compactMapValues(\.text)
        return options
    }

    private static func reply(
        _ call: Call, _ result: CopyResult, _ warnings: [String], _ elapsed: Duration, isDry: Bool
    ) -> ToolReply {
        let milliseconds = elapsed.components.seconds * 1000
            + elapsed.components.attoseconds / 1_000_000_000_000_000
        var head = isDry ? "Would copy" : "Copied"
        head += " \(result.files) files, \(result.directories) directories and \(result.links) links"
        head += ", \(Reply.size(result.bytes))"
        if !isDry { head += " (\(Reply.size(result.sharedBytes)) shared) in \(milliseconds) ms" }
        if result.replaced > 0 { head += "; \(result.replaced) files replaced" }
        if result.merged > 0 {
            head += "; \(result.merged) files merged"
            if result.overlaps > 0 { head += ", \(result.overlaps) overlaps in them" }
        }
        if result.filledTemplates > 0 { head += "; \(result.filledTemplates) templates filled in" }
        if !result.skipped.isEmpty { head += "; \(result.skipped.count) skipped" }
        var lines = [head]
        lines += warnings.map { "warning: \($0)" }
        lines += result.skipped.prefix(20).map { "skipped \($0.path): \($0.reason)" }
        lines += result.copies.prefix(20).map { "\($0.source) -> \($0.destination)" }
        let more = max(0, result.files + result.links - 20)
        if more > 0 { lines.append("(and \(more) more files)") }
        let text = Reply.lines(lines, atMost: Int(call.textBytes)).text
        return Reply.text(
            text,
            [
                "files": Reply.integer(result.files), "directories": Reply.integer(result.directories),
                "links": Reply.integer(result.links), "bytes": Reply.integer(result.bytes),
                "shared_bytes": Reply.integer(result.sharedBytes),
                "replaced": Reply.integer(result.replaced), "merged": Reply.integer(result.merged),
                "overlaps": Reply.integer(result.overlaps),
                "skipped": Reply.integer(result.skipped.count),
                "templates": Reply.integer(result.filledTemplates), "dry_run": .boolean(isDry),
                "elapsed_ms": .integer(milliseconds),
                "warnings": .list(warnings.prefix(20).map(JSON.text)),
            ])
    }
}
