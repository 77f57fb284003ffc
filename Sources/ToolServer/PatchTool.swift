// edit_file_apply_patch: applies a unified diff, given as an argument or in a file, to one file or several.
// All of it is applied, or nothing.

internal import MCP
internal import Platform
internal import Tools

enum PatchTools {
    static let editFileApplyPatch = Tool(
        "edit_file_apply_patch", .write, title: "Apply patch",
        "Applies a unified diff to files of any size. path is the file, or the directory that the "
            + "names in the patch are relative to (a/ and b/ of git are removed). The patch is in patch, or "
            + "in a file (patch_path) if it is long. A patch can change, create and remove "
            + "files. Hunks may have moved; their lines must match exactly (except line "
            + "ends). If hunks do not match, all of them are named and nothing is changed. "
            + Shape.budget + ".",
        input: [
            "path": Shape.path, "patch": Shape.text("The unified diff."),
            "patch_path": Shape.text("A file that contains the patch."),
            "dryRun": Shape.flag("Only show the diff.", default: false),
            "version": Shape.version, "max_bytes": Shape.maxBytes,
            "check": Shape.check, "check_seconds": Shape.checkSeconds,
        ], required: ["path"],
        output: [
            "content": Shape.text("The diff."), "hunks": Shape.integer(),
            "shifted": Shape.integer("Hunks that were found at other lines."),
            "files": Shape.integer("Files in the patch."),
            "created": Shape.flag("Files were created."), "dry_run": Shape.flag(),
            "version": Shape.text("Afterwards, of a single file."), "check": Shape.checkOutput,
        ], outputRequired: ["content", "hunks", "files", "dry_run"],
        hints: ToolHints(isDestructive: true), isLong: true, run: applyPatch)

    private static func patch(_ call: Call) throws(ToolError) -> PatchText {
        switch (call.text("patch"), call.text("patch_path")) {
        case (.some(let text), nil): return try PatchText(text)
        case (nil, .some):
            let file = try call.ground.open(try call.path("patch_path"))
            let size = try file.status().size
            guard size <= PatchText.longest else {
                throw ToolError(.bounds, "the patch has \(size) bytes; the maximum is \(PatchText.longest)")
            }
            return try PatchText(try file.read(Int(size), at: 0))
        default: throw ToolError(.usage, "give either patch or patch_path")
        }
    }

    private static func applyPatch(_ call: Call) throws(ToolError) -> ToolReply {
        let patch = try patch(call)
        let path = try call.path("path")
        let isDry = call.flag("dryRun")
        var run = PatchRun(call.ground)
        run.isCancelled = { [context = call.context] in context.isCancelled }
        run.open = { path throws(ToolError) in try call.textFile(path) }
        let targets = try run.plan(patch, at: path)
        if call.version() != nil {
            guard targets.count == 1, let text = targets[0].text else {
                throw ToolError(.usage, "version requires a patch of one existing file")
            }
            try EditTools.checkVersion(call, text, path)
        }
        let preview = try preview(call, targets)
        for target in targets { if let text = target.text { call.keep(text) } }
        try call.checkCancelled()
        var version = targets.count == 1 ? targets[0].text?.version : nil
        var check: JSON?
        if !isDry {
            check = try call.checked(targets.map(\.path)) { () throws(ToolError) in
                let versions = try run.make(targets)
                version = targets.count == 1 ? versions[targets[0].path] : nil
                for target in targets {
                    guard let text = target.text, let version = versions[target.path] else { continue }
                    EditTools.keepIndex(call, text, target.path, target.planned.map(\.splice), version)
                }
                return versions
            }
        }
        let kept = isDry ? [] : targets.flatMap { target in
            call.keptNote(target.path).map { targets.count == 1 ? $0 : "\(target.path): \($0)" }
        }
        return reply(preview, targets, version, check, isDry: isDry, kept: kept)
    }

    private static func preview(_ call: Call, _ targets: [PatchRun.Target]) throws(ToolError) -> String {
        var shown = ""
        for (index, target) in targets.enumerated() {
            let room = Int(call.textBytes) - 20 - shown.utf8.count
            let name = targets.count == 1 ? try call.name("path") : "\(target.path)"
            guard room > 200 || index == 0 else {
                shown += "(and \(targets.count - index) more files)\n"
                break
            }
            switch (target.kind, target.text) {
            case (.edit, .some(let text)):
                shown += try EditPreview(text, mostBytes: room).diff(target.planned, name: name)
            case (.remove, _): shown += "--- \(name)\n+++ /dev/null\n"
            default: shown += "--- /dev/null\n+++ \(name)\n(\(target.content.count) bytes)\n"
            }
        }
        return "```diff\n\(shown)```"
    }

    private static func reply(
        _ preview: String, _ targets: [PatchRun.Target], _ version: FileVersion?, _ check: JSON?,
        isDry: Bool, kept: [String]
    ) -> ToolReply {
        let hunks = targets.reduce(0) { $0 + $1.hunks }
        let shifted = targets.reduce(0) { $0 + $1.shifted }
        var notes = ["\(hunks) hunks"]
        if targets.count > 1 { notes.append("\(targets.count) files") }
        for (kind, word) in [(FilePatch.Kind.make, "made"), (.remove, "removed")] {
            let count = targets.count { $0.kind == kind }
            if count > 0 { notes.append("\(count) \(word)") }
        }
        if shifted > 0 { notes.append("\(shifted) found at other lines") }
        if isDry { notes.append("dry run: nothing was changed") }
        if let version { notes.append("version \(version)") }
        if check != nil { notes.append("the check succeeded") }
        // The first note says where to find the other contents.
        notes += kept.prefix(1)
        return Reply.text(
            preview, notes: notes,
            [
                "hunks": Reply.integer(hunks), "shifted": Reply.integer(shifted),
                "files": Reply.integer(targets.count),
                "created": .boolean(targets.contains { $0.kind == .make }), "dry_run": .boolean(isDry),
                "version": version.map { .text($0.description) }, "check": check,
            ])
    }
}
