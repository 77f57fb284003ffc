// JSON: one JSON value, as in messages, arguments, schemas and structured results. Whole numbers are exact
// up to 64 bits; object keys are sorted when written.

package enum JSON: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int64)
    /// A number that does not fit Int64. A value that is not finite is written as null, since JSON cannot
    /// express it.
    case number(Double)
    case text(String)
    case list([JSON])
    case object([String: JSON])
}

extension JSON {
    /// Returns the member of an object; nil if there is none, or if this is not an object.
    package subscript(_ key: String) -> JSON? { members?[key] }

    /// Returns the item of a list; nil if there is none, or if this is not a list.
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

    /// The value as a whole number, in any notation: 3, 3.0 and 3e0 are the same in JSON.
    package var integer: Int64? {
        switch self {
        case .integer(let value): value
        case .number(let value): Int64(exactly: value)
        default: nil
        }
    }

    /// The value as a number; whole numbers beyond 2^53 are rounded.
    package var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }

    /// Returns whether two values are equal as in JSON Schema: numbers are equal if their values are, at
    /// any depth.
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

    /// Returns the depth of nested lists and objects: 0 for a scalar. Does not recurse; stops at `limit`.
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

    /// Returns an object of those members that are not nil.
    package static func members(_ pairs: KeyValuePairs<String, JSON?>) -> JSON {
        var members: [String: JSON] = [:]
        for (key, value) in pairs where value != nil { members[key] = value }
        return .object(members)
    }

    /// The name of the value's kind in a sentence.
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

// Schemas and test messages are written as literals. There is no `nil` literal: where a value may be
// absent, it would become a null.
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
