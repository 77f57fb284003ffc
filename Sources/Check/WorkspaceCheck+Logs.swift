// Checks and repairs edit logs, with their piece checkpoints, and the tree log.

internal import Overlay
internal import Past
internal import Platform
internal import Storage

extension WorkspaceCheck {
    // MARK: Edit logs

    func checkLog(_ id: InodeNumber) throws(StorageError) {
        let path = LogDirectory.path(id)
        guard let length = try? disk.open(path, .readOnly).length() else { return }
        log.countFile()
        // Read before the log's end: the edits that a row knows of were in the log at that time.
        let known = try knownSequence(of: id)
        // The log was made, but its first write did not happen, or a kill cut it short.
        if length < UInt64(Format.logHeaderLength) { return noteEmptyLog(id, path, known) }
        var check = try EditLog.check(
            id, on: disk, key: key, upTo: endOfLog(id) ?? length, visit: count, shared: note)
        if situation == .inUse, !check.log.faults.isEmpty || isUnfit(check.pieces) {
            // The log may have been opened, cut or appended to meanwhile: only faults that stay count.
            let limit = endOfLog(id) ?? (try? disk.open(path, .readOnly).length()) ?? length
            check = try EditLog.check(id, on: disk, key: key, upTo: limit)
        }
        try log.advance(UInt64(Format.logHeaderLength) + check.piecesLength)
        if known == nil, database != nil, !isOverLayer { dropUnwritten(&check.log, path) }
        faults.report(check.log, path, id, atLeast: known ?? 0, .edit)
        if case .unfit(let why) = check.pieces { reportPieces(id, why) }
        if check.log.header != nil { reportMissingEnd(check.log, id, path, known) }
    }

    /// Returns the last edit of a file that the newest row of it knows.
    private func knownSequence(of id: InodeNumber) throws(StorageError) -> UInt64? {
        for database in (database.map { [$0] } ?? []) + layers {
            if let found = try database.contentSequence(of: id) { return found }
        }
        return nil
    }

    private func isUnfit(_ pieces: EditLogCheck.Pieces) -> Bool {
        if case .unfit = pieces { return true }
        return false
    }

    private func noteEmptyLog(_ id: UInt64, _ path: String, _ known: UInt64?) {
        // The log of a base file has its header before its row says that there is one.
        let isOfBase = ((try? database?.origin(id)) ?? nil) != nil
        guard let known, known > 0 || isOfBase else { return }
        addEmptyLog(id, path, known)
    }

    /// Reports logs that a killed daemon recorded in the tree log and that lack the recorded edits.
    func checkMarkedLogs() {
        let known = Set(shortLogs.map(\.id))
        for (id, sequence) in markedLogs.sorted(by: { $0.key < $1.key }) where !known.contains(id) {
            let path = LogDirectory.path(id)
            let length = (try? disk.open(path, .readOnly).length()) ?? 0
            if length < UInt64(Format.logHeaderLength) { addEmptyLog(id, path, sequence) }
        }
    }

    /// Notes what a record of the tree log says of edit logs.
    private func noteLogs(_ changes: [TreeChange]) {
        for case .inode(let number, _, let after) in changes {
            guard let after, after.links > 0, after.type == .regular, after.flags.contains(.hasLog),
                !after.flags.contains(.inheritsLog),
                after.contentSequence > 0 || after.flags.contains(.hasOrigin) else {
                markedLogs[number] = nil
                continue
            }
            markedLogs[number] = max(after.contentSequence, 1)
        }
    }

    private func addEmptyLog(_ id: UInt64, _ path: String, _ known: UInt64) {
        shortLogs.append((id, known))
        var finding = Finding(
            .error, path, path: database?.path(of: id), range: 0..<1,
            "it is empty, and the file was edited; the file answers EIO",
            advice: "truncate the file to 0 and rewrite it")
        finding.isRepaired = repairs
        log.add(finding)
    }

