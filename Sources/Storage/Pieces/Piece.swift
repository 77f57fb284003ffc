// Piece: a run of bytes of a file's content, with the source of those bytes and their fixed form on
// disk. A valid piece has at least one byte, ends at or below `PieceTree.maximumLength` in its source,
// and for a log piece `skip + length` fits 32 bits. Slicing and merging keep valid pieces valid.

package import Platform

/// The source of a run of bytes.
package enum PieceSource: Hashable, Sendable {
    /// Reads as zeros and is not stored.
    case hole
    /// The base content of the file with inode number `file`, from byte `offset` on.
    case base(file: UInt64, offset: UInt64)
    /// The payload of the record at byte `record` of the log with id `log` (the inode number of its
    /// owner), after the first `skip` bytes of that payload.
    case log(log: UInt64, record: UInt64, skip: UInt32)
}

/// A run of `length` bytes from one source.
package struct Piece: Hashable, Sendable {
    package var source: PieceSource
    /// In bytes.
    package var length: UInt64

    package init(_ source: PieceSource, length: UInt64) {
        self.source = source
        self.length = length
    }

    package static func hole(_ length: UInt64) -> Piece { Piece(.hole, length: length) }

    package var isHole: Bool {
        if case .hole = source { true } else { false }
    }

    /// Whether the limits in this file's header hold.
    package var isValid: Bool {
        let limit = PieceTree.maximumLength
        guard length > 0, length <= limit else { return false }
        switch source {
        case .hole: return true
        case .base(_, let offset): return offset <= limit - length
        case .log(_, let record, let skip):
            return length <= UInt64(UInt32.max - skip) && record <= limit - length - UInt64(skip)
        }
    }

    /// Returns the rest after the first `count` bytes. `count` is at most `length`.
    package func dropFirst(_ count: UInt64) -> Piece {
        let rest = length - count
        switch source {
        case .hole: return Piece(.hole, length: rest)
        case .base(let file, let offset):
            return Piece(.base(file: file, offset: offset + count), length: rest)
        case .log(let log, let record, let skip):
            let moved = skip + UInt32(count)
            return Piece(.log(log: log, record: record, skip: moved), length: rest)
        }
    }

    /// Returns the first `count` bytes, or the whole piece if it is shorter.
    package func prefix(_ count: UInt64) -> Piece {
        Piece(source, length: Swift.min(count, length))
    }

    /// Returns one piece with the bytes of both, if `next` continues the source of this one.
    package func merged(with next: Piece) -> Piece? {
        let (total, overflow) = length.addingReportingOverflow(next.length)
        if overflow { return nil }
        switch (source, next.source) {
        case (.hole, .hole): break
        case (.base(let file, let offset), .base(let nextFile, let nextOffset)):
            guard file == nextFile, nextOffset >= offset, nextOffset - offset == length
            else { return nil }
        case (.log(let log, let record, let skip), .log(let nextLog, let nextRecord, let nextSkip)):
            guard log == nextLog, record == nextRecord, nextSkip >= skip,
                UInt64(nextSkip - skip) == length
            else { return nil }
        default: return nil
        }
        let whole = Piece(source, length: total)
        return whole.isValid ? whole : nil
    }
}

// MARK: - On disk

extension Piece {
    /// The size of an encoded piece in bytes.
    package static let encodedSize = 32

    private enum Kind: UInt8 {
        case hole = 0
        case base = 1
        case log = 2
    }

    /// Writes the piece in little endian: length (8 bytes), kind (1), zeros (3), skip (4), file or log
    /// (8), offset or record (8). Fields that a kind does not use are zero.
    package func encode(into writer: inout ByteWriter) {
        let kind: Kind
        var skipped: UInt32 = 0
        var owner: UInt64 = 0
        var position: UInt64 = 0
        switch source {
        case .hole: kind = .hole
        case .base(let file, let offset): (kind, owner, position) = (.base, file, offset)
        case .log(let log, let record, let skip):
            (kind, owner, position, skipped) = (.log, log, record, skip)
        }
        writer.integer(length)
        // The kind's byte, then three zero bytes.
        writer.integer(UInt32(kind.rawValue))
        writer.integer(skipped)
        writer.integer(owner)
        writer.integer(position)
    }

    /// Reads a piece. Returns nil if the bytes end early or are not the encoding of a valid piece.
    package static func decode(_ reader: inout ByteReader) -> Piece? {
        guard let length: UInt64 = reader.integer(), let tag: UInt32 = reader.integer(),
            let skip: UInt32 = reader.integer(), let owner: UInt64 = reader.integer(),
            let position: UInt64 = reader.integer(),
            let byte = UInt8(exactly: tag), let kind = Kind(rawValue: byte)
        else { return nil }
        let source: PieceSource
        switch kind {
        case .hole:
            guard skip == 0, owner == 0, position == 0 else { return nil }
            source = .hole
        case .base:
            guard skip == 0 else { return nil }
            source = .base(file: owner, offset: position)
        case .log: source = .log(log: owner, record: position, skip: skip)
        }
        let piece = Piece(source, length: length)
        return piece.isValid ? piece : nil
    }
}

extension Piece {
    /// Returns the piece that a fork reads for this piece of its parent: a base file has the fork's number.
    /// Records stay in the log that they are in.
    package func moved(to workspace: UInt16) -> Piece {
        guard case .base(let file, let offset) = source else { return self }
        return Piece(.base(file: file.moved(to: workspace), offset: offset), length: length)
    }
}

extension Piece {
    /// Decodes the pieces up to the end of a payload; nil if they are not `length` bytes in all.
    static func decodeAll(_ reader: inout ByteReader, length: UInt64) -> [Piece]? {
        var pieces: [Piece] = []
        var total: UInt64 = 0
        while !reader.atEnd {
            guard let piece = Piece.decode(&reader), piece.length <= UInt64(Int64.max) - total
            else { return nil }
            total += piece.length
            pieces.append(piece)
        }
        return total == length ? pieces : nil
    }
}
