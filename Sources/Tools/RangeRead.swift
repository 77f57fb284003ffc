// RangeRead: reads a part of a file of any size, by bytes, characters or lines. It does not cut a
// character, and returns what is needed to read on.

internal import Platform

/// The part of a file to read.
package enum TextRange: Equatable, Sendable {
    /// Bytes from the start.
    case bytes(offset: UInt64, length: UInt64)
    /// Characters (Unicode scalars) from the start.
    case characters(offset: UInt64, count: UInt64)
    /// Lines; the first is 1.
    case lines(first: UInt64, count: UInt64)
    /// Characters from a byte offset, to read on.
    case charactersOn(from: UInt64, count: UInt64)
    /// Lines from a byte offset, whatever their numbers are.
    case linesOn(from: UInt64, count: UInt64)
    /// The last lines.
    case tail(lines: UInt64)
}

/// A part of a file as text.
package struct TextPart: Equatable, Sendable {
    package var text: String
    package var encoding: TextEncoding
    /// The range of the part in the file, in bytes.
    package var range: Range<UInt64>
    /// The size of the file in bytes.
    package var size: UInt64
    /// The number of the line in which `text` begins, from 1; nil if lines were not requested.
    package var firstLine: UInt64?
    package var version: FileVersion
    /// Whether the bound on replies cut the requested part after `text`.
    package var isCut = false

    /// The offset at which to read on, in bytes; nil at the end of the file.
    package var nextOffset: UInt64? { range.upperBound < size ? range.upperBound : nil }
}

