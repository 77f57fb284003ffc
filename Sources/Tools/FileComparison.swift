// FileComparison: compares the bytes of two files, and finds the lines in which they differ. The common
// start and end are found by bytes; the lines between are compared (E. Myers, An O(ND) Difference
// Algorithm, 1986), within bounds on memory and work.

internal import Platform

package struct FileComparison: Sendable, Equatable {
    package var isIdentical: Bool
    /// The unified diff; empty if the files are the same.
    package var diff = ""
    /// The numbers of lines added and removed.
    package var added = 0
    package var removed = 0
    /// Whether the diff has more lines than are shown.
    package var isCut = false

    package enum Change: Equatable {
        case keep(old: Int, new: Int)
        case remove(old: Int)
        case add(new: Int)
    }

    private static let chunk: UInt64 = 1 << 20
    /// The maximum number of bytes of either side that are compared line by line.
    private static let largestWindow: UInt64 = 8 << 20
    /// The number of differences above which all lines count as different.
    static let mostEdits = 2_000

    /// Returns whether the bytes of two files are the same.
    package static func areSame(
        _ one: any GroundFile, _ other: any GroundFile, isCancelled: () -> Bool = { false }
    ) throws(ToolError) -> Bool {
        let (status, otherStatus) = (try one.status(), try other.status())
        if status.size != otherStatus.size { return false }
        if status.device == otherStatus.device, status.inode == otherStatus.inode { return true }
        return try commonStart(one, other, status.size, isCancelled) == status.size
    }

    private static func commonStart(
        _ one: any GroundFile, _ other: any GroundFile, _ most: UInt64, _ isCancelled: () -> Bool
    ) throws(ToolError) -> UInt64 {
        var position: UInt64 = 0
        while position < most {
            if isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let count = Int(min(chunk, most - position))
            let (mine, theirs) = (try one.read(count, at: position), try other.read(count, at: position))
            if mine == theirs, mine.count == count {
                position += UInt64(count)
                continue
            }
            let same = zip(mine, theirs).prefix { $0 == $1 }.count
            return position + UInt64(same)
        }
        return most
    }

    private static func commonEnd(
        _ one: TextFile, _ other: TextFile, _ most: UInt64
    ) throws(ToolError) -> UInt64 {
        var found: UInt64 = 0
        while found < most {
            let count = min(chunk, most - found)
            let mine = try one.read(one.size - found - count..<one.size - found)
            let theirs = try other.read(other.size - found - count..<other.size - found)
            if mine == theirs {
                found += count
                continue
            }
            return found + UInt64(zip(mine.reversed(), theirs.reversed()).prefix { $0 == $1 }.count)
        }
        return most
    }

    /// - Parameters:
    ///   - context: the number of unchanged lines on either side of a change.
    ///   - mostLines: the maximum number of lines of the diff.
    package init(
        _ old: TextFile, _ new: TextFile, names: (String, String), context: Int, mostLines: Int
    ) throws(ToolError) {
        isIdentical = true
        let least = min(old.size, new.size)
        let start = try Self.commonStart(old.file, new.file, least, old.isCancelled)
        if start == old.size, start == new.size { return }
        isIdentical = false
        let end = try Self.commonEnd(old, new, least - start)
        // The window is extended to whole lines and the context around them.
        let line = try old.line(at: start)
        let first = line - min(line - 1, UInt64(context))
        let windowStart = try old.start(ofLine: first) ?? 0
        let oldEnd = try Self.lineEnd(old, old.size - end, context)
        let newEnd = new.size - (old.size - oldEnd)
        guard oldEnd - windowStart <= Self.largestWindow, newEnd >= windowStart,
            newEnd - windowStart <= Self.largestWindow
        else {
            diff = "--- \(names.0)\n+++ \(names.1)\n@@ from line \(line) on @@ bytes \(start) to "
                + "\(old.size - end) became bytes \(start) to \(new.size - end): too long to be shown\n"
            isCut = true
            return
        }
        let oldLines = Self.lines(try old.read(windowStart..<oldEnd))
        let newLines = Self.lines(try new.read(windowStart..<newEnd))
        let changes = Self.changes(oldLines, newLines)
        added = changes.count { if case .add = $0 { true } else { false } }
        removed = changes.count { if case .remove = $0 { true } else { false } }
        var hunks = Hunks(
            old: oldLines, new: newLines, firstLine: Int(clamping: first), context: context)
        let lines = hunks.lines(changes)
        isCut = lines.count > mostLines
        let shown = ["--- \(names.0)", "+++ \(names.1)"] + lines.prefix(mostLines)
        diff = shown.joined(separator: "\n") + "\n"
    }

    /// Returns the end of the `context` lines after the line that holds a byte.
    private static func lineEnd(
        _ text: TextFile, _ offset: UInt64, _ context: Int
    ) throws(ToolError) -> UInt64 {
        let line = try text.line(at: offset)
        return try text.start(ofLine: line + 1 + UInt64(context)) ?? text.size
    }

    /// Splits bytes into lines with their line ends, so that a missing one at the end is a difference.
    private static func lines(_ bytes: [UInt8]) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var start = 0
        for (index, byte) in bytes.enumerated() where byte == 0x0a {
            lines.append(Array(bytes[start...index]))
            start = index + 1
        }
        if start < bytes.count { lines.append(Array(bytes[start...])) }
        return lines
    }

    // MARK: Lines

    /// Returns the shortest changes from one list to the other; if there are too many, everything is
    /// replaced.
    static func changes(_ old: [[UInt8]], _ new: [[UInt8]]) -> [Change] {
        // Lines are mapped to numbers, so that their bytes are compared once.
        var numbers: [[UInt8]: Int] = [:]
        func number(_ line: [UInt8]) -> Int {
            if let known = numbers[line] { return known }
            numbers[line] = numbers.count
            return numbers.count - 1
        }
        let a = old.map(number)
        let b = new.map(number)
        var prefix = 0
        while prefix < min(a.count, b.count), a[prefix] == b[prefix] { prefix += 1 }
        var suffix = 0
        while suffix < min(a.count, b.count) - prefix,
            a[a.count - 1 - suffix] == b[b.count - 1 - suffix] { suffix += 1 }
        var changes: [Change] = (0..<prefix).map { .keep(old: $0, new: $0) }
        let middle = (old: prefix..<a.count - suffix, new: prefix..<b.count - suffix)
        changes += shortest(a[middle.old], b[middle.new])
            ?? middle.old.map { .remove(old: $0) } + middle.new.map { .add(new: $0) }
        for index in 0..<suffix {
            changes.append(.keep(old: a.count - suffix + index, new: b.count - suffix + index))
        }
        return changes
    }

    /// Returns nil if there are more than `mostEdits`.
    private static func shortest(_ a: ArraySlice<Int>, _ b: ArraySlice<Int>) -> [Change]? {
        let (n, m) = (a.count, b.count)
        let most = min(n + m, mostEdits)
        // How far each diagonal came, for each number of edits.
        var traces: [[Int32]] = []
        var ends = [Int32](repeating: 0, count: 2 * most + 3)
        for d in 0...most {
            for k in stride(from: -d, through: d, by: 2) {
                let place = k + most + 1
                var x = k == -d || (k != d && ends[place - 1] < ends[place + 1])
                    ? Int(ends[place + 1]) : Int(ends[place - 1]) + 1
                var y = x - k
                while x < n, y < m, a[a.startIndex + x] == b[b.startIndex + y] {
                    x += 1
                    y += 1
                }
                ends[place] = Int32(clamping: x)
                if x >= n, y >= m {
                    traces.append(Array(ends[(most + 1 - d)...(most + 1 + d)]))
                    return path(traces, a, b)
                }
            }
            traces.append(Array(ends[(most + 1 - d)...(most + 1 + d)]))
        }
        return nil
    }

    /// Follows the traces from the end back; `traces[d][d + k]` is where diagonal k ended after d edits.
    private static func path(
        _ traces: [[Int32]], _ a: ArraySlice<Int>, _ b: ArraySlice<Int>
    ) -> [Change] {
        var reversed: [Change] = []
        var (x, y) = (a.count, b.count)
        var d = traces.count - 1
        while d > 0 {
            let before = traces[d - 1]
            func end(_ k: Int) -> Int {
                let place = k + d - 1
                return before.indices.contains(place) ? Int(before[place]) : -1
            }
            let k = x - y
            let isAdd = k == -d || (k != d && end(k - 1) < end(k + 1))
            let previous = isAdd ? end(k + 1) : end(k - 1)
            let previousY = previous - (isAdd ? k + 1 : k - 1)
            let (startX, startY) = isAdd ? (previous, previousY + 1) : (previous + 1, previousY)
            while x > startX, y > startY {
                x -= 1
                y -= 1
                reversed.append(.keep(old: a.startIndex + x, new: b.startIndex + y))
            }
            if isAdd {
                y -= 1
                reversed.append(.add(new: b.startIndex + y))
            } else {
                x -= 1
                reversed.append(.remove(old: a.startIndex + x))
            }
            d -= 1
        }
        while x > 0, y > 0 {
            x -= 1
            y -= 1
            reversed.append(.keep(old: a.startIndex + x, new: b.startIndex + y))
        }
        return reversed.reversed()
    }
}

