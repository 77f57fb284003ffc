// RegularExpression+Replacement: the replacement of a match: text that may refer to the groups of the
// expression.

internal import CPCRE2

extension RegularExpression {
    /// Returns the replacement of a match: `$1`, `${name}`, `$0` for the whole match; `$$` is a dollar.
    /// - Parameter room: the maximum number of bytes of the result.
    func replacement(
        _ text: [UInt8], for match: Match, atMost room: Int
    ) throws(ToolError) -> [UInt8] {
        var filled: [UInt8] = []
        var index = 0
        while index < text.count {
            guard filled.count <= room else { break }
            guard text[index] == 0x24, index + 1 < text.count else {
                filled.append(text[index])
                index += 1
                continue
            }
            index += 1
            switch text[index] {
            case 0x24:
                filled.append(0x24)
                index += 1
            case 0x30...0x39:
                let digits = text[index...].prefix(2).prefix { (0x30...0x39).contains($0) }
                filled += try group(digits, match)
                index += digits.count
            case 0x7b:
                let name = text[(index + 1)...].prefix { $0 != 0x7d }
                guard name.endIndex < text.count else {
                    throw ToolError(.usage, "the new text has a ${ without a }; $$ is a dollar")
                }
                filled += try group(name, match)
                index = name.endIndex + 1
            default:
                // Other dollars are literal, since code has many of them.
                filled.append(0x24)
            }
        }
        guard filled.count <= room else {
            throw ToolError(
                .bounds, "the replacement text of the expression \(shown) is too long: use several calls")
        }
        return filled
    }

    private func group(
        _ name: ArraySlice<UInt8>, _ match: Match
    ) throws(ToolError) -> ArraySlice<UInt8> {
        let word = String(decoding: name, as: UTF8.self)
        let isNumber = name.allSatisfy { (0x30...0x39).contains($0) }
        let number = isNumber
            ? Int(word) ?? -1 : Int(cpcre2_group_number(code, Array(name.prefix { $0 != 0 }) + [0]))
        guard number >= 0, number < match.groups.count else {
            throw ToolError(
                .usage,
                "the new text names the group \(word.prefix(60)), but the expression has \(groupCount); "
                    + "$$ is a dollar")
        }
        return match[number]
    }
}
