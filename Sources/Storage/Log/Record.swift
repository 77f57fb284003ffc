// Record: the unit of every log. A header of 72 bytes, a table of block checksums, the payload.
//
//  0 u32 magic "DREC"      4 u8 kind   5 u8 block shift   6 u16 zero
//  8 u64 sequence         16 i64 time, ns since 1970
// 24 u32 pid              28 u32 uid
// 32 u64 offset           40 u64 length (both in bytes of the edited file)
// 48 u32 payload length   52 u32 payload start, counted from the record's first byte
// 56 u64 header checksum  64 u64 table checksum
// 72 u64 × blocks: XXH3 of each block of the payload, then zeros up to the payload's start
//
// The header checksum covers bytes 0 to 55, the log's id and the record's position. A record written to
// a wrong place is therefore not taken for a record of this log. The table checksum is that of the
// table, xored with the header checksum. Both use the store's key, so a process that writes a payload
// cannot forge a record inside it. The whole record is padded to 8 bytes.

package import Platform

package struct RecordHeader: Equatable, Sendable {
    package var kind: UInt8
    package var blockShift: UInt8 = Format.blockShift
    package var sequence: UInt64
    package var time: Int64
    package var pid: UInt32
    package var uid: UInt32
    package var offset: UInt64
    package var length: UInt64
    package var payloadLength: UInt32
    package var payloadStart: UInt32 = 0

    package init(
        kind: RecordKind, sequence: UInt64, stamp: Stamp, offset: UInt64, length: UInt64,
        payloadLength: Int
    ) {
        self.kind = kind.rawValue
        self.sequence = sequence
        time = stamp.time
        pid = stamp.pid
        uid = stamp.uid
        self.offset = offset
        self.length = length
        self.payloadLength = UInt32(clamping: payloadLength)
    }

    /// Whether a record with the same sequence number may follow: this is a part of a transaction, or a
    /// filler that may replace a part.
    package var mayBeRepeated: Bool {
        kind == RecordKind.part.rawValue || kind == RecordKind.gap.rawValue
    }

    /// Whether a record with the same sequence number may precede this one.
    var mayRepeat: Bool {
        kind == RecordKind.part.rawValue
            || (kind == RecordKind.transaction.rawValue && length > 0)
            || isDedupe
    }

    package var isDedupe: Bool { kind == RecordKind.dedupe.rawValue }

    /// Returns whether this record may come after one with this `floor`. A filler may stand for a dedupe
    /// record.
    func mayFollow(_ floor: UInt64) -> Bool {
        sequence > floor
            || sequence == floor && [RecordKind.dedupe.rawValue, RecordKind.gap.rawValue].contains(kind)
    }

    /// The next record of the log must have a sequence number greater than this.
    var floor: UInt64 { mayBeRepeated && sequence > 0 ? sequence - 1 : sequence }

    /// The number of blocks of the payload. Each block has a checksum of 8 bytes in the table.
    package var blockCount: Int {
        let block = 1 << Int(blockShift)
        return (Int(payloadLength) + block - 1) >> Int(blockShift)
    }

    package var tableEnd: Int { Format.recordHeaderLength + 8 * blockCount }

    /// The number of bytes from this record's start to the next record's start.
    package var recordLength: UInt64 {
        (UInt64(payloadStart) + UInt64(payloadLength) + Format.recordAlignment - 1)
            & ~(Format.recordAlignment - 1)
    }

    /// Chooses the payload start for a record at `position`.
    package mutating func place(at position: UInt64) {
        var start = UInt64(tableEnd)
        if payloadLength >= Format.alignedPayloadLength {
            let end = position + start
            start += (Format.pageLength - end % Format.pageLength) % Format.pageLength
        }
        payloadStart = UInt32(start)
    }

    /// Writes bytes 0 to 55. The caller writes the checksums and the table.
    package func encode(into raw: UnsafeMutableRawBufferPointer) {
        func put<T: FixedWidthInteger>(_ value: T, _ at: Int) {
            raw.storeBytes(of: value.littleEndian, toByteOffset: at, as: T.self)
        }
        put(Format.recordMagic, 0)
        put(kind, 4)
        put(blockShift, 5)
        put(UInt16(0), 6)
        put(sequence, 8)
        put(time, 16)
        put(pid, 24)
        put(uid, 28)
        put(offset, 32)
        put(length, 40)
        put(payloadLength, 48)
        put(payloadStart, 52)
    }

    /// Decodes a header and checks its form, but not its checksum. Returns nil if the form is invalid.
    package init?(decoding raw: UnsafeRawBufferPointer) {
        guard raw.count >= Format.recordHeaderLength else { return nil }
        func get<T: FixedWidthInteger>(_ at: Int, _: T.Type = T.self) -> T {
            T(littleEndian: raw.loadUnaligned(fromByteOffset: at, as: T.self))
        }
        guard get(0, UInt32.self) == Format.recordMagic, get(6, UInt16.self) == 0 else {
            return nil
        }
        kind = get(4)
        blockShift = get(5)
        sequence = get(8)
        time = get(16)
        pid = get(24)
        uid = get(28)
        offset = get(32)
        length = get(40)
        payloadLength = get(48)
        payloadStart = get(52)
        guard blockShift >= 9, blockShift <= 16, payloadLength <= Format.maximumPayloadLength,
            Int(payloadStart) >= tableEnd,
            Int(payloadStart) <= tableEnd + Int(Format.pageLength),
            offset <= UInt64(Int64.max), length <= UInt64(Int64.max) - offset
        else { return nil }
    }

    private static let headerSumAt = 56
    private static let tableSumAt = 64

    /// Returns the header checksum for `raw`, which begins with a header, in log `log` at `position`.
    package static func headerSum(
        _ raw: UnsafeRawBufferPointer, log: UInt64, key: ChecksumKey, position: UInt64
    ) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: headerSumAt + 16, alignment: 8) { whole in
            whole.copyMemory(from: UnsafeRawBufferPointer(rebasing: raw[0..<headerSumAt]))
            whole.storeBytes(of: log.littleEndian, toByteOffset: headerSumAt, as: UInt64.self)
            whole.storeBytes(
                of: position.littleEndian, toByteOffset: headerSumAt + 8, as: UInt64.self)
            return key.xxh3(UnsafeRawBufferPointer(whole))
        }
    }

    private static func tableSum(
        _ raw: UnsafeRawBufferPointer, tableEnd: Int, key: ChecksumKey, headerSum: UInt64
    ) -> UInt64 {
        let table = UnsafeRawBufferPointer(rebasing: raw[Format.recordHeaderLength..<tableEnd])
        return key.xxh3(table) ^ headerSum
    }

    /// Stores both checksums in `raw`, which holds header and table.
    static func seal(
        _ raw: UnsafeMutableRawBufferPointer, tableEnd: Int, log: UInt64, key: ChecksumKey,
        position: UInt64
    ) {
        let bytes = UnsafeRawBufferPointer(raw)
        let header = headerSum(bytes, log: log, key: key, position: position)
        let table = tableSum(bytes, tableEnd: tableEnd, key: key, headerSum: header)
        raw.storeBytes(of: header.littleEndian, toByteOffset: headerSumAt, as: UInt64.self)
        raw.storeBytes(of: table.littleEndian, toByteOffset: tableSumAt, as: UInt64.self)
    }
}

