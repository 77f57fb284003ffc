// EditLog+Versions: earlier versions of the content, splices, and the withdrawal of records whose
// transaction was not completed.

package import Platform
internal import Synchronization

extension EditLog {
    /// Returns the content after change `sequence`: that of the last record with this number or a
    /// smaller one. For a change up to a fork it is that of the log of an ancestor.
    /// - Throws: `Errno.inputOutput` if a record before it was lost.
    package func content(
        at sequence: UInt64
    ) throws(Errno) -> (pieces: PieceTree, version: ContentVersion) {
        let ancestors = AncestorLogs(id, in: logs)
        let isPast = !ancestors.isEmpty && sequence <= ancestors.last
        if isPast || inheritedFrom != nil, let found = try content(of: ancestors, at: sequence) {
            return found
        }
        if inheritedFrom != nil {
            // The file existed, and was empty: its first edit came later.
            return (PieceTree(), ContentVersion(size: 0, allocated: 0, sequence: 0, time: 0))
        }
        return try ownContent(at: sequence)
    }

    private func content(
        of ancestors: AncestorLogs, at sequence: UInt64
    ) throws(Errno) -> (pieces: PieceTree, version: ContentVersion)? {
        if inheritedFrom != nil, sequence >= lastSequence { return try ownContent(at: sequence) }
        do throws(StorageError) {
            return try ancestors.content(upTo: sequence).map { ($0.pieces, $0.version) }
        } catch {
            throw error.errno
        }
    }

    /// Returns the content after change `sequence`, as far as this log has it.
    func ownContent(
        at sequence: UInt64
    ) throws(Errno) -> (pieces: PieceTree, version: ContentVersion) {
        let (now, end, isEmpty) = state.withLock { ($0, $0.end, !$0.unwrittenHeader.isEmpty) }
        if now.sequence <= sequence || isEmpty {
            if now.isDamaged { throw .inputOutput }
            return (now.pieces, now.version)
        }
        let file = try logs.file(id)
        do throws(StorageError) {
            let header = try LogHeader(reading: file, path: LogDirectory.path(id))
            var old = State(
                pieces: Self.initialPieces(header), end: UInt64(Format.logHeaderLength),
                sequence: 0, time: header.created)
            if let checkpoint = PieceCheckpoint(log: id, on: logs.disk),
                checkpoint.sequence <= sequence, checkpoint.position <= end {
                old = State(
                    pieces: checkpoint.pieces, end: checkpoint.position,
                    sequence: checkpoint.sequence, time: checkpoint.time)
            }
            var scanner: LogScanner
            do throws(Errno) {
                scanner = try LogScanner(file, log: id, key: logs.key, end: end, releasedOn: logs.disk)
            } catch {
                throw StorageError.system(error, doing: "read", path: LogDirectory.path(id))
            }
            var previousEnd = old.end
            let result = try scanner.scan(from: old.end, after: old.sequence, upTo: sequence) {
                (record) throws(StorageError) in
                if record.position != previousEnd { old.isDamaged = true }
                previousEnd = record.position + record.header.recordLength
                try Self.apply(record, file, id, logs.key, &old)
            }
            // Damage after the last record may belong to the requested version.
            if let range = result.damage.last, range.upperBound > previousEnd,
                old.sequence < sequence {
                old.isDamaged = true
            }
            // The content of then is gone.
            if let first = result.firstReleased, first <= sequence { old.isDamaged = true }
            if old.isDamaged { throw StorageError.damaged(path: "", what: "") }
            return (old.pieces, old.version)
        } catch {
            throw error.errno
        }
    }

    /// The sequence number of the last record.
    package var lastSequence: UInt64 { state.withLock { $0.sequence } }

