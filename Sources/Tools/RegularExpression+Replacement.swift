// What comes in the place of a match: text that may name the groups of the expression.

internal import CPCRE2

extension RegularExpression {
    /// What comes in a match's place: `$1`, `${name}`, `$0` for all of it; `$$` is a dollar.
    /// - Parameter room: bytes that it may have.
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
                    throw ToolError(.usage, "the new text has a ${ without its }; $$ is a dollar")
                }
                filled += try group(name, match)
                index = name.endIndex + 1
            default:
                // As it is written: code is full of dollars.
                filled.append(0x24)
            }
        }
        guard filled.count <= room else {
            throw ToolError(
                .bounds, "what the expression \(shown) puts in is too long: make it in several calls")
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
                "the new text names the group \(word.prefix(60)), and the expression has \(groupCount); "
                    + "$$ is a dollar")
        }
        return match[number]
    }
}
