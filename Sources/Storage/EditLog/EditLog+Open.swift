// EditLog+Open: opens an edit log: reads the piece checkpoint beside it, replays the records after it,
// and handles damage and torn tails.

internal import Platform
internal import Synchronization

extension EditLog {
    /// Opens a log: reads the piece checkpoint beside it, then the records after it. A torn tail is cut
    /// off.
    /// - Parameters:
    ///   - afterPowerCut: The whole log is read, and ends at the first gap. The tail that is cut off is
    ///     kept beside the log.
    ///   - synced: Records up to this number are known to have been synced before the power cut.
    ///   - cutsTail: False if nothing may be changed, because another process may append.
    ///   - report: Called if a tail was cut off or records were lost.
    package static func open(
        _ id: UInt64, in logs: LogDirectory, afterPowerCut: Bool = false, synced: UInt64 = 0,
        cutsTail: Bool = true, report: (ScanResult) -> Void
    ) throws(StorageError) -> EditLog {
        let path = LogDirectory.path(id)
        let file: any DiskFile
        let length: UInt64
        // Records that were taken back, and that the disk could not cut off.
        let limit = cutsTail ? .max : logs.pendingCut(of: id) ?? .max
        do throws(Errno) {
            file = try logs.file(id)
            if cutsTail { try logs.finishCut(of: id) }
            length = min(try file.length(), limit)
        } catch {
            // The log's name was not synced before a power cut. ENOENT would say that the edited file
            // is gone.
            if error == .noEntry { throw .damaged(path: path, what: "it is missing") }
            throw .system(error, doing: "open", path: path)
        }
        if length == 0 { return empty(id, in: logs) }
        let header = try LogHeader(reading: file, path: path)
        guard header.kind == .edit, header.id == id else {
            throw .damaged(path: path, what: "it is a different log")
        }
        var state: State
        let checkpoint = PieceCheckpoint(log: id, on: logs.disk)
        // The padding of the last record is not written.
        let paddedLength = (length + Format.recordAlignment - 1) & ~(Format.recordAlignment - 1)
        if let checkpoint, checkpoint.position <= paddedLength, !afterPowerCut {
            state = State(
                pieces: checkpoint.pieces, end: checkpoint.position,
                sequence: checkpoint.sequence, time: checkpoint.time)
        } else {
            // A checkpoint past the log's end survived a power cut that the log's tail did not. It must
            // be removed: the log will grow past its position again, with other records.
            if checkpoint != nil, cutsTail {
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
        let result = try replay(
            file, id, logs, &state, gapEndsLog: afterPowerCut, synced, end: limit)
        if result.tornBytes > 0, cutsTail {
            do throws(Errno) {
                if afterPowerCut { try logs.keepTail(of: file, id, from: result.end) }
                try file.truncate(to: result.end)
            } catch {
                throw .system(error, doing: "cut the torn tail off", path: path)
            }
        }
        if result.tornBytes > 0 || !result.damage.isEmpty { report(result) }
        // It is not known whether the name was ever synced: the log may date from before a kill.
        return EditLog(id, logs, state, nameIsDurable: false)
    }

    /// Returns a log that was made, and whose first write was not done. The file is empty.
    private static func empty(_ id: UInt64, in logs: LogDirectory) -> EditLog {
        let header = LogHeader(kind: .edit, id: id, created: 0)
        var state = State(
            pieces: PieceTree(), end: UInt64(Format.logHeaderLength), sequence: 0, time: 0)
        state.unwrittenHeader = header.bytes
        return EditLog(id, logs, state, nameIsDurable: false)
    }

    private static func replay(
        _ file: any DiskFile, _ id: UInt64, _ logs: LogDirectory, _ state: inout State,
        gapEndsLog: Bool, _ synced: UInt64, end: UInt64
    ) throws(StorageError) -> ScanResult {
        var scanner: LogScanner
        do throws(Errno) {
            scanner = try LogScanner(
                file, log: id, key: logs.key, gapEndsLog: gapEndsLog, synced: synced, end: end,
                releasedOn: logs.disk)
        } catch {
            throw .system(error, doing: "read", path: LogDirectory.path(id))
        }
        var replayed = state
        var previousEnd = state.end
        let result = try scanner.scan(from: state.end, after: state.sequence) {
            (record) throws(StorageError) in
            if record.position != previousEnd { replayed.isDamaged = true }
            previousEnd = record.position + record.header.recordLength
            try apply(record, file, id, logs.key, &replayed)
        }
        // If the last record is lost, no later record would show the gap.
        if let range = result.damage.last, range.upperBound == result.end {
            replayed.isDamaged = true
        }
        replayed.end = result.end
        state = replayed
        return result
    }

    static func apply(
        _ record: ScannedRecord, _ file: any DiskFile, _ id: UInt64, _ key: ChecksumKey,
        _ state: inout State
    ) throws(StorageError) {
        let header = record.header
        let range = Range(at: header.offset, count: header.length)
        // Up to the next dedupe record the content is not known.
        if record.releasedBefore > 0 { state.isDamaged = true }
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
        case .splice, .restore:
            if let bytes = try? LogFile.payload(of: record, in: file, log: id, key: key),
                let splices = PieceSplice.decode(bytes) {
                if PieceSplice.replacesAll(splices) { state.isDamaged = false }
                PieceSplice.apply(
                    splices, to: &state.pieces, log: id, position: record.position)
            } else {
                state.isDamaged = true
            }
        case .share:
            if let pieces = record.sharedPieces(file, id, key) {
                Self.place(pieces, at: header.offset, length: header.length, in: &state.pieces)
            } else {
                state.isDamaged = true
            }
        case .dedupe:
            apply(DedupeRecord(record, file, id, key), &state)
        case .gap:
            // Records were lost here, and a repair replaced them with this filler.
            state.isDamaged = true
        default:
            // A kind of a later version inside a log of this version. Its effect is not known.
            state.isDamaged = true
        }
        state.sequence = header.sequence
        state.time = header.time
        state.recordsSinceCheckpoint += 1
    }

    /// A dedupe record has the whole content, whatever was lost or released before it.
    private static func apply(_ dedupe: DedupeRecord?, _ state: inout State) {
        guard let dedupe, state.isDamaged || dedupe.content.length == state.pieces.length else {
            state.isDamaged = true
            return
        }
        state.pieces = dedupe.content
        state.isDamaged = false
    }

    static func place(
        _ pieces: [Piece], at offset: UInt64, length: UInt64, in tree: inout PieceTree
    ) {
        if offset > tree.length { tree.truncate(to: offset) }
        tree.replace(Range(at: offset, count: length), with: pieces)
    }
}
