// EditLogRecovery: what recovery does with edit logs that nothing has opened: it looks how much of a log a
// power cut left, and cuts off what belongs to no transaction.

package import Platform

package enum EditLogRecovery {
    /// Returns the last edit that is intact after a power cut, with all edits before it, or 0 if there
    /// is none. Nothing is changed.
    package static func lastWhole(_ id: UInt64, in logs: LogDirectory, synced: UInt64) -> UInt64 {
        let path = LogDirectory.path(id)
        guard EditLog.exists(id, in: logs), let file = try? logs.file(id),
            let header = try? LogHeader(reading: file, path: path), header.id == id,
            var scanner = try? LogScanner(
                file, log: id, key: logs.key, gapEndsLog: true, synced: synced,
                releasedOn: logs.disk)
        else { return 0 }
        var last: UInt64 = 0
        _ = try? scanner.scan(from: UInt64(Format.logHeaderLength), after: 0) { record in
            last = record.header.sequence
        }
        return last
    }

    /// Empties a log whose header is all zeros, after a power cut. The header is the first bytes of the
    /// log, so nothing of the log was ever synced. The remains of its records are kept beside it.
    package static func emptyIfUnwritten(_ id: UInt64, in logs: LogDirectory) throws(Errno) {
        guard EditLog.exists(id, in: logs) else { return }
        let file = try logs.file(id)
        guard try file.readBytes(Format.logHeaderLength, at: 0).allSatisfy({ $0 == 0 }) else {
            return
        }
        try logs.keepTail(of: file, id, from: 0)
        if logs.disk.exists(LogDirectory.piecesPath(id)) { try EditLog.removePieces(id, logs) }
        try file.truncate(to: 0)
    }

    /// Cuts off a record of a transaction that was not completed.
    /// - Parameters:
    ///   - committed: Transactions up to this number were completed, or are the last ones in the log.
    ///   - afterPowerCut: If true, the records after such a record are cut off with it. A sync of the
    ///     file makes the transaction durable too, so none of them was synced. If false, only a last
    ///     record is cut off.
    ///   - isCommitted: Returns whether a transaction was completed.
    package static func cutUncommitted(
        _ id: UInt64, after committed: UInt64, in logs: LogDirectory, afterPowerCut: Bool,
        isCommitted: (UInt64) -> Bool
    ) throws(StorageError) {
        let path = LogDirectory.path(id)
        do throws(Errno) {
            let file = try logs.file(id)
            var scanner = try LogScanner(file, log: id, key: logs.key, releasedOn: logs.disk)
            var cut: UInt64?
            do throws(StorageError) {
                // The last record up to `committed` is included: a record that could not be cut off may
                // have been left behind a checkpoint.
                let (later, before) = try scanner.bisect { $0.sequence > committed }
                try scanner.headers(from: before?.position ?? later) {
                    (record) throws(StorageError) in
                    let header = record.header
                    let isCut = header.kind == RecordKind.restore.rawValue
                        && !isCommitted(header.sequence)
                    cut = isCut ? record.position : nil
                    return !(isCut && afterPowerCut)
                }
            } catch {
                return
            }
            guard let cut else { return }
            // A piece checkpoint may include the record.
            if logs.disk.exists(LogDirectory.piecesPath(id)) { try EditLog.removePieces(id, logs) }
            try file.truncate(to: cut)
        } catch {
            throw .system(error, doing: "cut an unfinished change off", path: path)
        }
    }
}