/// The process and user that made a change, and the time of the change.
package struct Stamp: Equatable, Sendable {
    /// Nanoseconds since 1970.
    package var time: Int64
    package var pid: UInt32
    package var uid: UInt32

    package init(time: Int64, pid: UInt32, uid: UInt32) {
        self.time = time
        self.pid = pid
        self.uid = uid
    }
}

extension RecordHeader {
    /// Decodes a header as above. Returns nil if fewer than 72 bytes are given or the form is invalid.
    init?(_ bytes: [UInt8]) {
        guard let header = bytes.withUnsafeBytes({ RecordHeader(decoding: $0) }) else { return nil }
        self = header
    }

    /// Returns whether `bytes`, which hold header and table, have the right checksums.
    func fits(_ bytes: [UInt8], log: UInt64, key: ChecksumKey, position: UInt64) -> Bool {
        bytes.withUnsafeBytes { fits($0, log: log, key: key, position: position) }
    }

    func fits(
        _ raw: UnsafeRawBufferPointer, log: UInt64, key: ChecksumKey, position: UInt64
    ) -> Bool {
        guard Self.headerFits(raw, log: log, key: key, position: position) else { return false }
        let header = Self.sum(raw, at: Self.headerSumAt)
        return Self.sum(raw, at: Self.tableSumAt)
            == Self.tableSum(raw, tableEnd: tableEnd, key: key, headerSum: header)
    }

    /// Returns whether the header checksum is right. This distinguishes a record from bytes that only
    /// look like one, without reading the table that they claim to have.
    static func headerFits(
        _ raw: UnsafeRawBufferPointer, log: UInt64, key: ChecksumKey, position: UInt64
    ) -> Bool {
        sum(raw, at: headerSumAt) == headerSum(raw, log: log, key: key, position: position)
    }

    private static func sum(_ raw: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
        UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Returns header and table in their on-disk form.
    func bytes(_ sums: [UInt64], log: UInt64, key: ChecksumKey, position: UInt64) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: tableEnd)
        bytes.withUnsafeMutableBytes { raw in
            encode(into: raw)
            for (index, sum) in sums.enumerated() {
                raw.storeBytes(
                    of: sum.littleEndian, toByteOffset: Format.recordHeaderLength + 8 * index,
                    as: UInt64.self)
            }
            Self.seal(raw, tableEnd: tableEnd, log: log, key: key, position: position)
        }
        return bytes
    }
}
