// Journal: a workspace's tree log. Each transaction is appended before the call that made it is
// answered; that is what survives kill -9. The journal is the truth, the database its index.

internal import Synchronization
package import Platform

package final class Journal: Sendable {
    package let path: String
    package let id: UInt64
    private let key: ChecksumKey
    /// Bytes of changes that one record of a transaction has.
    package let partLength: Int
    let file: any DiskFile
    private let counter: SpaceCounter?
    let tail: Mutex<Tail>

    struct Tail: Sendable {
        var end: UInt64
        /// What a failed append left could not be cut off yet.
        var needsCut = false
        /// Up to where blocks are set aside (`keepRoom`), and how often they were lost again.
        var roomEnd: UInt64 = 0
        var cuts = 0
    }

    /// How far the file is known durable. Held across fdatasync on purpose: whoever waits finds its
    /// own bytes synced by the call before (group commit).
    private let syncedEnd = Mutex<UInt64>(0)
    /// A sync that failed may have dropped bytes without a later one saying so: all fail then.
    private let syncFailure = Mutex<Errno?>(nil)

    /// Opens the journal at `path`, or makes an empty one.
    package init(
        _ path: String, id: UInt64, key: ChecksumKey, on disk: any Disk, now: Int64,
        counter: SpaceCounter? = nil, partLength: Int = Format.partLength
    ) throws(StorageError) {
        self.partLength = partLength
        self.path = path
        self.id = id
        self.key = key
        self.counter = counter
        do throws(Errno) {
            var known: (any DiskFile)?
            if disk.exists(path) { known = try disk.open(path, .readWrite) }
            // A journal without a whole header was cut off in its making and holds nothing.
            if let opened = known, try opened.length() >= UInt64(Format.logHeaderLength) {
                file = opened
            } else {
                file = try Self.make(LogHeader(kind: .tree, id: id, created: now), path, disk)
            }
        } catch {
            throw .system(error, doing: "open", path: path)
        }
        let header = try LogHeader(reading: file, path: path)
        guard header.kind == .tree, header.id == id else {
            throw .damaged(path: path, what: "it is the log of something else")
        }
        tail = Mutex(Tail(end: UInt64(Format.logHeaderLength)))
    }

    /// A journal that is only read, up to where it ends now. Nothing is made or cut.
    package init(
        reading path: String, id: UInt64, key: ChecksumKey, on disk: any Disk
    ) throws(StorageError) {
        self.path = path
        self.id = id
        self.key = key
        partLength = Format.partLength
        counter = nil
        let length: UInt64
        do throws(Errno) {
            file = try disk.open(path, .readOnly)
            length = try file.length()
        } catch {
            throw .system(error, doing: "open", path: path)
        }
        tail = Mutex(Tail(end: max(length, UInt64(Format.logHeaderLength))))
    }

    /// The header is durable before the file gets its name: a name may become durable by itself at
    /// any time, and no power cut is to leave one that leads to a broken header.
    private static func make(
        _ header: LogHeader, _ path: String, _ disk: any Disk
    ) throws(Errno) -> any DiskFile {
        let temporary = path + ".new"
        do throws(Errno) {
            let file = try disk.open(temporary, .create)
            try file.truncate(to: 0)
            try file.writeBytes(header.bytes, at: 0)
            try file.synchronize()
            try disk.rename(temporary, to: path)
            return file
        } catch {
            try? disk.remove(temporary)
            throw error
        }
    }

    package var end: UInt64 { tail.withLock { $0.end } }

    var transactionReader: TransactionReader { TransactionReader(file, log: id, key: key) }

    /// Reads records from `position` on, and cuts a torn tail off, parts without their transaction
    /// included. Parts are not visited: `transaction` reads them.
    package func replay(
        from position: UInt64, after sequence: UInt64, afterPowerCut: Bool = false,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> ScanResult {
        let start = max(position, UInt64(Format.logHeaderLength))
        var scanner: LogScanner
        do throws(Errno) {
            // What is replayed may go into the database, which must not be durable before it.
            try file.synchronize()
            scanner = try LogScanner(file, log: id, key: key, gapEndsLog: afterPowerCut)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        var parts = 0
        // Where parts begin that no transaction has followed yet.
        var run: UInt64?
        var result = try scanner.scan(from: start, after: sequence) {
            (record) throws(StorageError) in
            if record.header.kind == RecordKind.part.rawValue {
                if run == nil { run = record.position }
                parts += 1
                return
            }
            run = nil
            // A filler holds nothing that can be read.
            let isGap = record.header.kind == RecordKind.gap.rawValue
            try visit(record.header, isGap ? [] : try self.payload(of: record))
        }
        result.records -= parts
        // Shorter than the checkpoint knows: the database was durable before the journal was.
        result.end = max(result.end, start)
        // With damage behind them it is not known what came after.
        if let run, result.damage.last?.upperBound ?? 0 <= run { result.end = run }
        if result.tornBytes > 0 || run == result.end {
            do throws(Errno) {
                result.tornBytes = try file.length() - min(result.end, file.length())
                try file.truncate(to: result.end)
            } catch {
                throw .system(error, doing: "cut the torn tail off", path: path)
            }
        }
        tail.withLock { $0.end = result.end }
        return result
    }

    /// Ends the journal before the first transaction for which `isLost` holds, after a power cut and
    /// before the replay. What is cut is kept beside it.
    /// - Returns: the transaction's number, and how many bytes were cut.
    package func end(
        before isLost: (RecordHeader, [TreeChange]) -> Bool, from position: UInt64,
        after sequence: UInt64, keepingOn disk: any Disk
    ) throws(StorageError) -> (sequence: UInt64, bytes: UInt64)? {
        var scanner: LogScanner
        let length: UInt64
        do throws(Errno) {
            scanner = try LogScanner(file, log: id, key: key, gapEndsLog: true)
            length = try file.length()
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        let start = max(position, UInt64(Format.logHeaderLength))
        let reader = transactionReader
        var found: RecordHeader?
        var cut: UInt64 = 0
        _ = try scanner.scan(from: start, after: sequence) { (record) throws(StorageError) in
            let header = record.header
            // What cannot be read the replay tells of.
            guard found == nil, header.kind == RecordKind.transaction.rawValue,
                let payload = try? self.payload(of: record),
                let (_, changes) = try? reader.changes(header, payload), isLost(header, changes)
            else { return }
            found = header
            // Its parts go with it.
            cut = header.length > 0 ? header.offset : record.position
        }
        guard let found, cut >= start, cut < length else { return nil }
        try KeptBytes.keep(cut..<length, of: file, log: id, path: path, on: disk)
        do throws(Errno) {
            try file.truncate(to: cut)
        } catch {
            throw .system(error, doing: "cut what was not synced off", path: path)
        }
        return (found.sequence, length - cut)
    }

    /// The records younger than `sequence` and not younger than `limit`, in order, found by bisection,
    /// but for parts.
    /// - Throws: `damaged` where records cannot be read.
    package func records(
        after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        var scanner = try scanner()
        let start = try scanner.bisect { $0.sequence > sequence }.position
        let result = try scanner.scan(from: start, after: sequence, upTo: limit) {
            (record) throws(StorageError) in
            if record.header.kind == RecordKind.part.rawValue { return }
            try visit(record.header, try self.payload(of: record))
        }
        if let range = result.damage.first {
            throw .damaged(
                path: path, what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable")
        }
    }

    /// As above for the records of one kind; the payloads of others are not read.
    package func records(
        of kind: RecordKind, after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        var scanner = try scanner()
        let start = try scanner.bisect { $0.sequence > sequence }.position
        try scanner.headers(from: start) { (record) throws(StorageError) in
            guard record.header.sequence <= limit else { return false }
            if record.header.kind == kind.rawValue {
                try visit(record.header, try self.payload(of: record))
            }
            return true
        }
    }

    /// The number before that of the first record younger than `time` (nanoseconds since 1970); the
    /// greatest one where there is none.
    package func lastSequence(at time: Int64) throws(StorageError) -> UInt64 {
        var scanner = try scanner()
        let position = try scanner.bisect { $0.time > time }.position
        guard let next = try scanner.record(at: position) else { return .max }
        return next.header.sequence.subtracting(clamping: 1)
    }

    /// The number of the last record that is not younger than `limit`; 0 where there is none.
    package func lastRecord(upTo limit: UInt64) throws(StorageError) -> UInt64 {
        var scanner = try scanner()
        return try scanner.bisect { $0.sequence > limit }.before?.header.sequence ?? 0
    }

    /// Whether transaction `sequence` came about. True too where that is not known: a filler or damage
    /// stands where it would be.
    package func mayHave(transaction sequence: UInt64) throws(StorageError) -> Bool {
        var scanner = try scanner()
        let (position, before) = try scanner.bisect { $0.sequence >= sequence }
        let expected = before.map { $0.position + $0.header.recordLength }
            ?? UInt64(Format.logHeaderLength)
        if expected >= end { return false }
        guard position == expected, let next = try scanner.record(at: position) else { return true }
        return next.header.sequence == sequence || next.header.kind == RecordKind.gap.rawValue
    }

    private func scanner() throws(StorageError) -> LogScanner {
        do throws(Errno) {
            return try LogScanner(file, log: id, key: key, end: end)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
    }

    private func payload(of record: ScannedRecord) throws(StorageError) -> [UInt8] {
        do throws(Errno) {
            return try LogFile.payload(of: record, in: file, log: id, key: key)
        } catch {
            throw .damaged(
                path: path, what: "the record at byte \(record.position) has a wrong checksum")
        }
    }

    /// Appends one record; when it returns, the record survives the death of this process.
    package func append(
        _ kind: RecordKind, sequence: UInt64, stamp: Stamp, payload: [UInt8]
    ) throws(Errno) {
        try appendAll { (append) throws(Errno) in
            _ = try append(kind, sequence, stamp, 0, 0, payload)
        }
    }

    /// Appends a record with these: kind, sequence, stamp, offset, length, payload; answers where.
    typealias Appending = (
        RecordKind, UInt64, Stamp, UInt64, UInt64, [UInt8]
    ) throws(Errno) -> UInt64

    /// Appends what `body` says, all of it or nothing; the log's end moves at the end only.
    func appendAll(
        _ body: (_ append: Appending) throws(Errno) -> Void
    ) throws(Errno) {
        let failure: Errno? = tail.withLock { tail in
            let start = tail.end
            var end = start
            var needsCut = tail.needsCut
            do throws(Errno) {
                try body { (kind, sequence, stamp, offset, length, payload) throws(Errno) in
                    let position = end
                    let header = RecordHeader(
                        kind: kind, sequence: sequence, stamp: stamp, offset: offset,
                        length: length, payloadLength: payload.count)
                    end = try LogFile.append(
                        header, payload: payload, to: file, log: id, key: key, at: position,
                        needsCut: &needsCut)
                    return position
                }
                tail.end = end
                tail.needsCut = needsCut
                counter?.add(journalBytes: end - start)
                return nil
            } catch {
                tail.needsCut = needsCut
                if end > start { tail.needsCut = (try? file.truncate(to: start)) == nil }
                takeRoomBack(&tail)
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Makes everything appended so far survive a power cut.
    package func synchronize() throws(Errno) {
        if let failure = syncFailure.withLock({ $0 }) { throw failure }
        let target = end
        let failure: Errno? = syncedEnd.withLock { synced in
            if synced >= target { return nil }
            let end = self.end
            do throws(Errno) {
                try file.synchronize()
            } catch {
                syncFailure.withLock { $0 = error }
                return error
            }
            synced = end
            return nil
        }
        if let failure { throw failure }
    }
}
