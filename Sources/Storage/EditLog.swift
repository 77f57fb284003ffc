// EditLog: the content of one file: its log on disk and the piece tree that the log's records add
// up to. A version of the file is (log, position): the log only grows.
// Invariant: `pieces` is what replaying the log from its header to `end` gives.

package import Platform
internal import Synchronization

/// What an edit did to a file, for its inode.
package struct ContentVersion: Equatable, Sendable {
    /// Bytes.
    package var size: UInt64
    /// Bytes that are no hole.
    package var allocated: UInt64
    package var sequence: UInt64
    package var time: Int64
}

package final class EditLog: Sendable {
    package let id: UInt64
    private let logs: LogDirectory
    private let state: Mutex<State>
    private let synced: Mutex<SyncState>

    private struct State: Sendable {
        var pieces: PieceTree
        var end: UInt64
        var sequence: UInt64
        var time: Int64
        /// A record was lost, so what the file holds is not known: every read answers EIO.
        var isDamaged = false
        var recordsSinceCheckpoint = 0

        var version: ContentVersion {
            ContentVersion(
                size: pieces.length, allocated: pieces.allocatedBytes, sequence: sequence, time: time)
        }
    }

    private struct SyncState: Sendable {
        var end: UInt64 = 0
        var nameIsDurable: Bool
    }

    private init(_ id: UInt64, _ logs: LogDirectory, _ state: State, nameIsDurable: Bool) {
        self.id = id
        self.logs = logs
        self.state = Mutex(state)
        synced = Mutex(SyncState(nameIsDurable: nameIsDurable))
    }

    /// Makes an empty log for a file that so far is `baseLength` bytes of base file `baseFile`
    /// (0: an empty file).
    package static func create(
        _ id: UInt64, baseFile: UInt64, baseLength: UInt64, now: Int64, in logs: LogDirectory
    ) throws(Errno) -> EditLog {
        let header = LogHeader(
            kind: .edit, id: id, baseFile: baseFile, baseLength: baseFile == 0 ? 0 : baseLength,
            created: now)
        // A piece checkpoint of an earlier log of that number, whose making a power cut took back.
        if logs.disk.exists(LogDirectory.piecesPath(id)) { try removePieces(id, logs) }
        _ = try logs.create(header)
        let state = State(
            pieces: initialPieces(header), end: UInt64(Format.logHeaderLength), sequence: 0, time: now)
        return EditLog(id, logs, state, nameIsDurable: false)
    }

    /// Durable at once: a power cut must not bring it back beside a log that has grown again.
    private static func removePieces(_ id: UInt64, _ logs: LogDirectory) throws(Errno) {
        try logs.disk.remove(LogDirectory.piecesPath(id))
        try logs.disk.synchronizeDirectory(LogDirectory.shardPath(id))
    }

    private static func initialPieces(_ header: LogHeader) -> PieceTree {
        if header.baseFile == 0 || header.baseLength == 0 { return PieceTree() }
        return PieceTree([
            Piece(.base(file: header.baseFile, offset: 0), length: header.baseLength)
        ])
    }

    /// Opens a log: the piece checkpoint beside it, then the records after it. A torn tail is cut.
    /// - Parameter report: what had to be cut or was lost.
    package static func open(
        _ id: UInt64, in logs: LogDirectory, report: (ScanResult) -> Void
    ) throws(StorageError) -> EditLog {
        let path = LogDirectory.path(id)
        let file: any DiskFile
        let length: UInt64
        do throws(Errno) {
            file = try logs.file(id)
            length = try file.length()
        } catch {
            // Its name was not synced before a power cut; ENOENT would say that the file is gone.
            if error == .noEntry { throw .damaged(path: path, what: "it is missing") }
            throw .system(error, doing: "open", path: path)
        }
        let header = try LogHeader(reading: file, path: path)
        guard header.kind == .edit, header.id == id else {
            throw .damaged(path: path, what: "it is the log of something else")
        }
        var state: State
        let checkpoint = PieceCheckpoint(log: id, on: logs.disk)
        // The padding of the last record is not written.
        let paddedLength = (length + Format.recordAlignment - 1) & ~(Format.recordAlignment - 1)
        if let checkpoint, checkpoint.position <= paddedLength {
            state = State(
                pieces: checkpoint.pieces, end: checkpoint.position,
                sequence: checkpoint.sequence, time: checkpoint.time)
        } else {
            // A checkpoint past the log's end outlived a power cut that the log's tail did not. It
            // must go: the log will grow past its position again, with other records.
            if checkpoint != nil {
                do throws(Errno) {
                    try removePieces(id, logs)
                } catch {
                    throw .system(error, doing: "remove the old pieces of", path: path)
                }
            }
            state = State(
                pieces: initialPieces(header), end: UInt64(Format.logHeaderLength), sequence: 0,
                time: header.created)
        }
        let result = try replay(file, id, &state)
        if result.tornBytes > 0 {
            do throws(Errno) {
                try file.truncate(to: result.end)
            } catch {
                throw .system(error, doing: "cut the torn tail off", path: path)
            }
        }
        if result.tornBytes > 0 || !result.damage.isEmpty { report(result) }
        // Whether the name was ever synced is not known: it may be from before a kill.
        return EditLog(id, logs, state, nameIsDurable: false)
    }

    private static func replay(
        _ file: any DiskFile, _ id: UInt64, _ state: inout State
    ) throws(StorageError) -> ScanResult {
        var scanner: LogScanner
        do throws(Errno) {
            scanner = try LogScanner(file, log: id)
        } catch {
            throw .system(error, doing: "read", path: LogDirectory.path(id))
        }
        var replayed = state
        var previousEnd = state.end
        let result = try scanner.scan(from: state.end, after: state.sequence) {
            (record) throws(StorageError) in
            if record.position != previousEnd { replayed.isDamaged = true }
            previousEnd = record.position + record.header.recordLength
            try apply(record, file, id, &replayed)
        }
        replayed.end = result.end
        state = replayed
        return result
    }

    private static func apply(
        _ record: ScannedRecord, _ file: any DiskFile, _ id: UInt64, _ state: inout State
    ) throws(StorageError) {
        let header = record.header
        let range = header.offset..<(header.offset + header.length)
        switch RecordKind(rawValue: header.kind) {
        case .write where UInt64(header.payloadLength) == header.length && header.length > 0:
            state.pieces.overwrite(
                at: header.offset,
                with: Piece(.log(log: id, record: record.position, skip: 0),
                    length: UInt64(header.payloadLength)))
        case .truncate:
            if header.offset == 0 { state.isDamaged = false }
            state.pieces.truncate(to: header.offset)
        case .punch:
            state.pieces.punch(range)
        case .share:
            if let pieces = sharedPieces(record, file, id) {
                Self.place(pieces, at: header.offset, length: header.length, in: &state.pieces)
            } else {
                state.isDamaged = true
            }
        default:
            // A kind of a later version inside this version's log: what it did is not known.
            state.isDamaged = true
        }
        state.sequence = header.sequence
        state.time = header.time
        state.recordsSinceCheckpoint += 1
    }

    private static func sharedPieces(
        _ record: ScannedRecord, _ file: any DiskFile, _ id: UInt64
    ) -> [Piece]? {
        var bytes = [UInt8](repeating: 0, count: Int(record.header.payloadLength))
        let good = bytes.withUnsafeMutableBytes { raw in
            var cache: RecordTable?
            do throws(Errno) {
                try LogFile.readPayload(
                    into: raw, skip: 0, from: file, log: id, at: record.position, cache: &cache)
                return true
            } catch {
                return false
            }
        }
        guard good else { return nil }
        var reader = ByteReader(bytes)
        var pieces: [Piece] = []
        var total: UInt64 = 0
        while !reader.atEnd {
            guard let piece = Piece.decode(&reader), piece.length <= UInt64(Int64.max) - total
            else { return nil }
            total += piece.length
            pieces.append(piece)
        }
        return total == record.header.length ? pieces : nil
    }

    private static func place(
        _ pieces: [Piece], at offset: UInt64, length: UInt64, in tree: inout PieceTree
    ) {
        if offset > tree.length { tree.truncate(to: offset) }
        tree.replace(offset..<(offset + length), with: pieces)
    }
}

