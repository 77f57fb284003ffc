// JSONText: writes JSON (RFC 8259). It exists because the order of the members matters to readers, and
// the toolchain's encoder does not keep it.

package struct JSONText: Sendable {
    package indirect enum Value: Sendable {
        case text(String)
        case integer(Int64)
        case unsigned(UInt64)
        case boolean(Bool)
        case null
        case list([Value])
        case object([(String, Value)])

        /// Bytes that are not UTF-8 become U+FFFD, since JSON cannot hold them.
        package static func bytes(_ bytes: [UInt8]) -> Value {
            .text(String(decoding: bytes, as: UTF8.self))
        }
    }

    /// Returns JSON indented by two spaces, with a line end at the end.
    package static func render(_ value: Value) -> [UInt8] {
        var text = ""
        write(value, indent: 0, to: &text)
        text += "\n"
        return Array(text.utf8)
    }

    /// Returns JSON on one line without spaces, with a line end: a line of "JSON lines".
    package static func line(_ value: Value) -> [UInt8] {
        var text = ""
        writeShort(value, to: &text)
        text += "\n"
        return Array(text.utf8)
    }

    /// Returns a JSON string, including its quotes.
    package static func quoted(_ string: String) -> String {
        var text = ""
        quote(string, to: &text)
        return text
    }

    private static func writeShort(_ value: Value, to text: inout String) {
        switch value {
        case .list(let items):
            text += "["
            for (index, item) in items.enumerated() {
                if index > 0 { text += "," }
                writeShort(item, to: &text)
            }
            text += "]"
        case .object(let pairs):
            text += "{"
            for (index, pair) in pairs.enumerated() {
                if index > 0 { text += "," }
                quote(pair.0, to: &text)
                text += ":"
                writeShort(pair.1, to: &text)
            }
            text += "}"
        default: write(value, indent: 0, to: &text)
        }
    }

    private static func write(_ value: Value, indent: Int, to text: inout String) {
        let inner = String(repeating: "  ", count: indent + 1)
        let outer = String(repeating: "  ", count: indent)
        switch value {
        case .text(let string): quote(string, to: &text)
        case .integer(let number): text += "\(number)"
        case .unsigned(let number): text += "\(number)"
        case .boolean(let flag): text += flag ? "true" : "false"
        case .null: text += "null"
        case .list(let items):
            if items.isEmpty {
                text += "[]"
                return
            }
            text += "[\n"
            for (index, item) in items.enumerated() {
                text += inner
                write(item, indent: indent + 1, to: &text)
                text += index == items.count - 1 ? "\n" : ",\n"
            }
            text += outer + "]"
        case .object(let pairs):
            text += "{\n"
            for (index, pair) in pairs.enumerated() {
                text += inner
                quote(pair.0, to: &text)
                text += ": "
                write(pair.1, indent: indent + 1, to: &text)
                text += index == pairs.count - 1 ? "\n" : ",\n"
            }
            text += outer + "}"
        }
    }

    private static func quote(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\t": text += "\\t"
            case "\r": text += "\\r"
            // The last three end a line too for some readers.
            case _ where scalar.value < 0x20, "\u{85}", "\u{2028}", "\u{2029}":
                let hex = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }
}
