// PieceSplice: one splice of a record of kind 5: bytes are removed, and pieces take their place. All
// splices of a record happen together. Their offsets are those in the file before the record.
//
// payload: count u32 | start of the new bytes, u32 | count × ( offset u64 | removed bytes u64
//     | count of pieces u32 | zero u32 | pieces, 32 bytes each ) | new bytes
// A piece of record 0 of the file's own log refers to new bytes in this record's own payload.

internal import Platform

package struct PieceSplice: Equatable, Sendable {
    /// In bytes, in the file before the record.
    package var offset: UInt64
    /// The number of bytes to remove, clamped to the file's end.
    package var delete: UInt64
    package var pieces: [Piece]

    package init(offset: UInt64, delete: UInt64, pieces: [Piece]) {
        self.offset = offset
        self.delete = delete
        self.pieces = pieces
    }

    /// Returns a splice that replaces the whole content with `pieces`.
    package static func whole(_ pieces: [Piece]) -> PieceSplice {
        PieceSplice(offset: 0, delete: PieceTree.maximumLength, pieces: pieces)
    }

    static func replacesAll(_ splices: [PieceSplice]) -> Bool {
        splices.count == 1 && splices[0].offset == 0 && splices[0].delete == PieceTree.maximumLength
    }

    var insertedLength: UInt64 { pieces.reduce(0) { $0 + $1.length } }

    /// Returns the number of bytes of a payload before its new bytes.
    static func headLength(_ splices: [PieceSplice]) -> Int {
        splices.reduce(8) { $0 + 24 + Piece.encodedSize * $1.pieces.count }
    }

    /// Returns the splices that insert the `bytes` of each edit at its `offset`, as pieces of the
    /// record's own payload, and the new bytes of that payload.
    /// - Parameter edits: In order of their offsets, not overlapping.
    package static func inserting(
        _ edits: [(offset: UInt64, delete: UInt64, bytes: [UInt8])], log: UInt64
    ) -> (splices: [PieceSplice], bytes: [UInt8]) {
        var splices = edits.map { edit in
            PieceSplice(
                offset: edit.offset, delete: edit.delete,
                pieces: edit.bytes.isEmpty
                    ? [] : [Piece(.log(log: log, record: 0, skip: 0), length: UInt64(edit.bytes.count))])
        }
        var skip = headLength(splices)
        var bytes: [UInt8] = []
        for (index, edit) in edits.enumerated() where !edit.bytes.isEmpty {
            splices[index].pieces[0].source = .log(log: log, record: 0, skip: UInt32(skip))
            skip += edit.bytes.count
            bytes += edit.bytes
        }
        return (splices, bytes)
    }

    static func encode(_ splices: [PieceSplice], bytes: [UInt8]) -> [UInt8] {
        let head = headLength(splices)
        var writer = ByteWriter(capacity: head + bytes.count)
        writer.integer(UInt32(splices.count))
        writer.integer(UInt32(head))
        for splice in splices {
            writer.integer(splice.offset)
            writer.integer(splice.delete)
            writer.integer(UInt32(splice.pieces.count))
            writer.integer(UInt32(0))
            for piece in splice.pieces { piece.encode(into: &writer) }
        }
        writer.raw(bytes)
        return writer.bytes
    }

    /// Decodes a payload. Returns nil if it is not what `encode` writes.
    package static func decode(_ payload: [UInt8]) -> [PieceSplice]? {
        var reader = ByteReader(payload)
        guard let count: UInt32 = reader.integer(), let head: UInt32 = reader.integer(),
            Int(head) <= payload.count
        else { return nil }
        var splices: [PieceSplice] = []
        var end: UInt64 = 0
        var total: UInt64 = 0
        for _ in 0..<count {
            guard let offset: UInt64 = reader.integer(), let delete: UInt64 = reader.integer(),
                let pieceCount: UInt32 = reader.integer(), reader.integer(UInt32.self) != nil,
                offset >= end, delete <= PieceTree.maximumLength,
                offset <= PieceTree.maximumLength,
                Int(pieceCount) <= reader.remaining / Piece.encodedSize
            else { return nil }
            end = offset.adding(clamping: delete)
            var pieces: [Piece] = []
            pieces.reserveCapacity(Int(pieceCount))
            for _ in 0..<pieceCount {
                guard let piece = Piece.decode(&reader),
                    piece.length <= PieceTree.maximumLength - total else { return nil }
                total += piece.length
                pieces.append(piece)
            }
            splices.append(PieceSplice(offset: offset, delete: delete, pieces: pieces))
        }
        return reader.position == Int(head) ? splices : nil
    }

    /// Returns whether the splices can be applied to a file of `length` bytes: they must lie inside it,
    /// and the result must not be too long.
    static func fit(_ splices: [PieceSplice], length: UInt64) -> Bool {
        var result = length
        for splice in splices {
            guard splice.offset <= length else { return false }
            result -= min(splice.delete, length - splice.offset)
        }
        for splice in splices {
            let inserted = splice.insertedLength
            guard inserted <= PieceTree.maximumLength - result else { return false }
            result += inserted
        }
        return true
    }

    /// Applies the splices from the last to the first, so that their offsets stay valid.
    static func apply(
        _ splices: [PieceSplice], to tree: inout PieceTree, log: UInt64, position: UInt64
    ) {
        // A payload from a damaged disk must not trap. Splices that do not fit are ignored.
        guard fit(splices, length: tree.length) else { return }
        for splice in splices.reversed() {
            let pieces = splice.pieces.map { piece in
                if case .log(log, 0, let skip) = piece.source {
                    return Piece(.log(log: log, record: position, skip: skip), length: piece.length)
                }
                return piece
            }
            let end = splice.offset + min(splice.delete, tree.length - splice.offset)
            tree.replace(splice.offset..<end, with: pieces)
        }
    }
}
