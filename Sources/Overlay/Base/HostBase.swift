// HostBase: read access to the base as it is now, by path below its root, with bounded descriptor caches. No
// path leaves the root: directories are opened beneath it without following symlinks, and the last name is
// never followed. Nothing here writes. As root, the base is seen through a private read-only, noatime copy of
// its mount, so not even an atime changes.

package import Platform
internal import Synchronization
import Glibc

/// The queries of a base to the host, which tests can replace.
package struct BaseProbe: Sendable {
    /// Returns the status to use, given the result of statx(2).
    package var adjust: @Sendable (FileStatus) -> FileStatus = { $0 }
    /// Returns the time that a file changed now would get, and the length of a clock tick (nanoseconds).
    package var coarseTime: @Sendable () -> (now: Int64, tick: Int64) = { Clock.coarse() }
    package var pause: @Sendable (_ nanoseconds: Int64) -> Void = {
        usleep(UInt32(clamping: $0 / 1_000 + 1))
    }

    package init() {}
}

/// The base as it is now.
package final class HostBase: Sendable {
    /// The real path of the root, for messages and the superblock.
    package let path: String
    package let rootStatus: FileStatus
    /// Whether the base is seen through a read-only, noatime copy of its mount.
    package let isSealed: Bool
    private let root: File
    private let probe: BaseProbe
    private let observer = Mutex<(@Sendable (File, [UInt8]) -> Void)?>(nil)
    private let opened: Mutex<Opened>

    /// Descriptors by path. One that leaves closes outside the lock.
    private struct Opened: Sendable {
        var directories: LRUCache<[UInt8], File>
        var files: LRUCache<[UInt8], File>
    }

    /// Opens the base.
    /// - Throws: The error of opening `path`. ENOTDIR if it is not a directory.
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
        opened = Mutex(
            Opened(
                directories: LRUCache(capacity: limits.openBaseDirectories),
                files: LRUCache(capacity: limits.openBaseFiles)))
    }

    package var openCount: Int {
        opened.withLock { $0.directories.count + $0.files.count }
    }

    /// The number of bytes of a path that are opened at once. PATH_MAX is 4,096, and a name must fit too.
    private static let longestStep = 4_000

    /// Returns a descriptor (O_PATH) of the directory at `path`.
    package func directory(_ path: [UInt8]) throws(Errno) -> File {
        if path.isEmpty { return root }
        if let file = opened.withLock({ $0.directories.value(for: path) }) { return file }
        return try openDirectory(path)
    }

    private func openDirectory(_ path: [UInt8]) throws(Errno) -> File {
        let file = try openBeneath(path, flags: OpenFlags.path | O_DIRECTORY | O_NOFOLLOW)
        // Called before the directory is read, so that the watch reports every later change.
        observer.withLock { $0 }?(file, path)
        _ = opened.withLock { $0.directories.insert(file, for: path) }
        return file
    }

    /// Opens a path of any length. A path too long for one system call is opened from the directory above
    /// it if that is cached, else in steps.
    private func openBeneath(_ path: [UInt8], flags: Int32) throws(Errno) -> File {
        var directory = root
        var rest = path[...]
        if path.count > Self.longestStep {
            let place = BasePlace(path: path)
            if let above = opened.withLock({ $0.directories.value(for: place.directory) }) {
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
        // What a commit prepares is no part of the base.
        if place.directory.isEmpty, KeptFiles.isStage(place.name) { throw .noEntry }
        return probe.adjust(try FileStatus(place.name, in: try directory(place.directory)))
    }

    /// Returns the status of an open file of the base.
    package func status(of file: File) throws(Errno) -> FileStatus {
        probe.adjust(try file.status())
    }

    /// The number of clock ticks to wait for a file that changes all the time.
    private static let mostTicks = 4

    /// Returns a status that is to be recorded as an identity. A file that changed in the present clock tick
    /// may change again without a difference in its times (git calls this racily clean). So this waits for
    /// the end of the tick: then every later change is visible in the times.
    func settled(_ read: () throws(Errno) -> FileStatus) throws(Errno) -> FileStatus {
        var status = try read()
        var ticks = 0
        while status.type == .regular, ticks < Self.mostTicks {
            let (now, tick) = probe.coarseTime()
            // A time beyond this tick was set by another clock. No change made now gets that time.
            guard status.changeTime >= now, status.changeTime <= now &+ tick else { break }
            probe.pause(tick)
            status = try read()
            ticks += 1
        }
        return status
    }

    /// Returns every name in the directory at `path`, or nothing if it does not exist.
    package func list(_ path: [UInt8]) throws(Errno) -> [HostEntry] {
        do throws(Errno) {
            let parent = try directory(path)
            let names = try open([0x2e], in: parent, flags: O_RDONLY | O_DIRECTORY).listDirectory()
            return path.isEmpty ? names.filter { !KeptFiles.isStage($0.name.bytes) } : names
        } catch {
            if error == .noEntry || error == .notDirectory { return [] }
            throw error
        }
    }

    /// Returns the names of what commits prepare in the root, also of other stores.
    package func stages() throws(Errno) -> [FileName] {
        try open([0x2e], in: root, flags: O_RDONLY | O_DIRECTORY).listDirectory().map(\.name)
            .filter { KeptFiles.isStage($0.bytes) }
    }

    /// Returns a descriptor of the regular file at `place`, for reading.
    package func file(_ place: BasePlace) throws(Errno) -> File {
        let (key, path) = (place.path, place.directory)
        let (known, above) = opened.withLock { opened in
            let file = opened.files.value(for: key)
            return (file, file == nil ? opened.directories.value(for: path) : nil)
        }
        if let known { return known }
        let parent = if path.isEmpty { root } else if let above { above } else { try openDirectory(path) }
        let file = try open(place.name, in: parent, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
        _ = opened.withLock { $0.files.insert(file, for: key) }
        return file
    }

    /// Opens without a change of the atime, if the file's owner allows it (open(2), O_NOATIME).
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
            // A base that does not support extended attributes has none.
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

    /// Returns the runs of data in `file`, by SEEK_DATA and SEEK_HOLE. Returns one run of the whole file if
    /// the file system does not know holes, or if there are more than `limit` runs.
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

    /// Sets the observer that is called with each opened directory and its path.
    package func observe(_ body: (@Sendable (File, [UInt8]) -> Void)?) {
        observer.withLock { $0 = body }
    }

    /// Whether changes of the base by other processes are reported.
    package var isWatched: Bool { observer.withLock { $0 != nil } }

    /// Closes all cached descriptors.
    package func forgetAll() {
        // They close outside the lock: on a FUSE base, close(2) waits for an answer.
        _ = opened.withLock { opened in
            let all = opened
            opened.files.removeAll()
            opened.directories.removeAll()
            return all
        }
    }

    /// Closes the cached descriptors of `place`, which has or may have changed.
    package func forget(_ place: BasePlace) {
        let path = place.path
        _ = opened.withLock { opened in
            (opened.files.removeValue(for: path), opened.directories.removeValue(for: path))
        }
    }
}
