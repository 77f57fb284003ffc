// EditLogReplacement: replaces a log that cannot be opened with a new one. The file's content is lost.

package import Platform

package enum EditLogReplacement {
    /// Returns the position of the last record of log `id` that another log of its workspace refers to.
    /// No piece refers to a later record, whatever happened to the log itself.
    private static func highestReference(to id: UInt64, in directory: LogDirectory) -> UInt64 {
        let disk = directory.disk
        let logs = String(LogDirectory.shardPath(id).dropLast(3))
        var highest: UInt64 = 0
        for shard in (try? disk.list(logs)) ?? [] {
            for name in (try? disk.list("\(logs)/\(shard)")) ?? [] where name.hasSuffix(".log") {
                guard let low = UInt64(name.dropLast(4), radix: 16), low < 1 << 48,
                    let file = try? disk.open("\(logs)/\(shard)/\(name)", .readOnly)
                else { continue }
                let other = (id >> 48) << 48 | low
                var scanner = try? LogScanner(
                    file, log: other, key: directory.key, releasedOn: disk)
                _ = try? scanner?.scan(from: UInt64(Format.logHeaderLength), after: 0) { record in
                    for piece in record.takenPieces(file, other, directory.key) ?? [] {
                        if case .log(id, let position, _) = piece.source {
                            highest = max(highest, position)
                        }
                    }
                }
            }
        }
        return highest
    }

    /// Moves a log that cannot be opened aside and makes a new one in its place. The content is unknown
    /// until the file is truncated to 0. A filler takes the place of the old records, so that no
    /// position is used again that a piece of another file may refer to.
    /// - Parameter sequence: The last known edit.
    /// - Returns: The new path of the old log, or nil if there was none.
    package static func startAnew(
        _ id: UInt64, sequence: UInt64, now: Int64, in logs: LogDirectory
    ) throws(Errno) -> String? {
        let path = LogDirectory.path(id)
        let disk = logs.disk
        let length = (try? disk.open(path, .readOnly).length()) ?? 0
        let checkpoint = PieceCheckpoint(log: id, on: disk)?.position ?? 0
        let start = UInt64(Format.logHeaderLength)
        let named = max(checkpoint, highestReference(to: id, in: logs))
        let last = max(length, min(named, LogRepair.farthest), start)
        logs.forget(id)
        var aside: String?
        if disk.exists(path) {
            var name = path + ".damaged"
            var count = 0
            while disk.exists(name) {
                count += 1
                name = "\(path).damaged.\(count)"
            }
            try disk.rename(path, to: name)
            aside = name
        }
        if disk.exists(LogDirectory.piecesPath(id)) { try EditLog.removePieces(id, logs) }
        let file = try logs.create(id)
        logs.counter(UInt16(id >> 48)).addLog(bytes: start)
        try file.writeBytes(LogHeader(kind: .edit, id: id, created: now).bytes, at: 0)
        let end = ((last + 7) & ~7) + UInt64(Format.recordHeaderLength)
        _ = try LogRepair(file, log: id, key: logs.key, time: now).fill(
            start..<end, before: 0, after: nil, atLeast: sequence, isZero: true)
        // Synced at once: recovery after a power cut must not find the old positions free.
        try file.synchronize()
        let shard = LogDirectory.shardPath(id)
        try disk.synchronizeDirectory(shard)
        try disk.synchronizeDirectory(String(shard.dropLast(3)))
        return aside
    }
}
