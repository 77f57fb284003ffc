// edit_file: replaces text, lines or bytes in files of any size. All edits of a call are found in the file
// as it is before any is made. They are made together, or none is.

internal import MCP
internal import Platform
internal import Tools

enum EditTools {
    static let editFile = Tool(
        "edit_file", .write, title: "Edit file",
        "Changes parts of a text file of any size and returns the changes as a diff. Each edit is one "
            + "of: oldText (must occur once in the file, or give all), start_line and end_line "
            + "(whole lines; end_line below start_line inserts before it), offset and length (bytes), "
            + "or append; newText replaces that part. All edits refer to the unchanged file; if one "
            + "cannot be made, none is. If oldText is not found exactly, it is compared line by line "
            + "without white space at the ends (match exact forbids that). With match regex it is a "
            + "PCRE expression, and $1 in newText is its group. Line ends, encoding, "
            + "permissions and links are kept. " + Shape.budget + ".",
        input: [
            "path": Shape.path,
            "edits": Shape.list(of: editShape, "The edits.", from: 1, to: 1000),
            "dryRun": Shape.flag("Only show the diff.", default: false),
            "version": Shape.version, "max_bytes": Shape.maxBytes,
            "check": Shape.check, "check_seconds": Shape.checkSeconds,
        ], required: ["path", "edits"],
        output: [
            "content": Shape.text("The diff."), "edits": Shape.integer("Places that changed."),
            "lines": Shape.list(of: Shape.integer(), "The lines of these places, at most 100."),
            "match": Shape.text("How oldText was found: exact, whitespace or regex; the loosest of several."),
            "ignored_whitespace": Shape.flag("White space at line ends was different."),
            "dry_run": Shape.flag(), "size": Shape.integer("Afterwards, in bytes."),
            "version": Shape.text("Afterwards."), "check": Shape.checkOutput,
        ], outputRequired: ["content", "edits", "dry_run", "version"],
        hints: ToolHints(isDestructive: true), isLong: true, run: edit)

    static let editShape = Shape.object(
        [
            "oldText": Shape.text("The text to replace, as it is in the file, without line numbers."),
            "newText": Shape.text("The new text; empty removes."),
            "all": Shape.flag("Replace oldText in all places.", default: false),
            "match": Shape.choice(
                TextMatch.allCases.map(\.rawValue), "How oldText is compared.", default: "whitespace"),
            "start_line": Shape.integer("The first line to replace, from 1.", from: 1),
            "end_line": Shape.integer("The last line to replace; start_line if left out."),
            "offset": Shape.integer("The first byte to replace."),
            "length": Shape.integer("The number of bytes to replace.", default: 0),
            "append": Shape.flag("Add newText at the end of the file.", default: false),
            "base64": Shape.flag("newText is encoded in base64; with offset or append.", default: false),
        ], required: ["newText"], closed: true)

    private static func edit(_ call: Call) throws(ToolError) -> ToolReply {
        let path = try call.path("path")
        let text = try call.textFile(path)
        try checkVersion(call, text, path)
        let items = call.arguments["edits"]?.items ?? []
        var edits: [TextEdit] = []
        for (index, item) in items.enumerated() {
            let name = items.count > 1 ? "edit \(index + 1): " : ""
            edits.append(try Self.edit(item, text, name))
        }
        let planned = try EditPlanner(text).plan(edits)
        let isDry = call.flag("dryRun")
        let (preview, version, check) = try make(call, planned, text, path, isDry: isDry)
        return reply(
            preview, planned, text, version, check, isDry: isDry, kept: isDry ? [] : call.keptNote(path))
    }

    static func checkVersion(
        _ call: Call, _ text: TextFile, _ path: ToolPath
    ) throws(ToolError) {
        if let expected = call.version(), expected != text.version {
            throw ToolError(
                .stale, "\(path) has changed since that version was read: read the part again")
        }
    }

    /// Makes the planned edits, all or none.
    /// - Returns: the edits as a fenced diff, the version afterwards, and the result of the check.
    private static func make(
        _ call: Call, _ planned: [PlannedEdit], _ text: TextFile, _ path: ToolPath, isDry: Bool
    ) throws(ToolError) -> (preview: String, version: FileVersion, check: JSON?) {
        let fence = 20
        let preview = try EditPreview(text, mostBytes: Int(call.textBytes) - fence)
            .diff(planned, name: try call.name("path"))
        call.keep(text)
        try call.checkCancelled()
        var version = text.version
        var check: JSON?
        if !isDry {
            let splices = planned.map(\.splice)
            check = try call.checked([path]) { () throws(ToolError) in
                version = try call.ground.splice(path, splices, expecting: text.version)
                keepIndex(call, text, path, splices, version)
                return [path: version]
            }
        }
        return ("```diff\n\(preview)```", version, check)
    }

