// edit_file_apply_patch: a unified diff, given or in a file, made in one step.

internal import MCP
internal import Platform
internal import Tools

extension Tool {
    static let editFileApplyPatch = Tool(
        "edit_file_apply_patch", .write, title: "Apply patch",
        "Applies a unified diff to one file of any size. The patch is given, or lies in a file "
            + "(patch_path), so that a long one needs no long arguments. Hunks whose lines stand "
            + "elsewhere are found; if one does not fit, nothing is changed. A patch from /dev/null "
            + "makes the file. " + Shape.budget + ".",
        input: [
            "path": Shape.path, "patch": Shape.text("The unified diff."),
            "patch_path": Shape.text("A file that holds it."),
            "dryRun": Shape.flag("Only show the diff.", default: false),
            "version": Shape.version, "max_bytes": Shape.maxBytes,
        ], required: ["path"],
        output: [
            "content": Shape.text("The diff."), "hunks": Shape.integer(),
            "shifted": Shape.integer("Hunks that stood at other lines."),
            "created": Shape.flag(), "dry_run": Shape.flag(), "version": Shape.text("Afterwards."),
        ], outputRequired: ["content", "hunks", "dry_run"], hints: ToolHints(isDestructive: true),
        isLong: true, run: applyPatch)

    private static func patch(_ call: Call) throws(ToolError) -> PatchText {
        switch (call.text("patch"), call.text("patch_path")) {
        case (.some(let text), nil): return try PatchText(text)
        case (nil, .some):
            let text = try call.textFile(try call.path("patch_path"))
            guard text.size <= PatchText.longest else {
                throw ToolError(.bounds, "the patch has \(text.size) bytes, \(PatchText.longest) is the most")
            }
            let bytes = try text.read(0..<text.size)
            guard let string = text.encoding.decode(bytes[...]) else {
                throw ToolError(.encoding, "the patch is not text")
            }
            return try PatchText(string)
        default: throw ToolError(.usage, "give patch or patch_path, one of them")
        }
    }

    private static func applyPatch(_ call: Call) throws(ToolError) -> ToolReply {
        let patch = try patch(call)
        let path = try call.path("path")
        let isDry = call.flag("dryRun")
        guard !patch.removesFile else {
            throw ToolError(.usage, "the patch removes the file: use delete_file")
        }
        if patch.makesFile { return try makeFile(call, patch, path, isDry: isDry) }
        let text = try call.textFile(path)
        try checkVersion(call, text, path)
        let (planned, shifted) = try patch.plan(text)
        let (preview, version) = try make(call, planned, text, path, isDry: isDry)
        var notes = ["\(patch.hunkCount) hunks"]
        if shifted > 0 { notes.append("\(shifted) stood at other lines") }
        if isDry { notes.append("dry run: nothing was changed") }
        return Reply.text(
            preview, notes: notes + ["version \(version)"],
            [
                "hunks": Reply.integer(patch.hunkCount), "shifted": Reply.integer(shifted),
                "created": false, "dry_run": .boolean(isDry), "version": .text(version.description),
            ])
    }

    private static func makeFile(
        _ call: Call, _ patch: PatchText, _ path: ToolPath, isDry: Bool
    ) throws(ToolError) -> ToolReply {
        guard (try? call.ground.status(path)) == nil else {
            throw ToolError(.exists, "the patch makes \(path), and there is something already")
        }
        let bytes = Array(patch.content.utf8)
        if !isDry { try call.ground.create(path, bytes) }
        return Reply.text(
            "\(isDry ? "Would make" : "Made") \(path), \(bytes.count) bytes",
            [
                "hunks": Reply.integer(patch.hunkCount), "shifted": 0, "created": true,
                "dry_run": .boolean(isDry),
            ])
    }
}
