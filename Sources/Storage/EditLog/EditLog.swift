// EditLog: the content of one file: its log on disk and the piece tree that the log's records result
// in. A version of the file is (log, position), since the log only grows. Invariant: `pieces` is the
// result of replaying the log from its header to `end`.

package import Platform
internal import Synchronization

/// The state of a file's content after an edit, for its inode.
package struct ContentVersion: Equatable, Sendable {
    /// In bytes.
    package var size: UInt64
    /// The number of bytes outside holes.
    package var allocated: UInt64
    package var sequence: UInt64
    package var time: Int64
}

package final class EditLog: Sendable {
    package let id: UInt64
    let logs: LogDirectory
    /// The log of an ancestor that has the content of a fork's file. Such a log takes no edits.
    package let inheritedFrom: UInt64?
    let counter: SpaceCounter
    let state: Mutex<State>
    private let synced: Mutex<SyncState>
    /// The durable end from `synced`, name included, for callers that must not wait for a sync.
    private let durableEnd = Mutex(LogEnd())

    struct State: Sendable {
        var pieces: PieceTree
        var end: UInt64
        var sequence: UInt64
        var time: Int64
        /// Whether a record was lost. The content is then unknown, and every read fails with EIO.
        var isDamaged = false
        var recordsSinceCheckpoint = 0
        /// The number of times that records were taken back.
        var cuts: UInt64 = 0
        /// Whether the last records belong to a transaction that is not completed yet. No piece
        /// checkpoint may include them.
        var isProvisional = false
        /// Whether the remains of a failed append could not be cut off yet.
        var needsCut = false
        /// The header of an empty log. It is written together with the first record.
        var unwrittenHeader: [UInt8] = []

        /// The size of a damaged file is at least 1, so that the kernel sends a read and gets EIO. It
        /// sends no read for an empty file.
        var version: ContentVersion {
            ContentVersion(
                size: isDamaged ? max(1, pieces.length) : pieces.length,
                allocated: pieces.allocatedBytes, sequence: sequence, time: time)
        }
    }

    private struct SyncState: Sendable {
        var end = LogEnd()
        var nameIsDurable: Bool
    }

    init(
        _ id: UInt64, _ logs: LogDirectory, _ state: State, nameIsDurable: Bool,
        inheritedFrom: UInt64? = nil
    ) {
        self.id = id
        self.inheritedFrom = inheritedFrom
        self.logs = logs
        counter = logs.counter(UInt16(id >> 48))
        self.state = Mutex(state)
        synced = Mutex(SyncState(nameIsDurable: nameIsDurable))
    }

    /// Makes an empty log for a file whose content is `baseLength` bytes of base file `baseFile`.
    /// `baseFile` is 0 for an empty file.
    package static func create(
        _ id: UInt64, baseFile: UInt64, baseLength: UInt64, now: Int64, in logs: LogDirectory
    ) throws(Errno) -> EditLog {
        let header = LogHeader(
            kind: .edit, id: id, baseFile: baseFile, baseLength: baseFile == 0 ? 0 : baseLength,
            created: now)
        // An earlier log of that number, lost in a power cut, may have left a piece checkpoint.
        if logs.disk.exists(LogDirectory.piecesPath(id)) { try removePieces(id, logs) }
        let file = try logs.create(id)
        var state = State(
            pieces: initialPieces(header), end: UInt64(Format.logHeaderLength), sequence: 0, time: now)
        if baseFile == 0 {
            state.unwrittenHeader = header.bytes
        } else {
            // A reader of this log must know that it builds on the base.
            try file.writeBytes(header.bytes, at: 0)
        }
        let log = EditLog(id, logs, state, nameIsDurable: false)
        log.counter.addLog(bytes: UInt64(Format.logHeaderLength))
        return log
    }

    /// Returns whether there is a log with at least a header.
    package static func exists(_ id: UInt64, in logs: LogDirectory) -> Bool {
        guard let length = try? logs.file(id).length() else { return false }
        return length >= UInt64(Format.logHeaderLength)
    }

    /// Whether a log is there. An unwritten one has no header yet: it holds nothing.
    package enum Presence: Sendable {
        case missing, unwritten, written
    }

    /// Returns whether there is a log.
    /// - Throws: any error but that it is missing: then it is not known whether there is one.
    package static func presence(_ id: UInt64, in logs: LogDirectory) throws(Errno) -> Presence {
        do throws(Errno) {
            return try logs.file(id).length() >= UInt64(Format.logHeaderLength) ? .written : .unwritten
        } catch {
            if error == .noEntry { return .missing }
            throw error
        }
    }

    /// Removes the piece checkpoint, durably: a power cut must not bring it back after the log has
    /// grown again.
    static func removePieces(_ id: UInt64, _ logs: LogDirectory) throws(Errno) {
        try logs.disk.remove(LogDirectory.piecesPath(id))
        try logs.disk.synchronizeDirectory(LogDirectory.shardPath(id))
    }

    static func initialPieces(_ header: LogHeader) -> PieceTree {
        if header.baseFile == 0 || header.baseLength == 0 { return PieceTree() }
        return PieceTree([
            Piece(.base(file: header.baseFile, offset: 0), length: header.baseLength)
        ])
    }
}

