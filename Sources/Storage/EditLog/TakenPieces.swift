// TakenPieces: the pieces that a record of an edit log takes from elsewhere.

internal import Platform

extension ScannedRecord {
    /// Returns the pieces that this record of log `id` takes from elsewhere; nil if it cannot be read.
    func takenPieces(_ file: any DiskFile, _ id: UInt64, _ key: ChecksumKey) -> [Piece]? {
        switch RecordKind(rawValue: header.kind) {
        case .share:
            return sharedPieces(file, id, key)
        case .dedupe:
            return DedupeRecord(self, file, id, key).map { Array($0.content.allPieces) }
        case .splice, .restore:
            guard let bytes = try? LogFile.payload(of: self, in: file, log: id, key: key) else {
                return nil
            }
            // Record 0 of the same log means the record's own payload.
            return PieceSplice.decode(bytes)?.flatMap(\.pieces)
        default:
            return []
        }
    }

    /// Returns the pieces of a share record; nil if it cannot be read.
    func sharedPieces(_ file: any DiskFile, _ id: UInt64, _ key: ChecksumKey) -> [Piece]? {
        guard let bytes = try? LogFile.payload(of: self, in: file, log: id, key: key) else {
            return nil
        }
        var reader = ByteReader(bytes)
        return Piece.decodeAll(&reader, length: header.length)
    }
}
