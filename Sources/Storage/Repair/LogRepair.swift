// LogRepair: makes a damaged log readable again in place, and moves no good byte. Lost records become a
// filler of the same length (kind gap), damaged blocks become lost ones, padding becomes zero. The
// caller keeps the overwritten bytes beside the log first.

package import Platform

package struct LogRepair {
    let file: any DiskFile
    let log: UInt64
    let key: ChecksumKey
    private let time: Int64

    package init(_ file: any DiskFile, log: UInt64, key: ChecksumKey, time: Int64) {
        self.file = file
        self.log = log
        self.key = key
        self.time = time
    }

    /// The largest number of bytes that one filler covers. Readers refuse payloads of more than
    /// `maximumPayloadLength`.
    private static let longestGap: UInt64 = 128 << 20
    private static let gapShift: UInt8 = 16

    /// Fills `range`, in which no record can be read.
    /// - Parameters:
    ///   - before: The fillers have a greater sequence number than this.
    ///   - after: The fillers have a smaller sequence number than this. Nil if no record follows.
    ///   - atLeast: The least sequence number of the fillers if no record follows: the one that the
    ///     inode includes.
    ///   - isZero: Whether the bytes are zeros already, or after the end of the file.
    /// - Returns: False if there is no sequence number left between the neighbours.
    package func fill(
        _ range: Range<UInt64>, before: UInt64, after: UInt64?, atLeast: UInt64 = 0,
        isZero: Bool = false
    ) throws(Errno) -> Bool {
        let lengths = Self.lengths(UInt64(range.count))
        guard range.lowerBound % Format.recordAlignment == 0, !lengths.isEmpty,
            before < UInt64.max - 1, after ?? .max > before + 1
        else { return false }
        // The greatest possible number is used. The number of a checkpoint may lie between those of the
        // neighbours, and after its position only later records count. All fillers of a range have the
        // same number.
        let sequence = after.map { $0 - 1 } ?? max(before + 1, atLeast)
        var at = range.lowerBound
        for length in lengths {
            let stamp = Stamp(time: time, pid: 0, uid: 0)
            try write(
                RecordHeader(
                    kind: .gap, sequence: sequence, stamp: stamp, offset: 0, length: 0,
                    payloadLength: 0),
                length: length, at: at, isZero: isZero)
            at += length
        }
        return true
    }

    /// Replaces a record that has a good header but a damaged payload with a filler. The filler keeps
    /// the record's time and the range of the file that it wrote.
    package func replace(_ record: ScannedRecord) throws(Errno) -> Bool {
        let length = record.header.recordLength
        guard Self.lengths(length).count == 1 else {
            return try fill(
                record.position..<(record.position + length),
                before: record.header.sequence - 1, after: nil)
        }
        var header = record.header
        header.kind = RecordKind.gap.rawValue
        try write(header, length: length, at: record.position)
        return true
    }

    /// The greatest position in a lost log that is believed when another log refers to it. Fillers up
    /// to there cost a hundred megabytes of tables.
    package static let farthest: UInt64 = 1 << 40

    /// Divides a range into parts that one filler each can cover. Empty if one part would be too short.
    static func lengths(_ total: UInt64) -> [UInt64] {
        guard total % Format.recordAlignment == 0 else { return [] }
        var parts: [UInt64] = []
        var left = total
        while left > longestGap {
            // The rest must be long enough for a header.
            let part = left - longestGap < 4096 ? longestGap - 4096 : longestGap
            parts.append(part)
            left -= part
        }
        if left < UInt64(Format.recordHeaderLength) { return [] }
        return parts + [left]
    }

    /// Writes one filler of `length` bytes. Its payload is zeros with complemented checksums, so that
    /// no reader takes them for content.
    private func write(
        _ template: RecordHeader, length: UInt64, at position: UInt64, isZero: Bool = false
    ) throws(Errno) {
        var header = template
        header.blockShift = Self.gapShift
        let block = 1 << Int(Self.gapShift)
        let room = Int(length) - Format.recordHeaderLength
        let blocks = (room + block + 7) / (block + 8)
        let payload = max(0, room - 8 * blocks)
        header.payloadLength = UInt32(payload)
        header.payloadStart = UInt32(Int(length) - payload)
        // The content is written first: until the header is valid, the range is damage as before.
        let zeros = [UInt8](repeating: 0, count: min(Int(length), 1 << 20))
        var at = 0
        if isZero { try file.truncate(to: max(file.length(), position + length)) }
        while !isZero, at < Int(length) {
            let count = min(zeros.count, Int(length) - at)
            try file.writeBytes(Array(zeros[..<count]), at: position + UInt64(at))
            at += count
        }
        let whole = ~Checksum.xxh3([UInt8](repeating: 0, count: block))
        var sums: [UInt64] = []
        for index in 0..<header.blockCount {
            let count = min(block, payload - index * block)
            sums.append(
                count == block ? whole : ~Checksum.xxh3([UInt8](repeating: 0, count: count)))
        }
        try file.writeBytes(
            header.bytes(sums, log: log, key: key, position: position), at: position)
    }

    /// Marks damaged blocks of a record as lost, so that the rest of the record stays readable.
    package func lose(_ blocks: [Int], of record: ScannedRecord) throws(Errno) {
        let table = try RecordTable(reading: file, log: log, key: key, at: record.position)
        let size = 1 << Int(record.header.blockShift)
        var sums = (0..<table.blockCount).map { table.sum(of: $0) }
        for block in blocks where block < sums.count {
            let start = block * size
            let zeros = [UInt8](
                repeating: 0, count: min(size, Int(record.header.payloadLength) - start))
            sums[block] = ~Checksum.xxh3(zeros)
            try file.writeBytes(zeros, at: record.payloadPosition + UInt64(start))
        }
        try file.writeBytes(
            record.header.bytes(sums, log: log, key: key, position: record.position),
            at: record.position)
    }

    /// Gives up damaged blocks of written bytes one by one. A record that describes a change of the file's
    /// layout or of the tree is lost whole.
    package func giveUp(_ blocks: [Int], of record: ScannedRecord) throws(Errno) {
        if record.header.kind == RecordKind.write.rawValue {
            try lose(blocks, of: record)
        } else {
            _ = try replace(record)
        }
    }

    package func clear(_ range: Range<UInt64>) throws(Errno) {
        try file.writeBytes([UInt8](repeating: 0, count: range.count), at: range.lowerBound)
    }
}

extension LogHeader {
    /// Returns the header that differs from `bytes` in one bit and has a right checksum, if there is one.
    package init?(mending bytes: [UInt8]) {
        guard bytes.count == Format.logHeaderLength else { return nil }
        for bit in 0..<(8 * bytes.count) {
            var tried = bytes
            tried[bit / 8] ^= 1 << UInt8(bit % 8)
            if let header = LogHeader(decoding: tried), header.bytes == tried {
                self = header
                return
            }
        }
        return nil
    }

    private init?(decoding bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard reader.integer() == Format.logMagic, reader.integer() == Format.logVersion,
            let rawKind: UInt32 = reader.integer(), let kind = LogKind(rawValue: rawKind),
            let id: UInt64 = reader.integer(), let baseFile: UInt64 = reader.integer(),
            let baseLength: UInt64 = reader.integer(), let created: Int64 = reader.integer()
        else { return nil }
        self.init(
            kind: kind, id: id, baseFile: baseFile, baseLength: baseLength, created: created)
    }
}