    /// Drops the faults of a log that no row knows of, if a power cut left zeros in place of what was never
    /// synced. Nothing is lost, and the next first edit of such a file empties the log.
    private func dropUnwritten(_ check: inout LogCheck, _ path: String) {
        guard !check.faults.isEmpty, let file = try? disk.open(path, .readOnly) else { return }
        check.faults.removeAll { fault in
            let count = Int(min(UInt64(fault.range.count), 64 << 10))
            guard let bytes = try? file.readBytes(count, at: fault.range.lowerBound),
                bytes.count == count else { return false }
            return bytes.allSatisfy { $0 == 0 }
        }
    }

    private func count(_ record: ScannedRecord) throws(StorageError) {
        log.countRecord()
        try log.advance(record.header.recordLength)
    }

    private func note(_ piece: Piece, _ record: ScannedRecord) {
        guard case .log(let other, let position, _) = piece.source else { return }
        references[other] = max(references[other] ?? 0, position)
    }

    private func reportPieces(_ id: UInt64, _ why: String) {
        let path = LogDirectory.piecesPath(id)
        let length = (try? disk.open(path, .readOnly).length()) ?? 0
        var finding = Finding(
            .error, path, path: database?.path(of: id), range: 0..<length, why,
            advice: "the log is read instead")
        finding.isRepaired = mendFile("remove", path) { () throws(Errno) in try disk.remove(path) }
        log.add(finding)
    }

    /// Reports records that the inode knows of and the log lacks.
    private func reportMissingEnd(
        _ check: LogCheck, _ id: UInt64, _ path: String, _ known: UInt64?
    ) {
        guard let known, known > check.lastSequence, situation != .afterPowerCut,
            !check.faults.contains(where: { $0.range.upperBound >= check.end }) else { return }
        shortLogs.append((id, known))
        var finding = Finding(
            .error, path, path: database?.path(of: id), range: check.end..<check.end + 1,
            "its last records are missing; the file answers EIO",
            advice: "truncate the file to 0 and rewrite it, or roll back")
        finding.isRepaired = repairs
        log.add(finding)
    }

    /// Gives logs that are missing or whose end is lost a filler at the end, so that no position is used
    /// again that a piece may name.
    func fillEnds() {
        for (id, sequence) in shortLogs {
            let path = LogDirectory.path(id)
            let id = id
            _ = mendFile("fill the end of", path) { () throws(Errno) in
                let shard = LogDirectory.shardPath(id)
                for directory in ["\(directory)/logs", shard] where !disk.exists(directory) {
                    try disk.makeDirectory(directory)
                }
                let file = try disk.open(path, .create)
                if try file.length() < UInt64(Format.logHeaderLength) {
                    let header = LogHeader(kind: .edit, id: id, created: now)
                    try file.writeBytes(header.bytes, at: 0)
                }
                let checked = try? EditLog.check(id, on: disk, key: key).log
                let end = checked?.end ?? UInt64(Format.logHeaderLength)
                let named = max(
                    references[id] ?? 0, PieceCheckpoint(log: id, on: disk)?.position ?? 0)
                let last = max(min(named, LogRepair.farthest), end)
                let length = (last - end + 7) & ~7 + UInt64(Format.recordHeaderLength)
                _ = try LogRepair(file, log: id, key: key, time: now).fill(
                    end..<(end + length), before: checked?.lastSequence ?? 0, after: nil,
                    atLeast: sequence)
                try file.synchronize()
                try disk.synchronizeDirectory(shard)
            }
        }
    }

    // MARK: The tree log

