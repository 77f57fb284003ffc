// LogScanner: walks the records of a log from a known position, survives any damage, and says
// what it met: where the good records end, which ranges in between are unreadable, how many
// bytes of a torn tail follow. It never changes the file.

package import Platform

package struct ScannedRecord: Sendable {
    package let header: RecordHeader
    package let position: UInt64
    package var payloadPosition: UInt64 { position + UInt64(header.payloadStart) }
}

package struct ScanResult: Equatable, Sendable {
    /// Where the next record is to be appended.
    package var end: UInt64
    package var lastSequence: UInt64
    package var records: Int = 0
    /// Unreadable ranges with good records after them: lost records, not a torn tail.
    package var damage: [Range<UInt64>] = []
    /// Bytes after `end` that are no record: the tail of a write that was cut off.
    package var tornBytes: UInt64 = 0

    package init(end: UInt64, lastSequence: UInt64) {
        self.end = end
        self.lastSequence = lastSequence
    }
}

package struct LogScanner {
    private let file: any DiskFile
    private let log: UInt64
    private let key: ChecksumKey
    private let fileLength: UInt64
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    /// Whether the first unreadable bytes end the log, whatever follows. So it is after a power
    /// cut: a sync makes everything before it durable, so what stands behind a gap was never synced.
    private let gapEndsLog: Bool
    /// Records up to here are known to have been synced.
    private let syncedSequence: UInt64

    /// - Parameters:
    ///   - gapEndsLog: after a power cut. Payloads are then read too, since sectors of a file may
    ///     reach the disk in any order.
    ///   - synced: records up to here are known to have been synced; their payloads are not read.
    ///   - end: where the log ends for this reader: what is appended meanwhile is not met.
    package init(
        _ file: any DiskFile, log: UInt64, key: ChecksumKey, gapEndsLog: Bool = false,
        synced: UInt64 = 0, end: UInt64 = .max
    ) throws(Errno) {
        self.file = file
        self.gapEndsLog = gapEndsLog
        syncedSequence = synced
        self.log = log
        self.key = key
        fileLength = min(end, try file.length())
    }

    /// Where the first record starts for which `isLater` holds, and the record before it; by
    /// bisection: `isLater` must hold for all records after one for which it holds. The end where
    /// it holds for none.
    package mutating func bisect(
        where isLater: (RecordHeader) -> Bool
    ) throws(StorageError) -> (position: UInt64, before: ScannedRecord?) {
        var before: ScannedRecord?
        var low = UInt64(Format.logHeaderLength)
        var high = fileLength
        while high > low, high - low > 32 << 10 {
            let middle = low + (high - low) / 2
            guard let found = try search(from: middle, after: 0), found < high,
                let header = try header(at: found, after: 0), !isLater(header)
            else {
                high = middle
                continue
            }
            low = found
            before = ScannedRecord(header: header, position: found)
        }
        var first: UInt64?
        try headers(from: low) { (record) throws(StorageError) in
            if isLater(record.header) {
                first = record.position
                return false
            }
            before = record
            return true
        }
        let end = before.map { $0.position + $0.header.recordLength } ?? low
        return (first ?? min(end, fileLength), before)
    }

    /// The record at `position`, if there is a good one.
    package mutating func record(at position: UInt64) throws(StorageError) -> ScannedRecord? {
        try header(at: position, after: 0).map { ScannedRecord(header: $0, position: position) }
    }

    /// Calls `visit` for each good record from `start` on, in order. The payload of the last record
    /// is verified too, since that is where a cut-off write shows.
    /// - Parameter limit: the scan ends before the first record with a greater sequence number.
    package mutating func scan(
        from start: UInt64, after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (ScannedRecord) throws(StorageError) -> Void
    ) throws(StorageError) -> ScanResult {
        var result = ScanResult(end: start, lastSequence: sequence)
        var position = start
        // The next record's number is greater.
        var floor = sequence
        var last: ScannedRecord?
        while position < fileLength {
            if let header = try header(at: position, after: floor) {
                if header.sequence > limit {
                    if let last { try visit(last) }
                    return result
                }
                if let last {
                    // It has a follower, so it was whole once.
                    if isTorn(last) { break }
                    try visit(last)
                }
                last = ScannedRecord(header: header, position: position)
                result.lastSequence = header.sequence
                floor = header.floor
                result.records += 1
                position += header.recordLength
                result.end = position
            } else if !gapEndsLog, let next = try search(from: position, after: floor) {
                result.damage.append(position..<next)
                position = next
            } else {
                let isTail = try gapEndsLog ? true : isCutOff(at: position)
                if !isTail {
                    let padding = Format.recordAlignment - 1
                    let end = (fileLength + padding) & ~padding
                    result.damage.append(position..<end)
                    result.end = end
                    position = end
                }
                break
            }
        }
        if let last {
            let table = try? RecordTable(reading: file, log: log, key: key, at: last.position)
            if table?.payloadIsGood(in: file) ?? false {
                try visit(last)
            } else if !gapEndsLog {
                // Whole in length, so no kill cut it short: an append writes front to back, and only
                // a power cut leaves length without content. It is damage, and stays where it is.
                result.damage.append(last.position..<position)
                result.records -= 1
            } else {
                result.end = last.position
                result.records -= 1
                // Damage with no good record after it belongs to the tail. Left in the log, it would
                // stand before the next record that is appended.
                if let range = result.damage.last, range.upperBound == last.position {
                    result.end = range.lowerBound
                    result.damage.removeLast()
                }
            }
        }
        result.tornBytes = fileLength > result.end ? fileLength - result.end : 0
        return result
    }

    /// Whether a power cut took part of a record's payload.
    private func isTorn(_ record: ScannedRecord) -> Bool {
        guard gapEndsLog, record.header.sequence > syncedSequence else { return false }
        let table = try? RecordTable(reading: file, log: log, key: key, at: record.position)
        return !(table?.payloadIsGood(in: file) ?? false)
    }

    /// Calls `visit` for each record from `start` on whose header is good, until it answers false.
    /// Payloads are not read.
    package mutating func headers(
        from start: UInt64, visit: (ScannedRecord) throws(StorageError) -> Bool
    ) throws(StorageError) {
        var position = start
        while position < fileLength {
            if let header = try header(at: position, after: 0) {
                guard try visit(ScannedRecord(header: header, position: position)) else { return }
                position += header.recordLength
            } else if let next = try search(from: position, after: 0) {
                position = next
            } else {
                return
            }
        }
    }

    /// The header at `position` if its checksum fits, its payload ends within the file, and it is
    /// younger than `sequence`.
    private mutating func header(
        at position: UInt64, after sequence: UInt64
    ) throws(StorageError) -> RecordHeader? {
        guard try fill(position, count: Format.recordHeaderLength),
            let header = peek(position, { RecordHeader(decoding: $0) }),
            header.sequence > sequence,
            position + UInt64(header.payloadStart) + UInt64(header.payloadLength) <= fileLength
        else { return nil }
        // A payload may be full of what looks like headers of records with large tables: these are
        // not read.
        let (log, key) = (log, key)
        guard peek(position, {
            RecordHeader.headerFits($0, log: log, key: key, position: position)
        }), try fill(position, count: header.tableEnd) else { return nil }
        let fits = peek(position) { header.fits($0, log: log, key: key, position: position) }
        return fits ? header : nil
    }

    /// Whether what stands at `position`, up to the file's end, can be an append that a kill cut
    /// short: such a one has its first bytes right and is not as long as its header says.
    private mutating func isCutOff(at position: UInt64) throws(StorageError) -> Bool {
        guard try fill(position, count: Format.recordHeaderLength) else { return true }
        guard let header = peek(position, { RecordHeader(decoding: $0) }) else { return false }
        return position + UInt64(header.payloadStart) + UInt64(header.payloadLength) > fileLength
    }

    /// The next position after `start` where a good record stands.
    private mutating func search(
        from start: UInt64, after sequence: UInt64
    ) throws(StorageError) -> UInt64? {
        var position = (start + Format.recordAlignment) & ~(Format.recordAlignment - 1)
        while position + UInt64(Format.recordHeaderLength) <= fileLength {
            guard try fill(position, count: 4) else { return nil }
            let magic = peek(position) { $0.loadUnaligned(as: UInt32.self) }
            if UInt32(littleEndian: magic) == Format.recordMagic,
                try header(at: position, after: sequence) != nil {
                return position
            }
            position += Format.recordAlignment
        }
        return nil
    }

    /// Makes `count` bytes from `position` stand in the window; false where the file ends first.
    private mutating func fill(_ position: UInt64, count: Int) throws(StorageError) -> Bool {
        if position >= windowStart,
            position + UInt64(count) <= windowStart + UInt64(window.count) { return true }
        guard position + UInt64(count) <= fileLength else { return false }
        do throws(Errno) {
            window = try file.readBytes(max(count, 64 << 10), at: position)
        } catch {
            throw .system(error, doing: "read", path: "log \(String(log, radix: 16))")
        }
        windowStart = position
        return window.count >= count
    }

    private func peek<R>(_ position: UInt64, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        window.withUnsafeBytes {
            body(UnsafeRawBufferPointer(rebasing: $0[Int(position - windowStart)...]))
        }
    }
}
