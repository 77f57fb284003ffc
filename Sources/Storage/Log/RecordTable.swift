// RecordTable: the block checksums of one record, kept for reads of several of its blocks.

package import Platform

/// The verified header and block checksums of one record. It is cached between reads of a file.
package struct RecordTable: Sendable {
    package let log: UInt64
    package let position: UInt64
    package let payloadStart: Int
    package let payloadLength: Int
    package let blockShift: Int
    private let sums: [UInt64]

    package init(
        reading file: any DiskFile, log: UInt64, key: ChecksumKey, at position: UInt64
    ) throws(Errno) {
        // One read gets header and table of a record of up to 4 MiB.
        var bytes = try file.readBytes(Format.recordHeaderLength + 8 * 256, at: position)
        guard let header = bytes.withUnsafeBytes({ RecordHeader(decoding: $0) }) else {
            throw .inputOutput
        }
        if header.tableEnd > bytes.count {
            bytes = try file.readBytes(header.tableEnd, at: position)
        }
        guard header.tableEnd <= bytes.count else { throw .inputOutput }
        guard header.fits(bytes, log: log, key: key, position: position) else { throw .inputOutput }
        self.log = log
        self.position = position
        payloadStart = Int(header.payloadStart)
        payloadLength = Int(header.payloadLength)
        blockShift = Int(header.blockShift)
        sums = bytes.withUnsafeBytes { raw in
            (0..<header.blockCount).map {
                UInt64(
                    littleEndian: raw.loadUnaligned(
                        fromByteOffset: Format.recordHeaderLength + 8 * $0, as: UInt64.self))
            }
        }
    }

    func verify(_ raw: UnsafeRawBufferPointer, firstBlock: Int, block: Int) -> Bool {
        var at = 0
        var index = firstBlock
        while at < raw.count {
            let end = min(at + block, raw.count)
            guard index < sums.count,
                Checksum.xxh3(UnsafeRawBufferPointer(rebasing: raw[at..<end])) == sums[index]
            else { return false }
            at = end
            index += 1
        }
        return true
    }

    var tableEnd: Int { Format.recordHeaderLength + 8 * sums.count }
    var blockCount: Int { sums.count }
    func sum(of block: Int) -> UInt64 { sums[block] }

    /// Returns whether the whole payload on disk is as it was written, or as a repair left it.
    /// - Parameter isReleased: whether a range of the log need not be as it was.
    package func payloadIsGood(
        in file: any DiskFile, isReleased: (Range<UInt64>) -> Bool = { _ in false }
    ) -> Bool {
        !checkBlocks(in: file).contains { $0.state == .damaged && !isReleased($0.range) }
    }
}
