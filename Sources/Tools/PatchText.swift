// PatchText: a unified diff of one file, as edits of it. A hunk is looked for where it says it stands,
// shifted as the hunks before were, and then wherever its lines stand, the nearest place first. Lines
// must fit as they are; all hunks fit, or nothing is changed.

internal import Platform

package struct PatchText: Sendable {
    struct Hunk: Sendable {
        /// From 1; 0 for an empty file.
        var oldStart: UInt64
        /// Context and what goes; context and what comes. Without line ends.
        var old: [String] = []
        var new: [String] = []
        /// The last line of a side has no line end.
        var oldLacksEnd = false
        var newLacksEnd = false
        /// For sentences.
        var number: Int
        /// The sign of the line before, for `\\ No newline at end of file`.
        var lastSign: Character = " "

        func bytes(
            _ lines: [String], lacksEnd: Bool, _ encoding: TextEncoding, _ lineEnd: [UInt8]
        ) -> [UInt8]? {
            var bytes: [UInt8] = []
            for (index, line) in lines.enumerated() {
                guard let encoded = encoding.encode(line) else { return nil }
                bytes += encoded
                if index + 1 < lines.count || !lacksEnd { bytes += lineEnd }
            }
            return bytes
        }
    }

    /// The names behind --- and +++; nil where there are none.
    package private(set) var oldName: String?
    package private(set) var newName: String?
    let hunks: [Hunk]
    /// Lines end with CR LF: for a file that has no line end of its own.
    private let usesReturns: Bool

    package var hunkCount: Int { hunks.count }

    /// What a file that is made holds.
    package var content: String {
        hunks.map { hunk in
            hunk.new.joined(separator: "\n") + (hunk.new.isEmpty || hunk.newLacksEnd ? "" : "\n")
        }.joined()
    }

    /// The file is to be made: nothing goes.
    package var makesFile: Bool { oldName == "/dev/null" }
    package var removesFile: Bool { newName == "/dev/null" }

    /// Bytes of the longest patch.
    package static let longest = 8 << 20
    private static let mostHunks = 10_000

    /// - Throws: `usage` for text that is no patch of one file.
    package init(_ text: String) throws(ToolError) {
        guard text.utf8.count <= Self.longest else {
            throw ToolError(.bounds, "the patch has \(text.utf8.count) bytes, \(Self.longest) is the most")
        }
        var hunks: [Hunk] = []
        var lines = EditPlanner.split(text)[...]
        // Behind the last line end there is no line.
        if lines.last?.isEmpty == true { lines.removeLast() }
        usesReturns = text.contains("\r\n")
        while let line = lines.popFirst() {
            if line.hasPrefix("--- "), lines.first?.hasPrefix("+++ ") == true {
                guard hunks.isEmpty else {
                    throw ToolError(
                        .usage, "the patch is of several files: give the part of each in a call of its own")
                }
                oldName = Self.name(line)
                newName = lines.popFirst().map(Self.name)
            } else if line.hasPrefix("@@ ") {
                guard hunks.count < Self.mostHunks else {
                    throw ToolError(.bounds, "the patch has more than \(Self.mostHunks) hunks")
                }
                hunks.append(try Self.hunk(line, &lines, number: hunks.count + 1))
            } else if line.hasPrefix("GIT binary patch") {
                throw ToolError(.usage, "the patch is binary: only text can be patched")
            }
        }
        guard !hunks.isEmpty else {
            throw ToolError(
                .usage, "the patch has no hunk: it is a unified diff, with lines such as @@ -1,3 +1,4 @@")
        }
        self.hunks = hunks
    }

    private static func name(_ line: String) -> String {
        let name = line.dropFirst(4).prefix { $0 != "\t" }
        return String(name)
    }

    /// "@@ -12,3 +12,4 @@"; a count of 1 may be left out.
    private static func range(_ word: Substring, _ sign: Character) -> (start: UInt64, count: Int)? {
        guard word.first == sign else { return nil }
        let numbers = word.dropFirst().split(separator: ",", omittingEmptySubsequences: false)
        guard let start = numbers.first.flatMap({ UInt64($0) }), numbers.count <= 2 else { return nil }
        guard numbers.count == 2 else { return (start, 1) }
        return Int(numbers[1]).flatMap { $0 >= 0 ? (start, $0) : nil }
    }

    private static func hunk(
        _ head: String, _ lines: inout ArraySlice<String>, number: Int
    ) throws(ToolError) -> Hunk {
        let words = head.split(separator: " ")
        guard words.count >= 4, let old = range(words[1], "-"), let new = range(words[2], "+") else {
            throw ToolError(.usage, "hunk \(number): \(head.prefix(80)) says no lines: -12,3 +12,4")
        }
        var hunk = Hunk(oldStart: old.start, number: number)
        while let line = lines.first {
            let isFull = hunk.old.count >= old.count && hunk.new.count >= new.count
            if line.hasPrefix("\\") {
                // Of the line before: on both sides, or on one.
                lines.removeFirst()
                if hunk.lastSign != "+" { hunk.oldLacksEnd = true }
                if hunk.lastSign != "-" { hunk.newLacksEnd = true }
                continue
            }
            if isFull { break }
            lines.removeFirst()
            let rest = String(line.dropFirst())
            switch line.first {
            case " ", nil:
                // Editors take the blank of an empty line away.
                hunk.old.append(rest)
                hunk.new.append(rest)
            case "-": hunk.old.append(rest)
            case "+": hunk.new.append(rest)
            default:
                throw ToolError(
                    .usage,
                    "hunk \(number): a line begins with neither blank, + nor -: \(line.prefix(60))")
            }
            hunk.lastSign = line.first ?? " "
        }
        guard hunk.old.count == old.count, hunk.new.count == new.count else {
            throw ToolError(
                .usage,
                "hunk \(number) has \(hunk.old.count) old and \(hunk.new.count) new lines, and its head "
                    + "says \(old.count) and \(new.count): the patch is cut off or was changed by hand")
        }
        return hunk
    }

    // MARK: Places

    /// The edits that the hunks come to in a file, in its order, and how many hunks stood elsewhere.
    package func plan(_ text: TextFile) throws(ToolError) -> (edits: [PlannedEdit], shifted: Int) {
        var lineEnd = try EditPlanner(text).lineEnd
        if usesReturns, try !EditPlanner.hasLineEnd(text) {
            lineEnd = text.encoding.encode("\r\n") ?? lineEnd
        }
        var planned: [PlannedEdit] = []
        var shift: Int64 = 0
        var shifted = 0
        var least: UInt64 = 0
        for hunk in hunks {
            guard let old = hunk.bytes(hunk.old, lacksEnd: hunk.oldLacksEnd, text.encoding, lineEnd),
                let new = hunk.bytes(hunk.new, lacksEnd: hunk.newLacksEnd, text.encoding, lineEnd)
            else {
                throw ToolError(
                    .encoding,
                    "hunk \(hunk.number) has characters that \(text.encoding.rawValue) does not have")
            }
            let expected = Self.moved(hunk.oldStart, hunk.old.isEmpty ? shift + 1 : shift)
            let place = try self.place(hunk, old, expected, text, from: least)
            if place.line != Self.moved(hunk.oldStart, hunk.old.isEmpty ? 1 : 0) { shifted += 1 }
            shift = Int64(clamping: place.line) - Int64(clamping: hunk.oldStart)
            if hunk.old.isEmpty { shift -= 1 }
            least = place.offset + UInt64(old.count)
            // Only what differs: a large context is no change.
            var prefix = zip(old, new).prefix { $0 == $1 }.count
            prefix = Self.lineStart(old, prefix)
            let most = min(old.count, new.count) - prefix
            let suffix = zip(old.reversed(), new.reversed()).prefix(most).prefix { $0 == $1 }.count
            let delete = old.count - prefix - suffix
            let offset = place.offset + UInt64(prefix)
            planned.append(
                PlannedEdit(
                    splice: ByteSplice(
                        offset: offset, delete: UInt64(delete),
                        insert: Array(new[prefix..<new.count - suffix])),
                    line: try text.line(at: offset)))
        }
        return (planned, shifted)
    }

    private static func moved(_ line: UInt64, _ by: Int64) -> UInt64 {
        UInt64(max(1, Int64(clamping: line).addingReportingOverflow(by).partialValue))
    }

    /// Back to the start of a line.
    private static func lineStart(_ bytes: [UInt8], _ index: Int) -> Int {
        bytes[..<index].lastIndex(of: 0x0a).map { $0 + 1 } ?? 0
    }

    /// Where a hunk's old lines stand: at the line it names, or else at the nearest other place.
    private func place(
        _ hunk: Hunk, _ old: [UInt8], _ expected: UInt64, _ text: TextFile, from least: UInt64
    ) throws(ToolError) -> (line: UInt64, offset: UInt64) {
        let start = try text.start(ofLine: expected) ?? text.size
        if start >= least, try fits(old, at: start, hunk, text) { return (expected, start) }
        guard let search = ByteSearch(old) else {
            throw ToolError(
                .noMatch, "hunk \(hunk.number): there is no line \(expected) to insert at")
        }
        var best: (line: UInt64, offset: UInt64)?
        for offset in try search.places(in: text, least..<text.size, atMost: 1_000)
        where try fits(old, at: offset, hunk, text) {
            let line = try text.line(at: offset)
            let distance = line > expected ? line - expected : expected - line
            let known = best.map { $0.line > expected ? $0.line - expected : expected - $0.line }
            if known.map({ distance < $0 }) ?? true { best = (line, offset) }
        }
        guard let best else {
            throw ToolError(
                .noMatch,
                "hunk \(hunk.number) of \(hunks.count) does not fit: its lines stand neither at line "
                    + "\(expected) nor elsewhere; read the part again")
        }
        return best
    }

    private func fits(
        _ old: [UInt8], at offset: UInt64, _ hunk: Hunk, _ text: TextFile
    ) throws(ToolError) -> Bool {
        let unit = UInt64(text.encoding.unit)
        if offset > 0 {
            guard offset >= unit else { return false }
            let before = try text.read(offset - unit..<offset)
            guard before.count == Int(unit), text.isLineEnd(before, 0) else {
                // Behind the last line, which may have no end.
                return old.isEmpty && offset == text.size
            }
        }
        let end = offset + UInt64(old.count)
        guard end <= text.size, try text.read(offset..<end) == old else { return false }
        return !hunk.oldLacksEnd || end == text.size
    }
}
