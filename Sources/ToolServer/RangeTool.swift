// read_file_range: reads any part of a file of any size, by bytes, characters or lines, or around a text.

internal import MCP
internal import Platform
internal import Tools

enum RangeTools {
    static let readFileRange = Tool(
        "read_file_range", .read, title: "Read part of a file",
        "Reads a part of a file of any size: by bytes (offset, length), by lines (start_line, "
            + "line_count), by characters (char_offset, char_count), the last lines (tail_lines), or "
            + "the lines around a text (around). Characters are never split. The reply has "
            + "next_offset, where the next call continues, and the version, which edits may check. "
            + "Without a length it has the server's default number of bytes.",
        input: [
            "path": Shape.path,
            "offset": Shape.integer("The first byte, from 0; also with line_count or char_count."),
            "length": Shape.integer("How many bytes."),
            "start_line": Shape.integer("The first line, from 1.", from: 1),
            "line_count": Shape.integer("How many lines."),
            "char_offset": Shape.integer("The first character, from 0."),
            "char_count": Shape.integer("How many characters."),
            "tail_lines": Shape.integer("Only this many lines from the end."),
            "around": Shape.text("A text in the file; the search starts at offset."),
            "context_lines": Shape.integer("Lines on either side of around.", to: 10_000, default: 10),
            "encoding": Shape.choice(
                TextEncoding.allCases.filter { $0 != .binary }.map(\.rawValue),
                "Used instead of the detected encoding."),
            "format": Shape.choice(
                ["text", "base64"], "base64 works for any bytes, with offset and length.",
                default: "text"),
            "version": Shape.version, "max_bytes": Shape.maxBytes,
        ], required: ["path"],
        output: [
            "content": Shape.text("The part, as text or base64."),
            "offset": Shape.integer("Of the part's first byte."),
            "length": Shape.integer("Of the part, in bytes of the file."),
            "size": Shape.integer("Of the file, in bytes."),
            "next_offset": Shape.integer("Where to continue; missing at the end."),
            "first_line": Shape.integer("The line in which the part begins."),
            "match_line": Shape.integer("The line of around."),
            "match_offset": Shape.integer("The byte of around."),
            "encoding": Shape.text(), "version": Shape.text(),
            "cut": Shape.flag("The part is shorter than requested."),
        ], outputRequired: ["content", "offset", "length", "size", "version"], hints: .readOnly,
        // These count or search; a range of bytes needs neither.
        isLong: true, longArguments: ["start_line", "line_count", "char_offset", "tail_lines", "around"],
        run: readRange)

    private static func readRange(_ call: Call) throws(ToolError) -> ToolReply {
        let path = try call.path("path")
        let text = try call.textFile(
            path, encoding: call.text("encoding").flatMap { TextEncoding(rawValue: $0) })
        if let expected = call.version(), expected != text.version {
            throw ToolError(
                .stale, "\(path) has changed since that version was read: begin again at its start")
        }
        if call.text("format") == "base64" { return try readBytes(call, text) }
        var match: UInt64?
        let range = try range(call, text, &match)
        let bound = bound(call)
        let part = try RangeReader(text, mostBytes: bound).read(range)
        let matchLine = try match.map { offset throws(ToolError) in try text.line(at: offset) }
        call.keep(text)
        return reply(part, match, matchLine)
    }

    /// Returns the bound of the reply. A length given by number is honoured; a part without a length stays
    /// small.
    private static func bound(_ call: Call) -> UInt64 {
        if call.number("max_bytes") != nil { return call.textBytes }
        let most = UInt64(ToolSettings.mostReplyBytes)
        if let length = call.number("length") { return min(max(length, 4), most) }
        // Each character has up to four bytes.
        if let count = call.number("char_count") { return min(max(count, 1), most / 4) * 4 }
        return call.textBytes
    }

