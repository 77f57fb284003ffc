// PieceCheckpoint: a log's piece tree as of a position in the log, kept beside the log so that opening
// it does not replay a million records. Nothing depends on it: if it is missing, damaged or ahead of
// the log, the whole log is replayed.
//
// sealed payload: log u64 | position u64 | sequence u64 | time i64 | zero u64 | count u64
//     | pieces, 32 bytes each

package import Platform

package struct PieceCheckpoint: Sendable {
    package var pieces: PieceTree
    /// The log's end when the checkpoint was taken.
    package var position: UInt64
    package var sequence: UInt64
    package var time: Int64

    package init(pieces: PieceTree, position: UInt64, sequence: UInt64, time: Int64) {
        self.pieces = pieces
        self.position = position
        self.sequence = sequence
        self.time = time
    }

    package func write(log: UInt64, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 48 + 32 * pieces.pieceCount)
        writer.integer(log)
        writer.integer(position)
        writer.integer(sequence)
        writer.integer(time)
        writer.integer(UInt64(0))
        writer.integer(UInt64(pieces.pieceCount))
        for piece in pieces.allPieces { piece.encode(into: &writer) }
        try SealedFile.write(
            writer.bytes, magic: Format.piecesMagic, copies: 1,
            to: LogDirectory.piecesPath(log), on: disk, durable: false)
    }

    /// Reads the piece checkpoint of a log. Returns nil if there is none, or none that is valid.
    package init?(log: UInt64, on disk: any Disk) {
        let path = LogDirectory.piecesPath(log)
        guard disk.exists(path),
            let payload = try? SealedFile.read(
                magic: Format.piecesMagic, copies: 1, from: path, on: disk)
        else { return nil }
        var reader = ByteReader(payload)
        guard reader.integer() == log, let position: UInt64 = reader.integer(),
            let sequence: UInt64 = reader.integer(), let time: Int64 = reader.integer(),
            reader.integer(UInt64.self) != nil, let count: UInt64 = reader.integer(),
            reader.remaining % Piece.encodedSize == 0,
            count == UInt64(reader.remaining / Piece.encodedSize)
        else { return nil }
        var list: [Piece] = []
        list.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let piece = Piece.decode(&reader) else { return nil }
            list.append(piece)
        }
        guard let tree = PieceTree(validating: list) else { return nil }
        pieces = tree
        self.position = position
        self.sequence = sequence
        self.time = time
    }
}
