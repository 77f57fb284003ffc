// EditPreview: planned edits as a unified diff, made from the lines around them. The file is not read as a
// whole, and a preview is not much longer than its bound.

internal import Platform

package struct EditPreview {
    private let text: TextFile
    /// The number of unchanged lines on either side.
    private let context: UInt64
    /// The maximum number of bytes of the preview, without its last line.
    private let mostBytes: Int
    /// The maximum number of bytes of one line that are shown.
    private static let longestLine = 300
    /// The maximum number of bytes of a hunk that is shown with its text.
    private static let longestHunk: UInt64 = 64 << 10

    package init(_ text: TextFile, context: UInt64 = 3, mostBytes: Int) {
        self.text = text
        self.context = context
        self.mostBytes = mostBytes
    }

    private struct Hunk {
        /// The range of the hunk in whole lines.
        var range: Range<UInt64>
        var firstLine: UInt64
        var splices: [ByteSplice]
    }

    /// - Parameter planned: the edits in the order of the file.
    package func diff(_ planned: [PlannedEdit], name: String) throws(ToolError) -> String {
        var lines = ["--- \(name)", "+++ \(name)"]
        var bytes = 0
        var shift: Int64 = 0
        // More edits would not fit into the bound.
        let most = max(16, mostBytes / 64)
        let hunks = try hunks(Array(planned.prefix(most)))
        for (index, hunk) in hunks.enumerated() {
            if bytes > mostBytes {
                lines.append("(and \(hunks.count - index) more hunks)")
                break
            }
            let shown = try show(hunk, &shift)
            for (place, line) in shown.enumerated() {
                bytes += line.utf8.count + 1
                if bytes > mostBytes, place > 0 {
                    lines.append("(and \(shown.count - place) more lines)")
                    break
                }
                lines.append(line)
            }
        }
        if planned.count > most { lines.append("(and \(planned.count - most) more places)") }
        return lines.joined(separator: "\n") + "\n"
    }

    private func hunks(_ planned: [PlannedEdit]) throws(ToolError) -> [Hunk] {
        var hunks: [Hunk] = []
        for edit in planned {
            let first = edit.line - min(context, edit.line - 1)
            let start = try text.start(ofLine: first) ?? 0
            let end = edit.splice.offset + edit.splice.delete
            let lastLine = try text.line(at: end)
            let stop = try text.start(ofLine: lastLine + 1 + context) ?? text.size
            if let last = hunks.last, start <= last.range.upperBound {
                hunks[hunks.count - 1].splices.append(edit.splice)
                hunks[hunks.count - 1].range = last.range.lowerBound..<max(stop, last.range.upperBound)
            } else {
                hunks.append(Hunk(range: start..<stop, firstLine: first, splices: [edit.splice]))
            }
        }
        return hunks
    }

    private func show(_ hunk: Hunk, _ shift: inout Int64) throws(ToolError) -> [String] {
        let inserted = hunk.splices.reduce(UInt64(0)) { $0 + UInt64($1.insert.count) }
        guard UInt64(hunk.range.count) + inserted <= Self.longestHunk else {
            return ["@@ line \(hunk.firstLine) @@ \(hunk.splices.count) edits of long text, not shown"]
        }
        let old = try text.read(hunk.range)
        var new = old
        for splice in hunk.splices.reversed() {
            let start = Int(splice.offset - hunk.range.lowerBound)
            new.replaceSubrange(start..<start + Int(splice.delete), with: splice.insert)
        }
        let (before, after) = (decoded(old), decoded(new))
        var prefix = 0
        while prefix < min(before.count, after.count), before[prefix] == after[prefix] { prefix += 1 }
        var suffix = 0
        while suffix < min(before.count, after.count) - prefix,
            before[before.count - 1 - suffix] == after[after.count - 1 - suffix] { suffix += 1 }
        let start = Int64(clamping: hunk.firstLine)
        var lines = ["@@ -\(start),\(before.count) +\(start + shift),\(after.count) @@"]
        for line in before[..<prefix] { lines.append(" " + cut(line)) }
        for line in before[prefix..<(before.count - suffix)] { lines.append("-" + cut(line)) }
        for line in after[prefix..<(after.count - suffix)] { lines.append("+" + cut(line)) }
        for line in before[(before.count - suffix)...] { lines.append(" " + cut(line)) }
        shift += Int64(after.count) - Int64(before.count)
        return lines
    }

    private func decoded(_ bytes: [UInt8]) -> [String] {
        let string = text.encoding.decode(bytes[...]) ?? String(decoding: bytes, as: UTF8.self)
        var lines = EditPlanner.split(string)
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }

    private func cut(_ line: String) -> String {
        line.utf8.count <= Self.longestLine ? line : line.prefix(Self.longestLine / 4) + "…"
    }
}
