// FilePatch+Places: finds the places of hunks. Each is searched for at its stated line, shifted like the
// hunk before it, and then anywhere else, the nearest place first. Lines must match as they are, or with
// the file's line ends. The result is a splice for each run of lines that differ.

internal import Platform

extension FilePatch {
    /// How the lines of a patch become bytes of a file.
    private enum Spelling {
        case verbatim
        /// With the line ends of the file.
        case lineEnds
        /// Converted from UTF-8 into the file's encoding, with its line ends.
        case encoding
    }

    /// A hunk in one spelling.
    private struct Spelled {
        var old: [UInt8] = []
        /// The changes in order; their offsets are those in `old`.
        var changes: [ByteSplice] = []
    }

    private struct Place {
        var line: UInt64
        var offset: UInt64
    }

    /// The distance in bytes from the expected place within which a hunk is searched for first.
    private static let nearby: UInt64 = 256 << 10
    /// The maximum number of hunks that an error lists.
    private static let shownHunks = 20

    /// Returns the edits for the hunks, in the order of the file, and how many hunks were at other lines
    /// than stated.
    /// - Throws: `no_match` with all the hunks that do not fit.
    package func plan(_ text: TextFile) throws(ToolError) -> (edits: [PlannedEdit], shifted: Int) {
        let lineEnd = try EditPlanner(text).lineEnd
        var planned: [PlannedEdit] = []
        var misfits: [String] = []
        var shift: Int64 = 0
        var shifted = 0
        var least: UInt64 = 0
        for hunk in hunks {
            // A hunk that removes or keeps lines begins at the stated line. A pure insertion comes after
            // it.
            let stated = Self.moved(hunk.oldStart, hunk.oldCount == 0 ? 1 : 0)
            let expected = Self.moved(stated, shift)
            guard let (spelled, place) = try find(hunk, expected, text, lineEnd, from: least) else {
                misfits.append("hunk \(hunk.number) at line \(stated)")
                continue
            }
            if place.line != stated { shifted += 1 }
            shift = Int64(clamping: place.line) - Int64(clamping: stated)
            least = place.offset + UInt64(spelled.old.count)
            for change in spelled.changes {
                var splice = change
                splice.offset += place.offset
                planned.append(PlannedEdit(splice: splice, line: try text.line(at: splice.offset)))
            }
        }
        guard misfits.isEmpty else {
            let more = misfits.count > Self.shownHunks ? " and more" : ""
            throw ToolError(
                .noMatch,
                "\(misfits.count) of \(hunks.count) hunks do not match: "
                    + misfits.prefix(Self.shownHunks).joined(separator: ", ")
                    + "\(more): their lines are not in the file; read these parts again")
        }
        return (planned, shifted)
    }

    private static func moved(_ line: UInt64, _ by: Int64) -> UInt64 {
        UInt64(max(1, Int64(clamping: line).addingReportingOverflow(by).partialValue))
    }

    // MARK: Spelling

    /// - Returns: nil if a line has characters that the encoding does not have.
    private func spell(
        _ hunk: Hunk, _ spelling: Spelling, _ encoding: TextEncoding, _ lineEnd: [UInt8]
    ) throws(ToolError) -> Spelled? {
        var spelled = Spelled()
        var left = (old: hunk.oldCount, new: hunk.newCount)
        var isPossible = true
        var change: ByteSplice?
        try lines(of: hunk) { line throws(ToolError) in
            if line.sign != 0x2b { left.old -= 1 }
            if line.sign != 0x2d { left.new -= 1 }
            let isLast = line.sign == 0x2b
                ? left.new == 0 && hunk.newLacksEnd : left.old == 0 && hunk.oldLacksEnd
            guard let bytes = Self.bytes(line.text, spelling, encoding, lineEnd, lacksEnd: isLast) else {
                isPossible = false
                return
            }
            if line.sign == 0x20 {
                if let done = change { spelled.changes.append(done) }
                change = nil
            } else {
                var next = change
                    ?? ByteSplice(offset: UInt64(spelled.old.count), delete: 0, insert: [])
                if line.sign == 0x2b {
                    next.insert += bytes
                } else {
                    next.delete += UInt64(bytes.count)
                }
                change = next
            }
            if line.sign != 0x2b { spelled.old += bytes }
        }
        if let done = change { spelled.changes.append(done) }
        return isPossible ? spelled : nil
    }

