// LogNeeds: what of an edit log some moments need, and what can be released of it. A log is replayed once:
// its content after each of the moments is looked at, and all records after the last of them count whole.

package import Platform

package struct LogNeeds {
    private let id: UInt64
    private let logs: LogDirectory
    private let file: any DiskFile
    private let length: UInt64
    /// What was released of the log before.
    package let released: ReleasedRanges

    /// - Returns: nil if the log has no records.
    package init?(_ id: UInt64, in logs: LogDirectory) throws(Errno) {
        self.id = id
        self.logs = logs
        // Not through the cache, which holds the logs in use.
        file = try logs.disk.open(LogDirectory.path(id), .readOnly)
        length = min(try file.length(), logs.pendingCut(of: id) ?? .max)
        if length <= UInt64(Format.logHeaderLength) { return nil }
        released = ReleasedRanges(log: id, on: logs.disk)
    }

    private func scanner() throws(StorageError) -> LogScanner {
        do throws(Errno) {
            return try LogScanner(file, log: id, key: logs.key, end: length)
        } catch {
            throw .system(error, doing: "read", path: LogDirectory.path(id))
        }
    }

    /// Visits the pieces that are needed.
    /// - Parameters:
    ///   - moments: sequence numbers, in order.
    ///   - later: the changes after this one count whole.
    ///   - content: called with the content after each of the moments, if it is another one than before.
    ///   - shared: called with each piece that a later change takes from elsewhere.
    /// - Returns: the content now.
    /// - Throws: `damaged` if a record was lost: then it is not known what is needed.
    package func visit(
        moments: [UInt64], later: UInt64, content: (PieceTree) -> Void, shared: (Piece) -> Void
    ) throws(StorageError) -> PieceTree {
        let header = try LogHeader(reading: file, path: LogDirectory.path(id))
        var state = EditLog.State(
            pieces: EditLog.initialPieces(header), end: UInt64(Format.logHeaderLength), sequence: 0,
            time: header.created)
        var next = moments[...]
        var isShown = false
        /// The last of the moments that were looked at.
        var passed: UInt64 = 0
        func show(before sequence: UInt64) {
            while let moment = next.first, moment < sequence {
                next = next.dropFirst()
                passed = moment
                // Content that is lost is needed by nothing: reads answer EIO.
                if !isShown, !state.isDamaged { content(state.pieces) }
                isShown = true
            }
        }
        var scanner = try scanner()
        var end = state.end
        try scanner.headers(from: state.end) { (record) throws(StorageError) in
            let isDedupe = record.header.kind == RecordKind.dedupe.rawValue
            // Readers of moments before it may still have the former pieces.
            let since = isDedupe
                ? DedupeRecord(record, file, id, logs.key)?.since ?? .max : record.header.sequence
            show(before: since)
            isShown = false
            if record.position != end { throw lost(end..<record.position) }
            end = record.position + record.header.recordLength
            let wasDamaged = state.isDamaged
            try EditLog.apply(record, file, id, logs.key, &state)
            // After a filler of a repair the content is lost until all of it is written again.
            if state.isDamaged, !wasDamaged, record.header.kind != RecordKind.gap.rawValue {
                throw lost(record.position..<end)
            }
            // Readers of now get the new pieces, at the same moments.
            if isDedupe, passed >= record.header.sequence, !state.isDamaged { content(state.pieces) }
            if since > later {
                for piece in EditLog.pieces(takenBy: record, file, id, logs.key) { shared(piece) }
            }
            return true
        }
        show(before: .max)
        return state.pieces
    }

    private func lost(_ range: Range<UInt64>) -> StorageError {
        .damaged(
            path: LogDirectory.path(id),
            what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable")
    }

    /// Returns the ranges of payloads that can be released: whole blocks of writes up to a change that are
    /// not needed and not released yet. Blocks without a whole page of the file system give nothing back.
    /// - Parameters:
    ///   - page: the length of a page in bytes.
    ///   - isNeeded: whether bytes of a payload are needed: the record's position, and the bytes.
    package func releasable(
        upTo sequence: UInt64, page: UInt64, isNeeded: (UInt64, Range<UInt64>) -> Bool
    ) throws(StorageError) -> [Range<UInt64>] {
        var found: [Range<UInt64>] = []
        var scanner = try scanner()
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { (record) in
            let header = record.header
            if header.sequence > sequence { return false }
            guard header.kind == RecordKind.write.rawValue, header.payloadLength > 0 else { return true }
            let block = UInt64(1) << UInt64(header.blockShift)
            var at: UInt64 = 0
            while at < UInt64(header.payloadLength) {
                let end = min(at + block, UInt64(header.payloadLength))
                let range = (record.payloadPosition + at)..<(record.payloadPosition + end)
                if !isNeeded(record.position, at..<end), released.isUnknown || !released.contains(range) {
                    found.append(range)
                }
                at = end
            }
            return true
        }
        return found.mergedRanges().filter { Self.hasPage($0, page) }
    }

    private static func hasPage(_ range: Range<UInt64>, _ page: UInt64) -> Bool {
        let first = (range.lowerBound + page - 1) / page
        return range.upperBound / page > first
    }

    /// The bytes of the log that are not released.
    package var byteCount: UInt64 { length.subtracting(clamping: released.doneBytes) }
}
