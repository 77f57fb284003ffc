// LogScanner: walks the records of a log from a known position, past any damage and past records that were
// released. It reports where the good records end, which ranges between them are unreadable, and how many
// bytes of a torn tail follow. It never changes the file.

package import Platform

package struct ScannedRecord: Sendable {
    package let header: RecordHeader
    package let position: UInt64
    /// The number of bytes directly before it that were records and were released.
    package var releasedBefore: UInt64 = 0
    package var payloadPosition: UInt64 { position + UInt64(header.payloadStart) }
}

package struct ScanResult: Equatable, Sendable {
    /// The position at which the next record is appended.
    package var end: UInt64
    package var lastSequence: UInt64
    package var records: Int = 0
    /// Unreadable ranges that have good records after them. These are lost records, not a torn tail.
    package var damage: [Range<UInt64>] = []
    /// The number of bytes after `end` that are not a record: the tail of an interrupted write.
    package var tornBytes: UInt64 = 0
    /// If the scan ended behind records that were released: the least number that one of them may have.
    package var firstReleased: UInt64?

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
    /// The position of the first record.
    private let first: UInt64
    private static let windowLength = 64 << 10
    private var window: [UInt8] = []
    private var windowStart: UInt64 = 0
    /// Whether the first unreadable bytes end the log, whatever follows them. This holds after a power
    /// cut: a sync makes everything before it durable, so bytes after a gap were never synced.
    private let gapEndsLog: Bool
    /// Records up to this sequence number are known to have been synced.
    private let syncedSequence: UInt64
    /// The disk that has the list of released ranges of an edit log.
    private let disk: (any Disk)?
    /// The list, read when a payload is not as it was written, or no record is where one should be.
    private var released: ReleasedRanges?
    /// The end of the last dedupe record that was met.
    private var dedupeEnd: UInt64 = 0
    /// How often it was read, and may be read.
    private var lists = 0
    private static let mostLists = 8

    /// - Parameters:
    ///   - gapEndsLog: True after a power cut. Payloads are then read too, since the sectors of a file
    ///     may reach the disk in any order.
    ///   - synced: Records up to this sequence number are known to have been synced. Their payloads are
    ///     not read.
    ///   - first: The position of the first record.
    ///   - end: The position at which the log ends for this reader. Records appended meanwhile are not
    ///     read.
    ///   - disk: Of an edit log, parts of which may have been released.
    package init(
        _ file: any DiskFile, log: UInt64, key: ChecksumKey, gapEndsLog: Bool = false,
        synced: UInt64 = 0, from first: UInt64 = UInt64(Format.logHeaderLength), end: UInt64 = .max,
        releasedOn disk: (any Disk)? = nil
    ) throws(Errno) {
        self.file = file
        self.first = first
        self.disk = disk
        self.gapEndsLog = gapEndsLog
        syncedSequence = synced
        self.log = log
        self.key = key
        fileLength = min(end, try file.length())
        // It tells which records were synced.
        if gapEndsLog, let disk { released = ReleasedRanges(log: log, on: disk) }
    }

    /// Finds, by bisection, the position of the first record for which `isLater` holds, and the record
    /// before it. Once `isLater` holds for a record, it must hold for all records after it. If it holds
    /// for no record, the position is the end of the log.
    package mutating func bisect(
        where isLater: (RecordHeader) -> Bool
    ) throws(StorageError) -> (position: UInt64, before: ScannedRecord?) {
        var before: ScannedRecord?
        var low = first
        var high = fileLength
        // The last 32 KiB are scanned instead: they fit one read of the window.
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

    /// Returns the record at `position`, or nil if there is no good record.
    package mutating func record(at position: UInt64) throws(StorageError) -> ScannedRecord? {
        try header(at: position, after: 0).map { ScannedRecord(header: $0, position: position) }
    }

    /// Calls `visit` for each good record from `start` on, in order. The payload of the last record is
    /// verified too, since an interrupted write shows there.
    /// - Parameter limit: The scan ends before the first record with a greater sequence number.
    package mutating func scan(
        from start: UInt64, after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (ScannedRecord) throws(StorageError) -> Void
    ) throws(StorageError) -> ScanResult {
        var result = ScanResult(end: start, lastSequence: sequence)
        var position = start
        // The next record's sequence number must be greater.
        var floor = sequence
        var last: ScannedRecord?
        var hole: Hole?
        while position < fileLength {
            if let header = try header(at: position, after: floor) {
                if header.sequence > limit {
                    if let last { try visit(last) }
                    result.firstReleased = hole?.first
                    return result
                }
                if let last {
                    // Another record follows it, so it was complete once.
                    if isTorn(last, before: header) { break }
                    try visit(last)
                }
                last = ScannedRecord(
                    header: header, position: position, releasedBefore: hole?.length ?? 0)
                hole = nil
                result.lastSequence = header.sequence
                floor = header.floor
                result.records += 1
                position += header.recordLength
                result.end = position
                if gapEndsLog, header.isDedupe, let last, payloadIsGood(last) { dedupeEnd = position }
            } else if let next = try releasedEnd(at: position, after: floor) {
                hole = Hole(hole, position..<next, released)
                position = next
            } else if let next = try endOfDamage(at: position, after: floor) {
                result.damage.append(position..<next)
                position = next
            } else {
                let endsHere = gapEndsLog && !wasSynced(before: position + 1)
                let isTail = try endsHere ? true : isCutOff(at: position)
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
        if let last { try finish(last, at: position, &result, visit) }
        result.tornBytes = fileLength > result.end ? fileLength - result.end : 0
        return result
    }

    /// Visits the last record if its payload is good; else decides what becomes of it.
    private mutating func finish(
        _ last: ScannedRecord, at position: UInt64, _ result: inout ScanResult,
        _ visit: (ScannedRecord) throws(StorageError) -> Void
    ) throws(StorageError) {
        if payloadIsGood(last) {
            try visit(last)
        } else if !gapEndsLog || wasSynced(before: last.position + 1) {
            // Its length is complete, so a kill did not cut it short: an append writes front to
            // back, and only a power cut leaves length without content. It is damage and stays in
            // the log.
            result.damage.append(last.position..<position)
            result.records -= 1
        } else {
            result.end = last.position
            result.records -= 1
            // Damage with no good record after it belongs to the tail. If it stayed in the log, it
            // would precede the next record that is appended.
            if let range = result.damage.last, range.upperBound == last.position {
                result.end = range.lowerBound
                result.damage.removeLast()
            }
        }
    }

    /// Returns whether a power cut lost part of the payload of a record that another one follows.
    private mutating func isTorn(_ record: ScannedRecord, before next: RecordHeader) -> Bool {
        guard gapEndsLog else { return false }
        // A dedupe record has the number of the record before it, and may have come after the sync.
        let sequence = record.header.isDedupe ? next.sequence : record.header.sequence
        return sequence > syncedSequence && !wasSynced(before: record.position + 1) && !payloadIsGood(record)
    }

    /// Returns whether what ends at a position is known to have been synced: before a list names a range,
    /// all up to there is synced, and so is the dedupe record that stands for released records.
    private func wasSynced(before position: UInt64) -> Bool {
        guard gapEndsLog, let list = released, let last = list.ranges.last else { return false }
        if position <= last.upperBound { return true }
        // No dedupe record stands for these yet.
        return list.runs.last.map { $0.range.lowerBound >= dedupeEnd } ?? false
    }

    /// Returns the end of unreadable bytes that good records follow; nil if there are none, or if what
    /// follows was lost with these bytes.
    private mutating func endOfDamage(
        at position: UInt64, after sequence: UInt64
    ) throws(StorageError) -> UInt64? {
        let isSynced = wasSynced(before: position + 1)
        if gapEndsLog, !isSynced, sequence >= syncedSequence { return nil }
        guard let next = try search(from: position, after: sequence) else { return nil }
        if !gapEndsLog || isSynced { return next }
        return try header(at: next, after: sequence).flatMap { $0.sequence <= syncedSequence ? next : nil }
    }

    /// Returns whether a payload is as it was written, but for what was released.
    private mutating func payloadIsGood(_ record: ScannedRecord) -> Bool {
        guard let table = try? RecordTable(reading: file, log: log, key: key, at: record.position) else {
            return false
        }
        return table.payloadIsGood(in: file) { range in
            if released == nil { released = disk.map { ReleasedRanges(log: log, on: $0) } }
            return released?.contains(range) ?? false
        }
    }

    /// Returns the end of released bytes at `position`, where no record can be read; nil if there are none.
    /// Records follow them: a release keeps the last record of a log.
    private mutating func releasedEnd(
        at position: UInt64, after sequence: UInt64
    ) throws(StorageError) -> UInt64? {
        guard let disk else { return nil }
        if let end = released?.end(of: position), end < fileLength { return end }
        // A release may have gone on since the list was read.
        if released?.isUnknown != true {
            if lists >= Self.mostLists { return nil }
            lists += 1
            released = ReleasedRanges(log: log, on: disk)
        }
        if released?.isUnknown == true {
            // Any range may have been released.
            return try search(from: position, after: sequence)
        }
        return released?.end(of: position).flatMap { $0 < fileLength ? $0 : nil }
    }

    /// Released bytes between two records.
    private struct Hole {
        var length: UInt64
        /// The least number that a record there may have had.
        var first: UInt64

        init(_ before: Hole?, _ range: Range<UInt64>, _ list: ReleasedRanges?) {
            length = UInt64(range.count) + (before?.length ?? 0)
            first = min(before?.first ?? .max, list?.firstRecord(in: range) ?? 0)
        }
    }

    /// Calls `visit` for each record from `start` on with a good header, until `visit` returns false.
    /// Payloads are not read.
    package mutating func headers(
        from start: UInt64, visit: (ScannedRecord) throws(StorageError) -> Bool
    ) throws(StorageError) {
        var position = start
        var before: UInt64 = 0
        while position < fileLength {
            if let header = try header(at: position, after: 0) {
                guard try visit(
                    ScannedRecord(header: header, position: position, releasedBefore: before))
                else { return }
                before = 0
                position += header.recordLength
            } else if let next = try releasedEnd(at: position, after: 0) {
                before += next - position
                position = next
            } else if let next = try search(from: position, after: 0) {
                position = next
            } else {
                return
            }
        }
    }

    /// Returns the header at `position` if its checksum is right, its payload ends within the file, and
    /// its sequence number may follow `sequence`.
    private mutating func header(
        at position: UInt64, after sequence: UInt64
    ) throws(StorageError) -> RecordHeader? {
        guard try fill(position, count: Format.recordHeaderLength),
            let header = peek(position, { RecordHeader(decoding: $0) }),
            header.mayFollow(sequence),
            position + UInt64(header.payloadStart) + UInt64(header.payloadLength) <= fileLength
        else { return nil }
        // A payload may be full of bytes that look like headers of records with large tables. The
        // header checksum is verified first, so that those tables are not read.
        let (log, key) = (log, key)
        guard peek(position, {
            RecordHeader.headerFits($0, log: log, key: key, position: position)
        }), try fill(position, count: header.tableEnd) else { return nil }
        let fits = peek(position) { header.fits($0, log: log, key: key, position: position) }
        return fits ? header : nil
    }

    /// Returns whether the bytes from `position` to the end of the file can be an append that a kill
    /// cut short. Such an append starts with a valid header and is shorter than its header says.
    private mutating func isCutOff(at position: UInt64) throws(StorageError) -> Bool {
        guard try fill(position, count: Format.recordHeaderLength) else { return true }
        guard let header = peek(position, { RecordHeader(decoding: $0) }) else { return false }
        return position + UInt64(header.payloadStart) + UInt64(header.payloadLength) > fileLength
    }

    /// Returns the position of the next good record after `start`.
    private mutating func search(
        from start: UInt64, after sequence: UInt64
    ) throws(StorageError) -> UInt64? {
        var position = (start + Format.recordAlignment) & ~(Format.recordAlignment - 1)
        var asked = position
        while position + UInt64(Format.recordHeaderLength) <= fileLength {
            // Released bytes may be many. The list is not worth reading for a single record.
            if position - asked >= Self.windowLength {
                if released == nil { released = disk.map { ReleasedRanges(log: log, on: $0) } }
                if let end = released?.end(of: position) {
                    position = (end + Format.recordAlignment - 1) & ~(Format.recordAlignment - 1)
                }
                asked = position
                continue
            }
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

    /// Reads `count` bytes from `position` into the window. Returns false if the file ends first.
    private mutating func fill(_ position: UInt64, count: Int) throws(StorageError) -> Bool {
        if position >= windowStart,
            position + UInt64(count) <= windowStart + UInt64(window.count) { return true }
        guard position + UInt64(count) <= fileLength else { return false }
        do throws(Errno) {
            window = try file.readBytes(max(count, Self.windowLength), at: position)
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
