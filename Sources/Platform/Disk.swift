// Disk: the interface for every byte that the store writes, so that a simulated disk can lose power,
// tear writes and fail calls. (The checkpoint uses SQLite's own VFS.)

internal import CPlatform
import Glibc

/// A file of the store. Reads and writes are positional. A sync makes the bytes survive a power cut.
package protocol DiskFile: AnyObject, Sendable {
    /// Reads until the buffer is full or the file ends. Returns the number of bytes read.
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int
    /// Writes both buffers, one after the other. After an error, part of them may be written.
    func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(Errno)
    func length() throws(Errno) -> UInt64
    func truncate(to length: UInt64) throws(Errno)
    /// Makes the file `length` bytes long and allocates blocks for all of them (fallocate(2)).
    func allocate(to length: UInt64) throws(Errno)
    /// Sets blocks aside for `length` bytes from `offset` on, even after the file's end, and keeps the
    /// file's length (fallocate(2), FALLOC_FL_KEEP_SIZE). Truncating the file releases them.
    /// - Returns: False if the file system cannot do this.
    func setAside(from offset: UInt64, length: UInt64) throws(Errno) -> Bool
    /// Gives the blocks of a range back to the file system (fallocate(2), FALLOC_FL_PUNCH_HOLE). The range
    /// reads as zeros; the file keeps its length.
    /// - Returns: False if the file system cannot do this.
    func punch(_ range: Range<UInt64>) throws(Errno) -> Bool
    /// Makes the file's bytes survive a power cut (fdatasync(2)).
    func synchronize() throws(Errno)
}

/// How a file of the store is opened.
package enum DiskOpenMode: Sendable {
    case readOnly, readWrite
    /// Creates the file, or opens an existing one.
    case create
    /// Creates the file. Throws EEXIST if it exists.
    case createNew
}

/// The directory of a store. Paths are relative to its root, with `/` between components.
package protocol Disk: Sendable {
    func open(_ path: String, _ mode: DiskOpenMode) throws(Errno) -> any DiskFile
    func makeDirectory(_ path: String) throws(Errno)
    /// Renames `old` to `new`, and atomically replaces a file at `new`.
    func rename(_ old: String, to new: String) throws(Errno)
    func remove(_ path: String) throws(Errno)
    func removeTree(_ path: String) throws(Errno)
    func list(_ path: String) throws(Errno) -> [String]
    func exists(_ path: String) -> Bool
    /// Makes `path` a copy of a file of the host that shares its extents (FICLONE).
    /// - Throws: EOPNOTSUPP or EXDEV if the file system cannot do this.
    func clone(_ source: File, to path: String) throws(Errno)
    /// Makes the names in a directory survive a power cut.
    func synchronizeDirectory(_ path: String) throws(Errno)
    /// Makes everything written so far survive a power cut (syncfs(2)).
    func synchronizeAll() throws(Errno)
    /// Identifies the mount that the files are reached through. A different mount may have lost data
    /// that was never synced, without a reboot of the machine. Contains no spaces. Empty if unknown.
    var mount: String { get }
}

extension Disk {
    package var mount: String { "" }
}

extension DiskFile {
    /// The fallback without fallocate(2): writes bytes that no file system stores as a hole.
    package func allocate(to length: UInt64) throws(Errno) { try writeOut(to: length) }

    package func setAside(from offset: UInt64, length: UInt64) throws(Errno) -> Bool { false }

    package func punch(_ range: Range<UInt64>) throws(Errno) -> Bool { false }

    fileprivate func writeOut(to length: UInt64) throws(Errno) {
        var at = try self.length()
        while at < length {
            let count = Int(min(length - at, 64 << 10))
            try writeBytes([UInt8](repeating: 0xa5, count: count), at: at)
            at += UInt64(count)
        }
    }

