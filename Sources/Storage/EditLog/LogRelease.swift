// LogRelease: gives space of edit logs back. Positions in a log are part of checksums and of pieces, so
// nothing moves: payloads that nothing needs become holes of the file, and a log that nothing needs is
// removed.
//
// The order keeps readers right after a kill or a power cut at any point: first all lists of released
// ranges are written, synced, put in place and synced once more, then the bytes go. The next release gives
// back what a list names and is still there.

package import Platform

package struct LogRelease: Sendable {
    private let logs: LogDirectory

    package init(_ logs: LogDirectory) { self.logs = logs }

    // MARK: Ranges

    /// Prepares a list to which ranges are added. Nothing is released yet.
    /// - Parameter isAgain: whether the ranges are all that was and will be released, because the list could
    ///   not be read.
    package func note(_ more: ReleasedRanges, of log: UInt64, isAgain: Bool) throws(StorageError) {
        var released = ReleasedRanges(log: log, on: logs.disk)
        if released.isUnknown {
            guard isAgain else { throw unreadable(log) }
            released = ReleasedRanges()
        }
        // What was listed and not released is released with it.
        released.insert(more)
        try released.prepare(log: log, on: logs.disk)
    }

    /// Puts a prepared list in place. It must be durable: a list that a power cut leaves empty would lose
    /// what the one before it has.
    package func place(_ log: UInt64) throws(StorageError) {
        try ReleasedRanges.place(log: log, on: logs.disk)
    }

    /// Releases all that the list of a log has, and prepares a list that says so. The first one must be
    /// durable.
    /// - Returns: the bytes that are given back by now; nil if the file system cannot make holes.
    package func punch(_ log: UInt64) throws(StorageError) -> UInt64? {
        var released = ReleasedRanges(log: log, on: logs.disk)
        if released.isUnknown { throw unreadable(log) }
        do throws(Errno) {
            // Not through the cache, which holds the logs in use.
            let file = try logs.disk.open(LogDirectory.path(log), .readWrite)
            for range in released.ranges where try !file.punch(range) { return nil }
        } catch {
            throw .system(error, doing: "release a part of", path: LogDirectory.path(log))
        }
        released.finish()
        try released.prepare(log: log, on: logs.disk)
        return released.doneBytes
    }

    /// Puts the list in place that says that all was released, and counts that.
    /// - Parameter bytes: what was given back since the last time.
    package func finish(_ log: UInt64, bytes: UInt64) throws(StorageError) {
        try place(log)
        logs.counter(log.workspace).release(files: 0, logBytes: bytes)
    }

    private func unreadable(_ log: UInt64) -> StorageError {
        .damaged(path: LogDirectory.releasedPath(log), what: "it cannot be read")
    }

    // MARK: Whole logs

    /// Takes a log out of use. The caller has made sure that no file needs it, and holds the lock of the
    /// tree.
    /// - Returns: the path that `remove` removes.
    package func takeOut(_ log: UInt64) throws(Errno) -> String {
        let path = LogDirectory.path(log)
        let dead = path + Self.deadSuffix
        let length = try logs.disk.open(path, .readOnly).length()
        let released = ReleasedRanges(log: log, on: logs.disk).doneBytes
        try logs.disk.rename(path, to: dead)
        logs.forget(log)
        // Only logs with their names count.
        logs.counter(log.workspace).release(files: 1, logBytes: length.subtracting(clamping: released))
        return dead
    }

    /// What is behind the name of a log that was taken out of use, and is not removed yet.
    package static let deadSuffix = ".dead"

    /// Removes a log that was taken out of use, with what belongs to it.
    package func remove(_ log: UInt64, _ dead: String) throws(Errno) {
        // The list goes first: a later log of that number has none.
        for path in [LogDirectory.releasedPath(log), LogDirectory.piecesPath(log), dead]
        where logs.disk.exists(path) {
            try logs.disk.remove(path)
        }
        logs.forgetState(of: log)
    }

    /// Removes what a kill left of logs that were taken out of use.
    package func removeDead(of workspace: UInt16) throws(Errno) {
        for log in try logs.numbers(of: workspace, suffix: ".log" + Self.deadSuffix) {
            let beside = [LogDirectory.releasedPath(log), LogDirectory.piecesPath(log)]
            // A new log has removed what was beside the old one.
            if !logs.disk.exists(LogDirectory.path(log)) {
                for path in beside where logs.disk.exists(path) { try logs.disk.remove(path) }
            }
            try logs.disk.remove(LogDirectory.path(log) + Self.deadSuffix)
        }
    }
}