// MARK: Reading

extension EditLog {
    package var version: ContentVersion { state.withLock { $0.version } }

    /// Whether the log has no header on disk yet.
    package var isUnwritten: Bool { state.withLock { !$0.unwrittenHeader.isEmpty } }

    package var memoryBytes: Int { state.withLock { $0.pieces.memoryBytes } + 256 }

    package var end: UInt64 { state.withLock { $0.end } }

    /// The end that a sync started now makes durable.
    package var logEnd: LogEnd {
        state.withLock { LogEnd(position: $0.end, cuts: $0.cuts) }
    }

    /// Returns the pieces of `range`, cut to the file's end.
    /// - Throws: `Errno.inputOutput` if a record was lost, so that no wrong bytes are read.
    package func pieces(in range: Range<UInt64>) throws(Errno) -> [Piece] {
        let found: [Piece]? = state.withLock { $0.isDamaged ? nil : $0.pieces.pieces(in: range) }
        guard let found else { throw .inputOutput }
        return found
    }

    /// Returns the whole content as a value. The snapshot takes constant time.
    package func snapshot() throws(Errno) -> PieceTree {
        let found: PieceTree? = state.withLock { $0.isDamaged ? nil : $0.pieces }
        guard let found else { throw .inputOutput }
        return found
    }
}

// MARK: Writing

extension EditLog {
    /// Appends one record and applies it. On an error nothing has changed.
    func edit(
        _ kind: RecordKind, offset: UInt64, length: UInt64, payload: UnsafeRawBufferPointer,
        stamp: Stamp, number: () -> UInt64, replacesAll: Bool = false,
        apply: (inout PieceTree, UInt64) -> Void
    ) throws(Errno) -> ContentVersion {
        // Readers refuse a longer payload.
        guard payload.count <= logs.maximumPayload else { throw .fileTooBig }
        if inheritedFrom != nil { throw .readOnly }
        let file = try logs.file(id)
        let result: Result<ContentVersion, Errno> = state.withLock { state in
            if state.isDamaged, !replacesAll { return .failure(.inputOutput) }
            let header = RecordHeader(
                kind: kind, sequence: number(), stamp: stamp, offset: offset,
                length: length, payloadLength: payload.count)
            let position = state.end
            let hadToCut = state.needsCut
            do throws(Errno) {
                state.end = try LogFile.append(
                    header, payload: payload, to: file, log: id, key: logs.key, at: position,
                    needsCut: &state.needsCut, prefix: state.unwrittenHeader)
                counter.add(logBytes: state.end - position)
                if !state.unwrittenHeader.isEmpty { state.unwrittenHeader = [] }
                if hadToCut { logs.forgetCut(of: id) }
            } catch {
                if state.needsCut {
                    logs.noteCut(of: id, at: position - UInt64(state.unwrittenHeader.count))
                }
                return .failure(error)
            }
            apply(&state.pieces, position)
            state.isDamaged = false
            state.sequence = header.sequence
            state.time = stamp.time
            state.recordsSinceCheckpoint += 1
            return .success(state.version)
        }
        return try result.get()
    }

    var noPayload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// The largest size of a file in bytes: offsets are signed 64-bit numbers (off_t).
    package static let maximumSize = UInt64(Int64.max)

    package func write(
        _ data: UnsafeRawBufferPointer, at offset: UInt64, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        guard offset <= Self.maximumSize - UInt64(data.count) else { throw .fileTooBig }
        let length = UInt64(data.count)
        return try edit(
            .write, offset: offset, length: length, payload: data, stamp: stamp,
            number: sequence.next
        ) { pieces, position in
            pieces.overwrite(
                at: offset,
                with: Piece(.log(log: id, record: position, skip: 0), length: length))
        }
    }

    package func truncate(
        to size: UInt64, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        guard size <= Self.maximumSize else { throw .fileTooBig }
        return try edit(
            .truncate, offset: size, length: 0, payload: noPayload, stamp: stamp,
            number: sequence.next, replacesAll: size == 0
        ) { pieces, _ in pieces.truncate(to: size) }
    }

