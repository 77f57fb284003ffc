// BitRepair: finds and corrects a single flipped bit. A matching 64-bit checksum proves the right bit,
// so all bits are tried: a few hundred for a header, 131,072 for a block of 16 KiB (a tenth of a
// second).

package import Platform

extension LogRepair {
    /// The largest number of table entries that is tried: each try hashes the whole table.
    private static let longestTable = 512

    /// The number of blocks of one log in which a flipped bit is searched for: a tenth of a second each.
    package static let blocksToTry = 64

    /// Corrects the one flipped bit that makes a block match its checksum.
    /// - Returns: False if there is no such bit.
    package func flipBack(block: Int, of record: ScannedRecord) throws(Errno) -> Bool {
        let table = try RecordTable(reading: file, log: log, key: key, at: record.position)
        guard block < table.blockCount else { return false }
        let size = 1 << Int(record.header.blockShift)
        let start = block * size
        let count = min(size, Int(record.header.payloadLength) - start)
        let place = record.payloadPosition + UInt64(start)
        var bytes = try file.readBytes(count, at: place)
        guard bytes.count == count else { return false }
        let sum = table.sum(of: block)
        for bit in 0..<(8 * count) {
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
            if Checksum.xxh3(bytes) == sum {
                try file.writeBytes([bytes[bit >> 3]], at: place + UInt64(bit >> 3))
                return true
            }
            bytes[bit >> 3] ^= 1 << UInt8(bit & 7)
        }
        return false
    }

    /// Corrects the one flipped bit that makes the header and table of the record at the start of
    /// `range` valid.
    ///
    /// The payload of an unreadable record cannot be checked. So this is done here too.
    /// - Returns: The end of the record, its sequence number and whether all of it is as written; nil if
    ///   there is no such bit.
    package func flipBack(
        recordAt range: Range<UInt64>, before: UInt64, after: UInt64?
    ) throws(Errno) -> (end: UInt64, sequence: UInt64, isWhole: Bool)? {
        let position = range.lowerBound
        let longest = Format.recordHeaderLength + 8 * Self.longestTable
        let bytes = try file.readBytes(longest, at: position)
        var tried = bytes
        // A valid header tells the length of the table. Bits after the table do not belong to it.
        let whole = RecordHeader(bytes).map(\.tableEnd) ?? Format.recordHeaderLength
        for bit in 0..<(8 * min(bytes.count, whole)) {
            tried[bit >> 3] ^= 1 << UInt8(bit & 7)
            defer { tried[bit >> 3] ^= 1 << UInt8(bit & 7) }
            guard let header = RecordHeader(tried), header.tableEnd <= tried.count,
                header.mayFollow(before), header.sequence < after ?? .max,
                position + header.recordLength <= range.upperBound,
                header.fits(tried, log: log, key: key, position: position) else { continue }
            try file.writeBytes([tried[bit >> 3]], at: position + UInt64(bit >> 3))
            let record = ScannedRecord(header: header, position: position)
            return (position + header.recordLength, header.sequence, try mendPayload(of: record))
        }
        return nil
    }

    /// Corrects damaged blocks, or gives them up.
    /// - Returns: whether nothing is lost.
    private func mendPayload(of record: ScannedRecord) throws(Errno) -> Bool {
        let table = try RecordTable(reading: file, log: log, key: key, at: record.position)
        var lost: [Int] = []
        for (tries, found) in table.checkBlocks(in: file).filter({ $0.state == .damaged }).enumerated() {
            if tries < Self.blocksToTry, try flipBack(block: found.block, of: record) { continue }
            lost.append(found.block)
        }
        if lost.isEmpty { return true }
        try giveUp(lost, of: record)
        return false
    }
}
