// JSON+Bytes: converts JSON to and from bytes with the toolchain's coders. MessageOutline checks the bytes
// first: the coders recurse, and are slow on a short text with many small values.

internal import FoundationEssentials

extension JSON: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        // The most frequent kinds come first: each wrong guess costs a thrown error.
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Bool.self) {
            self = .boolean(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if var list = try? decoder.unkeyedContainer() {
            var items: [JSON] = []
            while !list.isAtEnd { items.append(try list.decode(JSON.self)) }
            self = .list(items)
        } else {
            self = .object(try container.decode([String: JSON].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .boolean(let value): try container.encode(value)
        case .integer(let value): try container.encode(value)
        case .number(let value):
            if value.isFinite { try container.encode(value) } else { try container.encodeNil() }
        case .text(let value): try container.encode(value)
        case .list(let items): try container.encode(items)
        case .object(let members): try container.encode(members)
        }
    }
}

/// The reason why bytes are not JSON, or a value cannot be written.
package enum JSONError: Error, Equatable, Sendable {
    case invalidUTF8
    case malformed
    case tooDeep(limit: Int)
    case tooManyValues(limit: Int)

    package var sentence: String {
        switch self {
        case .invalidUTF8: "The text is not valid UTF-8."
        case .malformed:
            "The text is not valid JSON, or has a number or character that is out of range."
        case .tooDeep(let limit): "Arrays and objects are nested more than \(limit) levels deep."
        case .tooManyValues(let limit): "There are more than \(limit) values in one message."
        }
    }
}

extension JSON {
    /// The maximum number of levels for the coders, which recurse on a stack of 8 MiB.
    package static let depthLimit = 256

    /// The maximum number of values in one message: they cost up to 10 microseconds and 100 bytes each.
    package static let valueLimit = 100_000

    /// Parses one value, with nothing after it.
    package init(
        parsing bytes: [UInt8], depthLimit: Int = depthLimit, valueLimit: Int = valueLimit
    ) throws(JSONError) {
        var outline = MessageOutline()
        outline.scan(bytes[...])
        try self.init(
            parsing: bytes, outline: outline, depthLimit: depthLimit, valueLimit: valueLimit)
    }

    /// - Parameter outline: the outline after a scan of all of `bytes`.
    init(
        parsing bytes: [UInt8], outline: MessageOutline, depthLimit: Int, valueLimit: Int
    ) throws(JSONError) {
        if outline.deepest > depthLimit { throw .tooDeep(limit: depthLimit) }
        if outline.values > valueLimit { throw .tooManyValues(limit: valueLimit) }
        guard (try? UTF8Span(validating: bytes.span)) != nil else { throw .invalidUTF8 }
        // The decoder takes text with NUL bytes for UTF-16 and would read a different value.
        if outline.hasNUL { throw .malformed }
        do {
            self = try JSONDecoder().decode(JSON.self, from: Data(bytes))
        } catch {
            // The decoder's messages name its types, not the place.
            throw .malformed
        }
    }

    /// Returns one line of UTF-8 without a line end, with sorted keys.
    package func encoded(depthLimit: Int = depthLimit) throws(JSONError) -> [UInt8] {
        if depth(upTo: depthLimit + 1) > depthLimit { throw .tooDeep(limit: depthLimit) }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return try [UInt8](encoder.encode(self))
        } catch {
            // No JSON value makes the encoder fail; if it does, that is reported.
            throw .malformed
        }
    }

    /// The encoded line as a String; nil beyond the depth limit.
    package var line: String? {
        (try? encoded()).map { String(decoding: $0, as: UTF8.self) }
    }
}
