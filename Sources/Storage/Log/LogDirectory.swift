// LogDirectory: where the edit logs of a store lie, and a bounded cache of their descriptors.
// A log's id is the number of the inode it belongs to; the workspace is in its high 16 bits.

internal import Synchronization
package import Platform

package final class LogDirectory: Sendable {
    package let disk: any Disk
    /// What the checksums of records are made with.
    package let key: ChecksumKey
    /// Bytes of the payload of one record of an edit log; what needs more is refused (EFBIG).
    package let maximumPayload: Int
    package let reserve: SpaceReserve
    private let open: Mutex<LRUCache<UInt64, any DiskFile>>
    /// A sync that failed may have dropped what it should have written, and the next one would not
    /// say so (fsync(2), errors): from then on every sync of that log fails, as long as we run.
    private let failedSyncs = Mutex<[UInt64: Errno]>([:])
    /// Where logs end whose last records were taken back and could not be cut off: the disk failed the
    /// cut too. A log without anybody who has it open would show them when it is opened again.
    private let pendingCuts = Mutex<[UInt64: UInt64]>([:])
    /// What was added to all logs since the store was opened, and to those of each workspace.
    package let counter: SpaceCounter
    /// The contents of base files that all workspaces share.
    package let pool: PinPool
    private let counters = Mutex<[UInt16: SpaceCounter]>([:])

    /// Descriptors kept for contents of the pool.
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

    /// Logs are spread over 256 directories by the low byte of their number.
    package static func shardPath(_ log: UInt64) -> String {
        "\(workspacePath(UInt16(log >> 48)))/logs/\(hex(log & 0xff, 2))"
    }

    package static func path(_ log: UInt64) -> String {
        "\(shardPath(log))/\(hex(log & 0xffff_ffff_ffff, 12)).log"
    }

    package static func piecesPath(_ log: UInt64) -> String {
        "\(shardPath(log))/\(hex(log & 0xffff_ffff_ffff, 12)).pieces"
    }

    func syncFailure(of log: UInt64) -> Errno? { failedSyncs.withLock { $0[log] } }

    func noteSyncFailure(_ error: Errno, of log: UInt64) {
        failedSyncs.withLock { $0[log] = error }
    }

    func noteCut(of log: UInt64, at length: UInt64) {
        pendingCuts.withLock { $0[log] = length }
    }

    func forgetCut(of log: UInt64) { pendingCuts.withLock { $0[log] = nil } }

    func pendingCut(of log: UInt64) -> UInt64? { pendingCuts.withLock { $0[log] } }

    /// The logs of a workspace that wait for their cut.
    package func pendingCuts(of workspace: UInt16) -> [UInt64] {
        pendingCuts.withLock { $0.keys.filter { UInt16($0 >> 48) == workspace } }
    }

    /// Makes up for a cut that failed. Nobody may be appending to the log.
    package func finishCut(of log: UInt64) throws(Errno) {
        guard let length = pendingCut(of: log) else { return }
        let file = try self.file(log)
        if try file.length() > length { try file.truncate(to: length) }
        forgetCut(of: log)
    }

    /// More logs than this are synced by one sync of the file system.
    private static let singleSyncs = 16

    /// Makes all that stands in some logs survive a power cut, their names included.
    package func synchronize(_ ids: some Collection<UInt64>) throws(Errno) {
        for id in ids {
            if let failure = syncFailure(of: id) { throw failure }
        }
        if ids.count > Self.singleSyncs {
            do throws(Errno) {
                return try disk.synchronizeAll()
            } catch {
                // It says once that something was lost, and not of which file: each is asked.
            }
        }
        for id in ids { try synchronize(id) }
    }

    /// As above, for logs that others wait for. One that is missing has been damaged, which is told when
    /// its file is read: it must not fail every sync from then on.
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

    /// The log's file, opened if it is not open.
    package func file(_ log: UInt64) throws(Errno) -> any DiskFile {
        if let file = open.withLock({ $0.value(for: log) }) { return file }
        let file = try disk.open(Self.path(log), .readWrite)
        // The one pushed out closes outside the lock, when its last user is done.
        _ = open.withLock { $0.insert(file, for: log) }
        return file
    }

    /// The logs of a workspace that are there, in no order.
    package func numbers(of workspace: UInt16) throws(Errno) -> [UInt64] {
        let directory = Self.workspacePath(workspace) + "/logs"
        var found: [UInt64] = []
        guard disk.exists(directory) else { return found }
        for shard in try disk.list(directory) where shard.utf8.count == 2 {
            for name in try disk.list("\(directory)/\(shard)") where name.hasSuffix(".log") {
                guard let low = UInt64(name.dropLast(4), radix: 16), low < 1 << 48 else { continue }
                found.append(UInt64(workspace) << 48 | low)
            }
        }
        return found
    }

    /// Makes an empty log; one that holds nothing yet is taken over.
    /// - Throws: `Errno.exists` where there is one with records.
    package func create(_ log: UInt64) throws(Errno) -> any DiskFile {
        let path = Self.path(log)
        let file: any DiskFile
        do throws(Errno) {
            file = try createEmpty(path)
        } catch {
            guard error == .noEntry else { throw error }
            // The directory above is there unless somebody took it away.
            for directory in [String(Self.shardPath(log).dropLast(3)), Self.shardPath(log)] {
                do throws(Errno) {
                    try disk.makeDirectory(directory)
                } catch {
                    guard error == .exists else { throw error }
                }
            }
            file = try createEmpty(path)
        }
        _ = open.withLock { $0.insert(file, for: log) }
        counter(UInt16(log >> 48)).addLog(bytes: UInt64(Format.logHeaderLength))
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

    /// Copies what is about to be cut off to a file beside the log, for whoever wants to look.
    func keepTail(of file: any DiskFile, _ log: UInt64, from start: UInt64) throws(Errno) {
        let bytes = try file.readBytes(Self.keptTail, at: start)
        guard bytes.contains(where: { $0 != 0 }) else { return }
        let kept = KeptBytes(log: log, position: start, bytes: bytes)
        do throws(StorageError) {
            try kept.write(to: Self.path(log) + ".cut", on: disk)
        } catch {
            throw error.errno
        }
    }

    /// Bytes of a cut tail that are kept.
    private static let keptTail = KeptBytes.maximum

    package func forget(_ log: UInt64) { _ = open.withLock { $0.removeValue(for: log) } }
}
