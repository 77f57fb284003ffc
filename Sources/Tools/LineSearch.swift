// LineSearch: finds a run of lines that differ from the wanted ones only in the white space at their
// ends, in one pass: each line becomes a hash of its trimmed bytes, and the run of hashes is searched
// with Knuth, Morris and Pratt's method. Lines may have any length; what is found is compared byte for
// byte by the caller, who has both: two lines may have one hash.

package struct LineSearch: Sendable {
    /// Lines of the file that were found: from the first one's first byte to the last one's last,
    /// without its line end.
    package struct Place: Equatable, Sendable {
        package var range: Range<UInt64>
        /// White space at the front of the first line.
        package var indentation: [UInt8]
    }

    private let wanted: [UInt64]
    private let failures: [Int]

    /// White space that is kept of a line's front, in bytes; a longer one is not matched.
    private static let longestIndentation = 1 << 10

    /// - Parameter lines: without line ends; not empty, and not all blank.
    init?(_ lines: [[UInt8]]) {
        let hashes = lines.map { line -> UInt64 in
            var hash = TrimmedHash()
            for byte in line { hash.add(byte) }
            return hash.value
        }
        guard !hashes.isEmpty, hashes.contains(where: { $0 != TrimmedHash().value }) else { return nil }
        wanted = hashes
        var failures = [0]
        var length = 0
        for index in hashes.indices.dropFirst() {
            while length > 0, hashes[index] != hashes[length] { length = failures[length - 1] }
            if hashes[index] == hashes[length] { length += 1 }
            failures.append(length)
        }
        self.failures = failures
    }

    /// - Parameter most: places after which the search ends.
    package func places(
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
            while matched > 0, hash.value != wanted[matched] { matched = failures[matched - 1] }
            if hash.value == wanted[matched] { matched += 1 }
            if matched == wanted.count, let first = recent.first {
                found.append(Place(range: first.start..<lineEnd, indentation: first.indentation))
                // The next one must not overlap.
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
            if bytes.isEmpty { break }
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

/// FNV-1a over a line's bytes between the white space at its ends.
struct TrimmedHash {
    private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325
    private var running: UInt64 = 0xcbf2_9ce4_8422_2325
    private(set) var isEmpty = true
    private(set) var endsWithReturn = false

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