    func checkTransaction(
        _ record: ScannedRecord, _ file: any DiskFile, _ transactions: TransactionReader, _ path: String
    ) throws(StorageError) {
        try count(record)
        // A damaged payload is a fault already.
        let isNew = situation == .killed && record.header.sequence > position.sequence
        let kind = RecordKind(rawValue: record.header.kind)
        guard kind == .transaction || kind == .contentMark,
            let payload = try? LogFile.payload(of: record, in: file, log: UInt64(id) << 48, key: key)
        else { return }
        if kind == .contentMark {
            for mark in ContentMark.decode(payload) where isNew && mark.hasBegun {
                markedLogs[mark.inode] = record.header.sequence
            }
            return
        }
        do throws(TransactionFault) {
            let (_, changes) = try transactions.changes(record.header, payload)
            if isNew { noteLogs(changes) }
            return
        } catch {
            // A part that is damaged or lost is a fault of its own.
            if error != .unknown { return }
        }
        log.add(
            Finding(
                .error, path, range: record.position..<record.payloadPosition
                    + UInt64(record.header.payloadLength),
                "record \(record.header.sequence) cannot be decoded, and its checksum is right",
                advice: "a newer draftfs may have written it: use that version"))
    }

    func checkTreeLog() throws(StorageError) {
        let path = "\(directory)/tree.log"
        guard disk.exists(path) else {
            if position.treeLog > 0 { reportMissingTreeLog(path) }
            return
        }
        log.countFile()
        let id = UInt64(id) << 48
        let file: any DiskFile
        do throws(Errno) {
            file = try disk.open(path, .readOnly)
        } catch {
            throw .system(error, doing: "open", path: path)
        }
        let end = endOfTreeLog()
        let start = StartCheck(scan: self)
        try start.run(path, file)
        var check = try start.verifyTreeLog(path, file, upTo: end, counts: true)
        try log.advance(UInt64(Format.logHeaderLength))
        if situation == .inUse, check.hasDamage {
            // Its first records may have been released meanwhile.
            check = try start.verifyTreeLog(path, file, upTo: end, counts: false)
        }
        faults.report(check, path, id, atLeast: position.sequence &+ 1, .tree)
        // A damaged header says nothing of the records behind it.
        let header = UInt64(Format.logHeaderLength)
        if situation != .afterPowerCut, check.end < position.treeLog,
            !check.faults.contains(where: {
                $0.range.upperBound >= check.end && $0.range.lowerBound >= header
            }) {
            reportShortTreeLog(check, path, id)
        }
    }

    private func reportMissingTreeLog(_ path: String) {
        let id = UInt64(id) << 48
        var finding = Finding(
            .error, path, "it is missing",
            advice: "the database holds the last state; the history is lost")
        finding.isRepaired = mendFile("make", path) { () throws(Errno) in
            let file = try disk.open(path, .create)
            // Nothing reads what is before the state that the log begins with.
            let first = (try? TreeLogStart(beside: path, id: id, key: key, on: disk))?.firstPosition
            try file.writeBytes(LogHeader(kind: .tree, id: id, created: now).bytes, at: 0)
            let start = first ?? UInt64(Format.logHeaderLength)
            let end = max(position.treeLog, start + UInt64(Format.recordHeaderLength))
            _ = try LogRepair(file, log: id, key: key, time: now).fill(
                start..<end, before: 0, after: nil, atLeast: position.sequence &+ 1)
            try file.synchronize()
            try disk.synchronizeDirectory(directory)
        }
        log.add(finding)
    }

    private func reportShortTreeLog(_ check: LogCheck, _ path: String, _ id: UInt64) {
        var finding = Finding(
            .error, path, range: check.end..<position.treeLog, "its last records are missing",
            advice: "the database holds the last state")
        let end = max(position.treeLog, check.end + UInt64(Format.recordHeaderLength))
        finding.isRepaired = mendFile("fill", path) { () throws(Errno) in
            let file = try disk.open(path, .readWrite)
            _ = try LogRepair(file, log: id, key: key, time: now).fill(
                check.end..<end, before: check.lastSequence, after: nil,
                atLeast: position.sequence &+ 1)
            try file.synchronize()
        }
        log.add(finding)
    }
}
