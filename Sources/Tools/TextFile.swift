// TextFile: one file as text, with its encoding and the places of its lines and characters. Its index is
// kept between calls as long as the file does not change.

internal import Platform

package final class TextFile {
    package let file: any GroundFile
    package let encoding: TextEncoding
    /// The size in bytes.
    package let size: UInt64
    package let version: FileVersion
    package private(set) var index: LineIndex
    /// Returns whether the call is cancelled; asked between blocks.
    package var isCancelled: @Sendable () -> Bool = { false }
    /// The number of bytes that a search reads at once.
    package var window: UInt64 = 1 << 20
    /// The places whose lines were asked for last: edits come in order and are near each other.
    private var lastPlaces: [(offset: UInt64, line: UInt64)] = []
    private static let mostPlaces = 4

    /// The number of bytes that can be searched in the time of a short read from a mount.
    static func costOfRead(_ window: UInt64) -> Int { Int(clamping: min(window, 1 << 20)) }

    /// The number of bytes from the front that determine the encoding.
    static let sampleLength = 64 << 10

    /// - Parameter index: the index of an earlier call, for the same version of the file.
    package init(
        _ file: any GroundFile, encoding: TextEncoding? = nil, index: LineIndex? = nil
    ) throws(ToolError) {
        self.file = file
        let status = try file.status()
        size = status.size
        version = FileVersion(status)
        if let encoding {
            self.encoding = encoding
        } else {
            let sample = try file.read(Self.sampleLength, at: 0)
            self.encoding = TextEncoding.detect(sample, isWhole: UInt64(sample.count) >= size)
        }
        if let index, index.size == size, index.encoding == self.encoding {
            self.index = index
        } else {
            self.index = LineIndex(size: size, encoding: self.encoding)
        }
    }

    package func read(_ range: Range<UInt64>) throws(ToolError) -> [UInt8] {
        let end = min(range.upperBound, size)
        guard range.lowerBound < end else { return [] }
        return try file.read(Int(clamping: end - range.lowerBound), at: range.lowerBound)
    }

    private func extend(_ isEnough: (LineIndex.Block) -> Bool) throws(ToolError) {
        let file = file
        var isSettled = false
        try index.extend(
            until: isEnough, isCancelled: isCancelled,
            run: { (offset) throws(ToolError) in
                if !isSettled { file.settle() }
                isSettled = true
                return try file.dataRun(from: offset)
            },
            read: { (bytes, offset) throws(ToolError) in try file.scan(over: &bytes, at: offset) })
    }

    /// Returns the index after an edit, for the next call: only the touched blocks are counted again.
    /// - Parameters:
    ///   - splices: the edits in order, as offsets of this file.
    ///   - file: the file after the edit.
    package func index(
        after splices: [ByteSplice], in file: any GroundFile
    ) throws(ToolError) -> LineIndex {
        var next = index
        try next.apply(splices) { (bytes, offset) throws(ToolError) in
            try file.scan(over: &bytes, at: offset)
        }
        return next
    }

    /// Counts the whole file.
    package func countAll() throws(ToolError) { try extend { _ in false } }

    private var endsWithNewline: Bool {
        get throws(ToolError) {
            let unit = UInt64(encoding.unit)
            guard size >= unit else { return false }
            return isLineEnd(try read(size - unit..<size), 0)
        }
    }

    /// Returns the number of lines of the file, and counts them if needed.
    package func lineCount() throws(ToolError) -> UInt64 {
        try countAll()
        return index.lineCount(endsWithNewline: try endsWithNewline) ?? 0
    }

    /// Returns the offset of line `number` (from 1), or nil past the last line.
    package func start(ofLine number: UInt64) throws(ToolError) -> UInt64? {
        if number <= 1 { return 0 }
        let ends = number - 1
        try extend { $0.lines >= ends }
        guard index.counted.lines >= ends else { return nil }
        let block = index.find { $0.lines < ends }
        var place = (offset: block.bytes, line: block.lines + 1)
        for known in lastPlaces where known.line < number && known.offset > place.offset { place = known }
        var missing = number - place.line
        let found = try scan(from: place.offset) { bytes, index in
            guard isLineEnd(bytes, index) else { return false }
            missing -= 1
            return missing == 0
        }
        guard let found else { return nil }
        let start = found + UInt64(encoding.unit)
        guard start < size else { return nil }
        remember(start, line: number)
        return start
    }

    private func remember(_ offset: UInt64, line: UInt64) {
        if lastPlaces.count >= Self.mostPlaces { lastPlaces.removeFirst() }
        lastPlaces.append((offset, line))
    }

    /// Returns the line (from 1) that holds a byte; the end of the file belongs to the last line.
    package func line(at offset: UInt64) throws(ToolError) -> UInt64 {
        let offset = min(offset, size)
        var (start, line): (UInt64, UInt64) = (0, 1)
        for known in lastPlaces where known.offset <= offset && known.offset > start { (start, line) = known }
        if offset - start > Self.scanLength {
            try extend { $0.bytes >= offset }
            let before = index.find { $0.bytes <= offset }
            if before.bytes > start { (start, line) = (before.bytes, before.lines + 1) }
        }
        _ = try scan(from: start, to: offset) { bytes, index in
            if isLineEnd(bytes, index) { line += 1 }
            return false
        }
        if offset % UInt64(encoding.unit) == 0 { remember(offset, line: line) }
        return line
    }

    /// Returns the offset of character `number` (from 0): the end of the file for the number of characters,
    /// nil above.
    package func start(ofCharacter number: UInt64) throws(ToolError) -> UInt64? {
        if number == 0 { return 0 }
        try extend { $0.characters > number }
        if index.counted.characters <= number {
            return index.counted.characters == number ? size : nil
        }
        let before = index.find { $0.characters <= number }
        var left = number - before.characters
        return try scan(from: before.bytes) { bytes, index in
            guard isCharacterStart(bytes, index) else { return false }
            if left == 0 { return true }
            left -= 1
            return false
        }
    }

    /// Returns the end of the next `count` characters that begin at or after an offset, at most the end of
    /// the file.
    func end(ofCharacters count: UInt64, from offset: UInt64) throws(ToolError) -> UInt64 {
        var left = count
        return try scan(from: offset) { bytes, index in
            guard isCharacterStart(bytes, index) else { return false }
            if left == 0 { return true }
            left -= 1
            return false
        } ?? size
    }

    enum LinesAround {
        /// The range of the lines, with their line ends.
        case lines(Range<UInt64>)
        /// There are not as many lines before the byte.
        case none
        case tooLong
    }

    /// Returns `count` lines, of which `before` lie before the line of a byte. Not for UTF-16.
    /// - Parameters:
    ///   - first: the offset of the first line of the file.
    ///   - most: the maximum number of bytes to read before the byte, and from it on.
    func lines(
        around offset: UInt64, before: Int, count: UInt64, from first: UInt64 = 0, atMost most: UInt64
    ) throws(ToolError) -> LinesAround {
        let bound = max(first, offset - min(offset, most))
        guard let start = try start(linesBefore: before, offset, notBefore: bound, isFirst: bound == first)
        else { return bound == first ? .none : .tooLong }
        let end = try end(ofLines: count - UInt64(before), from: offset, to: offset + most)
        return end < offset + most || end >= size ? .lines(start..<end) : .tooLong
    }

    /// Returns the start of the line that lies `count` lines before that of a byte; nil if the bound comes
    /// first.
    /// - Parameter isFirst: whether a line begins at the bound.
    private func start(
        linesBefore count: Int, _ offset: UInt64, notBefore bound: UInt64, isFirst: Bool
    ) throws(ToolError) -> UInt64? {
        var left = count
        var end = min(offset, size)
        while end > bound {
            let start = max(bound, end - min(end, Self.backLength))
            let bytes = try read(start..<end)
            if UInt64(bytes.count) < end - start { throw GroundScan.shrank }
            for index in bytes.indices.reversed() where bytes[index] == 0x0a {
                if left == 0 { return start + UInt64(index) + 1 }
                left -= 1
            }
            end = start
        }
        return isFirst && left == 0 ? bound : nil
    }

    /// The number of bytes of one read of a backward scan.
    private static let backLength: UInt64 = 4 << 10

    /// Returns the offset after the next `count` line ends at or after an offset, at most the bound or the
    /// end of the file.
    func end(
        ofLines count: UInt64, from offset: UInt64, to bound: UInt64
    ) throws(ToolError) -> UInt64 {
        if count == 0 { return offset }
        var left = count
        let last = try scan(from: offset, to: bound) { bytes, index in
            guard isLineEnd(bytes, index) else { return false }
            left -= 1
            return left == 0
        }
        return last.map { $0 + UInt64(encoding.unit) } ?? min(bound, size)
    }

    /// The numbers of bytes of one read of a scan, and of its first read: the target is mostly near.
    private static let scanLength: UInt64 = 256 << 10
    private static let firstLength: UInt64 = 4 << 10

    /// Returns the first unit of the file at or after `start` for which `isWanted` is true.
    private func scan(
        from start: UInt64, to end: UInt64 = .max, _ isWanted: ([UInt8], Int) -> Bool
    ) throws(ToolError) -> UInt64? {
        let end = min(end, size)
        let unit = UInt64(encoding.unit)
        // After an edit by bytes a block may begin inside a unit.
        var position = start + (unit - start % unit) % unit
        var length = Self.firstLength
        while position < end {
            let bytes = try read(position..<min(end, position + min(length, window)))
            if bytes.isEmpty { return nil }
            length = min(length * 4, Self.scanLength)
            var index = 0
            while index + Int(unit) <= bytes.count {
                if isWanted(bytes, index) { return position + UInt64(index) }
                index += Int(unit)
            }
            if index == 0 { return nil }
            position += UInt64(index)
        }
        return nil
    }

    func isLineEnd(_ bytes: [UInt8], _ index: Int) -> Bool {
        switch encoding {
        case .utf16LittleEndian: bytes[index] == 0x0a && bytes[index + 1] == 0
        case .utf16BigEndian: bytes[index] == 0 && bytes[index + 1] == 0x0a
        default: bytes[index] == 0x0a
        }
    }

    private func isCharacterStart(_ bytes: [UInt8], _ index: Int) -> Bool {
        switch encoding {
        case .utf8: bytes[index] & 0xc0 != 0x80
        case .utf16LittleEndian: !(0xdc...0xdf).contains(bytes[index + 1])
        case .utf16BigEndian: !(0xdc...0xdf).contains(bytes[index])
        case .latin1, .binary: true
        }
    }
}