/// Formats changes as the hunks of a unified diff.
private struct Hunks {
    let old: [[UInt8]]
    let new: [[UInt8]]
    /// The number of the first line of both sides.
    let firstLine: Int
    let context: Int

    mutating func lines(_ changes: [FileComparison.Change]) -> [String] {
        var lines: [String] = []
        var index = 0
        while let start = changes[index...].firstIndex(where: { !Self.isKept($0) }) {
            var end = start
            var next = start
            // Changes with at most twice the context between them are one hunk.
            while next < changes.count, next - end <= 2 * context {
                if !Self.isKept(changes[next]) { end = next }
                next += 1
            }
            let from = max(index, start - context)
            let to = min(changes.count - 1, end + context)
            lines += hunk(changes, from, to)
            index = to + 1
        }
        return lines
    }

    private static func isKept(_ change: FileComparison.Change) -> Bool {
        if case .keep = change { true } else { false }
    }

    private func hunk(_ changes: [FileComparison.Change], _ from: Int, _ to: Int) -> [String] {
        // The numbers of lines before the hunk on both sides.
        var (oldStart, newStart) = (0, 0)
        for change in changes[..<from] {
            switch change {
            case .keep:
                oldStart += 1
                newStart += 1
            case .remove: oldStart += 1
            case .add: newStart += 1
            }
        }
        var (oldCount, newCount) = (0, 0)
        var body: [String] = []
        for change in changes[from...to] {
            switch change {
            case .keep(let line, _):
                oldCount += 1
                newCount += 1
                append(" ", old[line], to: &body)
            case .remove(let line):
                oldCount += 1
                append("-", old[line], to: &body)
            case .add(let line):
                newCount += 1
                append("+", new[line], to: &body)
            }
        }
        let head = "@@ -\(range(oldStart, oldCount)) +\(range(newStart, newCount)) @@"
        return [head] + body
    }

    private func range(_ start: Int, _ count: Int) -> String {
        // An empty range names the line before it.
        "\(firstLine + start - (count == 0 ? 1 : 0)),\(count)"
    }

    private func append(_ sign: String, _ line: [UInt8], to body: inout [String]) {
        let ends = line.last == 0x0a
        body.append(sign + String(decoding: ends ? line.dropLast() : line[...], as: UTF8.self))
        if !ends { body.append("\\ No newline at end of file") }
    }
}
