// TreeLog: a workspace's tree log. Each transaction is appended before the call that made it returns,
// so it survives kill -9. The tree log is authoritative, and the database is its index.

internal import Synchronization
package import Platform

package final class TreeLog: Sendable {
    package let path: String
    package let id: UInt64
    let key: ChecksumKey
    /// The number of bytes of changes in one record of a transaction.
    package let partLength: Int
    let file: any DiskFile
    let counter: SpaceCounter?
    let tail: Mutex<Tail>
    /// Where the log begins. A release of old changes moves it.
    let knownFront: Mutex<TreeLogFront>
    /// The logs of the store, if the workspace is a fork: its past begins in the tree logs of its ancestors.
    let logs: LogDirectory?
    let ancestors: [LogAncestor]

    struct Tail: Sendable {
        var end: UInt64
        /// Whether the remains of a failed append could not be cut off yet.
        var needsCut = false
        /// The end of the blocks that are set aside (`keepRoom`), and the number of times that they
        /// were lost.
        var roomEnd: UInt64 = 0
        var cuts = 0
    }

    /// The lock is held across fdatasync on purpose: a waiting thread may find its own bytes synced by
    /// the previous call (group commit), or that this call failed.
    private let synced = Mutex(SyncState())

    private struct SyncState: Sendable {
        /// The end up to which the file is known to be durable.
        var end: UInt64 = 0
        /// The error of a failed sync. It may have dropped bytes, and a later sync would not report
        /// that. So all later syncs fail, also those that were waiting for the failed one.
        var failure: Errno?
    }

    /// Opens the tree log at `path`, or makes an empty one.
    package init(
        _ path: String, id: UInt64, key: ChecksumKey, on disk: any Disk, now: Int64,
        counter: SpaceCounter? = nil, partLength: Int = Format.partLength, in logs: LogDirectory? = nil
    ) throws(StorageError) {
        self.logs = logs
        ancestors = logs?.ancestors(of: id.workspace) ?? []
        self.partLength = partLength
        self.path = path
        self.id = id
        self.key = key
        self.counter = counter
        do throws(Errno) {
            var known: (any DiskFile)?
            if disk.exists(path) { known = try disk.open(path, .readWrite) }
            // The making of a tree log without a whole header was interrupted. It holds nothing.
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
            throw .damaged(path: path, what: "it is a different log")
        }
        let front = try TreeLogFront(of: file, path, id: id, key: key, on: disk)
        knownFront = Mutex(front)
        tail = Mutex(Tail(end: front.position))
    }

    /// Opens a tree log for reading only, up to its current end. Nothing is made or cut off.
    package init(
        reading path: String, id: UInt64, key: ChecksumKey, on disk: any Disk
    ) throws(StorageError) {
        self.path = path
        self.id = id
        self.key = key
        partLength = Format.partLength
        counter = nil
        logs = nil
        ancestors = []
        let length: UInt64
        do throws(Errno) {
            file = try disk.open(path, .readOnly)
            length = try file.length()
        } catch {
            throw .system(error, doing: "open", path: path)
        }
        let front = try TreeLogFront(of: file, path, id: id, key: key, on: disk)
        knownFront = Mutex(front)
        tail = Mutex(Tail(end: max(length, front.position)))
    }

    /// Opens the tree log of an ancestor for reading, up to its current end.
    init(of ancestor: LogAncestor, in logs: LogDirectory) throws(StorageError) {
        path = LogDirectory.treeLogPath(ancestor.workspace)
        id = UInt64(ancestor.workspace) << 48
        key = logs.key
        partLength = Format.partLength
        counter = nil
        self.logs = nil
        ancestors = []
        let length: UInt64
        let front: TreeLogFront
        (file, front) = try logs.treeLogFile(of: ancestor.workspace)
        do throws(Errno) {
            length = try file.length()
        } catch {
            throw .system(error, doing: "open", path: path)
        }
        knownFront = Mutex(front)
        tail = Mutex(Tail(end: max(length, front.position)))
    }

    /// Makes an empty log. The header is durable before the file gets its name: a name may become
    /// durable at any time, and after a power cut no name may refer to a broken header.
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

    /// The bytes that the log takes, with the state that it begins with.
    package var byteCount: UInt64 {
        let front = front
        return end.subtracting(clamping: front.position - UInt64(Format.logHeaderLength))
            .adding(clamping: front.stateBytes)
    }

    /// Where the log begins.
    package var front: TreeLogFront { knownFront.withLock { $0 } }

    /// Lets the log begin with another state: that after a later change. The lock of the tree is held: who
    /// reads changes under it finds all or none of them.
    package func begin(with start: TreeLogStart) {
        let before = byteCount
        knownFront.withLock { $0 = TreeLogFront(start) }
        logs?.forgetTreeLog(of: id.workspace)
        let now = byteCount
        // Bytes that were appended meanwhile count either way.
        counter?.release(treeLogBytes: before.subtracting(clamping: now))
        counter?.add(treeLogBytes: now.subtracting(clamping: before))
    }

    var transactionReader: TransactionReader {
        TransactionReader(file, log: id, key: key, from: front.position)
    }

    /// Reads records from `position` on, and cuts off a torn tail, including parts without their
    /// transaction. Parts are not visited: `transaction` reads them. If the records there were released, the
    /// state that they led to is visited first.
    package func replay(
        from position: UInt64, after sequence: UInt64, afterPowerCut: Bool = false,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) -> ScanResult {
        let front = self.front
        var (start, last) = (max(position, front.position), sequence)
        var stateRecords = 0
        if position < start, front.sequence > 0 {
            if let state = front.start { (start, last) = (state.position, max(last, state.sequence)) }
            try front.visitState { (header, payload) throws(StorageError) in
                stateRecords += 1
                try visit(header, payload)
            }
        }
        var scanner: LogScanner
        do throws(Errno) {
            // Replayed records may go into the database, which must not become durable before them.
            try file.synchronize()
            scanner = try LogScanner(file, log: id, key: key, gapEndsLog: afterPowerCut)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        var parts = 0
        // The position of the first of a run of parts without a transaction yet.
        var run: UInt64?
        var result = try scanner.scan(from: start, after: last) {
            (record) throws(StorageError) in
            if record.header.kind == RecordKind.part.rawValue {
                if run == nil { run = record.position }
                parts += 1
                return
            }
            run = nil
            // A filler has no readable content.
            let isGap = record.header.kind == RecordKind.gap.rawValue
            tail.withLock { $0.end = record.position + record.header.recordLength }
            try visit(record.header, isGap ? [] : try self.payload(of: record))
        }
        result.records += stateRecords - parts
        // If the log is shorter than the checkpoint's position, the database became durable before the
        // log.
        result.end = max(result.end, start)
        // If damage follows the parts, it is not known what came after them.
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

    /// Ends the log before the first transaction for which `isLost` holds, after a power cut and before
    /// the replay. The bytes cut off are kept beside it.
    /// - Returns: The transaction's sequence number and the number of bytes cut off.
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
        let start = max(position, front.position)
        let reader = transactionReader
        var found: RecordHeader?
        var cut: UInt64 = 0
        _ = try scanner.scan(from: start, after: sequence) { (record) throws(StorageError) in
            let header = record.header
            // The replay reports transactions that cannot be read.
            guard found == nil, header.kind == RecordKind.transaction.rawValue,
                let payload = try? self.payload(of: record),
                let (_, changes) = try? reader.changes(header, payload), isLost(header, changes)
            else { return }
            found = header
            // The parts of the transaction are cut off with it.
            cut = header.length > 0 ? header.offset : record.position
        }
        guard let found, cut >= start, cut < length else { return nil }
        try KeptBytes.keep(cut..<length, of: file, log: id, path: path, on: disk)
        do throws(Errno) {
            try file.truncate(to: cut)
        } catch {
            throw .system(error, doing: "cut unsynced records off", path: path)
        }
        return (found.sequence, length - cut)
    }

    /// Returns whether transaction `sequence` was completed. Also returns true if that is not known,
    /// because a filler or damage is at its position.
    package func mayHave(transaction sequence: UInt64) throws(StorageError) -> Bool {
        let front = self.front
        if front.sequence > 0, sequence <= front.sequence { return true }
        var scanner = try scanner()
        let (position, before) = try scanner.bisect { $0.sequence >= sequence }
        let expected = before.map { $0.position + $0.header.recordLength } ?? front.position
        if expected >= end { return false }
        guard position == expected, let next = try scanner.record(at: position) else { return true }
        return next.header.sequence == sequence || next.header.kind == RecordKind.gap.rawValue
    }

    func scanner(_ known: TreeLogFront? = nil) throws(StorageError) -> LogScanner {
        do throws(Errno) {
            return try LogScanner(file, log: id, key: key, from: (known ?? front).position, end: end)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
    }

    func payload(of record: ScannedRecord) throws(StorageError) -> [UInt8] {
        do throws(Errno) {
            return try LogFile.payload(of: record, in: file, log: id, key: key)
        } catch {
            throw .damaged(
                path: path, what: "the record at byte \(record.position) has a wrong checksum")
        }
    }

    /// Appends one record. After it returns, the record survives the death of this process.
    package func append(
        _ kind: RecordKind, sequence: UInt64, stamp: Stamp, payload: [UInt8]
    ) throws(Errno) {
        try appendAll { (append) throws(Errno) in
            _ = try append(kind, sequence, stamp, 0, 0, payload)
        }
    }

    /// Appends a record with kind, sequence, stamp, offset, length and payload. Returns its position.
    typealias Appending = (
        RecordKind, UInt64, Stamp, UInt64, UInt64, [UInt8]
    ) throws(Errno) -> UInt64

    /// Appends the records that `body` appends, all or none. The log's end moves only afterwards.
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
                counter?.add(treeLogBytes: end - start)
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

    /// Makes a change of bytes that were synced before survive a power cut.
    func synchronizeAgain() throws(Errno) {
        synced.withLock { $0.end = min($0.end, UInt64(Format.logHeaderLength)) }
        try synchronize()
    }

    /// Makes everything appended so far survive a power cut.
    package func synchronize() throws(Errno) {
        let target = end
        let failure: Errno? = synced.withLock { synced in
            if let failure = synced.failure { return failure }
            if synced.end >= target { return nil }
            let end = self.end
            do throws(Errno) {
                try file.synchronize()
            } catch {
                synced.failure = error
                return error
            }
            synced.end = end
            return nil
        }
        if let failure { throw failure }
    }
}
