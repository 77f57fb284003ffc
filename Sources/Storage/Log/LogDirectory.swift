// LogDirectory: the paths of a store's edit logs, and a bounded cache of their descriptors. The id of a
// log is the number of the inode it belongs to. Its high 16 bits are the workspace.

internal import Synchronization
package import Platform

package final class LogDirectory: Sendable {
    package let disk: any Disk
    /// The key of the records' checksums.
    package let key: ChecksumKey
    /// The largest payload of one edit log record, in bytes. A larger write fails with EFBIG.
    package let maximumPayload: Int
    package let reserve: SpaceReserve
    private let open: Mutex<LRUCache<UInt64, any DiskFile>>
    /// The logs whose sync failed. A failed sync may have dropped data, and the next sync would not
    /// report it (fsync(2), errors). Every later sync of that log fails, as long as the process runs.
    private let failedSyncs = Mutex<[UInt64: Errno]>([:])
    /// The proper ends of logs whose last records were taken back but could not be truncated, since the
    /// disk failed the truncation too. If no open file holds such a log, the records would reappear at
    /// its next open.
    private let pendingCuts = Mutex<[UInt64: UInt64]>([:])
    /// Counts what was added to all logs since the store was opened. `counters` holds one per workspace.
    package let counter: SpaceCounter
    /// The contents of base files that all workspaces share.
    package let pool: PinPool
    private let counters = Mutex<[UInt16: SpaceCounter]>([:])
    let ancestry = Mutex(LogAncestry())

    /// The number of descriptors kept for contents of the pool.
    private static let openPins = 64

    package init(
        _ disk: any Disk, openFiles: Int, key: ChecksumKey,
        maximumPayload: Int = Format.maximumPayloadLength
    ) {
        self.disk = disk
        self.maximumPayload = min(maximumPayload, Format.maximumPayloadLength)
        self.key = key
        reserve = SpaceReserve(disk)
        counter = SpaceCounter()
        pool = PinPool(disk, counter: counter, openFiles: Self.openPins)
        open = Mutex(LRUCache(capacity: openFiles))
    }

    package static func workspacePath(_ workspace: UInt16) -> String {
        "workspaces/\(hex(UInt64(workspace), 4))"
    }

    private static func hex(_ value: UInt64, _ digits: Int) -> String {
        let text = String(value, radix: 16)
        return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }

    /// Returns the directory of a log. Logs are spread over 256 directories by the low byte of their
    /// number.
    package static func shardPath(_ log: UInt64) -> String {
        "\(workspacePath(UInt16(log >> 48)))/logs/\(hex(log & 0xff, 2))"
    }

    package static func path(_ log: UInt64) -> String {
        path(log, "log")
    }

    private static func path(_ log: UInt64, _ suffix: String) -> String {
        "\(shardPath(log))/\(hex(log & 0xffff_ffff_ffff, 12)).\(suffix)"
    }

    package static func piecesPath(_ log: UInt64) -> String {
        path(log, "pieces")
    }

    /// The list of the ranges of a log that were released.
    package static func releasedPath(_ log: UInt64) -> String {
        path(log, "released")
    }

    func syncFailure(of log: UInt64) -> Errno? { failedSyncs.withLock { $0[log] } }

    /// Whether a sync of a log of a workspace has failed: it may have lost what was written last.
    package func hasSyncFailure(in workspace: UInt16) -> Bool {
        failedSyncs.withLock { known in known.keys.contains { UInt16($0 >> 48) == workspace } }
    }

    func noteSyncFailure(_ error: Errno, of log: UInt64) {
        failedSyncs.withLock { $0[log] = error }
    }

    func noteCut(of log: UInt64, at length: UInt64) {
        pendingCuts.withLock { $0[log] = length }
    }

    func forgetCut(of log: UInt64) { pendingCuts.withLock { $0[log] = nil } }

    func pendingCut(of log: UInt64) -> UInt64? { pendingCuts.withLock { $0[log] } }

    /// The logs of a workspace that have a pending truncation.
    package func pendingCuts(of workspace: UInt16) -> [UInt64] {
        pendingCuts.withLock { $0.keys.filter { UInt16($0 >> 48) == workspace } }
    }

    /// Truncates a log whose truncation failed earlier. No append to the log may be running.
    package func finishCut(of log: UInt64) throws(Errno) {
        guard let length = pendingCut(of: log) else { return }
        let file = try self.file(log)
        if try file.length() > length { try file.truncate(to: length) }
        forgetCut(of: log)
    }

    /// More logs than this are synced with one sync of the file system.
    private static let singleSyncs = 16

    /// Makes the contents of the given logs survive a power cut, including their names.
    package func synchronize(_ ids: some Collection<UInt64>) throws(Errno) {
        for id in ids {
            if let failure = syncFailure(of: id) { throw failure }
        }
        if ids.count > Self.singleSyncs {
            do throws(Errno) {
                return try disk.synchronizeAll()
            } catch {
                // syncfs reports once that data was lost, but not of which file. So each file is synced.
            }
        }
        for id in ids { try synchronize(id) }
    }

    /// Syncs logs as above, and ignores missing ones. A missing log is damage, which is reported when
    /// its file is read. It must not make every later sync fail.
    package func synchronizeExisting(_ ids: some Collection<UInt64>) throws(Errno) {
        do throws(Errno) {
            try synchronize(ids)
        } catch {
            guard error == .noEntry else { throw error }
            try synchronize(ids.filter { disk.exists(Self.path($0)) })
        }
    }

    private func synchronize(_ id: UInt64) throws(Errno) {
        let file = try file(id)
        let shard = Self.shardPath(id)
        do throws(Errno) {
            try file.synchronize()
            try disk.synchronizeDirectory(shard)
            // The parent directory `logs` holds the name of the shard, whose last component is `/XX`.
            try disk.synchronizeDirectory(String(shard.dropLast(3)))
        } catch {
            noteSyncFailure(error, of: id)
            throw error
        }
    }

    package func counter(_ workspace: UInt16) -> SpaceCounter {
        counters.withLock { known in
            if let counter = known[workspace] { return counter }
            let counter = SpaceCounter(in: self.counter)
            known[workspace] = counter
            return counter
        }
    }

    package var openCount: Int { open.withLock { $0.count } }

    /// Returns the file of a log, and opens it if it is not in the cache.
    package func file(_ log: UInt64) throws(Errno) -> any DiskFile {
        if let file = open.withLock({ $0.value(for: log) }) { return file }
        let file = try disk.open(Self.path(log), .readWrite)
        // The file evicted from the cache closes outside the lock, when its last user releases it.
        _ = open.withLock { $0.insert(file, for: log) }
        return file
    }

    /// Returns the length of a log in bytes, without records that were taken back and could not be cut off.
    package func length(of log: UInt64) throws(Errno) -> UInt64 {
        min(try file(log).length(), pendingCut(of: log) ?? .max)
    }

    /// Returns the existing logs of a workspace, in no particular order.
    /// - Parameter suffix: what follows the number in the names of the files.
    package func numbers(of workspace: UInt16, suffix: String = ".log") throws(Errno) -> [UInt64] {
        let directory = Self.workspacePath(workspace) + "/logs"
        var found: [UInt64] = []
        guard disk.exists(directory) else { return found }
        for shard in try disk.list(directory) where shard.utf8.count == 2 {
            for name in try disk.list("\(directory)/\(shard)") where name.hasSuffix(suffix) {
                guard let low = UInt64(name.dropLast(suffix.utf8.count), radix: 16), low < 1 << 48
                else { continue }
                found.append(UInt64(workspace) << 48 | low)
            }
        }
        return found
    }

    /// Makes an empty log. An existing log without records is reused. The caller counts it as `addLog`.
    /// - Throws: `Errno.exists` if there is a log with records.
    package func create(_ log: UInt64) throws(Errno) -> any DiskFile {
        let path = Self.path(log)
        let file: any DiskFile
        do throws(Errno) {
            file = try createEmpty(path)
        } catch {
            guard error == .noEntry else { throw error }
            // The parent directory `logs` exists unless another process removed it.
            for directory in [String(Self.shardPath(log).dropLast(3)), Self.shardPath(log)] {
                do throws(Errno) {
                    try disk.makeDirectory(directory)
                } catch {
                    guard error == .exists else { throw error }
                }
            }
            file = try createEmpty(path)
        }
        // A log of that number was removed, and the list of what was released of it may have stayed.
        if disk.exists(Self.releasedPath(log)) { try disk.remove(Self.releasedPath(log)) }
        _ = open.withLock { $0.insert(file, for: log) }
        return file
    }

    private func createEmpty(_ path: String) throws(Errno) -> any DiskFile {
        do throws(Errno) {
            return try disk.open(path, .createNew)
        } catch {
            guard error == .exists else { throw error }
            let file = try disk.open(path, .readWrite)
            guard try file.length() <= UInt64(Format.logHeaderLength) else { throw .exists }
            try file.truncate(to: 0)
            return file
        }
    }

    /// Copies the tail that is about to be cut off to a file beside the log, for inspection.
    func keepTail(of file: any DiskFile, _ log: UInt64, from start: UInt64) throws(Errno) {
        let bytes = try file.readBytes(Self.keptTail, at: start)
        guard bytes.contains(where: { $0 != 0 }) else { return }
        let kept = KeptBytes(log: log, position: start, bytes: bytes)
        var name = Self.path(log) + ".cut"
        var next = "\(name)-\(start)"
        while disk.exists(name) {
            // The same tail comes again if it was kept, and the log could not be cut.
            if (try? KeptBytes(from: name, on: disk)) == kept { return }
            // The tail of an earlier power cut stays.
            name = next
            next += "-"
        }
        do throws(StorageError) {
            try kept.write(to: name, on: disk)
        } catch {
            throw error.errno
        }
    }

    /// The largest number of bytes of a cut tail that are kept.
    private static let keptTail = KeptBytes.maximum

    /// Closes the logs of a workspace that is closed, and ends the counting of what is added to them.
    package func close(workspace: UInt16) {
        // The files close outside the lock.
        var files: [any DiskFile] = []
        open.withLock { cache in
            for log in cache.keys where UInt16(log >> 48) == workspace {
                if let file = cache.removeValue(for: log) { files.append(file) }
            }
        }
        counters.withLock { $0[workspace] = nil }
    }

    /// Forgets all logs of a removed workspace. The disk frees the space of a removed file only when its last
    /// descriptor is closed.
    package func forget(workspace: UInt16) {
        close(workspace: workspace)
        forgetAncestry(of: workspace)
        failedSyncs.withLock { known in known = known.filter { UInt16($0.key >> 48) != workspace } }
        pendingCuts.withLock { known in known = known.filter { UInt16($0.key >> 48) != workspace } }
    }

    /// Forgets all about a log that was removed.
    func forgetState(of log: UInt64) {
        forget(log)
        failedSyncs.withLock { $0[log] = nil }
        pendingCuts.withLock { $0[log] = nil }
    }

    package func forget(_ log: UInt64) { _ = open.withLock { $0.removeValue(for: log) } }
}
