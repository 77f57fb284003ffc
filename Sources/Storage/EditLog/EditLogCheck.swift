// EditLogCheck: the result of a check of an edit log and its piece checkpoint: every record is
// verified, and the pieces are compared with the result of the records.

package import Platform

package struct EditLogCheck: Sendable {
    package enum Pieces: Equatable, Sendable {
        case none, fit
        /// The reason why the pieces do not match.
        case unfit(String)
    }
    package var log: LogCheck
    package var pieces: Pieces
    /// The length of the piece checkpoint in bytes.
    package var piecesLength: UInt64 = 0
}

extension EditLog {
    /// Checks log `id` up to `limit`.
    /// - Parameters:
    ///   - visit: Called for each record. It may throw to stop.
    ///   - shared: Called for each piece that a record takes from elsewhere.
    package static func check(
        _ id: UInt64, on disk: any Disk, key: ChecksumKey, upTo limit: UInt64 = .max,
        visit: (ScannedRecord) throws(StorageError) -> Void = { (_) throws(StorageError) in },
        shared: (Piece, ScannedRecord) -> Void = { _, _ in }
    ) throws(StorageError) -> EditLogCheck {
        let path = LogDirectory.path(id)
        let file: any DiskFile
        do throws(Errno) {
            file = try disk.open(path, .readOnly)
        } catch {
            if error == .noEntry { throw .damaged(path: path, what: "it is missing") }
            throw .system(error, doing: "open", path: path)
        }
        var comparison = PiecesComparison(id, key, disk, file)
        var verifier = LogVerifier(
            file, kind: .edit, id: id, key: key, path: path, upTo: limit, releasedOn: disk)
        let log = try verifier.verify { (record) throws(StorageError) in
            try visit(record)
            try comparison.take(record)
            for piece in record.takenPieces(file, id, key) ?? [] { shared(piece, record) }
        }
        return EditLogCheck(
            log: log, pieces: comparison.finish(log), piecesLength: comparison.length)
    }
}

/// Replays a log up to the position of its piece checkpoint, and compares the pieces.
private struct PiecesComparison {
    private let id: UInt64
    private let key: ChecksumKey
    private let file: any DiskFile
    private var checkpoint: PieceCheckpoint?
    private var state: EditLog.State?
    private var verdict: EditLogCheck.Pieces = .none
    let length: UInt64

    init(_ id: UInt64, _ key: ChecksumKey, _ disk: any Disk, _ file: any DiskFile) {
        self.id = id
        self.key = key
        self.file = file
        let path = LogDirectory.piecesPath(id)
        guard disk.exists(path) else {
            length = 0
            return
        }
        length = (try? disk.open(path, .readOnly).length()) ?? 0
        let seal = try? SealedFile.check(
            magic: Format.piecesMagic, copies: 1, path: path, on: disk)
        guard let seal, seal.damage.isEmpty else {
            verdict = .unfit("it has a wrong checksum")
            return
        }
        guard let checkpoint = PieceCheckpoint(log: id, on: disk) else {
            verdict = .unfit("it belongs to another log, or cannot be decoded")
            return
        }
        verdict = .fit
        self.checkpoint = checkpoint
        if let header = try? LogHeader(reading: file, path: path) {
            state = EditLog.State(
                pieces: EditLog.initialPieces(header), end: UInt64(Format.logHeaderLength),
                sequence: 0, time: header.created)
        }
    }

    mutating func take(_ record: ScannedRecord) throws(StorageError) {
        guard let checkpoint, state != nil else { return }
        // Then the pieces are those of records that are gone.
        if record.releasedBefore > 0 { state?.isDamaged = true }
        if record.position >= checkpoint.position {
            compare()
            return
        }
        if record.position != state?.end { state?.isDamaged = true }
        if var next = state {
            state = nil
            try EditLog.apply(record, file, id, key, &next)
            next.end = record.position + record.header.recordLength
            state = next
        }
    }

    /// Compares the pieces. If records were lost, the right pieces are not known.
    private mutating func compare() {
        guard let checkpoint, let state else { return }
        self.state = nil
        if state.isDamaged { return }
        if state.end != checkpoint.position || state.sequence != checkpoint.sequence
            || state.time != checkpoint.time {
            verdict = .unfit("it is for a position where no record ends")
        } else if !state.pieces.allPieces.elementsEqual(checkpoint.pieces.allPieces) {
            verdict = .unfit("its pieces do not match the records of the log")
        }
    }

    mutating func finish(_ log: LogCheck) -> EditLogCheck.Pieces {
        if let checkpoint, !log.hasDamage, checkpoint.position > log.end {
            return .unfit("it is for a position after the end of the log")
        }
        compare()
        return verdict
    }
}