    /// Applies splices, all together.
    /// - Parameters:
    ///   - bytes: The content of the pieces of record 0 of this log (`PieceSplice.inserting`).
    ///   - number: Returns the record's sequence number. It must be greater than all in this log.
    /// - Throws: EINVAL if a splice lies outside the file, EFBIG if the file or the payload becomes too
    ///   long.
    package func splice(
        _ splices: [PieceSplice], bytes: [UInt8] = [], kind: RecordKind = .splice, stamp: Stamp,
        number: () -> UInt64
    ) throws(Errno) -> ContentVersion {
        guard PieceSplice.headLength(splices) + bytes.count <= logs.maximumPayload else {
            throw .fileTooBig
        }
        let payload = PieceSplice.encode(splices, bytes: bytes)
        let replacesAll = PieceSplice.replacesAll(splices)
        let length = version.size
        guard PieceSplice.fit(splices, length: length) else {
            throw splices.contains { $0.offset > length } ? .invalid : .fileTooBig
        }
        let inserted = splices.reduce(UInt64(0)) { $0 + $1.insertedLength }
        let offset = splices.first?.offset ?? 0
        let id = id
        let result: Result<ContentVersion, Errno> = payload.withUnsafeBytes { raw in
            do throws(Errno) {
                return .success(
                    try edit(
                        kind, offset: offset,
                        length: min(inserted, PieceTree.maximumLength - offset), payload: raw,
                        stamp: stamp, number: number, replacesAll: replacesAll
                    ) { pieces, position in
                        PieceSplice.apply(splices, to: &pieces, log: id, position: position)
                    })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The state that `withdraw` restores.
    package struct Mark: Sendable {
        fileprivate let state: State
    }

    /// Begins appending for a transaction that may fail. `settle` or `withdraw` ends it.
    package func beginProvisional() -> Mark {
        state.withLock { state in
            defer { state.isProvisional = true }
            return Mark(state: state)
        }
    }

    /// Keeps what was appended since the mark: the transaction was completed.
    package func settle() { state.withLock { $0.isProvisional = false } }

    /// Removes what was appended since `mark`. Nothing else may have been appended meanwhile. A sync
    /// may be running or have run: what it made durable after the mark then no longer counts. This
    /// function does not wait for a lock of the sync.
    package func withdraw(to mark: Mark) {
        let file = try? logs.file(id)
        state.withLock { state in
            var old = mark.state
            old.recordsSinceCheckpoint = min(
                old.recordsSinceCheckpoint, state.recordsSinceCheckpoint)
            old.cuts = state.cuts + 1
            let length = old.end - UInt64(old.unwrittenHeader.count)
            let isCut = file.map { (try? $0.truncate(to: length)) != nil } ?? false
            old.needsCut = !isCut
            // The log may be closed and opened again before the next append, so the cut is noted in
            // `logs` too.
            if isCut { logs.forgetCut(of: id) } else { logs.noteCut(of: id, at: length) }
            counter.take(logBytes: state.end - min(state.end, old.end))
            state = old
        }
    }
}

// MARK: Reading without opening

extension EditLog {
    /// Returns the sequence number of the last record that is not later than `time` and `limit`, or 0
    /// if there is none.
    package func lastSequence(at time: Int64, upTo limit: UInt64) throws(Errno) -> UInt64 {
        let own = inheritedFrom == nil ? try ownLastSequence(at: time, upTo: limit) : 0
        return own > 0 ? own : try AncestorLogs(id, in: logs).lastSequence(at: time, upTo: limit)
    }

    func ownLastSequence(at time: Int64, upTo limit: UInt64) throws(Errno) -> UInt64 {
        let (end, isEmpty) = state.withLock { ($0.end, !$0.unwrittenHeader.isEmpty) }
        if isEmpty { return 0 }
        let file = try logs.file(id)
        var last: UInt64 = 0
        do throws(StorageError) {
            var scanner: LogScanner
            do throws(Errno) {
                scanner = try LogScanner(file, log: id, key: logs.key, end: end, releasedOn: logs.disk)
            } catch {
                throw StorageError.system(error, doing: "read", path: LogDirectory.path(id))
            }
            last = try scanner.bisect {
                $0.time > time || $0.sequence > limit
            }.before?.header.sequence ?? 0
        } catch {
            throw error.errno
        }
        return last
    }
}
