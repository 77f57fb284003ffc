// LogRelease: gives space of edit logs back. Positions in a log are part of checksums and of pieces, so
// nothing moves: payloads that nothing needs become holes of the file, and a log that nothing needs is
// removed.
//
// The order keeps readers right after a kill or a power cut at any point: first all lists of released
// ranges are written and synced, then the bytes go. A list that names bytes which are still there does no
// harm.

package import Platform

package struct LogRelease: Sendable {
    private let logs: LogDirectory

    package init(_ logs: LogDirectory) { self.logs = logs }

    // MARK: Ranges

    /// Adds ranges to the list of a log. Nothing is released yet.
    /// - Returns: the number of bytes that are new in the list.
    package func note(_ ranges: [Range<UInt64>], of log: UInt64) throws(StorageError) -> UInt64 {
        var released = ReleasedRanges(log: log, on: logs.disk)
        let before = released.isUnknown ? 0 : released.byteCount
        released.insert(ranges)
        // A list that cannot be read is made again: what it had is not known, and is released once more.
        try released.write(log: log, on: logs.disk)
        return released.byteCount - min(before, released.byteCount)
    }

    /// Releases all that the list of a log has. The list must be durable.
    /// - Parameter count: the number of bytes that were not released before.
    /// - Returns: false if the file system cannot make holes.
    package func punch(
        _ ranges: [Range<UInt64>], of log: UInt64, counting count: UInt64
    ) throws(Errno) -> Bool {
        let file = try logs.file(log)
        for range in ranges where try !file.punch(range) { return false }
        logs.counter(log.workspace).release(files: 0, logBytes: count)
        return true
    }

    // MARK: Whole logs

    /// Takes a log out of use. The caller has made sure that no file needs it, and holds the lock of the
    /// tree.
    /// - Returns: the path that `remove` removes.
    package func takeOut(_ log: UInt64) throws(Errno) -> String {
        let path = LogDirectory.path(log)
        let dead = path + Self.deadSuffix
        try logs.disk.rename(path, to: dead)
        logs.forget(log)
        return dead
    }

    /// What is behind the name of a log that was taken out of use, and is not removed yet.
    package static let deadSuffix = ".dead"

    /// Removes a log that was taken out of use, with what belongs to it.
    package func remove(_ log: UInt64, _ dead: String) throws(Errno) {
        let length = (try? logs.disk.open(dead, .readOnly).length()) ?? 0
        let released = ReleasedRanges(log: log, on: logs.disk).byteCount
        // While the list is there, what is left of the log can be checked.
        for path in [LogDirectory.piecesPath(log), dead, LogDirectory.releasedPath(log)]
        where logs.disk.exists(path) {
            try logs.disk.remove(path)
        }
        logs.forgetState(of: log)
        logs.counter(log.workspace).release(files: 1, logBytes: length - min(length, released))
    }

    /// Removes what a kill left of logs that were taken out of use.
    package func removeDead(of workspace: UInt16) throws(Errno) {
        for log in try logs.numbers(of: workspace, suffix: ".log" + Self.deadSuffix) {
            // It does not count: only logs with their names do at an opening.
            let dead = LogDirectory.path(log) + Self.deadSuffix
            try logs.disk.remove(dead)
            if logs.disk.exists(LogDirectory.path(log)) { continue }
            for path in [LogDirectory.piecesPath(log), LogDirectory.releasedPath(log)]
            where logs.disk.exists(path) {
                try logs.disk.remove(path)
            }
        }
    }
}
