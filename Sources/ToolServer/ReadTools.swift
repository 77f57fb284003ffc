// Tools that read: a whole file, its first or last lines, several files, and pictures and sound. Their
// names are the ones that agents know.

internal import MCP
internal import Platform
internal import Tools

enum ReadTools {
    private static let readInput: KeyValuePairs<String, JSON> = [
        "path": Shape.path,
        "head": Shape.integer("Only this many lines from the start."),
        "tail": Shape.integer("Only this many lines from the end."),
        "max_bytes": Shape.maxBytes,
    ]

    private static let readOutput: KeyValuePairs<String, JSON> = [
        "content": Shape.content, "size": Shape.integer("Of the file, in bytes."),
        "encoding": Shape.text(), "version": Shape.text("Identifies this state of the file, for edits."),
        "cut": Shape.flag("The size limit of the reply cut the text."),
        "next_offset": Shape.integer("Where read_file_range continues, in bytes."),
    ]

    private static let readDescription =
        "Reads a text file: all of it, or its first or last lines. The reply has at most max_bytes "
        + "bytes of text, and has the offset at which read_file_range continues. UTF-8, UTF-16 and "
        + "Latin-1 are detected."

    static let readTextFile = Tool(
        "read_text_file", .read, title: "Read text file", readDescription, input: readInput,
        required: ["path"], output: readOutput, outputRequired: ["content", "size"],
        hints: .readOnly, isLong: true, longArguments: countingLines, run: readText)

    /// These count the lines of the file.
    private static let countingLines: Set<String> = ["head", "tail"]

    static let readFile = Tool(
        "read_file", .read, title: "Read file", "The same as read_text_file. " + readDescription,
        input: readInput, required: ["path"], output: readOutput,
        outputRequired: ["content", "size"], hints: .readOnly, isLong: true,
        longArguments: countingLines, run: readText)

    private static func readText(_ call: Call) throws(ToolError) -> ToolReply {
        let range: TextRange
        switch (call.number("head"), call.number("tail")) {
        case (.some, .some):
            throw ToolError(.usage, "head and tail exclude each other: give one of them")
        case (.some(let count), nil): range = .lines(first: 1, count: count)
        case (nil, .some(let count)): range = .tail(lines: count)
        case (nil, nil): range = .bytes(offset: 0, length: .max)
        }
        let text = try call.textFile(try call.path("path"))
        let part = try RangeReader(text, mostBytes: call.textBytes).read(range)
        call.keep(text)
        var shown = part.text
        let isLines = range != .bytes(offset: 0, length: .max)
        // A line ends before its line end, so that of the last line is left out.
        if isLines, !part.isCut, shown.unicodeScalars.last == "\n" {
            shown.unicodeScalars.removeLast()
            if shown.unicodeScalars.last == "\r" { shown.unicodeScalars.removeLast() }
        }
        var notes: [String] = []
        if part.isCut, let next = part.nextOffset {
            notes.append(
                "cut: bytes \(part.range.lowerBound) to \(next) of \(part.size); continue with "
                    + "read_file_range at offset \(next)")
        }
        if part.encoding != .utf8 { notes.append("encoding \(part.encoding.rawValue)") }
        return Reply.text(
            shown, notes: notes,
            [
                "size": Reply.integer(part.size), "encoding": .text(part.encoding.rawValue),
                "version": .text(part.version.description), "cut": .boolean(part.isCut),
                "next_offset": part.nextOffset.map(Reply.integer),
            ])
    }

    // MARK: Several files

    static let readMultipleFiles = Tool(
        "read_multiple_files", .read, title: "Read several files",
        "Reads several text files in one call. If a file cannot be read, an error is in its place, and "
            + "the other files are read. The files share the size limit of the reply.",
        input: [
            "paths": Shape.list(of: Shape.text(), "The files.", from: 1, to: 1000),
            "max_bytes": Shape.maxBytes,
        ], required: ["paths"],
        output: ["content": Shape.content, "read": Shape.integer(), "failed": Shape.integer()],
        outputRequired: ["content", "read", "failed"], hints: .readOnly, run: readSeveral)

    private static func readSeveral(_ call: Call) throws(ToolError) -> ToolReply {
        let paths = call.list("paths")
        var left = call.replyBytes
        var parts: [String] = []
        var failed = 0
        for (index, name) in paths.enumerated() {
            try call.checkCancelled()
            // The bytes that a short file leaves are available to the files after it.
            let share = left / (paths.count - index)
            if share < 64 + name.utf8.count {
                parts.append(
                    "(and \(paths.count - index) more files: read fewer at once, or give max_bytes)")
                failed += paths.count - index
                break
            }
            let part: String
            do throws(ToolError) {
                let text = try call.textFile(try call.ground.roots.path(name))
                let room = UInt64(share - name.utf8.count - 60)
                let read = try RangeReader(text, mostBytes: room).read(.bytes(offset: 0, length: .max))
                let next = read.nextOffset.map { "\n[cut: next offset \($0) of \(read.size)]" }
                part = "\(name):\n\(read.text)\(next ?? "")\n"
            } catch {
                failed += 1
                part = "\(name): Error - \(error.description.prefix(max(40, share - name.utf8.count)))"
            }
            parts.append(part)
            left -= min(left, part.utf8.count + 5)
        }
        return Reply.text(
            parts.joined(separator: "\n---\n"),
            ["read": Reply.integer(paths.count - failed), "failed": Reply.integer(failed)])
    }

    // MARK: Pictures and sound

    static let readMediaFile = Tool(
        "read_media_file", .read, title: "Read picture or sound",
        "Returns a picture or a sound file of up to 8 MiB as image or audio. For other binary files "
            + "use read_file_range with format base64.",
        input: ["path": Shape.path], required: ["path"], hints: .readOnly, run: readMedia)

    private static let mediaTypes: [String: String] = [
        "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "gif": "image/gif",
        "webp": "image/webp", "bmp": "image/bmp", "svg": "image/svg+xml", "mp3": "audio/mpeg",
        "wav": "audio/wav", "ogg": "audio/ogg", "flac": "audio/flac",
    ]

    /// The maximum number of bytes of a file; their base64 fits into a message.
    private static let mostMedia: UInt64 = 8 << 20

    private static func readMedia(_ call: Call) throws(ToolError) -> ToolReply {
        let path = try call.path("path")
        let name = path.names.last?.description ?? ""
        let suffix = name.split(separator: ".").dropFirst().last?.lowercased() ?? ""
        guard let type = mediaTypes[suffix] else {
            throw ToolError(
                .wrongType,
                "the name of \(path) is not that of a picture or sound "
                    + "(\(mediaTypes.keys.sorted().joined(separator: ", "))): read other binary files "
                    + "with read_file_range and format base64")
        }
        let file = try call.ground.open(path)
        let size = try file.status().size
        guard size <= mostMedia else {
            throw ToolError(
                .bounds, "\(path) has \(size) bytes, but a reply takes at most \(mostMedia): make it smaller")
        }
        let data = Reply.base64(try file.read(Int(size), at: 0))
        return ToolReply(content: [
            type.hasPrefix("image/")
                ? .image(base64: data, mimeType: type) : .audio(base64: data, mimeType: type)
        ])
    }
}
