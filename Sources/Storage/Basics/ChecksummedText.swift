// ChecksummedText: the form of the small text files of a store (lock, in-use): a line of text, then a
// line with its checksum. Files without the second line were written by an older draftfs and are read
// as they are.
//
// text | "\n" | "xxh3 " | XXH3 of all before "xxh3 ", 16 lower-case hexadecimal digits | "\n"

internal import Platform

package struct ChecksummedText: Equatable, Sendable {
    /// Without the newline.
    package var text: [UInt8]
    /// Whether the bytes have neither of the two forms, or the checksum is wrong.
    package var isDamaged: Bool

    private static let newline: UInt8 = 0x0a
    private static let mark = Array("xxh3 ".utf8)
    private static let suffixLength = 22

    package static func encode(_ text: [UInt8]) -> [UInt8] {
        // A newline inside would be read as the end of the text.
        let line = text.map { $0 == newline ? 0x20 : $0 } + [newline]
        return line + suffix(of: line[...])
    }

    private static func suffix(of line: ArraySlice<UInt8>) -> [UInt8] {
        let digits = String(Checksum.xxh3(line), radix: 16)
        let padding = String(repeating: "0", count: 16 - digits.utf8.count)
        return mark + Array((padding + digits).utf8) + [newline]
    }

    package init(decoding bytes: [UInt8]) {
        text = Array(bytes.prefix { $0 != Self.newline })
        let line = bytes.dropLast(Self.suffixLength)
        if bytes.suffix(Self.suffixLength).starts(with: Self.mark) {
            isDamaged = bytes[line.endIndex...] != Self.suffix(of: line)[...]
                || line.count != text.count + 1
        } else {
            // An empty file is an interrupted write. Otherwise this is the older form, one line.
            isDamaged = !bytes.isEmpty && bytes.count != text.count + 1
        }
    }
}
