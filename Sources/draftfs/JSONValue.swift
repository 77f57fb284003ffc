// JSONValue: reads the JSON of control files and of the help description, and writes results in one
// line. Invalid JSON gives nil and never traps.

import Control

enum JSONValue: Equatable {
    case null
    case boolean(Bool)
    /// The text of the number, because 64-bit numbers do not fit into a Double.
    case number(String)
    case text(String)
    case list([JSONValue])
    case object([Member])

    struct Member: Equatable {
        var key: String
        var value: JSONValue
    }

    init?(parsing bytes: some Sequence<UInt8>) {
        var parser = JSONParser(Array(bytes))
        guard let value = parser.whole() else { return nil }
        self = value
    }

    static func integer(_ number: some BinaryInteger) -> JSONValue { .number("\(number)") }

    static func members(_ pairs: KeyValuePairs<String, JSONValue?>) -> JSONValue {
        .object(pairs.compactMap { key, value in value.map { Member(key: key, value: $0) } })
    }

    subscript(_ key: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.key == key }?.value
    }

    var text: String? { if case .text(let text) = self { text } else { nil } }
    var boolean: Bool? { if case .boolean(let flag) = self { flag } else { nil } }
    var items: [JSONValue] { if case .list(let items) = self { items } else { [] } }
    var members: [Member] { if case .object(let members) = self { members } else { [] } }
    var unsigned: UInt64? { if case .number(let text) = self { UInt64(text) } else { nil } }
    var double: Double? { if case .number(let text) = self { Double(text) } else { nil } }

    /// The value for tables: a text without quotes, any other value as JSON.
    var plain: String { text ?? line }

    /// The value as JSON in one line, without a line end.
    var line: String {
        switch self {
        case .null: "null"
        case .boolean(let flag): flag ? "true" : "false"
        case .number(let text): text
        case .text(let text): JSONText.quoted(text)
        case .list(let items): "[" + items.map(\.line).joined(separator: ", ") + "]"
        case .object(let members):
            "{" + members.map { "\(JSONText.quoted($0.key)): \($0.value.line)" }
                .joined(separator: ", ") + "}"
        }
    }
}
