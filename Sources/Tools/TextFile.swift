// TextFile: one file as text: its encoding, its index, and where lines and characters stand. The index is
// kept between calls as long as the file is what it was.

internal import Platform

package final class TextFile {
    package let file: any GroundFile
    package let encoding: TextEncoding
    /// Bytes.
    package let size: UInt64
    package let version: FileVersion
    package private(set) var index: LineIndex
    /// Asked between blocks: whether the caller wants no answer any more.
    package var isCancelled: @Sendable () -> Bool = { false }
    /// Bytes that are read at once while something is searched for.
    package var window: UInt64 = 1 << 20
    /// Places whose lines were asked for last: those of edits come in order, near each other.
    private var lastPlaces: [(offset: UInt64, line: UInt64)] = []
    private static let mostPlaces = 4

    /// Bytes that could be searched while a short read is made, of a mount that has to ask for it.
    static func costOfRead(_ window: UInt64) -> Int { Int(clamping: min(window, 1 << 20)) }

    /// Bytes from the front that the encoding is told by.
    static let sampleLength = 64 << 10

    /// - Parameter index: of an earlier call, for the same version.
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

    /// The index after an edit that was made, for the next call: only what it touched is counted.
    /// - Parameters:
    ///   - splices: in order, over this file.
    ///   - file: as it is now.
    package func index(
        after splices: [ByteSplice], in file: any GroundFile
    ) throws(ToolError) -> LineIndex {
        var next = index
        try next.apply(splices) { (bytes, offset) throws(ToolError) in
            try file.scan(over: &bytes, at: offset)
        }
        return next
    }

    /// Counts all of the file.
    package func countAll() throws(ToolError) { try extend { _ in false } }

    private var endsWithNewline: Bool {
        get throws(ToolError) {
            let unit = UInt64(encoding.unit)
            guard size >= unit else { return false }
            return isLineEnd(try read(size - unit..<size), 0)
        }
    }

    /// Lines of the whole file, counted if they were not.
    package func lineCount() throws(ToolError) -> UInt64 {
        try countAll()
        return index.lineCount(endsWithNewline: try endsWithNewline) ?? 0
    }

    /// Where line `number` (from 1) begins; nil behind the last one.
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

    /// The line (from 1) in which a byte stands; a file's end is in its last line.
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

    /// Where character `number` (from 0) begins; the file's end for its count, nil behind.
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

    /// Behind so many characters that begin at a byte or behind it, or the file's end.
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
        /// With their ends.
        case lines(Range<UInt64>)
        /// There are not so many before.
        case none
        case tooLong
    }

    /// So many lines, of which some stand before that of a byte. Not for UTF-16.
    /// - Parameters:
    ///   - first: where the first line of the file begins.
    ///   - most: bytes that are looked at before the byte, and from it on.
    func lines(
        around offset: UInt64, before: Int, count: UInt64, from first: UInt64 = 0, atMost most: UInt64
    ) throws(ToolError) -> LinesAround {
        let bound = max(first, offset - min(offset, most))
        guard let start = try start(linesBefore: before, offset, notBefore: bound, isFirst: bound == first)
        else { return bound == first ? .none : .tooLong }
        let end = try end(ofLines: count - UInt64(before), from: offset, to: offset + most)
        return end < offset + most || end >= size ? .lines(start..<end) : .tooLong
    }

    /// Where the line begins that stands so many lines before that of a byte; nil if not behind the bound.
    /// - Parameter isFirst: a line begins at the bound.
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

    /// Bytes of one read of a scan to the front.
    private static let backLength: UInt64 = 4 << 10

    /// Behind so many line ends that stand at a byte or behind it, or the bound, or the file's end.
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

    /// Bytes of one read of a scan, and of its first one: what is looked for is mostly near.
    private static let scanLength: UInt64 = 256 << 10
    private static let firstLength: UInt64 = 4 << 10

    /// The first unit of the file at or after `start` for which `isWanted` holds.
    private func scan(
        from start: UInt64, to end: UInt64 = .max, _ isWanted: ([UInt8], Int) -> Bool
    ) throws(ToolError) -> UInt64? {
        let end = min(end, size)
        let unit = UInt64(encoding.unit)
        // Blocks may begin inside a unit after an edit by bytes.
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
