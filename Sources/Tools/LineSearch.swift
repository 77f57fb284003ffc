// LineSearch: finds a run of lines that differ from the wanted ones only in the white space at the
// beginning and end of each. In a file of more than one window the longest line is searched for as bytes,
// and the lines around each place are compared. In smaller files, and if that line is in too many places or
// the lines are too long, one pass turns each line into a hash of its trimmed bytes and searches the run of
// hashes with the method of Knuth, Morris and Pratt. Two lines may have the same hash, so the caller, who
// has both, compares what is found byte for byte.

package struct LineSearch: Sendable {
    /// A run of lines that was found: from the first byte of the first line to the last byte of the last
    /// line, without its line end.
    package struct Place: Equatable, Sendable {
        package var range: Range<UInt64>
        /// The white space at the front of the first line.
        package var indentation: [UInt8]
    }

    private let wanted: [UInt64]
    /// The longest of the lines, without the white space at its ends, and the number of lines before it.
    private let longest: (search: ByteSearch, before: Int)?
    private let borders: [Int]

    /// The maximum number of bytes of white space that are kept from the front of a line; a longer one is
    /// not matched.
    private static let longestIndentation = 1 << 10

    /// Returns nil if there are no lines, or if all of them are blank.
    /// - Parameter lines: the wanted lines without line ends.
    init?(_ lines: [[UInt8]]) {
        let hashes = lines.map { line -> UInt64 in
            var hash = TrimmedHash()
            for byte in line { hash.add(byte) }
            return hash.value
        }
        guard !hashes.isEmpty, hashes.contains(where: { $0 != TrimmedHash().value }) else { return nil }
        wanted = hashes
        longest = Self.longest(lines)
        borders = KnuthMorrisPratt.borders(hashes)
    }

    private static func longest(_ lines: [[UInt8]]) -> (search: ByteSearch, before: Int)? {
        var best: (line: ArraySlice<UInt8>, before: Int)?
        for (index, line) in lines.enumerated() {
            let line = TrimmedHash.trimmed(line)
            if line.count > best?.line.count ?? 0 { best = (line, index) }
        }
        guard let best, let search = ByteSearch(Array(best.line)) else { return nil }
        return (search, best.before)
    }

    /// Returns the places of the longest line, also in the middle of another line. Returns nil if there are
    /// too many, or if one pass over the text costs no more.
    func candidates(in text: TextFile) throws(ToolError) -> [UInt64]? {
        guard let longest, text.size > text.window else { return nil }
        let found = try longest.search.places(
            in: text, 0..<text.size, atMost: Self.mostCandidates + 1, overlapping: true)
        return found.count <= Self.mostCandidates ? found : nil
    }

    /// Returns the places of `whole`, which has the wanted lines with exact white space and line ends.
    /// - Parameters:
    ///   - candidates: the places of the longest line.
    ///   - most: the number of places after which the search ends.
    ///   - overlapping: whether places that overlap the one before are returned too.
    /// - Returns: nil if a search for the text itself costs less.
    func places(
        ofWhole whole: [UInt8], in text: TextFile, _ candidates: [UInt64], atMost most: Int,
        overlapping: Bool
    ) throws(ToolError) -> [UInt64]? {
        guard let longest, let before = Self.offset(of: longest, in: whole),
            candidates.count * (whole.count + TextFile.costOfRead(text.window)) <= Int(clamping: text.size)
        else { return nil }
        var found: [UInt64] = []
        for candidate in candidates where candidate >= UInt64(before) && found.count < most {
            if text.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let place = candidate - UInt64(before)
            guard place + UInt64(whole.count) <= text.size else { continue }
            if !overlapping, let last = found.last, place < last + UInt64(whole.count) { continue }
            if try text.file.holds(whole, at: place) { found.append(place) }
        }
        return found
    }

    /// Returns where the longest line begins in a text, after the white space at its front.
    private static func offset(of longest: (search: ByteSearch, before: Int), in whole: [UInt8]) -> Int? {
        var start = 0
        for _ in 0..<longest.before {
            guard let end = whole[start...].firstIndex(of: 0x0a) else { return nil }
            start = end + 1
        }
        start = whole[start...].firstIndex { !TrimmedHash.isBlank($0) } ?? start
        return whole[start...].starts(with: longest.search.needle) ? start : nil
    }

    /// Finds the runs of lines: around the candidates, or by one pass over the file.
    /// - Parameters:
    ///   - candidates: the places of the longest line.
    ///   - most: the number of places after which the search ends.
    package func places(
        in text: TextFile, _ candidates: [UInt64]?, atMost most: Int
    ) throws(ToolError) -> [Place] {
        if let longest, let candidates,
            let places = try places(in: text, around: candidates, longest.before, atMost: most) {
            return places
        }
        return try places(in: text, 0..<text.size, atMost: most)
    }

    /// The maximum number of places of the longest line; with more of them the whole file is searched.
    private static let mostCandidates = 5_000
    /// The maximum number of bytes of the lines with all their white space.
    static let longestPlace: UInt64 = 4 << 20

    /// - Parameters:
    ///   - candidates: the places of the longest line, also in the middle of another line.
    ///   - before: the number of lines before it.
    /// - Returns: nil if one pass through the whole file costs less.
    private func places(
        in text: TextFile, around candidates: [UInt64], _ before: Int, atMost most: Int
    ) throws(ToolError) -> [Place]? {
        var found: [Place] = []
        /// The end of the lines found last, with their line end. The next run must not overlap them, not
        /// even by an empty line.
        var last: UInt64 = 0
        /// The end of the line that was examined last: a line with several candidates is examined once.
        var looked: UInt64 = 0
        var left = text.size
        for candidate in candidates where candidate >= max(last, looked) && found.count < most {
            if text.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            looked = try text.end(ofLines: 1, from: candidate, to: candidate + Self.longestPlace)
            let lines = try text.lines(
                around: candidate, before: before, count: UInt64(wanted.count), atMost: Self.longestPlace)
            switch lines {
            case .none: continue
            case .tooLong: return nil
            case .lines(let range):
                let length = range.upperBound - range.lowerBound
                guard length <= left else { return nil }
                left -= length
                guard range.lowerBound >= last,
                    let place = try places(in: text, range, atMost: 1).first
                else { continue }
                found.append(place)
                last = range.upperBound
            }
        }
        return found
    }

    /// - Parameter most: the number of places after which the search ends.
    private func places(
        in text: TextFile, _ range: Range<UInt64>, atMost most: Int
    ) throws(ToolError) -> [Place] {
        var found: [Place] = []
        // The lines that may belong to a match, oldest first.
        var recent: [(start: UInt64, indentation: [UInt8])] = []
        var matched = 0
        var hash = TrimmedHash()
        var indentation: [UInt8] = []
        var lineStart = range.lowerBound
        var trimmedEnd = lineStart
        let end = min(range.upperBound, text.size)

        func finishLine(_ lineEnd: UInt64) {
            recent.append((lineStart, indentation))
            if recent.count > wanted.count { recent.removeFirst() }
            while matched > 0, hash.value != wanted[matched] { matched = borders[matched - 1] }
            if hash.value == wanted[matched] { matched += 1 }
            if matched == wanted.count, let first = recent.first {
                found.append(Place(range: first.start..<lineEnd, indentation: first.indentation))
                // The next match must not overlap.
                matched = 0
                recent = []
            }
            hash = TrimmedHash()
            indentation = []
        }

        var position = range.lowerBound
        while position < end, found.count < most {
            if text.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let bytes = try text.read(position..<min(end, position + text.window))
            if bytes.isEmpty { throw GroundScan.shrank }
            for (index, byte) in bytes.enumerated() {
                if byte == 0x0a {
                    let at = position + UInt64(index)
                    finishLine(trimmedEnd == at - min(at, 1) && hash.endsWithReturn ? at - 1 : at)
                    lineStart = at + 1
                    trimmedEnd = lineStart
                    if found.count >= most { break }
                    continue
                }
                if hash.isEmpty, TrimmedHash.isBlank(byte) {
                    if indentation.count < Self.longestIndentation { indentation.append(byte) }
                }
                hash.add(byte)
                trimmedEnd = position + UInt64(index)
            }
            position += UInt64(bytes.count)
        }
        if lineStart < end, found.count < most { finishLine(end) }
        return found
    }
}

/// An FNV-1a hash of a line's bytes between the white space at its ends.
struct TrimmedHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
    private var running: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var isEmpty = true
    private(set) var endsWithReturn = false

    static func trimmed(_ line: [UInt8]) -> ArraySlice<UInt8> {
        let rest = line.drop(while: isBlank)
        return rest.dropLast(rest.reversed().prefix(while: isBlank).count)
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0d }

    mutating func add(_ byte: UInt8) {
        endsWithReturn = byte == 0x0d
        let isBlank = Self.isBlank(byte)
        if isEmpty, isBlank { return }
        isEmpty = false
        running = (running ^ UInt64(byte)) &* 0x100_0000_01b3
        if !isBlank { value = running }
    }
}
