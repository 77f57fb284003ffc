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
            return try LogScanner(file, log: id, key: logs.key, end: length, releasedOn: logs.disk)
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
    ///   - whole: called if it is not known what of this log a moment needs.
    /// - Returns: the content now.
    /// - Throws: `damaged` if a record was lost: then it is not known what is needed.
    package func visit(
        moments: [UInt64], later: UInt64, content: (PieceTree) -> Void, shared: (Piece) -> Void,
        whole: () -> Void
    ) throws(StorageError) -> PieceTree {
        let header = try LogHeader(reading: file, path: LogDirectory.path(id))
        var state = EditLog.State(
            pieces: EditLog.initialPieces(header), end: UInt64(Format.logHeaderLength), sequence: 0,
            time: header.created)
        var next = moments[...]
        var isShown = false
        var isWhole = false
        /// What readers of moments before a dedupe record may still have of the same content.
        var former: [(pieces: PieceTree, since: UInt64)] = []
        func show(before sequence: UInt64) {
            while let moment = next.first, moment < sequence {
                next = next.dropFirst()
                // A piece checkpoint may have what a repair has lost, or what cannot be read now.
                if state.isDamaged { isWhole = true } else if !isShown { content(state.pieces) }
                isShown = true
                for known in former where moment < known.since { content(known.pieces) }
                former.removeAll { moment < $0.since }
            }
        }
        var scanner = try scanner()
        var end = state.end
        try scanner.headers(from: state.end) { (record) throws(StorageError) in
            if record.position != end + record.releasedBefore { throw lost(end..<record.position) }
            end = record.position + record.header.recordLength
            let isDedupe = record.header.isDedupe
            let dedupe = isDedupe ? DedupeRecord(record, file, id, logs.key) : nil
            // A read that fails once must not hide what is needed.
            if isDedupe, dedupe == nil { throw lost(record.position..<end) }
            show(before: record.header.sequence)
            isShown = false
            if !isDedupe { former = [] }
            if let dedupe, !state.isDamaged { former.append((state.pieces, dedupe.since)) }
            let wasDamaged = state.isDamaged || record.releasedBefore > 0
            try EditLog.apply(record, file, id, logs.key, &state)
            // After a filler of a repair the content is lost until all of it is written again. After
            // records that were released it is known again from a dedupe record on.
            let isLoss = state.isDamaged && (!wasDamaged || isDedupe)
            if isLoss, record.header.kind != RecordKind.gap.rawValue {
                throw lost(record.position..<end)
            }
            if let dedupe {
                if dedupe.since > later { for piece in dedupe.content.allPieces { shared(piece) } }
            } else if record.header.sequence > later {
                try visitTaken(record, shared)
            }
            return true
        }
        show(before: .max)
        if isWhole || state.isDamaged {
            whole()
            try visitAll(content, shared)
        }
        return state.pieces
    }

    private func visitTaken(_ record: ScannedRecord, _ shared: (Piece) -> Void) throws(StorageError) {
        guard let taken = record.takenPieces(file, id, logs.key) else {
            throw lost(record.position..<(record.position + record.header.recordLength))
        }
        for piece in taken { shared(piece) }
    }

    /// Visits all that the records take from elsewhere, and the content of the piece checkpoint.
    private func visitAll(
        _ content: (PieceTree) -> Void, _ shared: (Piece) -> Void
    ) throws(StorageError) {
        var scanner = try scanner()
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { (record) throws(StorageError) in
            try visitTaken(record, shared)
            return true
        }
        if let checkpoint = PieceCheckpoint(log: id, on: logs.disk) { content(checkpoint.pieces) }
    }

    private func lost(_ range: Range<UInt64>) -> StorageError {
        .damaged(
            path: LogDirectory.path(id),
            what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable")
    }

    /// Returns the ranges that can be released: of writes up to a change whole blocks that are not needed,
    /// and whole records that a dedupe record stands for; not what is released already. Ranges without a
    /// whole page of the file system give nothing back.
    /// - Parameters:
    ///   - sequence: no moment before this change is seen, but those that are kept.
    ///   - kept: earlier moments, in order.
    ///   - page: the length of a page in bytes.
    ///   - isNeeded: whether bytes of a payload are needed: the record's position, and the bytes.
    package func releasable(
        upTo sequence: UInt64, kept: [UInt64], page: UInt64,
        isNeeded: (UInt64, Range<UInt64>) -> Bool
    ) throws(StorageError) -> ReleasedRanges {
        var found = ReleasedRanges()
        var dedupes = try dedupes(upTo: sequence)[...]
        var end = UInt64(Format.logHeaderLength)
        var last: UInt64 = 0
        var isInDoubt = false
        var scanner = try scanner()
        try scanner.headers(from: end) { (record) in
            if released.isUnknown, record.position > end {
                // A list that cannot be read is made again, unless something was lost besides.
                guard dedupes.contains(where: { $0.position >= record.position }),
                    !isNeeded(end, 0..<(record.position - end)) else {
                    isInDoubt = true
                    return false
                }
                // A record with the same number as the one before it changes no content.
                found.add(end..<record.position, first: last.adding(clamping: 1))
            }
            let header = record.header
            end = record.position + header.recordLength
            last = header.sequence
            if header.sequence > sequence { return false }
            while let first = dedupes.first, first.position <= record.position {
                dedupes = dedupes.dropFirst()
            }
            let payload = 0..<UInt64(header.payloadLength)
            if let next = dedupes.first,
                !kept.contains(where: { $0 >= header.sequence && $0 < next.since }),
                !isNeeded(record.position, payload) {
                if !isReleased(record.position..<end) {
                    found.add(record.position..<end, first: header.sequence)
                }
                return true
            }
            guard header.kind == RecordKind.write.rawValue else { return true }
            for block in Self.blocks(of: header) where !isNeeded(record.position, block) {
                let range = (record.payloadPosition + block.lowerBound)
                    ..< (record.payloadPosition + block.upperBound)
                if !isReleased(range) { found.add(range) }
            }
            return true
        }
        if released.isUnknown { return isInDoubt ? ReleasedRanges() : found }
        // A range of less than a page may be what was left between others.
        let all = (released.ranges + found.ranges).mergedRanges()
        return found.filter { range in
            all.first(endingAfter: range.lowerBound).map { Self.pages(of: $0, page) > 0 } ?? false
        }
    }

    private func isReleased(_ range: Range<UInt64>) -> Bool {
        !released.isUnknown && released.contains(range)
    }

    private static func blocks(of header: RecordHeader) -> [Range<UInt64>] {
        let block = UInt64(1) << UInt64(header.blockShift)
        let length = UInt64(header.payloadLength)
        return stride(from: 0, to: length, by: Int(block)).map { $0..<min($0 + block, length) }
    }

    /// Returns the dedupe records that all moments from a change on have behind them.
    private func dedupes(
        upTo sequence: UInt64
    ) throws(StorageError) -> [(position: UInt64, since: UInt64)] {
        var found: [(position: UInt64, since: UInt64)] = []
        var scanner = try scanner()
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { (record) in
            if record.header.sequence > sequence { return false }
            if record.header.isDedupe,
                let since = DedupeRecord(record, file, id, logs.key)?.since, since <= sequence {
                found.append((record.position, since))
            }
            return true
        }
        return found
    }

    /// Returns the bytes in whole pages of the records since the last dedupe record that are not needed
    /// beside the present content: what another dedupe record would let go some day.
    package func outdatedBytes(
        page: UInt64, isNeeded: (UInt64, Range<UInt64>) -> Bool
    ) throws(StorageError) -> UInt64 {
        var bytes: UInt64 = 0
        var run: Range<UInt64>?
        var scanner = try scanner()
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { (record) in
            let end = record.position + record.header.recordLength
            let isDedupe = record.header.isDedupe
            if let known = run, record.position != known.upperBound || isDedupe {
                bytes += Self.pages(of: known, page) * page
                run = nil
            }
            if isDedupe {
                bytes = 0
            } else if !isNeeded(record.position, 0..<UInt64(record.header.payloadLength)) {
                run = (run?.lowerBound ?? record.position)..<end
            }
            return true
        }
        if let run { bytes += Self.pages(of: run, page) * page }
        return bytes
    }

    /// Returns the number of whole pages in a range.
    private static func pages(of range: Range<UInt64>, _ page: UInt64) -> UInt64 {
        (range.upperBound / page).subtracting(clamping: (range.lowerBound + page - 1) / page)
    }

    /// The bytes of the log that are not released.
    package var byteCount: UInt64 { length.subtracting(clamping: released.doneBytes) }
}
