// LogVerifier: checks every byte of a log: its header, each record's header and table, each block of
// each payload, and that padding is zero. It never changes the file. LogRepair repairs the faults
// found.

package import Platform

/// A range of a log that is not as it was written.
package struct LogFault: Sendable {
    package enum Kind: Sendable {
        /// The header of the log. The log cannot be trusted to belong to the file.
        case header
        /// A range in which no record can be read.
        case lostRecords
        /// A block of a record's payload.
        case block(ScannedRecord, index: Int)
        /// Bytes that must be zero.
        case padding
        /// An append that was cut short, at the end.
        case tornTail
        /// A filler of a repair, or a block that a repair marked as lost: a known and permanent loss.
        case knownLoss
    }
    package var kind: Kind
    package var range: Range<UInt64>
    /// The sequence numbers of the neighbours. Lost records have numbers between them. `after` is nil
    /// if no record follows.
    package var before: UInt64
    package var after: UInt64?
}

package struct LogCheck: Sendable {
    package var header: LogHeader?
    package var records = 0
    /// The position at which the next record would be appended.
    package var end: UInt64 = 0
    package var lastSequence: UInt64 = 0
    package var faults: [LogFault] = []
    /// Whether there are more faults than are listed.
    package var isPartial = false

    /// Whether there is damage other than known losses and what a kill may leave.
    package var hasDamage: Bool {
        faults.contains {
            switch $0.kind {
            case .knownLoss, .tornTail: false
            default: true
            }
        }
    }
}