// MARK: Reading

extension EditLog {
    package var version: ContentVersion { state.withLock { $0.version } }

    package var memoryBytes: Int { state.withLock { $0.pieces.memoryBytes } + 256 }

    package var end: UInt64 { state.withLock { $0.end } }

    /// The pieces of `range`, cut to the file's end.
    /// - Throws: `Errno.inputOutput` if a record was lost, so that nothing wrong is read.
    package func pieces(in range: Range<UInt64>) throws(Errno) -> [Piece] {
        let found: [Piece]? = state.withLock { $0.isDamaged ? nil : $0.pieces.pieces(in: range) }
        guard let found else { throw .inputOutput }
        return found
    }

    /// The whole content as a value: a snapshot that costs nothing.
    package func snapshot() throws(Errno) -> PieceTree {
        let found: PieceTree? = state.withLock { $0.isDamaged ? nil : $0.pieces }
        guard let found else { throw .inputOutput }
        return found
    }
}

// MARK: Writing

extension EditLog {
    /// Appends one record and applies it; on a throw nothing has changed.
    private func edit(
        _ kind: RecordKind, offset: UInt64, length: UInt64, payload: UnsafeRawBufferPointer,
        stamp: Stamp, sequence: SequenceCounter,
        apply: (inout PieceTree, UInt64) -> Void
    ) throws(Errno) -> ContentVersion {
        let file = try logs.file(id)
        let result: Result<ContentVersion, Errno> = state.withLock { state in
            if state.isDamaged, !(kind == .truncate && offset == 0) { return .failure(.inputOutput) }
            let header = RecordHeader(
                kind: kind, sequence: sequence.next(), stamp: stamp, offset: offset,
                length: length, payloadLength: payload.count)
            let position = state.end
            do throws(Errno) {
                state.end = try LogFile.append(
                    header, payload: payload, to: file, log: id, at: position)
            } catch {
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

    private var noPayload: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }

    /// The file's largest size in bytes: offsets are signed 64-bit numbers (off_t).
    package static let maximumSize = UInt64(Int64.max)

    package func write(
        _ data: UnsafeRawBufferPointer, at offset: UInt64, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        guard offset <= Self.maximumSize - UInt64(data.count) else { throw .fileTooBig }
        let length = UInt64(data.count)
        return try edit(
            .write, offset: offset, length: length, payload: data, stamp: stamp, sequence: sequence
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
            .truncate, offset: size, length: 0, payload: noPayload, stamp: stamp, sequence: sequence
        ) { pieces, _ in pieces.truncate(to: size) }
    }

    /// Makes `range` a hole; it never makes the file longer.
    package func punch(
        _ range: Range<UInt64>, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        guard range.upperBound <= Self.maximumSize else { throw .fileTooBig }
        return try edit(
            .punch, offset: range.lowerBound, length: UInt64(range.count), payload: noPayload,
            stamp: stamp, sequence: sequence
        ) { pieces, _ in pieces.punch(range) }
    }

    /// Puts `list` at `offset`, over what stands there: extents shared with another file, or with
    /// another place of this one.
    package func share(
        _ list: [Piece], at offset: UInt64, stamp: Stamp, sequence: SequenceCounter
    ) throws(Errno) -> ContentVersion {
        var writer = ByteWriter(capacity: 32 * list.count)
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
                        sequence: sequence
                    ) { pieces, _ in Self.place(list, at: offset, length: length, in: &pieces) })
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Makes everything appended so far survive a power cut, the log's name included.
    package func synchronize() throws(Errno) {
        let target = end
        let file = try logs.file(id)
        let failure: Errno? = synced.withLock { synced in
            if synced.end >= target, synced.nameIsDurable { return nil }
            let end = self.end
            do throws(Errno) {
                try file.synchronize()
                if !synced.nameIsDurable {
                    let shard = LogDirectory.shardPath(id)
                    try logs.disk.synchronizeDirectory(shard)
                    try logs.disk.synchronizeDirectory(String(shard.dropLast(3)))
                }
            } catch {
                return error
            }
            synced.end = end
            synced.nameIsDurable = true
            return nil
        }
        if let failure { throw failure }
    }

    /// Writes the piece checkpoint if at least `records` were appended since the last.
    package func checkpoint(ifMoreThan records: Int) throws(StorageError) {
        let checkpoint: PieceCheckpoint? = state.withLock { state in
            if state.recordsSinceCheckpoint <= records || state.isDamaged { return nil }
            state.recordsSinceCheckpoint = 0
            return PieceCheckpoint(
                pieces: state.pieces, position: state.end, sequence: state.sequence,
                time: state.time)
        }
        try checkpoint?.write(log: id, on: logs.disk)
    }
}
