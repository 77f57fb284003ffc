// DiffText: the text of `diff`: a line for each path that differs, with fields separated by tabs. Paths
// with unusual bytes are quoted as in git (core.quotePath), so that no byte is lost.

internal import Overlay
package import Past

package enum DiffText {
    private static let tab = Byte.tab

    /// Returns lines of STATUS, OLDSIZE, NEWSIZE, PATH. For a rename the old path precedes the path.
    package static func lines(_ differences: [Difference]) -> [UInt8] {
        var text: [UInt8] = []
        for difference in differences {
            text += difference.status.rawValue.utf8
            text.append(tab)
            text += size(difference.oldSize)
            text.append(tab)
            text += size(difference.newSize)
            text.append(tab)
            if let path = difference.oldPath {
                text += quoted(path)
                text.append(tab)
            }
            text += quoted(difference.path)
            text.append(Byte.lineEnd)
        }
        return text
    }

    private static func size(_ size: UInt64?) -> String.UTF8View {
        (size.map { "\($0)" } ?? "-").utf8
    }

    /// Returns the path unchanged, or between double quotes with C's escapes and three octal digits if
    /// it has a control character, `"`, `\` or a byte above 0x7e.
    package static func quoted(_ path: [UInt8]) -> [UInt8] {
        guard path.contains(where: { escape($0) != nil }) else { return path }
        var result: [UInt8] = [Byte.doubleQuote]
        for byte in path {
            guard let letter = escape(byte) else {
                result.append(byte)
                continue
            }
            result.append(Byte.backslash)
            if letter == 0 {
                result += [byte >> 6, byte >> 3 & 7, byte & 7].map { $0 + 0x30 }
            } else {
                result.append(letter)
            }
        }
        return result + [Byte.doubleQuote]
    }

    /// Returns the character after the backslash, 0 for octal digits, or nil for a byte that is not
    /// escaped.
    private static func escape(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x07: UInt8(ascii: "a")
        case 0x08: UInt8(ascii: "b")
        case 0x09: UInt8(ascii: "t")
        case 0x0a: UInt8(ascii: "n")
        case 0x0b: UInt8(ascii: "v")
        case 0x0c: UInt8(ascii: "f")
        case 0x0d: UInt8(ascii: "r")
        case Byte.doubleQuote, Byte.backslash: byte
        case 0x00..<0x20, 0x7f...0xff: 0
        default: nil
        }
    }
}