    private static func range(
        _ call: Call, _ text: TextFile, _ match: inout UInt64?
    ) throws(ToolError) -> TextRange {
        let ways = ["start_line", "char_offset", "tail_lines", "around"]
            .filter { call.arguments[$0] != nil }
        guard ways.count <= 1, ways.isEmpty || ways == ["around"] || call.number("offset") == nil
        else {
            throw ToolError(
                .usage,
                "give one of offset, \(ways.joined(separator: ", ")): each says where to begin")
        }
        if let wanted = call.text("around") {
            let found = try find(wanted, from: call.number("offset") ?? 0, text)
            match = found
            let line = try text.line(at: found)
            let context = call.number("context_lines") ?? 10
            let first = line - min(context, line - 1)
            return .lines(first: first, count: line - first + context + 1)
        }
        if let first = call.number("start_line") {
            return .lines(first: first, count: call.number("line_count") ?? .max)
        }
        let measures = ["line_count", "char_count", "length"].filter { call.arguments[$0] != nil }
        guard measures.count <= 1 else {
            throw ToolError(.usage, "give one of \(measures.joined(separator: " and ")): each says how much")
        }
        if let count = call.number("line_count") {
            // From a byte offset such as next_offset, or from the first line.
            return call.number("offset").map { .linesOn(from: $0, count: count) }
                ?? .lines(first: 1, count: count)
        }
        if let offset = call.number("offset"), let count = call.number("char_count") {
            return .charactersOn(from: offset, count: count)
        }
        if call.arguments["char_offset"] != nil || call.arguments["char_count"] != nil {
            return .characters(
                offset: call.number("char_offset") ?? 0, count: call.number("char_count") ?? .max)
        }
        if let count = call.number("tail_lines") { return .tail(lines: count) }
        return .bytes(offset: call.number("offset") ?? 0, length: call.number("length") ?? .max)
    }

    private static func find(
        _ wanted: String, from offset: UInt64, _ text: TextFile
    ) throws(ToolError) -> UInt64 {
        guard let bytes = text.encoding.encode(wanted), let search = ByteSearch(bytes) else {
            throw ToolError(
                .usage, "around is empty, too long, or not in the encoding \(text.encoding.rawValue)")
        }
        guard offset <= text.size,
            let place = try search.places(in: text, offset..<text.size, atMost: 1).first
        else {
            throw ToolError(
                .noMatch,
                "the text \"\(wanted.prefix(60))\" is not in the file"
                    + (offset > 0 ? " from byte \(offset) on" : ""))
        }
        return place
    }

    private static func reply(
        _ part: TextPart, _ match: UInt64?, _ matchLine: UInt64?
    ) -> ToolReply {
        var notes = ["bytes \(part.range.lowerBound) to \(part.range.upperBound) of \(part.size)"]
        if let line = part.firstLine { notes.append("from line \(line)") }
        if let line = matchLine { notes.append("found in line \(line)") }
        if part.encoding != .utf8 { notes.append("encoding \(part.encoding.rawValue)") }
        notes.append(part.nextOffset.map { "next_offset \($0)" } ?? "the end")
        notes.append("version \(part.version)")
        return Reply.text(
            part.text, notes: notes,
            [
                "offset": Reply.integer(part.range.lowerBound),
                "length": Reply.integer(part.range.upperBound - part.range.lowerBound),
                "size": Reply.integer(part.size), "next_offset": part.nextOffset.map(Reply.integer),
                "first_line": part.firstLine.map(Reply.integer),
                "match_line": matchLine.map(Reply.integer), "match_offset": match.map(Reply.integer),
                "encoding": .text(part.encoding.rawValue),
                "version": .text(part.version.description), "cut": .boolean(part.isCut),
            ])
    }

    private static func readBytes(_ call: Call, _ text: TextFile) throws(ToolError) -> ToolReply {
        let other = ["start_line", "line_count", "char_offset", "char_count", "tail_lines", "around"]
            .first { call.arguments[$0] != nil }
        if let other { throw ToolError(.usage, "format base64 uses offset and length, not \(other)") }
        let offset = call.number("offset") ?? 0
        guard offset <= text.size else {
            throw ToolError(.usage, "offset \(offset) is beyond the end: the file has \(text.size) bytes")
        }
        // Three bytes become four characters of base64.
        let bound = (call.number("length") ?? call.textBytes / 4 * 3)
        let most = UInt64(ToolSettings.mostReplyBytes / 4 * 3)
        let length = min(bound, most, text.size - offset)
        let bytes = try text.read(offset..<offset + length)
        let end = offset + UInt64(bytes.count)
        let next: UInt64? = end < text.size ? end : nil
        return Reply.text(
            Reply.base64(bytes),
            notes: [
                "base64 of bytes \(offset) to \(end) of \(text.size)",
                next.map { "next_offset \($0)" } ?? "the end", "version \(text.version)",
            ],
            [
                "offset": Reply.integer(offset), "length": Reply.integer(bytes.count),
                "size": Reply.integer(text.size), "next_offset": next.map(Reply.integer),
                "version": .text(text.version.description),
                "cut": .boolean(call.number("length").map { $0 > length && next != nil } ?? false),
            ])
    }
}