    /// Keeps the index of the edited file. Without it the next call counts again, so an error is ignored
    /// here: the edit is already made.
    static func keepIndex(
        _ call: Call, _ text: TextFile, _ path: ToolPath, _ splices: [ByteSplice],
        _ version: FileVersion
    ) {
        guard let file = try? call.ground.open(path), let status = try? file.status(),
            FileVersion(status) == version, let index = try? text.index(after: splices, in: file)
        else { return }
        call.workbench.indexes[version] = index
    }

    private static func reply(
        _ preview: String, _ planned: [PlannedEdit], _ text: TextFile, _ version: FileVersion,
        _ check: JSON?, isDry: Bool, kept: [String]
    ) -> ToolReply {
        var size = text.size
        for edit in planned { size = size - edit.splice.delete + UInt64(edit.splice.insert.count) }
        let isLoose = planned.contains(where: \.ignoredWhitespace)
        var notes: [String] = []
        if isDry { notes.append("dry run: nothing was changed") }
        if isLoose { notes.append("white space at the ends of lines was different") }
        if check != nil { notes.append("the check succeeded") }
        if planned.count > 1 { notes.append("\(planned.count) places") }
        notes.append("version \(version)")
        notes += kept
        return Reply.text(
            preview, notes: notes,
            [
                "edits": Reply.integer(planned.count),
                "lines": .list(planned.prefix(100).map { Reply.integer($0.line) }),
                "match": Self.match(planned).map { .text($0.rawValue) },
                "ignored_whitespace": .boolean(isLoose), "check": check, "dry_run": .boolean(isDry),
                "size": Reply.integer(size), "version": .text(version.description),
            ])
    }

    /// Returns the loosest way in which a text was found.
    private static func match(_ planned: [PlannedEdit]) -> TextMatch? {
        [TextMatch.expression, .loose, .exact].first { way in planned.contains { $0.foundBy == way } }
    }

    /// Converts one edit of the arguments.
    static func edit(
        _ item: JSON, _ text: TextFile, _ name: String
    ) throws(ToolError) -> TextEdit {
        func number(_ key: String) -> UInt64? { item[key]?.integer.flatMap { UInt64(exactly: $0) } }
        let new = item["newText"]?.text ?? ""
        let isAppended = item["append"]?.boolean ?? false
        let ways = ["oldText", "start_line", "offset"].filter { item[$0] != nil }
            + (isAppended ? ["append"] : [])
        guard ways.count == 1, let way = ways.first else {
            throw ToolError(
                .usage, "\(name)give one of oldText, start_line, offset and append")
        }
        let belonging: [String: Set<String>] = [
            "all": ["oldText"], "match": ["oldText"], "end_line": ["start_line"],
            "length": ["offset"], "base64": ["offset", "append"],
        ]
        for (key, owners) in belonging.sorted(by: { $0.key < $1.key })
        where item[key] != nil && item[key] != false && !owners.contains(way) {
            throw ToolError(
                .usage,
                "\(name)\(key) requires \(owners.sorted().joined(separator: " or ")), not \(way)")
        }
        switch way {
        case "oldText":
            let match = item["match"]?.text.flatMap { TextMatch(rawValue: $0) } ?? .loose
            return .replace(
                old: item["oldText"]?.text ?? "", new: new, everywhere: item["all"]?.boolean ?? false,
                match: match)
        case "start_line":
            let first = number("start_line") ?? 1
            return .lines(first: first, last: number("end_line") ?? first, new: new)
        default:
            let isBinary = item["base64"]?.boolean ?? false
            guard let bytes = isBinary ? Reply.bytes(base64: new) : text.encoding.encode(new) else {
                throw ToolError(
                    .encoding,
                    isBinary
                        ? "\(name)newText is not base64 (RFC 4648, padded)"
                        : "\(name)newText has characters that \(text.encoding.rawValue) does not have")
            }
            return .bytes(
                offset: isAppended ? text.size : number("offset") ?? 0,
                delete: number("length") ?? 0, insert: bytes)
        }
    }
}
