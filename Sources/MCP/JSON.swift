// JSON: one value of any kind, as messages, arguments, schemas and structured results carry it.
// Whole numbers stay exact up to 64 bits; object keys are sorted when written.

package enum JSON: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    /// A number that is no Int64. What is not finite is written as null: JSON has no word for it.
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])
}

extension JSON {
    /// The member of an object; nil if there is none, or if this is no object.
    package subscript(_ key: String) -> JSON? { members?[key] }

    /// The item of a list; nil if there is none, or if this is no list.
    package subscript(_ index: Int) -> JSON? {
        guard let items, items.indices.contains(index) else { return nil }
        return items[index]
    }

    package var isNull: Bool { self == .null }
    package var boolean: Bool? { if case .boolean(let value) = self { value } else { nil } }
    package var text: String? { if case .text(let value) = self { value } else { nil } }
    package var items: [JSON]? { if case .list(let value) = self { value } else { nil } }
    package var members: [String: JSON]? {
        if case .object(let value) = self { value } else { nil }
    }

    /// A whole number, however it was written: 3, 3.0 and 3e0 are the same to JSON.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// Any number; whole ones beyond 2^53 are rounded.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Equality as JSON Schema has it: numbers are the same if their values are, at any depth.
    package func isSame(as other: JSON) -> Bool {
        switch (self, other) {
        case (.integer, .number), (.number, .integer):
            if let mine = integer, let theirs = other.integer { return mine == theirs }
            return false
        case (.list(let mine), .list(let theirs)):
            return mine.count == theirs.count
                && zip(mine, theirs).allSatisfy { $0.isSame(as: $1) }
        case (.object(let mine), .object(let theirs)):
            return mine.count == theirs.count
                && mine.allSatisfy { key, value in theirs[key].map(value.isSame) ?? false }
        default:
            return self == other
        }
    }

    /// How deep lists and objects nest: 0 for a scalar. Does not recurse; stops at `limit`.
    package func depth(upTo limit: Int) -> Int {
        var level: [JSON] = [self]
        var depth = 0
        while depth < limit {
            var below: [JSON] = []
            var isNested = false
            for value in level {
                switch value {
                case .list(let items):
                    isNested = true
                    below += items
                case .object(let members):
                    isNested = true
                    below += members.values
                default: break
                }
            }
            if !isNested { return depth }
            depth += 1
            level = below
        }
        return depth
    }

    /// An object of those members that are there.
    package static func members(_ pairs: KeyValuePairs<String, JSON?>) -> JSON {
        var members: [String: JSON] = [:]
        for (key, value) in pairs where value != nil { members[key] = value }
        return .object(members)
    }

    /// What a value is called in a sentence.
    package var kind: String {
        switch self {
        case .null: "null"
        case .boolean: "a boolean"
        case .integer: "an integer"
        case .number: "a number"
        case .text: "a string"
        case .list: "an array"
        case .object: "an object"
        }
    }
}

// Schemas and test messages are written as literals. `nil` is none of them: where a value may be
// absent, it would be a null that is there.
extension JSON: ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
    ExpressibleByFloatLiteral, ExpressibleByStringLiteral, ExpressibleByArrayLiteral,
    ExpressibleByDictionaryLiteral
{
    package init(booleanLiteral value: Bool) { self = .boolean(value) }
    package init(integerLiteral value: Int64) { self = .integer(value) }
    package init(floatLiteral value: Double) { self = .number(value) }
    package init(stringLiteral value: String) { self = .text(value) }
    package init(arrayLiteral items: JSON...) { self = .list(items) }
    /// The last of equal keys counts.
    package init(dictionaryLiteral pairs: (String, JSON)...) {
        self = .object(Dictionary(pairs) { _, last in last })
    }
}