package struct LogVerifier {
    private let file: any DiskFile
    private let kind: LogKind
    private let id: UInt64
    private let key: ChecksumKey
    private let path: String
    private let first: UInt64
    private let limit: UInt64
    private let disk: (any Disk)?
    private var released: ReleasedRanges
    /// How often the list was read once more, and may be read.
    private var lists = 0
    private static let mostLists = 8
    private var check = LogCheck()
    /// The index of the first fault that still needs the sequence number of the record after it.
    private var open = 0
    /// The next record's sequence number must be greater.
    private var floor: UInt64 = 0
    /// The position of the first of a run of parts without a transaction yet, and the sequence number
    /// of the record before it.
    private var run: (start: UInt64, before: UInt64)?

    /// The largest number of faults listed. Further faults are found by another check after a repair.
    package static let maximumFaults = 10_000

    /// - Parameters:
    ///   - first: The position of the first record.
    ///   - sequence: The number that all records exceed.
    ///   - limit: The end of the log, if records are being appended to it.
    ///   - disk: Of an edit log, parts of which may have been released.
    package init(
        _ file: any DiskFile, kind: LogKind, id: UInt64, key: ChecksumKey, path: String,
        from first: UInt64 = UInt64(Format.logHeaderLength), after sequence: UInt64 = 0,
        upTo limit: UInt64 = .max, releasedOn disk: (any Disk)? = nil
    ) {
        self.file = file
        self.first = first
        floor = sequence
        self.disk = disk
        released = disk.map { ReleasedRanges(log: id, on: $0) } ?? ReleasedRanges()
        self.kind = kind
        self.id = id
        self.key = key
        self.path = path
        self.limit = limit
    }

    /// Checks everything. `visit` is called in order for each record with a good header, and may throw
    /// to stop.
    package mutating func verify(
        visit: (ScannedRecord) throws(StorageError) -> Void = { (_) throws(StorageError) in }
    ) throws(StorageError) -> LogCheck {
        var isGoodHeader = false
        do throws(StorageError) {
            let header = try LogHeader(reading: file, path: path)
            isGoodHeader = header.kind == kind && header.id == id
            check.header = isGoodHeader ? header : nil
        } catch {
            guard case .damaged = error else { throw error }
        }
        if !isGoodHeader { add(.header, 0..<UInt64(Format.logHeaderLength)) }
        do throws(Errno) {
            try scan(from: first, visit)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        return check
    }

    private mutating func scan(
        from start: UInt64, _ visit: (ScannedRecord) throws(StorageError) -> Void
    ) throws(Errno) -> Void {
        let length = min(try file.length(), limit)
        guard length > start else {
            check.end = start
            return
        }
        var scanner = try LogScanner(file, log: id, key: key, end: limit, releasedOn: disk)
        var expected = start
        var failure: StorageError?
        let result: ScanResult
        do throws(StorageError) {
            result = try scanner.scan(from: start, after: floor) { (record) throws(StorageError) in
                lose(expected..<record.position)
                expected = record.position + record.header.recordLength
                examine(record, length)
                try visit(record)
            }
        } catch {
            failure = error
            result = ScanResult(end: expected, lastSequence: 0)
        }
        if let failure {
            if case .system(let errno, _, _) = failure { throw errno }
            throw .inputOutput
        }
        // The last record's payload is damaged, or no record can be read after it.
        if result.end > expected { try examineEnd(expected..<result.end, length) }
        check.end = result.end
        check.lastSequence = max(check.lastSequence, result.lastSequence)
        if let run, result.end == expected {
            // A transaction of which only parts were written.
            floor = run.before
            check.end = run.start
            check.lastSequence = run.before
            add(.tornTail, run.start..<length)
        } else if result.tornBytes > 0 {
            add(.tornTail, result.end..<length)
        }
    }

    private mutating func lost(_ range: Range<UInt64>) { add(.lostRecords, range) }

    /// Reports the parts of a range without a record that were not released as whole records.
    private mutating func lose(_ range: Range<UInt64>) {
        var parts = unlisted(range)
        // A release may have gone on since the list was read.
        if !parts.isEmpty, let disk, lists < Self.mostLists {
            lists += 1
            released = ReleasedRanges(log: id, on: disk)
            parts = unlisted(range)
        }
        for part in parts { lost(part) }
    }

    private func unlisted(_ range: Range<UInt64>) -> [Range<UInt64>] {
        if released.isUnknown || range.isEmpty { return [] }
        var parts: [Range<UInt64>] = []
        var at = range.lowerBound
        for run in released.runs(in: range) {
            if run.lowerBound > at { parts.append(at..<run.lowerBound) }
            at = max(at, run.upperBound)
        }
        if at < range.upperBound { parts.append(at..<range.upperBound) }
        return parts
    }

    private mutating func add(_ kind: LogFault.Kind, _ range: Range<UInt64>) {
        guard check.faults.count < Self.maximumFaults else {
            check.isPartial = true
            return
        }
        check.faults.append(
            LogFault(kind: kind, range: range, before: floor, after: nil))
    }

    private mutating func examine(_ record: ScannedRecord, _ length: UInt64) {
        // The faults found since the previous record now have this record after them.
        for index in open..<check.faults.count where check.faults[index].after == nil {
            check.faults[index].after =
                record.header.sequence &+ (record.header.mayRepeat ? 1 : 0)
        }
        open = check.faults.count
        let end = record.position + record.header.recordLength
        check.records += 1
        defer {
            noteRun(record)
            check.lastSequence = record.header.sequence
            floor = record.header.floor
        }
        guard let table = try? RecordTable(reading: file, log: id, key: key, at: record.position) else {
            lost(record.position..<end)
            return
        }
        if record.header.kind == RecordKind.gap.rawValue {
            add(.knownLoss, record.position..<end)
        } else {
            for block in table.checkBlocks(in: file)
            where block.state == .lost || !released.contains(block.range) {
                add(
                    block.state == .lost ? .knownLoss : .block(record, index: block.block),
                    block.range)
            }
        }
        let padding = (try? table.paddingFaults(in: file, upTo: min(end, length))) ?? []
        for range in padding { add(.padding, range) }
    }

    private mutating func noteRun(_ record: ScannedRecord) {
        guard record.header.kind == RecordKind.part.rawValue else {
            run = nil
            return
        }
        if run == nil { run = (record.position, check.lastSequence) }
    }

    /// Examines what the scanner reports as damage at the end: a whole record with a damaged payload,
    /// or unreadable bytes.
    private mutating func examineEnd(
        _ range: Range<UInt64>, _ length: UInt64
    ) throws(Errno) {
        let bytes = try file.readBytes(Format.recordHeaderLength, at: range.lowerBound)
        if let header = RecordHeader(bytes), header.mayFollow(floor),
            range.lowerBound + header.recordLength <= range.upperBound,
            (try? RecordTable(reading: file, log: id, key: key, at: range.lowerBound)) != nil {
            let record = ScannedRecord(header: header, position: range.lowerBound)
            examine(record, length)
            let end = range.lowerBound + header.recordLength
            if end < range.upperBound { lost(end..<range.upperBound) }
            return
        }
        lost(range)
    }
}
