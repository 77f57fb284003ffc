// LineIndex: the numbers of lines and characters in each block of a file. A line or a character is found by
// one sum over the blocks and one read. The index is filled as far as it was needed. An edit recounts the
// blocks that it touches, so that no new scan is needed.
//
// Blocks grow with the file, so that there are at most about 65,000 of them.

internal import Platform

package struct LineIndex: Sendable {
    /// The counts of a run of bytes.
    package struct Block: Equatable, Sendable {
        package var bytes: UInt64 = 0
        /// The number of line ends: LF, also those after CR.
        package var lines: UInt64 = 0
        /// The number of characters that begin in the run.
        package var characters: UInt64 = 0

        static func + (one: Block, other: Block) -> Block {
            Block(
                bytes: one.bytes &+ other.bytes, lines: one.lines &+ other.lines,
                characters: one.characters &+ other.characters)
        }
    }

    package let encoding: TextEncoding
    /// The size of the file in bytes.
    package private(set) var size: UInt64
    /// The blocks from the start of the file, without gaps; together the first `counted` bytes.
    private(set) var blocks: [Block] = []
    private(set) var counted = Block()
    /// The number of bytes of a block when it is counted for the first time.
    let blockLength: UInt64

    private let smallestBlock: UInt64

    package static let smallestBlock: UInt64 = 256 << 10
    static let mostBlocks: UInt64 = 1 << 16

    /// - Parameter smallestBlock: the number of bytes of a block, unless the file is large.
    package init(size: UInt64, encoding: TextEncoding, smallestBlock: UInt64 = Self.smallestBlock) {
        self.size = size
        self.encoding = encoding
        self.smallestBlock = smallestBlock
        var length = max(smallestBlock, 2)
        while size / length >= Self.mostBlocks / 2, length < 1 << 60 { length *= 2 }
        blockLength = length
    }

    package var isComplete: Bool { counted.bytes >= size }

    /// Returns the number of lines of the whole file, including a last one without a line end. Returns nil
    /// until the whole file is counted.
    package func lineCount(endsWithNewline: Bool) -> UInt64? {
        guard isComplete else { return nil }
        return counted.lines + (size == 0 || endsWithNewline ? 0 : 1)
    }

    package var characterCount: UInt64? { isComplete ? counted.characters : nil }

    /// Reads bytes of the file at an offset into an existing array, and returns their number: fewer only at
    /// the end of the file.
    typealias Read = (inout [UInt8], UInt64) throws(ToolError) -> Int

    private static func readLength(_ block: UInt64) -> Int {
        // A divisor of the block's length, so that no byte is read twice.
        min(1 << 20, Int(clamping: block))
    }

    /// Counts on until `isEnough` is true for the total, or the file ends.
    /// - Parameter run: returns the next run of data at or after an offset, as in `GroundFile`.
    mutating func extend(
        until isEnough: (Block) -> Bool, isCancelled: () -> Bool = { false },
        run: (UInt64) throws(ToolError) -> Range<UInt64> = { $0..<UInt64.max }, read: Read
    ) throws(ToolError) {
        if counted.bytes >= size || isEnough(counted) { return }
        var bytes = [UInt8](repeating: 0, count: Self.readLength(blockLength))
        var data = try run(counted.bytes)
        while counted.bytes < size, !isEnough(counted) {
            if isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let start = counted.bytes
            let length = min(blockLength, size - start)
            if data.upperBound <= start { data = try run(start) }
            let isHole = data.lowerBound >= start + length
            let block = isHole
                ? TextCount.hole(length, encoding, startsAt: start)
                : try measure(start, length, &bytes, read)
            if block.bytes == 0 { throw GroundScan.shrank }
            blocks.append(block)
            counted = counted + block
        }
    }

    private func measure(
        _ start: UInt64, _ length: UInt64, _ bytes: inout [UInt8], _ read: Read
    ) throws(ToolError) -> Block {
        var block = Block()
        while block.bytes < length {
            let count = try read(&bytes, start + block.bytes)
            if count == 0 { return block }
            let wanted = Int(min(UInt64(count), length - block.bytes))
            block = block + TextCount.count(bytes, wanted, encoding, startsAt: start + block.bytes)
        }
        return block
    }

    /// Returns the total before the block with the wanted line or character. That must be counted, or be
    /// the end.
    /// - Parameter isBefore: returns whether the wanted place is after this total.
    func find(_ isBefore: (Block) -> Bool) -> Block {
        var before = Block()
        for block in blocks {
            let next = before + block
            if isBefore(next) { before = next } else { break }
        }
        return before
    }

    /// Updates the index after an edit: blocks that the splices touch are counted again from the new file.
    /// - Parameters:
    ///   - splices: the edits in order, with offsets before the edit.
    ///   - read: reads the new file.
    mutating func apply(
        _ splices: [ByteSplice], read: Read
    ) throws(ToolError) {
        var fresh: [Block] = []
        let newSize = splices.reduce(size) {
            $0 &- min($1.delete, $0) &+ UInt64($1.insert.count)
        }
        // If the units of UTF-16 move by one byte, all counts after the edit are wrong.
        let unit = UInt64(encoding.unit)
        let keepsUnits = splices.allSatisfy {
            $0.offset % unit == 0 && $0.delete % unit == 0 && UInt64($0.insert.count) % unit == 0
        }
        guard keepsUnits else {
            self = LineIndex(size: newSize, encoding: encoding, smallestBlock: smallestBlock)
            return
        }
        var (oldStart, newStart) = (UInt64(0), UInt64(0))
        var bytes = [UInt8](repeating: 0, count: Self.readLength(blockLength))
        var (next, index) = (0, 0)
        while index < blocks.count {
            var oldEnd = oldStart + blocks[index].bytes
            // A splice at the end of a block is counted with the next block; after the last block nothing
            // is counted yet.
            guard next < splices.count, splices[next].offset < oldEnd else {
                fresh.append(blocks[index])
                newStart += blocks[index].bytes
                oldStart = oldEnd
                index += 1
                continue
            }
            var length = blocks[index].bytes
            var last = index
            while next < splices.count, splices[next].offset < oldEnd {
                let end = splices[next].offset &+ splices[next].delete
                while end > oldEnd, last + 1 < blocks.count {
                    last += 1
                    length += blocks[last].bytes
                    oldEnd += blocks[last].bytes
                }
                let deleted = min(splices[next].delete, oldEnd - splices[next].offset)
                length = length - deleted + UInt64(splices[next].insert.count)
                next += 1
            }
            var left = length
            while left > 0 {
                let part = try measure(newStart, min(left, blockLength), &bytes, read)
                if part.bytes == 0 { throw GroundScan.shrank }
                fresh.append(part)
                newStart += part.bytes
                left -= min(part.bytes, left)
            }
            oldStart = oldEnd
            index = last + 1
        }
        size = newSize
        blocks = fresh
        counted = fresh.reduce(Block()) { $0 + $1 }
        joinSmallBlocks()
    }

    /// Joins neighbours when there are too many blocks: edits at many places leave small ones.
    private mutating func joinSmallBlocks() {
        guard UInt64(blocks.count) > Self.mostBlocks else { return }
        var joined: [Block] = []
        for block in blocks {
            if let last = joined.last, last.bytes + block.bytes <= blockLength * 2 {
                joined[joined.count - 1] = last + block
            } else {
                joined.append(block)
            }
        }
        blocks = joined
    }
}