    /// Makes `range` a hole. The file never becomes longer.
    package func punch(
        _ range: Range<UInt64>, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        guard range.upperBound <= Self.maximumSize else { throw .fileTooBig }
        return try edit(
            .punch, offset: range.lowerBound, length: UInt64(range.count), payload: noPayload,
            stamp: stamp, number: sequence.next
        ) { pieces, _ in pieces.punch(range) }
    }

    /// Writes `list` over the content at `offset`: extents shared with another file, or with another
    /// range of this one.
    package func share(
        _ list: [Piece], at offset: UInt64, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        guard list.count <= logs.maximumPayload / Piece.encodedSize else { throw .fileTooBig }
        var writer = ByteWriter(capacity: Piece.encodedSize * list.count)
        var length: UInt64 = 0
        for piece in list {
            piece.encode(into: &writer)
            length += piece.length
        }
        guard offset <= Self.maximumSize - length else { throw .fileTooBig }
        let result: Result<ContentVersion, Errno> = writer.bytes.withUnsafeBytes { raw in
            do throws(Errno) {
                return .success(
                    try edit(
                        .share, offset: offset, length: length, payload: raw, stamp: stamp,
                        number: sequence.next
                    ) { pieces, _ in Self.place(list, at: offset, length: length, in: &pieces) })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Makes everything appended so far survive a power cut, including the log's name.
    package func synchronize() throws(Errno) {
        if let inheritedFrom {
            let end = logEnd
            if !isKnownDurable { try logs.synchronizeExisting([inheritedFrom]) }
            return noteDurable(upTo: end)
        }
        let target = logEnd
        let file = try logs.file(id)
        let failure: Errno? = synced.withLock { synced in
            if let failure = logs.syncFailure(of: id) { return failure }
            if synced.end.covers(target), synced.nameIsDurable { return nil }
            // Records may be taken back while the sync runs. This end then covers nothing that is
            // appended in their place.
            let end = logEnd
            do throws(Errno) {
                try file.synchronize()
                if !synced.nameIsDurable {
                    let shard = LogDirectory.shardPath(id)
                    try logs.disk.synchronizeDirectory(shard)
                    try logs.disk.synchronizeDirectory(String(shard.dropLast(3)))
                }
            } catch {
                logs.noteSyncFailure(error, of: id)
                return error
            }
            synced.end = end
            synced.nameIsDurable = true
            durableEnd.withLock { $0 = end }
            return nil
        }
        if let failure { throw failure }
    }

    /// Whether a power cut is known to lose nothing of the log. False while a sync is running.
    package var isKnownDurable: Bool {
        let target = logEnd
        return durableEnd.withLock { $0 }.covers(target)
    }

    /// Whether a power cut would lose nothing of the log. Waits for a running sync.
    package var isDurable: Bool {
        let target = logEnd
        return synced.withLock { $0.nameIsDurable && $0.end.covers(target) }
    }

    /// Notes that the log is durable up to `end` after the whole disk was synced. The caller must get
    /// `end` before the sync begins.
    package func noteDurable(upTo end: LogEnd) {
        synced.withLock { synced in
            if !synced.end.covers(end) { synced.end = end }
            synced.nameIsDurable = true
            let durable = synced.end
            durableEnd.withLock { $0 = durable }
        }
    }

    /// Writes the piece checkpoint if more than `records` records were appended since the last one. A
    /// checkpoint that includes records which are taken back later would be trusted once the log has
    /// grown past its position again. So none is written while the last records are provisional.
    package func checkpoint(ifMoreThan records: Int) throws(StorageError) {
        let (checkpoint, count): (PieceCheckpoint?, Int) = state.withLock { state in
            let count = state.recordsSinceCheckpoint
            if count <= records || state.isDamaged || state.isProvisional { return (nil, 0) }
            state.recordsSinceCheckpoint = 0
            let checkpoint = PieceCheckpoint(
                pieces: state.pieces, position: state.end, sequence: state.sequence,
                time: state.time)
            return (checkpoint, count)
        }
        do throws(StorageError) {
            try checkpoint?.write(log: id, on: logs.disk)
        } catch {
            state.withLock { $0.recordsSinceCheckpoint += count }
            throw error
        }
    }
}

/// The end of a log at some moment, and the number of times that records had been taken back by then.
/// An end from before such a cut does not cover records appended after it.
package struct LogEnd: Equatable, Sendable {
    var position: UInt64 = 0
    var cuts: UInt64 = 0

    /// Returns whether all of a log that ends at `other` is durable if it is durable up to this end.
    func covers(_ other: LogEnd) -> Bool { cuts == other.cuts && position >= other.position }
}
