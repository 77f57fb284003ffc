// RegularExpression: an expression of PCRE2 over a file of any size. The file passes through a window; a
// match that may go on past the end of the window is tried again with more of the file. The library bounds
// the steps, nesting and memory at each place, and a watch that it calls bounds the total time, so that no
// expression blocks a call for long.

internal import CPCRE2
internal import Platform

package final class RegularExpression {
    /// One match; its groups are valid during the visit.
    struct Match {
        var range: Range<UInt64>
        /// The groups as ranges of the window; 0 is the match, nil a group that did not match.
        var groups: [Range<Int>?]
        var window: [UInt8]

        subscript(group: Int) -> ArraySlice<UInt8> { groups[group].map { window[$0] } ?? [] }
    }

    let code: OpaquePointer
    private let context: OpaquePointer
    private let watch: MatchWatch
    private let data: OpaquePointer
    /// The stack of the machine code; nil if there is none.
    private var stack: OpaquePointer?
    let groupCount: Int
    let lookbehind: Int
    /// Text that every match holds; nil if none is known, or if a match may have several lines.
    let required: ByteSearch?
    let isUTF8: Bool
    private let namesLineEnds: Bool
    /// The pattern, for messages.
    let shown: String
    /// The nanoseconds of the thread's CPU time that a search may take in any file.
    package var patience: Int64 = 5_000_000_000

    /// The maximum number of bytes of a pattern.
    static let longestPattern = 8_192
    /// The maximum number of steps and the maximum depth at each place where a match may begin.
    private static let steps: UInt32 = 5_000_000
    private static let depth: UInt32 = 200_000
    /// The maximum memory for a match, in KiB.
    private static let heap: UInt32 = 20_000
    /// The bytes from which a file is worth machine code, and the bytes of the stack for it.
    private static let (worthCode, stackBytes) = (UInt64(256 << 10), 1 << 20)
    /// The bytes of one read. The library checks all of them for UTF-8 in each call.
    static let mostWindow = 64 << 10
    /// The maximum number of bytes of a match.
    package static let longestMatch = 1 << 20
    /// The number of bytes of a file that add one second to the time.
    private static let bytesPerSecond: UInt64 = 25 << 20

    /// - Throws: `usage` for an invalid pattern, with the place.
    package init(_ pattern: String, encoding: TextEncoding) throws(ToolError) {
        guard encoding.unit == 1 else {
            throw ToolError(.encoding, "expressions work on UTF-8 and Latin-1, not on \(encoding.rawValue)")
        }
        guard let bytes = encoding.encode(pattern) else {
            throw ToolError(
                .encoding, "the expression has characters that \(encoding.rawValue) does not have")
        }
        guard bytes.count <= Self.longestPattern else {
            throw ToolError(.bounds, "the expression has more than \(Self.longestPattern) bytes")
        }
        guard !bytes.isEmpty else { throw ToolError(.usage, "the expression is empty") }
        guard !Self.asksForEndOfLastMatch(bytes) else {
            throw ToolError(.usage, "the expression has \\G, which is not supported: leave it out")
        }
        isUTF8 = encoding == .utf8
        shown = String(pattern.prefix(60))
        var error: Int32 = 0
        var offset = 0
        var options = CPCRE2_OPTIONS | (isUTF8 ? CPCRE2_UTF : CPCRE2_BYTES)
        // PCRE2 10.42 counts the `a` of the lookahead in `(?=a)b*a` in addition to the last one, and so
        // does not find a single `a`.
        let looksAhead = ["(?=", "(*"].contains { bytes.place(of: Array($0.utf8), from: 0) != nil }
        if looksAhead { options |= CPCRE2_PLAIN_START }
        guard let code = cpcre2_compile(bytes, bytes.count, options, &error, &offset) else {
            throw ToolError(
                .usage, "the expression is not valid: \(Self.words(error)), at byte \(offset)")
        }
        guard let context = cpcre2_context_create(Self.steps, Self.depth, Self.heap) else {
            pcre2_code_free_8(code)
            throw ToolError(.system, "there is no memory for an expression")
        }
        guard let data = pcre2_match_data_create_from_pattern_8(code, nil) else {
            pcre2_match_context_free_8(context)
            pcre2_code_free_8(code)
            throw ToolError(.system, "there is no memory for an expression")
        }
        self.code = code
        self.context = context
        watch = MatchWatch(context)
        self.data = data
        required = RequiredText(bytes, isUTF8: isUTF8).flatMap { ByteSearch($0.bytes) }
        groupCount = Int(cpcre2_group_count(code))
        namesLineEnds = cpcre2_names_line_ends(code) != 0
        // Characters have up to four bytes. At least two are needed, so that the start of a window is not
        // the start of a line, and that the CR before a LF is seen.
        lookbehind = max(2, Int(cpcre2_longest_lookbehind(code))) * 4
    }

    deinit {
        pcre2_jit_stack_free_8(stack)
        pcre2_match_data_free_8(data)
        pcre2_match_context_free_8(context)
        pcre2_code_free_8(code)
    }

    private static func words(_ error: Int32) -> String {
        var buffer = [UInt8](repeating: 0, count: 256)
        let length = pcre2_get_error_message_8(error, &buffer, buffer.count)
        return length > 0 ? String(decoding: buffer.prefix(Int(length)), as: UTF8.self) : "error \(error)"
    }

    /// Detects `\G`, which would match at the start of each window.
    private static func asksForEndOfLastMatch(_ pattern: [UInt8]) -> Bool {
        var index = 0
        var isQuoted = false
        while index + 1 < pattern.count {
            guard pattern[index] == 0x5c else {
                index += 1
                continue
            }
            switch pattern[index + 1] {
            case 0x45: isQuoted = false
            case _ where isQuoted:
                index += 1
                continue
            case 0x51: isQuoted = true
            case 0x47: return true
            default: break
            }
            index += 2
        }
        return false
    }

    // MARK: Searching

    private enum Outcome {
        case match([Range<Int>?])
        /// The bytes end inside a possible match.
        case partial(from: Int)
        /// No match begins before that place.
        case none(before: Int)
    }

    /// - Parameter limit: the number of bytes of the view in which a match may begin.
    private func search(
        _ view: View, isEnd: Bool, before limit: Int = .max
    ) throws(ToolError) -> Outcome {
        // The library ends a fragment before bytes that are not UTF-8. It would take a match that ends
        // there for a partial one, and lose it. So it gets one such byte, and no more.
        let isFragment = view.fragmentEnd < view.bytes.count
        let bytes = isFragment ? Array(view.bytes[..<view.fragmentEnd]) + [0xff] : view.bytes
        var options: UInt32 = isFragment || isEnd ? 0 : CPCRE2_PARTIAL
        if view.isAfterEmpty { options |= CPCRE2_NOT_EMPTY_HERE }
        if view.hasInvalid { options |= CPCRE2_STEPWISE }
        // A match cannot begin at bytes after the fragment that are not UTF-8.
        let last = min(view.fragmentEnd, limit - 1)
        pcre2_set_offset_limit_8(context, last)
        watch.prepare(window: bytes.count - view.start)
        var result = pcre2_match_8(code, bytes, bytes.count, view.start, options, data, context)
        if result == PCRE2_ERROR_JIT_STACKLIMIT {
            // The interpreter nests in the heap, which is larger than the stack of the machine code.
            options |= CPCRE2_STEPWISE
            result = pcre2_match_8(code, bytes, bytes.count, view.start, options, data, context)
        }
        let places = pcre2_get_ovector_pointer_8(data)
        switch result {
        case PCRE2_ERROR_NOMATCH: return .none(before: last + 1)
        case PCRE2_ERROR_PARTIAL: return .partial(from: places?[0] ?? view.start)
        case PCRE2_ERROR_MATCHLIMIT, PCRE2_ERROR_DEPTHLIMIT, PCRE2_ERROR_HEAPLIMIT:
            throw ToolError(
                .bounds,
                "the expression \(shown) takes too many steps (\(Self.words(result))): make it simpler, "
                    + "without repeats inside of repeats")
        case PCRE2_ERROR_CALLOUT:
            try watch.check()
            throw tooSlow(patience)
        case ..<0:
            throw ToolError(.usage, "the expression cannot be searched for: \(Self.words(result))")
        default:
            guard let places else { return .none(before: last + 1) }
            var groups: [Range<Int>?] = []
            for group in 0...groupCount {
                let (low, high) = (places[2 * group], places[2 * group + 1])
                let isSet = cpcre2_is_set(low) != 0 && cpcre2_is_set(high) != 0 && low <= high
                groups.append(isSet && group < Int(result) ? low..<high : nil)
            }
            // \K may move the start past the end; such a match is taken as empty.
            if groups[0] == nil { groups[0] = places[1]..<places[1] }
            // Machine code searches a little past the limit.
            if let whole = groups[0], whole.lowerBound >= limit { return .none(before: limit) }
            return .match(groups)
        }
    }

    /// Returns the ranges of the matches in order; they do not overlap.
    package func places(in text: TextFile, atMost most: Int) throws(ToolError) -> [Range<UInt64>] {
        var found: [Range<UInt64>] = []
        try search(text) { match throws(ToolError) in
            found.append(match.range)
            return found.count < most
        }
        return found
    }

    /// The window: bytes of the file, and the place of the search in them.
    struct View {
        var base: UInt64
        var bytes: [UInt8]
        var start: Int
        /// Whether the match before was empty and ended at the current place.
        var isAfterEmpty = false
        /// Whether the search is past a fragment and skips to the next bytes that are UTF-8.
        var isBehindFragment = false
        /// Whether the search came here because nothing matches before: a LF is skipped with its CR.
        var hasPassed = false
        /// The first byte at or after the start that is not UTF-8, or the end of the bytes.
        var fragmentEnd = 0
        /// Whether some bytes are not UTF-8. Between a line end and such a byte machine code matches `^`,
        /// and the interpreter does not.
        var hasInvalid = false
    }

    /// - Parameter visit: receives the matches in order, which do not overlap; false ends the search.
    func search(
        _ text: TextFile, _ visit: (Match) throws(ToolError) -> Bool
    ) throws(ToolError) {
        let more = Int64(clamping: min(text.size / Self.bytesPerSecond, 1 << 30)) * 1_000_000_000
        watch.begin(
            nanoseconds: patience + more, late: tooSlow(patience + more), isCancelled: text.isCancelled)
        let isWorth = stack == nil && text.size > min(Self.worthCode, text.window)
        if isWorth { stack = cpcre2_use_machine_code(code, context, Self.stackBytes) }
        // The first line begins after a byte order mark.
        let mark = UInt64(text.encoding.markLength(try text.read(0..<4)))
        if let lines = try linesWithRequired(text, from: mark) {
            for line in lines {
                var view = try self.view(text, at: line, from: mark)
                guard try search(text, &view, until: line.upperBound, visit) else { return }
            }
            return
        }
        var view = View(base: mark, bytes: try part(text, mark, Self.window(text)), start: 0)
        _ = try search(text, &view, until: .max, visit)
    }

    /// - Parameter end: the end of the places where a match may begin.
    /// - Returns: false if the visitor ended the search.
    private func search(
        _ text: TextFile, _ view: inout View, until end: UInt64,
        _ visit: (Match) throws(ToolError) -> Bool
    ) throws(ToolError) -> Bool {
        while true {
            try watch.check()
            if view.base + UInt64(view.start) >= end { return true }
            let isEnd = view.base + UInt64(view.bytes.count) >= text.size
            findFragment(&view)
            if view.start >= view.bytes.count {
                guard !isEnd else {
                    // The end of the file is a place too, unless it follows bytes that are not text.
                    if view.isBehindFragment { return true }
                    return try finish(&view, visit)
                }
                try slide(&view, text)
                continue
            }
            let limit = Int(clamping: end - view.base)
            switch try search(view, isEnd: isEnd, before: limit) {
            case .match(let groups):
                guard try report(groups, &view, visit) else { return false }
            case .none(let before):
                leave(&view, before)
            case .partial(let from):
                // Nothing matches before that place, whatever follows in the file.
                if !view.isAfterEmpty, from > view.start {
                    view.start = from
                    view.hasPassed = true
                }
                try slide(&view, text)
            }
        }
    }

    /// Searches for an empty match at the end of the file.
    private func finish(
        _ view: inout View, _ visit: (Match) throws(ToolError) -> Bool
    ) throws(ToolError) -> Bool {
        if view.isAfterEmpty { return true }
        guard case .match(let groups) = try search(view, isEnd: true) else { return true }
        return try report(groups, &view, visit)
    }

    private func report(
        _ groups: [Range<Int>?], _ view: inout View, _ visit: (Match) throws(ToolError) -> Bool
    ) throws(ToolError) -> Bool {
        guard let whole = groups[0] else { return false }
        guard whole.count <= Self.longestMatch else { throw tooLong }
        let range = view.base + UInt64(whole.lowerBound)..<view.base + UInt64(whole.upperBound)
        guard try visit(Match(range: range, groups: groups, window: view.bytes)) else { return false }
        view.start = whole.upperBound
        view.isAfterEmpty = whole.isEmpty
        view.hasPassed = false
        return true
    }

    /// Continues after a place before which no match begins.
    private func leave(_ view: inout View, _ before: Int) {
        if view.start >= view.fragmentEnd || before > view.fragmentEnd, !view.isAfterEmpty {
            view.start = view.fragmentEnd
            view.isBehindFragment = view.fragmentEnd < view.bytes.count
        } else if view.isAfterEmpty {
            // There is no longer match at the place of the empty one: continue after the next character.
            if view.start >= view.fragmentEnd {
                view.isBehindFragment = true
            } else {
                view.start = next(view, view.start + 1)
            }
        } else {
            view.start = next(view, before)
        }
        view.isAfterEmpty = false
        view.hasPassed = true
    }

    private func findFragment(_ view: inout View) {
        guard isUTF8 else {
            view.fragmentEnd = view.bytes.count
            return
        }
        if view.isBehindFragment {
            while view.start < view.bytes.count,
                UTF8Scan.firstInvalid(view.bytes, from: view.start, to: view.start + 1) == view.start {
                view.start += 1
            }
            if view.start < view.bytes.count { view.isBehindFragment = false }
            view.fragmentEnd = view.start
        }
        if view.start >= view.fragmentEnd, !view.isBehindFragment {
            view.fragmentEnd = UTF8Scan.firstInvalid(view.bytes, from: view.start, to: view.bytes.count)
        }
        if view.fragmentEnd < view.bytes.count { view.hasInvalid = true }
    }

    private func tooSlow(_ nanoseconds: Int64) -> ToolError {
        ToolError(
            .bounds,
            "the expression \(shown) takes longer than \(nanoseconds / 1_000_000_000) s: make it simpler")
    }

    private var tooLong: ToolError {
        ToolError(
            .bounds,
            "the expression \(shown) matches more than \(Self.longestMatch) bytes: make it match less")
    }

    /// Reads on in the file and drops the bytes before the current place, except those for a lookbehind.
    private func slide(_ view: inout View, _ text: TextFile) throws(ToolError) {
        let keep = boundary(view.bytes, max(0, view.start - lookbehind))
        let kept = view.bytes.count - keep
        guard kept <= Self.longestMatch + lookbehind + 4 else { throw tooLong }
        // The window doubles each time, so that a long match is not restarted too often.
        let offset = view.base + UInt64(view.bytes.count)
        let more = try part(text, offset, max(Self.window(text), kept))
        if more.isEmpty { throw GroundScan.shrank }
        let wasAtEnd = view.start == view.bytes.count
        view.base += UInt64(keep)
        view.start -= keep
        view.bytes.removeFirst(keep)
        view.bytes += more
        view.fragmentEnd = view.start
        findInvalid(&view)
        // The search may be before a LF whose CR it has passed.
        if wasAtEnd, view.hasPassed { view.start = behindReturn(view.bytes, view.start) }
    }

    /// Moves back to the start of a character, if there is one.
    func boundary(_ bytes: [UInt8], _ index: Int) -> Int {
        guard isUTF8, index < bytes.count else { return index }
        for back in 0...3 where index >= back {
            if bytes[index - back] & 0xc0 != 0x80 { return index - back }
        }
        return index
    }

    /// Moves forward to the start of a character, and past a LF after its CR.
    private func next(_ view: View, _ index: Int) -> Int {
        var index = index
        while isUTF8, index < view.fragmentEnd, view.bytes[index] & 0xc0 == 0x80 { index += 1 }
        return min(behindReturn(view.bytes, index), view.fragmentEnd)
    }

    private func behindReturn(_ bytes: [UInt8], _ index: Int) -> Int {
        guard index < bytes.count, index > 0, !namesLineEnds else { return index }
        return bytes[index] == 0x0a && bytes[index - 1] == 0x0d ? index + 1 : index
    }
}
