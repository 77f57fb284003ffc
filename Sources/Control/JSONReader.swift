// JSONReader: reads JSON (RFC 8259) with SQLite's functions, whose parser is widely tested. Two things
// are done here, because SQLite does not do them as needed: \u0000 (it cuts the string there) and
// several values in a row (it takes one). Bytes in strings that are not UTF-8 stay unchanged: names in
// JSON may have any bytes, which the toolchain's decoder refuses.

package import Storage

/// The reason why a text is not the expected JSON: one clause for people.
package struct JSONFault: Error, Equatable, Sendable, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// Not thread-safe, since it has its own connection.
package final class JSONReader {
    /// The largest number of nested lists and objects. draftfs needs three.
    package static let maximumDepth = 16
    /// The largest number of values in one text: SQLite takes 16 bytes for each.
    package static let maximumValues = 1_000_000

    package enum Kind: String, Sendable {
        case null, `true`, `false`, integer, real, text, array, object

        /// With an article, for messages.
        package var description: String {
            switch self {
            case .null: "null"
            case .true, .false: "a boolean"
            case .integer: "a whole number"
            case .real: "a number with a fraction or an exponent"
            case .text: "a string"
            case .array: "a list"
            case .object: "an object"
            }
        }
    }

    /// A member of an object or of a list.
    package struct Member: Sendable {
        /// The key, or the index of a list's member.
        package let key: [UInt8]
        package let kind: Kind
        /// The value's JSON text. It is empty for list members that are neither list nor object, and
        /// for scalar values of keys that are not plain words.
        package let json: [UInt8]
    }

    private let connection: SQLiteConnection

    package init() throws(StorageError) { connection = try SQLiteConnection(":memory:") }

    /// Returns whether the text is one JSON value, with nothing before or after it but white space.
    package func isValid(_ json: [UInt8]) throws(StorageError) -> Bool {
        // SQLite takes NUL for the end.
        if json.contains(0) { return false }
        var valid = false
        try connection.run("SELECT json_valid(CAST(?1 AS TEXT))", [.blob(json)]) { row in
            valid = row.integer(0) == 1
        }
        return valid
    }

    /// Returns the members of an object or a list, in the order of the text. Equal keys are all returned.
    /// - Parameter json: A text for which `isValid` returned true.
    package func members(
        of json: [UInt8], atMost count: Int = .max
    ) throws(StorageError) -> [Member] {
        var members: [Member] = []
        // `->` returns the text of a value unchanged, including escapes.
        let sql = """
            SELECT key, type, CASE
                WHEN type IN ('array', 'object') THEN value
                WHEN typeof(key) = 'text' AND key GLOB '[A-Za-z]*'
                    AND key NOT GLOB '*[^A-Za-z0-9_]*'
                THEN CAST(?1 AS TEXT) -> ('$."' || key || '"')
                END
            FROM json_each(CAST(?1 AS TEXT)) LIMIT ?2
            """
        try connection.run(sql, [.blob(json), .integer(Int64(count))]) { row in
            members.append(
                Member(
                    key: row.blob(0), kind: Kind(rawValue: row.text(1)) ?? .null, json: row.blob(2)))
        }
        return members
    }
}

extension JSONReader {
    /// Returns the next of the objects that follow one another in `bytes`. Its end is found by counting
    /// brackets.
    /// - Parameter position: The start of the search. It is moved to the end of the object.
    /// - Returns: Nil if only white space is left.
    package static func nextObject(
        in bytes: [UInt8], from position: inout Int
    ) throws(JSONFault) -> [UInt8]? {
        while position < bytes.count, isBlank(bytes[position]) { position += 1 }
        guard position < bytes.count else { return nil }
        let start = position
        guard bytes[start] == UInt8(ascii: "{") else {
            throw JSONFault("an object must begin with { at byte \(start)")
        }
        var depth = 0
        var values = 0
        var isQuoted = false
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            if isQuoted {
                if byte == UInt8(ascii: "\\") { position += 1 }
                if byte == UInt8(ascii: "\"") { isQuoted = false }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isQuoted = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): (depth, values) = (depth + 1, values + 1)
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case UInt8(ascii: ","): values += 1
            default: break
            }
            if depth == 0 { return Array(bytes[start..<position]) }
            if depth > maximumDepth {
                throw JSONFault("lists and objects are nested deeper than \(maximumDepth) levels")
            }
            if values > maximumValues {
                throw JSONFault("one object holds more than \(maximumValues) values")
            }
        }
        position = bytes.count
        throw JSONFault(
            isQuoted
                ? "a string in the object at byte \(start) is not closed"
                : "the object at byte \(start) is not closed")
    }

    private static func isBlank(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    /// Returns the bytes of a JSON string.
    /// - Parameter json: A string with its quotes, from a text for which `isValid` returned true.
    package static func string(_ json: [UInt8]) throws(JSONFault) -> [UInt8] {
        guard json.count >= 2 else { throw JSONFault("a string lacks its quotes") }
        var result: [UInt8] = []
        result.reserveCapacity(json.count)
        var index = 1
        while index < json.count - 1 {
            let byte = json[index]
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                continue
            }
            let escape = json[index]
            index += 1
            switch escape {
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"): result += try scalar(json, &index)
            default: result.append(escape)
            }
        }
        return result
    }

    /// Returns the UTF-8 of the scalar whose four digits begin at `index`, or of a surrogate pair.
    private static func scalar(
        _ json: [UInt8], _ index: inout Int
    ) throws(JSONFault) -> [UInt8] {
        let first = try digits(json, &index)
        var value = first
        if first >> 10 == 0xd800 >> 10, index + 1 < json.count, json[index] == UInt8(ascii: "\\"),
            json[index + 1] == UInt8(ascii: "u") {
            index += 2
            let second = try digits(json, &index)
            if second >> 10 == 0xdc00 >> 10 {
                value = 0x10000 + (first & 0x3ff) << 10 + second & 0x3ff
            }
        }
        guard let scalar = Unicode.Scalar(value) else {
            throw JSONFault("a string holds half of a surrogate pair, which is not a character")
        }
        return Array(UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }

    private static func digits(_ json: [UInt8], _ index: inout Int) throws(JSONFault) -> UInt32 {
        guard index + 4 <= json.count,
            let value = UInt32(String(decoding: json[index..<index + 4], as: UTF8.self), radix: 16)
        else { throw JSONFault("a string holds \\u without four digits") }
        index += 4
        return value
    }
}