/// Counts lines and characters in runs of bytes.
enum TextCount {
    /// Returns the counts of a run of zeros: each unit is one character.
    static func hole(
        _ length: UInt64, _ encoding: TextEncoding, startsAt start: UInt64
    ) -> LineIndex.Block {
        let unit = UInt64(encoding.unit)
        return LineIndex.Block(bytes: length, lines: 0, characters: (length - start % unit) / unit)
    }

    /// - Parameters:
    ///   - length: the number of bytes of the run, from the front of the array.
    ///   - start: the offset of the run in the file: units of UTF-16 begin at even offsets.
    static func count(
        _ bytes: [UInt8], _ length: Int, _ encoding: TextEncoding, startsAt start: UInt64
    ) -> LineIndex.Block {
        var lines: UInt64 = 0
        var characters: UInt64 = 0
        switch encoding {
        case .utf8:
            (lines, characters) = bytes.lineEndsAndCharacters(length)
        case .latin1, .binary:
            lines = bytes.lineEndsAndCharacters(length).lines
            characters = UInt64(length)
        case .utf16LittleEndian, .utf16BigEndian:
            let isLittle = encoding == .utf16LittleEndian
            var index = Int(start & 1)
            while index + 1 < length {
                let low = isLittle ? bytes[index] : bytes[index + 1]
                let high = isLittle ? bytes[index + 1] : bytes[index]
                if high == 0, low == 0x0a { lines &+= 1 }
                if !(0xdc...0xdf).contains(high) { characters &+= 1 }
                index += 2
            }
        }
        return LineIndex.Block(bytes: UInt64(length), lines: lines, characters: characters)
    }
}
