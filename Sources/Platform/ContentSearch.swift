// ContentSearch: a query that the file system answers for a reader: at which positions of a file does a
// text begin. The query is the name of an extended attribute, so that the kernel checks that the caller
// may read the file (xattr(7): `user` attributes require read permission). The answer is its value.
//
//     name   user.draftfs.places:FIRST-END:MOST:TEXT
//            FIRST, END   decimal; bytes of the file between which a place may begin
//            MOST         decimal; places after which the search ends
//            TEXT         1 or more bytes; a percent sign and a byte of 0 are written %25 and %00
//     value  8 bytes, little-endian: where the search ended; all before it was searched. Then 8 bytes for
//            each place, rising.

package struct ContentSearch: Equatable, Sendable {
    package var text: [UInt8]
    /// The positions at which a place may begin, in bytes.
    package var starts: Range<UInt64>
    /// The number of places after which the search ends.
    package var most: Int

    package init(_ text: [UInt8], startingIn starts: Range<UInt64>, atMost most: Int) {
        self.text = text
        self.starts = starts
        self.most = most
    }

    /// The places found by a search.
    package struct Places: Equatable, Sendable {
        /// In rising order. Two of them may overlap.
        package var places: [UInt64]
        /// All places before this position are known.
        package var end: UInt64

        package init(_ places: [UInt64], end: UInt64) {
            self.places = places
            self.end = end
        }
    }

    /// The largest number of bytes searched for one query. This takes milliseconds of a thread.
    package static let mostBytes: UInt64 = 16 << 20
    /// The largest number of places in one answer.
    package static let mostPlaces = 2_000

    private static let prefix = Array("user.draftfs.places:".utf8)
    /// XATTR_NAME_MAX of linux/limits.h.
    private static let longestName = 255
    /// The first two numbers have at most 20 digits, the third at most 7.
    private static let roomForText = longestName - prefix.count - 20 - 1 - 20 - 1 - 7 - 1

    /// Returns whether a name is that of a query, even a malformed one.
    package static func isName(_ name: [UInt8]) -> Bool { name.starts(with: prefix) }

    /// Returns the longest prefix of a text that fits into a query.
    package static func front(of text: [UInt8]) -> [UInt8] {
        var room = roomForText
        return Array(text.prefix { byte in
            room -= isEscaped(byte) ? 3 : 1
            return room >= 0
        })
    }

    private static func isEscaped(_ byte: UInt8) -> Bool { byte == 0 || byte == UInt8(ascii: "%") }

    package var name: [UInt8] {
        var name = Self.prefix
        name += "\(starts.lowerBound)-\(starts.upperBound):\(most):".utf8
        for byte in text {
            name += Self.isEscaped(byte) ? Array(byte == 0 ? "%00".utf8 : "%25".utf8) : [byte]
        }
        return name
    }

    /// - Returns: Nil if the name is not a valid query.
    package init?(name: [UInt8]) {
        guard Self.isName(name) else { return nil }
        let parts = name.dropFirst(Self.prefix.count)
            .split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, let most = UInt64(digits: parts[1]), most > 0 else { return nil }
        let ends = parts[0].split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard ends.count == 2, let first = UInt64(digits: ends[0]), let end = UInt64(digits: ends[1]),
            first <= end, let text = Self.unescaped(Array(parts[2])), !text.isEmpty
        else { return nil }
        self.init(text, startingIn: first..<end, atMost: Int(clamping: most))
    }

    private static func unescaped(_ bytes: [UInt8]) -> [UInt8]? {
        var text: [UInt8] = []
        var index = 0
        while index < bytes.count {
            guard bytes[index] == UInt8(ascii: "%") else {
                text.append(bytes[index])
                index += 1
                continue
            }
            switch Array(bytes[index...].prefix(3)) {
            case Array("%00".utf8): text.append(0)
            case Array("%25".utf8): text.append(UInt8(ascii: "%"))
            default: return nil
            }
            index += 3
        }
        return text
    }
}

extension ContentSearch.Places {
    /// The length of the longest answer in bytes.
    package static let longest = 8 * (ContentSearch.mostPlaces + 1)

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 8 * (places.count + 1))
        writer.integer(end)
        for place in places { writer.integer(place) }
        return writer.bytes
    }

    /// - Returns: Nil if the bytes are not a valid answer.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 8, bytes.count % 8 == 0 else { return nil }
        var reader = ByteReader(bytes)
        guard let end: UInt64 = reader.integer() else { return nil }
        var places: [UInt64] = []
        while let place: UInt64 = reader.integer() { places.append(place) }
        self.init(places, end: end)
    }
}
