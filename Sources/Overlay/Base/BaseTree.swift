// BaseTree: read access to the base, by path below its root, with bounded descriptor caches.
// No path leaves the root: directories are opened beneath it without following symlinks, and the
// last name is never followed. Nothing here writes; as root the base is seen through a private
// read-only, noatime copy of its mount, so not even an atime changes.

package import Platform
internal import Synchronization
import Glibc

/// What a base asks the host, so that tests can answer.
package struct BaseProbe: Sendable {
    /// What statx(2) has said of a file.
    package var adjust: @Sendable (FileStatus) -> FileStatus = { $0 }
    /// The time that a change of a file would get now, and how long it stays.
    package var coarseTime: @Sendable () -> (now: Int64, tick: Int64) = { Clock.coarse() }
    package var pause: @Sendable (_ nanoseconds: Int64) -> Void = {
        usleep(UInt32(clamping: $0 / 1_000 + 1))
    }

    package init() {}
}

package final class BaseTree: Sendable {
    /// The real path of the root, for messages and the superblock.
    package let path: String
    package let rootStatus: FileStatus
    /// Whether the base is seen through a read-only, noatime copy of its mount.
    package let isSealed: Bool
    private let root: File
    private let probe: BaseProbe
    private let observer = Mutex<(@Sendable (File, [UInt8]) -> Void)?>(nil)
    private let directories: Mutex<LRUCache<[UInt8], File>>
    private let files: Mutex<LRUCache<[UInt8], File>>

    /// - Throws: the error of opening `path`; ENOTDIR if it is no directory.
    package init(
        _ path: String, limits: Limits = Limits(), probe: BaseProbe = BaseProbe()
    ) throws(Errno) {
        self.probe = probe
        let plain = try File.open(path, flags: O_RDONLY | O_DIRECTORY)
        if let sealed = try? File.cloneMountReadOnly(path),
            let a = try? sealed.status(), let b = try? plain.status(),
            a.inode == b.inode, a.device == b.device {
            root = sealed
            isSealed = true
        } else {
            root = plain
            isSealed = false
        }
        rootStatus = probe.adjust(try root.status())
        self.path = path
        directories = Mutex(LRUCache(capacity: limits.openBaseDirectories))
        files = Mutex(LRUCache(capacity: limits.openBaseFiles))
    }

    package var openCount: Int {
        directories.withLock { $0.count } + files.withLock { $0.count }
    }

    /// Bytes of a path that are opened at once: PATH_MAX is 4,096, and so that a name fits.
    private static let longestStep = 4_000

    /// A descriptor (O_PATH) of the directory at `path`.
    package func directory(_ path: [UInt8]) throws(Errno) -> File {
        if path.isEmpty { return root }
        if let file = directories.withLock({ $0.value(for: path) }) { return file }
        let file = try openBeneath(path, flags: OpenFlags.path | O_DIRECTORY | O_NOFOLLOW)
        // Before anything in it is looked at: what changes later is told.
        observer.withLock { $0 }?(file, path)
        directories.withLock { _ = $0.insert(file, for: path) }
        return file
    }

    /// Opens a path of any length: one that is longer than a system call takes from the directory above
    /// it, if that is open, else in steps.
    private func openBeneath(_ path: [UInt8], flags: Int32) throws(Errno) -> File {
        var directory = root
        var rest = path[...]
        if path.count > Self.longestStep {
            let place = BasePlace(path: path)
            if let above = directories.withLock({ $0.value(for: place.directory) }) {
                return try File.openBeneath(place.name, in: above, flags: flags)
            }
        }
        while rest.count > Self.longestStep {
            guard let cut = rest.prefix(Self.longestStep).lastIndex(of: 0x2f) else { throw .nameTooLong }
            directory = try File.openBeneath(
                Array(rest[..<cut]), in: directory, flags: OpenFlags.path | O_DIRECTORY | O_NOFOLLOW)
            rest = rest[(cut + 1)...]
        }
        return try File.openBeneath(Array(rest), in: directory, flags: flags)
    }

    package func status(_ place: BasePlace) throws(Errno) -> FileStatus {
        probe.adjust(try FileStatus(place.name, in: try directory(place.directory)))
    }

    /// The status of an open file of the base.
    package func status(of file: File) throws(Errno) -> FileStatus {
        probe.adjust(try file.status())
    }

    /// Ticks of the clock for which a file is waited that changes all the time.
    private static let mostTicks = 4

    /// The status of a file, to be kept as its identity. A file that was changed in the present tick of
    /// the clock may be changed again without a difference in its times (git calls it racily clean):
    /// then the tick is waited for, so that every later change shows.
    package func settledStatus(_ place: BasePlace) throws(Errno) -> FileStatus {
        var status = try status(place)
        var ticks = 0
        while status.type == .regular, ticks < Self.mostTicks {
            let (now, tick) = probe.coarseTime()
            // One from the future was set by another clock, and no change of now will get its time.
            guard status.changeTime >= now, status.changeTime <= now &+ tick else { break }
            probe.pause(tick)
            status = try self.status(place)
            ticks += 1
        }
        return status
    }

    /// The status of `name` in `directory`, nil where there is none.
    package func status(
        ifPresent name: [UInt8], in directoryPath: [UInt8]
    ) throws(Errno) -> FileStatus? {
        do throws(Errno) {
            return probe.adjust(try FileStatus(name, in: try directory(directoryPath)))
        } catch {
            if error == .noEntry || error == .notDirectory { return nil }
            throw error
        }
    }

    /// Every name in the directory at `path`; empty if it is gone.
    package func list(_ path: [UInt8]) throws(Errno) -> [HostEntry] {
        do throws(Errno) {
            let parent = try directory(path)
            return try open([0x2e], in: parent, flags: O_RDONLY | O_DIRECTORY).listDirectory()
        } catch {
            if error == .noEntry || error == .notDirectory { return [] }
            throw error
        }
    }

    /// A descriptor of the regular file at `place`, for reading.
    package func file(_ place: BasePlace) throws(Errno) -> File {
        let key = place.path
        if let file = files.withLock({ $0.value(for: key) }) { return file }
        let file = try open(
            place.name, in: try directory(place.directory),
            flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        files.withLock { _ = $0.insert(file, for: key) }
        return file
    }

    /// Opens without changing the atime, where the owner allows that (open(2), O_NOATIME).
    private func open(_ name: [UInt8], in parent: File, flags: Int32) throws(Errno) -> File {
        do throws(Errno) {
            return try File.openBeneath(name, in: parent, flags: flags | OpenFlags.noAccessTime)
        } catch {
            guard error == .notPermitted else { throw error }
            return try File.openBeneath(name, in: parent, flags: flags)
        }
    }

    package func symlinkTarget(_ place: BasePlace) throws(Errno) -> [UInt8] {
        try directory(place.directory).readSymlink(place.name)
    }

    package func xattr(_ name: [UInt8], of place: BasePlace) throws(Errno) -> [UInt8] {
        do throws(Errno) {
            return try directory(place.directory).extendedAttribute(name, of: place.name)
        } catch {
            // A base that knows no extended attributes has none.
            throw error == .notSupported ? .noData : error
        }
    }

    package func xattrNames(of place: BasePlace) throws(Errno) -> [[UInt8]] {
        do throws(Errno) {
            return try directory(place.directory).extendedAttributeNames(of: place.name)
        } catch {
            if error == .notSupported { return [] }
            throw error
        }
    }

    /// The runs of data in `file`, by SEEK_DATA and SEEK_HOLE; one run where holes are not known.
    package func dataRanges(of file: File, size: UInt64, atMost limit: Int) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var at: UInt64 = 0
        while at < size, let data = file.seek(from: at, data: true), data < size {
            let end = min(file.seek(from: data, data: false) ?? size, size)
            if ranges.count >= limit { return [0..<size] }
            ranges.append(data..<end)
            at = max(end, data + 1)
        }
        return ranges
    }

    /// Has `body` called with each directory that is opened, and its path.
    package func observe(_ body: (@Sendable (File, [UInt8]) -> Void)?) {
        observer.withLock { $0 = body }
    }

    /// Whether changes that others make are told.
    package var isWatched: Bool { observer.withLock { $0 != nil } }

    /// Closes everything that is cached.
    package func forgetAll() {
        files.withLock { $0.removeAll() }
        directories.withLock { $0.removeAll() }
    }

    /// Closes what is cached of `place`, which has changed or may have.
    package func forget(_ place: BasePlace) {
        let path = place.path
        files.withLock { _ = $0.removeValue(for: path) }
        directories.withLock { _ = $0.removeValue(for: path) }
    }
}