    private static func bytes(
        _ line: ArraySlice<UInt8>, _ spelling: Spelling, _ encoding: TextEncoding,
        _ lineEnd: [UInt8], lacksEnd: Bool
    ) -> [UInt8]? {
        if spelling == .verbatim { return Array(line) + (lacksEnd ? [] : [0x0a]) }
        let plain = line.last == 0x0d ? line.dropLast() : line
        let end = lacksEnd ? [] : lineEnd
        if spelling == .lineEnds { return Array(plain) + end }
        guard UTF8Scan.isValid(plain, cutsEnd: false),
            let bytes = encoding.encode(String(decoding: plain, as: UTF8.self))
        else { return nil }
        return bytes + end
    }

    // MARK: Places

    /// Returns the spellings of a hunk, the likeliest first. A patch that was written from a displayed text
    /// has neither the CR of the file's line ends nor the file's encoding.
    private func spellings(
        _ hunk: Hunk, _ encoding: TextEncoding, _ lineEnd: [UInt8]
    ) -> [Spelling] {
        if encoding.unit > 1 { return [.encoding] }
        let body = bytes[hunk.body]
        let isOther = encoding == .latin1 && body.contains { $0 >= 0x80 }
            && UTF8Scan.isValid(body, cutsEnd: false)
        let hasOtherEnds = lineEnd.count > 1 && (hasReturns || !body.contains(0x0d))
        var order: [Spelling] = isText && hasOtherEnds ? [.lineEnds, .verbatim] : [.verbatim, .lineEnds]
        if isOther { order.insert(.encoding, at: isText ? 0 : order.count) }
        return order
    }

    /// Returns the place of a hunk in the first spelling that has one. The expected line is tried first in
    /// all spellings.
    private func find(
        _ hunk: Hunk, _ expected: UInt64, _ text: TextFile, _ lineEnd: [UInt8], from least: UInt64
    ) throws(ToolError) -> (spelled: Spelled, place: Place)? {
        var tried: [Spelled] = []
        let stated = try text.start(ofLine: expected)
        let start = stated ?? text.size
        for spelling in spellings(hunk, text.encoding, lineEnd) {
            guard let spelled = try spell(hunk, spelling, text.encoding, lineEnd) else { continue }
            if start >= least, try fits(spelled.old, at: start, hunk, text) {
                // An insertion past the end comes at the end.
                let line = stated == nil ? try text.line(at: start) : expected
                return (spelled, Place(line: line, offset: start))
            }
            tried.append(spelled)
        }
        if hunk.oldCount == 0 { return nil }
        for spelled in tried {
            if let place = try nearest(spelled.old, to: start, line: expected, hunk, text, from: least) {
                return (spelled, place)
            }
        }
        return nil
    }

    /// Returns the place of the lines nearest to an offset: in a part of the file around it, then in larger
    /// parts.
    private func nearest(
        _ old: [UInt8], to start: UInt64, line expected: UInt64, _ hunk: Hunk, _ text: TextFile,
        from least: UInt64
    ) throws(ToolError) -> Place? {
        guard let search = ByteSearch(old) else { return nil }
        let length = UInt64(old.count)
        var reach = Self.nearby
        while true {
            let low = max(least, start - min(start, reach))
            let high = min(text.size, start + min(reach, text.size) + length)
            guard low < high else { return nil }
            var best: Place?
            var position = low
            while position < high {
                let offsets = try search.places(in: text, position..<high, atMost: 256, overlapping: true)
                for offset in offsets where try fits(old, at: offset, hunk, text) {
                    let line = try text.line(at: offset)
                    if let known = best?.line {
                        let (near, far) = (Self.distance(known, expected), Self.distance(line, expected))
                        // Of two places at the same distance the later one is taken, as in patch(1).
                        guard far < near || far == near && line > known else { continue }
                    }
                    best = Place(line: line, offset: offset)
                }
                guard offsets.count == 256, let last = offsets.last else { break }
                // Places overlap where lines repeat.
                position = last + 1
            }
            if best != nil || low == least && high == text.size { return best }
            reach = min(reach, 1 << 58) * 16
        }
    }

    private static func distance(_ one: UInt64, _ other: UInt64) -> UInt64 {
        one > other ? one - other : other - one
    }

    private func fits(
        _ old: [UInt8], at offset: UInt64, _ hunk: Hunk, _ text: TextFile
    ) throws(ToolError) -> Bool {
        let unit = UInt64(text.encoding.unit)
        if offset > 0 {
            guard offset >= unit else { return false }
            let before = try text.read(offset - unit..<offset)
            guard before.count == Int(unit), text.isLineEnd(before, 0) else { return false }
        }
        let end = offset + UInt64(old.count)
        guard end <= text.size, try text.read(offset..<end) == old else { return false }
        return !(hunk.oldLacksEnd || hunk.newLacksEnd) || end == text.size
    }
}
