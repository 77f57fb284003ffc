// Reply: formats replies of tools: names with any bytes, sizes, times, and the text of a file with separate
// notes.

internal import FoundationEssentials
internal import MCP
internal import Tools

enum Reply {
    /// Returns a reply with the unchanged text of a file in the first block, and the notes in a second one.
    static func text(
        _ text: String, notes: [String] = [], _ fields: KeyValuePairs<String, JSON?> = [:]
    ) -> ToolReply {
        var content: [ToolReply.Content] = [.text(text)]
        if !notes.isEmpty { content.append(.text("[" + notes.joined(separator: "; ") + "]")) }
        var members: [String: JSON] = ["content": .text(text)]
        for (key, value) in fields where value != nil { members[key] = value }
        return ToolReply(content: content, structured: .object(members))
    }

    static func integer(_ value: UInt64) -> JSON { .integer(Int64(clamping: value)) }
    static func integer(_ value: Int) -> JSON { .integer(Int64(value)) }

    /// Returns a name on one line: a line end in it must not look like another entry.
    static func name(_ bytes: [UInt8]) -> String {
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            default:
                if scalar.value < 0x20 || scalar.value == 0x7f {
                    text += "\\u{" + String(scalar.value, radix: 16) + "}"
                } else {
                    text.unicodeScalars.append(scalar)
                }
            }
        }
        return text
    }

    /// Returns a size for people: `1.50 KB`, in powers of 1,024.
    static func size(_ bytes: UInt64) -> String {
        var unit = 0
        var scale: UInt64 = 1
        let units = ["B", "KB", "MB", "GB", "TB", "PB"]
        while unit + 1 < units.count, bytes / scale >= 1024 {
            unit += 1
            scale *= 1024
        }
        if unit == 0 { return "\(bytes) B" }
        let hundredths = Int((Double(bytes) / Double(scale) * 100).rounded())
        let rest = hundredths % 100
        return "\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest) \(units[unit])"
    }

    /// - Parameter nanoseconds: the time in nanoseconds since 1970.
    static func time(_ nanoseconds: Int64) -> String {
        let date = Date(timeIntervalSince1970: Double(nanoseconds) / 1e9)
        return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    static func base64(_ bytes: [UInt8]) -> String { Data(bytes).base64EncodedString() }

    static func bytes(base64 text: String) -> [UInt8]? {
        Data(base64Encoded: text).map { [UInt8]($0) }
    }

    /// Returns the first entries that fit into the bytes.
    static func fitting(_ entries: [JSON], atMost bytes: Int) -> [JSON] {
        var room = bytes
        var shown: [JSON] = []
        for entry in entries {
            room -= (entry.line?.utf8.count ?? 0) + 1
            if room < 0 { break }
            shown.append(entry)
        }
        return shown
    }

    /// Returns the first whole lines of a text.
    static func cut(_ text: String, atMost bytes: Int) -> String {
        if text.utf8.count <= bytes { return text }
        var lines: [Substring] = []
        var room = bytes
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            room -= line.utf8.count + 1
            if room < 0 { break }
            lines.append(line)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Returns the first lines that fit into the bytes, at least one.
    /// - Returns: the text, and its number of lines.
    static func lines(
        _ lines: some Sequence<String>, atMost bytes: Int
    ) -> (text: String, count: Int) {
        var text = ""
        var count = 0
        for line in lines {
            let longer = text.utf8.count + line.utf8.count + 1
            if longer > bytes, count > 0 { break }
            if count > 0 { text += "\n" }
            text += line
            count += 1
        }
        return (text, count)
    }
}
