// MessageOutline: the depth, size and id of a message, found while its bytes arrive, without decoding or
// keeping them. It bounds the decoder's work, and gives the id for the answer to a message that is refused
// as a whole. It does not check the grammar.

struct MessageOutline: Sendable {
    /// The maximum number of levels of nested arrays and objects.
    private(set) var deepest = 0
    /// The number of scalars, arrays and objects; it may be a few too high, never too low.
    private(set) var values = 1
    private(set) var hasNUL = false

    private var depth = 0
    private var isObject = false
    private var hasBegun = false
    private var isInText = false
    private var isEscaped = false

    /// The place of the scan in the members of the outermost object.
    private enum Place { case key, afterKey, value }
    private var place = Place.key
    private var key: [UInt8] = []
    private var identifier: [UInt8] = []
    private var isIdentifierKnown = false

    /// The maximum number of bytes of an id with its quotes; a longer one is not kept.
    private static let longestIdentifier = 6 * RequestID.longestText + 2

    /// The bytes of the request's id, if the message is an object with an id at the top level.
    var writtenIdentifier: [UInt8]? {
        isIdentifierKnown && !identifier.isEmpty && identifier.count <= Self.longestIdentifier
            ? identifier : nil
    }

    /// Scans the next bytes of the message.
    mutating func scan(_ bytes: ArraySlice<UInt8>) {
        var index = bytes.startIndex
        while index < bytes.endIndex {
            if isInText, !isEscaped, !isAtTop {
                // Only the end of a nested string matters; such strings are most of a large message.
                while index < bytes.endIndex, bytes[index] != UInt8(ascii: "\""),
                    bytes[index] != UInt8(ascii: "\\"), bytes[index] != 0
                { index += 1 }
                if index == bytes.endIndex { return }
            }
            scan(bytes[index])
            index += 1
        }
    }

    private mutating func scan(_ byte: UInt8) {
        if isInText {
            note(byte)
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isInText = false
                if isAtTop, place == .key { place = .afterKey }
            } else if byte == 0 {
                hasNUL = true
            }
            return
        }
        switch byte {
        case UInt8(ascii: "\""):
            isInText = true
            if isAtTop, place == .key { key = [] }
            note(byte)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            if !hasBegun { isObject = byte == UInt8(ascii: "{") }
            depth += 1
            values += 1
            deepest = max(deepest, depth)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            if isAtTop { endMember() }
            depth -= 1
        case UInt8(ascii: ","):
            values += 1
            if isAtTop {
                endMember()
                place = .key
            }
        case UInt8(ascii: ":"):
            if isAtTop, place == .afterKey { place = .value }
        case 0:
            hasNUL = true
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"):
            return
        default:
            note(byte)
        }
        hasBegun = true
    }

    private var isAtTop: Bool { isObject && depth == 1 }

    /// Keeps a byte of a key or of the id.
    private mutating func note(_ byte: UInt8) {
        guard isAtTop else { return }
        switch place {
        case .key:
            if key.count < 8 { key.append(byte) }
        case .afterKey:
            break
        case .value:
            guard isIdentifierKey, !isIdentifierKnown else { return }
            if identifier.count <= Self.longestIdentifier { identifier.append(byte) }
        }
    }

    private var isIdentifierKey: Bool { key.elementsEqual("\"id\"".utf8) }

    /// The first of equal keys counts, as in the decoder.
    private mutating func endMember() {
        if place == .value, isIdentifierKey { isIdentifierKnown = true }
    }
}
