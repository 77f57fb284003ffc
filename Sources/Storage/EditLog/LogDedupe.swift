// LogDedupe: lets a file read its content from elsewhere, where the same bytes are: after a program has
// written a whole new file over one that differs little, most of its own bytes are not needed any more.
//
// A dedupe record is no change: it has the number and the time of the record before it, and each moment after
// that shows the same bytes. Its payload is `since`, u64, and the pieces of the whole content. A reader of a
// moment before `since` may still have the former pieces.

package import Platform
internal import Synchronization

/// The content of a log at some time, to which a dedupe record must still apply.
package struct LogDedupe: Sendable {
    private let log: EditLog
    package let pieces: PieceTree
    /// The number of the last change.
    package let sequence: UInt64
    private let end: LogEnd

    /// - Returns: nil if the content is not known, or not settled, or is in the log of an ancestor.
    package init?(_ log: EditLog) {
        if log.inheritedFrom != nil { return nil }
        let found: EditLog.State? = log.state.withLock { state in
            state.isDamaged || state.isProvisional || !state.unwrittenHeader.isEmpty ? nil : state
        }
        guard let found else { return nil }
        self.log = log
        pieces = found.pieces
        sequence = found.sequence
        end = LogEnd(position: found.end, cuts: found.cuts)
    }

    /// Appends a record that says from where else the content can be read.
    /// - Parameters:
    ///   - content: the same bytes as `pieces`. What it refers to must be durable.
    ///   - log: the open log of the file, which may have been closed meanwhile.
    ///   - last: returns the number of the last change of the workspace.
    /// - Returns: false if the file was changed meanwhile.
    /// - Throws: EFBIG for too many pieces, and the errors of the append.
    package func append(
        _ content: PieceTree, to log: EditLog, last: () -> UInt64
    ) throws(Errno) -> Bool {
        guard content.length == pieces.length, log.id == self.log.id else { throw .invalid }
        let (logs, id) = (log.logs, log.id)
        let file = try logs.file(id)
        let result: Result<Bool, Errno> = log.state.withLock { state in
            guard state.end == end.position, state.cuts == end.cuts, !state.isDamaged,
                !state.isProvisional, state.sequence == sequence else { return .success(false) }
            // Pieces that were read before this lock was taken belong to a moment before this one.
            var writer = ByteWriter(capacity: 64)
            writer.integer(last().adding(clamping: 1))
            for piece in content.allPieces { piece.encode(into: &writer) }
            guard writer.bytes.count <= logs.maximumPayload else { return .failure(.fileTooBig) }
            let header = RecordHeader(
                kind: .dedupe, sequence: state.sequence, stamp: Stamp(time: state.time, pid: 0, uid: 0),
                offset: 0, length: content.length, payloadLength: writer.bytes.count)
            let position = state.end
            let hadToCut = state.needsCut
            do throws(Errno) {
                state.end = try LogFile.append(
                    header, payload: writer.bytes, to: file, log: id, key: logs.key, at: position,
                    needsCut: &state.needsCut)
                if hadToCut { logs.forgetCut(of: id) }
            } catch {
                if state.needsCut { logs.noteCut(of: id, at: position) }
                return .failure(error)
            }
            log.counter.add(logBytes: state.end - position)
            state.pieces = content
            state.recordsSinceCheckpoint += 1
            return .success(true)
        }
        return try result.get()
    }
}

/// What a dedupe record holds.
struct DedupeRecord {
    let content: PieceTree
    /// Only moments from this change on show the pieces to every reader.
    let since: UInt64

    /// - Returns: nil if it cannot be read.
    init?(_ record: ScannedRecord, _ file: any DiskFile, _ id: UInt64, _ key: ChecksumKey) {
        guard let bytes = try? LogFile.payload(of: record, in: file, log: id, key: key) else { return nil }
        var reader = ByteReader(bytes)
        guard let since: UInt64 = reader.integer(),
            let pieces = Piece.decodeAll(&reader, length: record.header.length) else { return nil }
        self.since = since
        content = PieceTree(pieces)
    }
}
