// RegularExpression: an expression of PCRE2 over a file of any size. The file passes through a window;
// what may go on behind its end is looked at again with more of the file. Steps, nesting and memory of
// each search are bounded by the library, and the whole by time: no expression holds a call for long.

internal import CPCRE2
internal import Platform

package final class RegularExpression {
    /// Places of one match.
    package struct Match: Equatable {
        package var range: Range<UInt64>
        /// Group 0 is the match itself; nil for one that took no part.
        var groups: [[UInt8]?]
    }

    private let code: OpaquePointer
    private let context: OpaquePointer
    private let data: OpaquePointer
    private let groupCount: Int
    private let lookbehind: Int
    private let isUTF8: Bool
    /// The pattern, for sentences.
    private let pattern: String

    /// Bytes of the longest pattern.
    static let longestPattern = 8_192
    /// For each place that a match may begin at.
    private static let steps: UInt32 = 200_000
    private static let depth: UInt32 = 5_000
    /// KiB.
    private static let heap: UInt32 = 20_000
    private static let window = 64 << 10
    /// Bytes of the longest match.
    private static let longestMatch = 4 << 20
    /// Nanoseconds of the thread's own time: how busy the machine is does not count.
    private static let patience: Int64 = 10_000_000_000

    /// - Throws: `usage` for a pattern that is none, with the place.
    package init(_ pattern: String, encoding: TextEncoding) throws(ToolError) {
        guard encoding.unit == 1 else {
            throw ToolError(.encoding, "expressions work on UTF-8 and Latin-1, not on \(encoding.rawValue)")
        }
        guard let bytes = encoding.encode(pattern), bytes.count <= Self.longestPattern else {
            throw ToolError(.bounds, "the expression has more than \(Self.longestPattern) bytes")
        }
        guard !bytes.isEmpty else { throw ToolError(.usage, "the expression is empty") }
        isUTF8 = encoding == .utf8
        var error: Int32 = 0
        var offset = 0
        let options = CPCRE2_OPTIONS | (isUTF8 ? CPCRE2_UTF : 0)
        guard let code = cpcre2_compile(bytes, bytes.count, options, &error, &offset) else {
            throw ToolError(
                .usage, "the expression is not one: \(Self.words(error)), at byte \(offset)")
        }
        self.code = code
        guard let context = cpcre2_context_create(Self.steps, Self.depth, Self.heap) else {
            pcre2_code_free_8(code)
            throw ToolError(.system, "there is no memory for an expression")
        }
        self.context = context
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else {
            pcre2_match_context_free_8(context)
            pcre2_code_free_8(code)
            throw ToolError(.system, "there is no memory for an expression")
        }
        self.data = data
        self.pattern = pattern
        groupCount = Int(cpcre2_group_count(code))
        // Characters have up to four bytes. One at least, so that a window's start is no line's start.
        lookbehind = max(1, Int(cpcre2_longest_lookbehind(code))) * 4
    }

    deinit {
        pcre2_match_data_free_8(data)
        pcre2_match_context_free_8(context)
        pcre2_code_free_8(code)
    }

    private static func words(_ error: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(error, &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(error)"
    }

    // MARK: Searching

    private enum Outcome {
        case match([Range<Int>?])
        case partial(from: Int)
        case none
    }

    private func search(
        _ bytes: [UInt8], from start: Int, isEnd: Bool, options: UInt32
    ) throws(ToolError) -> Outcome {
        let options = options | (isEnd ? 0 : CPCRE2_PARTIAL)
        let result = pcre2_match_8(code, bytes, bytes.count, start, options, data, context)
        let places = pcre2_get_ovector_pointer_8(data)
        switch result {
        case PCRE2_ERROR_NOMATCH: return .none
        case PCRE2_ERROR_PARTIAL: return .partial(from: places?[0] ?? start)
        case PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_DEPTHLIMIT, PCRE2_ERROR_HEAPLIMIT:
            throw ToolError(
                .bounds,
                "the expression \(pattern.prefix(60)) takes too many steps (\(Self.words(result))): make "
                    + "it simpler, without repeats inside of repeats")
        case ..<0:
            throw ToolError(.usage, "the expression cannot be searched for: \(Self.words(result))")
        default:
            guard let places else { return .none }
            var groups: [Range<Int>?] = []
            for group in 0...groupCount {
                let (low, high) = (places[2 * group], places[2 * group + 1])
                let isSet = cpcre2_is_set(low) != 0 && cpcre2_is_set(high) != 0 && low <= high
                groups.append(isSet && group < Int(result) ? low..<high : nil)
            }
            // \K may move the start behind the end; such a match is taken as empty.
            if groups[0] == nil { groups[0] = places[1]..<places[1] }
            return .match(groups)
        }
    }

    /// The matches in order, none overlapping another.
    package func matches(in text: TextFile, atMost most: Int) throws(ToolError) -> [Match] {
        let deadline = Clock.threadTime() + Self.patience
        var found: [Match] = []
        var base: UInt64 = 0
        var bytes = try window(text, 0, Self.window)
        var start = 0
        var isAfterEmpty = false
        while found.count < most {
            if text.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            guard Clock.threadTime() < deadline else {
                throw ToolError(
                    .bounds, "the expression \(pattern.prefix(60)) takes longer than 10 s: make it simpler")
            }
            let isEnd = base + UInt64(bytes.count) >= text.size
            let outcome = try search(
                bytes, from: start, isEnd: isEnd, options: isAfterEmpty ? CPCRE2_NOT_EMPTY_HERE : 0)
            switch outcome {
            case .match(let groups):
                guard let whole = groups[0] else { return found }
                found.append(
                    Match(
                        range: base + UInt64(whole.lowerBound)..<base + UInt64(whole.upperBound),
                        groups: groups.map { $0.map { Array(bytes[$0]) } }))
                start = whole.upperBound
                isAfterEmpty = whole.isEmpty
            case .none where isAfterEmpty:
                // Nothing longer where the empty match was: on behind the next character.
                isAfterEmpty = false
                if start >= bytes.count, isEnd { return found }
                start += 1
                while isUTF8, start < bytes.count, bytes[start] & 0xc0 == 0x80 { start += 1 }
                if start > bytes.count { start = bytes.count }
            case .none:
                if isEnd { return found }
                let keep = boundary(bytes, bytes.count - min(bytes.count, lookbehind))
                (base, start) = (base + UInt64(keep), bytes.count - keep)
                bytes = Array(bytes[keep...]) + (try window(text, base + UInt64(start), Self.window))
            case .partial(let from):
                // Before that place nothing matches, however the file goes on.
                if !isAfterEmpty { start = max(start, from) }
                let keep = boundary(bytes, max(0, start - lookbehind))
                let kept = bytes.count - keep
                guard kept <= Self.longestMatch else {
                    throw ToolError(
                        .bounds,
                        "the expression \(pattern.prefix(60)) matches more than \(Self.longestMatch) bytes")
                }
                base += UInt64(keep)
                start -= keep
                // Twice as much each time, so that a long match is not begun too often.
                bytes = Array(bytes[keep...])
                    + (try window(text, base + UInt64(kept), max(Self.window, kept)))
            }
        }
        return found
    }

    /// A part that ends between characters, but at the file's end.
    private func window(
        _ text: TextFile, _ offset: UInt64, _ count: Int
    ) throws(ToolError) -> [UInt8] {
        var bytes = try text.read(offset..<min(text.size, offset + UInt64(count)))
        guard isUTF8, offset + UInt64(bytes.count) < text.size, bytes.count > 8 else { return bytes }
        var index = bytes.count - 1
        while index > bytes.count - 4, bytes[index] & 0xc0 == 0x80 { index -= 1 }
        if bytes[index] >= 0xc0 { bytes.removeLast(bytes.count - index) }
        return bytes
    }

    private func boundary(_ bytes: [UInt8], _ index: Int) -> Int {
        var index = index
        while isUTF8, index > 0, index < bytes.count, bytes[index] & 0xc0 == 0x80 { index -= 1 }
        return index
    }

    // MARK: Replacing

    /// What comes in a match's place: `$1`, `${name}`, `$0` for all of it; `$$` is a dollar.
    package func replacement(_ text: [UInt8], for match: Match) throws(ToolError) -> [UInt8] {
        var filled: [UInt8] = []
        var index = 0
        while index < text.count {
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
                filled += try group(String(decoding: digits, as: UTF8.self), match)
                index += digits.count
            case 0x7b:
                let name = text[(index + 1)...].prefix { $0 != 0x7d }
                guard name.endIndex < text.count else {
                    throw ToolError(.usage, "the new text has a ${ without its }; $$ is a dollar")
                }
                filled += try group(String(decoding: name, as: UTF8.self), match)
                index = name.endIndex + 1
            default:
                // As it is written: code is full of dollars.
                filled.append(0x24)
            }
        }
        return filled
    }

    private func group(_ name: String, _ match: Match) throws(ToolError) -> [UInt8] {
        let number = Int(name) ?? Int(cpcre2_group_number(code, Array(name.utf8) + [0]))
        guard number >= 0, number < match.groups.count else {
            throw ToolError(
                .usage,
                "the new text names the group \(name), and the expression has \(groupCount); $$ is a dollar")
        }
        return match.groups[number] ?? []
    }
}