/// Reads parts within a bound on their length.
package struct RangeReader {
    private let text: TextFile
    /// The maximum number of bytes of the text of a reply.
    private let mostBytes: UInt64

    /// The bytes of the longest character: a lower bound could not hold each character.
    static let smallestBound: UInt64 = 4

    package init(_ text: TextFile, mostBytes: UInt64) {
        self.text = text
        self.mostBytes = max(mostBytes, Self.smallestBound)
    }

    /// - Throws: `encoding` for a file that is not text; `usage` for a part past the end of the file.
    package func read(_ wanted: TextRange) throws(ToolError) -> TextPart {
        guard text.encoding != .binary else {
            throw ToolError(
                .encoding, "the file is binary, \(text.size) bytes: read it as base64 by bytes")
        }
        switch wanted {
        case .bytes(let offset, let length):
            try requireInside(offset, "offset")
            return try part(offset..<end(offset, length), cut: length)
        case .characters(let offset, let count):
            guard let start = try text.start(ofCharacter: offset) else {
                let count = text.index.characterCount ?? 0
                throw ToolError(.usage, "the file has \(count) characters, fewer than \(offset)")
            }
            // Each character has at least one byte, so a reply has no more characters than bytes.
            let most = min(count, mostBytes)
            let stop = try text.start(ofCharacter: sum(offset, most)) ?? text.size
            return try part(start..<stop, isCut: most < count && stop < text.size)
        case .charactersOn(let start, let count):
            try requireInside(start, "offset")
            let most = min(count, mostBytes)
            let stop = try text.end(ofCharacters: most, from: start)
            return try part(start..<stop, isCut: most < count && stop < text.size)
        case .linesOn(let start, let count):
            try requireInside(start, "offset")
            // Lines past the bound are not shown.
            let stop = try text.end(ofLines: count, from: start, to: sum(start, sum(mostBytes, 1)))
            return try part(start..<max(start, stop), atLineEnd: true)
        case .lines(let first, let count):
            return try lines(max(first, 1), count)
        case .tail(let count):
            let total = try text.lineCount()
            return try lines(total - min(count, total) + 1, count, fromEnd: true)
        }
    }

    private func requireInside(_ offset: UInt64, _ word: String) throws(ToolError) {
        guard offset <= text.size else {
            throw ToolError(
                .usage, "the \(word) \(offset) is beyond the end: the file has \(text.size) bytes")
        }
    }

    private func sum(_ one: UInt64, _ other: UInt64) -> UInt64 {
        let (sum, overflows) = one.addingReportingOverflow(other)
        return overflows ? .max : sum
    }

    private func end(_ offset: UInt64, _ length: UInt64) -> UInt64 {
        min(sum(offset, length), text.size)
    }

    private func lines(
        _ first: UInt64, _ count: UInt64, fromEnd: Bool = false
    ) throws(ToolError) -> TextPart {
        guard count > 0, let start = try text.start(ofLine: first) else {
            let total = try text.lineCount()
            // A reader finds the end by reading past the last line, so that is no error.
            if count == 0 || first == total + 1 || fromEnd {
                return try part(text.size..<text.size, firstLine: total + 1)
            }
            throw ToolError(.usage, "the file has \(total) lines: there is no line \(first)")
        }
        // A reply has no more lines than bytes.
        let most = min(count, mostBytes)
        let stop = try text.start(ofLine: sum(first, most)) ?? text.size
        return try part(
            start..<stop, firstLine: first, isCut: most < count && stop < text.size,
            atLineEnd: true)
    }

    /// - Parameters:
    ///   - length: the requested length from the start of the range, to tell whether it was cut.
    ///   - atLineEnd: whether a cut is made after a line end, if there is one.
    private func part(
        _ range: Range<UInt64>, cut length: UInt64? = nil, firstLine: UInt64? = nil,
        isCut: Bool = false, atLineEnd: Bool = false
    ) throws(ToolError) -> TextPart {
        // Room for characters that are cut at either end, so that a boundary is found.
        let longest: UInt64 = 4
        let wantsMore = UInt64(range.count) > mostBytes
        let stop = wantsMore ? range.lowerBound + mostBytes : range.upperBound
        let from = range.lowerBound - min(range.lowerBound, longest)
        let bytes = try text.read(from..<min(text.size, stop + longest))
        let base = Int(range.lowerBound - from)
        var low = base
        var high = min(bytes.count, base + Int(clamping: stop - range.lowerBound))
        let whole = bytes[...]
        let isEven = (from & 1) == 0
        func isBoundary(_ index: Int) -> Bool {
            guard index < bytes.count else { return true }
            // Units of UTF-16 are at even offsets of the file, not of the bytes read.
            let view = text.encoding.unit == 2 && !isEven ? whole.dropFirst() : whole
            return text.encoding.isBoundary(view, index)
        }
        // A start inside a character moves back to its first byte. An end moves back too, unless nothing
        // would be left.
        while low > 0, !isBoundary(low) { low -= 1 }
        while high > low, !isBoundary(high) { high -= 1 }
        if high == low, range.lowerBound < range.upperBound {
            high = min(bytes.count, low + 1)
            while high < bytes.count, !isBoundary(high) { high += 1 }
        }
        if wantsMore, atLineEnd, let end = lastLineEnd(whole[low..<high]) { high = end }
        guard let string = text.encoding.decode(whole[low..<high]) else {
            throw ToolError(
                .encoding,
                "bytes \(from + UInt64(low)) to \(from + UInt64(high)) are not "
                    + "\(text.encoding.rawValue): name another encoding, or read them as base64")
        }
        let found = (from + UInt64(low))..<(from + UInt64(high))
        let isAsked = length.map { found.upperBound < end(range.lowerBound, $0) } ?? false
        return TextPart(
            text: string, encoding: text.encoding, range: found, size: text.size,
            firstLine: firstLine, version: text.version,
            isCut: isCut || wantsMore || isAsked)
    }

    private func lastLineEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
        let unit = text.encoding.unit
        let array = Array(bytes)
        var index = array.count - array.count % unit - unit
        while index >= 0 {
            if text.isLineEnd(array, index) { return bytes.startIndex + index + unit }
            index -= unit
        }
        return nil
    }
}