    package func writeBytes(_ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        let result: Result<Void, Errno> = bytes.withUnsafeBytes { raw in
            do throws(Errno) {
                try write(raw, UnsafeRawBufferPointer(start: nil, count: 0), at: offset)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Returns up to `count` bytes from `offset`. There are fewer only at the end of the file.
    package func readBytes(_ count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        // The initializer would write the count into the empty array that all threads share.
        if count == 0 { return [] }
        var failure: Errno?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(Errno) {
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    package func readAll() throws(Errno) -> [UInt8] {
        try readBytes(Int(clamping: try length()), at: 0)
    }
}

extension File: DiskFile {
    package func allocate(to length: UInt64) throws(Errno) {
        while cp_fallocate(descriptor, 0, 0, Int64(clamping: length)) != 0 {
            let failure = Errno.last
            if failure == .interrupted { continue }
            guard failure == .notSupported else { throw failure }
            return try writeOut(to: length)
        }
    }

    package func setAside(from offset: UInt64, length: UInt64) throws(Errno) -> Bool {
        while cp_fallocate(
            descriptor, Int32(CP_FALLOC_KEEP_SIZE), Int64(clamping: offset), Int64(clamping: length)) != 0 {
            let failure = Errno.last
            if failure == .interrupted { continue }
            guard failure == .notSupported else { throw failure }
            return false
        }
        return true
    }

    package func punch(_ range: Range<UInt64>) throws(Errno) -> Bool {
        let mode = Int32(CP_FALLOC_PUNCH_HOLE | CP_FALLOC_KEEP_SIZE)
        while cp_fallocate(
            descriptor, mode, Int64(clamping: range.lowerBound), Int64(clamping: range.count)) != 0 {
            let failure = Errno.last
            if failure == .interrupted { continue }
            guard failure == .notSupported else { throw failure }
            return false
        }
        return true
    }

    package func length() throws(Errno) -> UInt64 { try status().size }
}

/// The store as a directory of the host.
package struct HostDisk: Disk {
    private let root: File

    package init(root: File) { self.root = root }

    package func open(_ path: String, _ mode: DiskOpenMode) throws(Errno) -> any DiskFile {
        switch mode {
        case .readOnly: try File.open(path, in: root, flags: O_RDONLY)
        case .readWrite: try File.open(path, in: root, flags: O_RDWR)
        case .create: try File.open(path, in: root, flags: O_RDWR | O_CREAT)
        case .createNew: try File.open(path, in: root, flags: O_RDWR | O_CREAT | O_EXCL)
        }
    }

    package func clone(_ source: File, to path: String) throws(Errno) {
        let copy: File
        do throws(Errno) {
            copy = try File.open(path, in: root, flags: O_RDWR | O_CREAT | O_TRUNC)
        } catch {
            guard error == .noEntry, let slash = path.lastIndex(of: "/") else { throw error }
            try makeDirectory(String(path[..<slash]))
            copy = try File.open(path, in: root, flags: O_RDWR | O_CREAT | O_TRUNC)
        }
        do throws(Errno) {
            try copy.cloneContent(of: source)
        } catch {
            unlinkat(root.descriptor, path, 0)
            throw error
        }
    }

    package func makeDirectory(_ path: String) throws(Errno) {
        if mkdirat(root.descriptor, path, 0o700) != 0 { throw .last }
    }

    package func rename(_ old: String, to new: String) throws(Errno) {
        if renameat(root.descriptor, old, root.descriptor, new) != 0 { throw .last }
    }

    package func remove(_ path: String) throws(Errno) {
        if unlinkat(root.descriptor, path, 0) == 0 { return }
        // unlink(2) of a directory fails with EISDIR on Linux, and with EPERM in POSIX.
        if errno == EISDIR || errno == EPERM,
            unlinkat(root.descriptor, path, AT_REMOVEDIR) == 0 { return }
        throw .last
    }

    package func removeTree(_ path: String) throws(Errno) {
        try removeTree(path) { (directory) throws(Errno) in try directory.listDirectory() }
    }

    /// - Parameter list: Returns the entries of a directory. Their type may be unknown: not all file
    ///   systems tell it with the name (getdents(2), d_type).
    package func removeTree(
        _ path: String, list: (File) throws(Errno) -> [HostEntry]
    ) throws(Errno) {
        var open: [(path: String, isEmptied: Bool)] = [(path, false)]
        while let (path, isEmptied) = open.popLast() {
            if isEmptied {
                try remove(path)
                continue
            }
            open.append((path, true))
            let directory = try File.open(
                path, in: root, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            for entry in try list(directory) {
                let below = path + "/" + entry.name.description
                if entry.type == .directory {
                    open.append((below, false))
                    continue
                }
                do throws(Errno) {
                    try remove(below)
                } catch {
                    // A directory with something in it.
                    guard entry.type == .unknown, error == .notEmpty || error == .exists else {
                        throw error
                    }
                    open.append((below, false))
                }
            }
        }
    }

    package func list(_ path: String) throws(Errno) -> [String] {
        let directory = try File.open(path.isEmpty ? "." : path, in: root, flags: O_RDONLY | O_DIRECTORY)
        return try directory.listDirectory().map(\.name.description)
    }

    package func exists(_ path: String) -> Bool {
        faccessat(root.descriptor, path, F_OK, 0) == 0
    }

    package func synchronizeDirectory(_ path: String) throws(Errno) {
        try File.open(path.isEmpty ? "." : path, in: root, flags: O_RDONLY | O_DIRECTORY)
            .synchronizeAll()
    }

    package func synchronizeAll() throws(Errno) {
        try root.synchronizeFileSystem()
    }

    package var mount: String {
        var number: UInt64 = 0
        switch cp_mount_number(root.descriptor, &number) {
        case 0: return "mount-\(number)"
        case 1: return "mount-\(number)-of-\((try? root.status().device) ?? 0)"
        default: return ""
        }
    }
}
