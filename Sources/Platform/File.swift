// File: one open descriptor. It is shared by reference, because descriptor caches drop a file while a
// reader still uses it.

internal import CPlatform
import Glibc

/// An open descriptor. It is closed with its last reference.
package final class File: Sendable {
    package let descriptor: Int32

    package init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// Opens a file with openat(2) and O_CLOEXEC.
    package static func open(
        _ path: String, in directory: File? = nil, flags: Int32, mode: UInt32 = 0o600
    ) throws(Errno) -> File {
        let at = directory?.descriptor ?? AT_FDCWD
        while true {
            let descriptor = cp_openat(at, path, flags, mode)
            if descriptor >= 0 { return File(owning: descriptor) }
            if errno != EINTR { throw .last }
        }
    }

    /// Opens a file whose name may have any bytes but NUL. A conversion to String could change the name.
    package static func open(
        _ name: [UInt8], in directory: File, flags: Int32, mode: UInt32 = 0o600
    ) throws(Errno) -> File {
        while true {
            let descriptor = withCString(name) { cp_openat(directory.descriptor, $0, flags, mode) }
            if descriptor >= 0 { return File(owning: descriptor) }
            if errno != EINTR { throw .last }
        }
    }

    /// Opens a file with openat2(2), RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS: no component may leave
    /// `directory` or be a symlink. `path` is relative, without NUL, and at most 4,095 bytes long.
    package static func openBeneath(
        _ path: [UInt8], in directory: File, flags: Int32
    ) throws(Errno) -> File {
        let descriptor = withCString(path) {
            cp_open_beneath(directory.descriptor, $0, flags)
        }
        if descriptor < 0 { throw .last }
        return File(owning: descriptor)
    }

    /// Calls pread(2) until the buffer is full or the file ends. Returns the number of bytes read.
    package func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        var done = 0
        while done < buffer.count {
            let count = cp_pread(
                descriptor, buffer.baseAddress! + done, buffer.count - done,
                Int64(clamping: offset).adding(clamping: Int64(done)))
            if count < 0 {
                if errno == EINTR { continue }
                throw .last
            }
            if count == 0 { break }
            done += Int(count)
        }
        return done
    }

    /// Opens another descriptor of the same file through /proc/self/fd, even if the file was renamed.
    /// - Returns: Nil if the file system refuses the flags, or the process no longer has permission.
    package func reopened(flags: Int32) -> File? {
        try? File.open("/proc/self/fd/\(descriptor)", flags: flags)
    }

    /// Reads into an existing array, so that a buffer can be reused.
    /// - Returns: The number of bytes read. It is less than the array's only at the end of the file.
    package func read(over bytes: inout [UInt8], at offset: UInt64) throws(Errno) -> Int {
        try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    /// Calls pwritev(2) with two buffers until all bytes are written.
    package func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(Errno) {
        let total = first.count + second.count
        var done = 0
        while done < total {
            let head = done < first.count
                ? UnsafeRawBufferPointer(rebasing: first[done...])
                : UnsafeRawBufferPointer(rebasing: second[(done - first.count)...])
            let tail = done < first.count ? second : UnsafeRawBufferPointer(start: nil, count: 0)
            let count = cp_pwrite2(
                descriptor, head.baseAddress, head.count, tail.baseAddress, tail.count,
                Int64(clamping: offset).adding(clamping: Int64(done)))
            if count < 0 {
                if errno == EINTR { continue }
                throw .last
            }
            done += Int(count)
        }
    }

    package func status() throws(Errno) -> FileStatus { try FileStatus(of: self) }

    package func truncate(to length: UInt64) throws(Errno) {
        if ftruncate(descriptor, off_t(clamping: length)) != 0 { throw .last }
    }

    package func synchronize() throws(Errno) {
        while fdatasync(descriptor) != 0 {
            if errno != EINTR { throw .last }
        }
    }

    /// Calls fsync(2). It is for directories, whose names fdatasync need not write.
    package func synchronizeAll() throws(Errno) {
        while fsync(descriptor) != 0 {
            if errno != EINTR { throw .last }
        }
    }

    /// Calls syncfs(2): syncs the whole file system that holds this file.
    package func synchronizeFileSystem() throws(Errno) {
        if cp_syncfs(descriptor) != 0 { throw .last }
    }

    /// Returns a descriptor for syncs of this directory, which is open as a path only.
    package func reopenedForSync() throws(Errno) -> File {
        try File.open([0x2e], in: self, flags: OpenFlags.directory)
    }

    /// Copies bytes from the same offset of another file with copy_file_range(2).
    /// - Returns: The number of bytes copied. 0 also if the file systems cannot do this.
    package func copyBytes(of source: File, at offset: UInt64, count: Int) throws(Errno) -> Int {
        var from = Int64(clamping: offset)
        var to = from
        let done = cp_copy_file_range(source.descriptor, &from, descriptor, &to, count)
        if done >= 0 { return Int(done) }
        switch errno {
        case EXDEV, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, EINTR: return 0
        default: throw .last
        }
    }

    /// Sets the access and modification times to those of another file (futimens(2)).
    package func setTimes(of status: FileStatus) throws(Errno) {
        if futimens(descriptor, Self.times(status)) != 0 { throw .last }
    }

    /// Sets the times of a symlink in this directory (utimensat(2)).
    package func setTimes(of status: FileStatus, onSymlink name: [UInt8]) throws(Errno) {
        let times = Self.times(status)
        let result = withCString(name) { utimensat(descriptor, $0, times, AT_SYMLINK_NOFOLLOW) }
        if result != 0 { throw .last }
    }

    private static func times(_ status: FileStatus) -> [timespec] {
        [status.accessTime, status.modificationTime].map { time in
            var (seconds, nanoseconds) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
            // Nanoseconds must not be negative, even for times before 1970.
            if nanoseconds < 0 {
                seconds -= 1
                nanoseconds += 1_000_000_000
            }
            return timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
        }
    }

    /// Returns the next run of data at or after `offset`, or nil if there is only a hole or the end.
    package func dataRun(from offset: UInt64) -> Range<UInt64>? {
        guard let start = seek(from: offset, data: true) else { return nil }
        // There is no end if the file was truncated between the two calls.
        return seek(from: start, data: false).map { start..<max(start, $0) }
    }

    /// Returns whether the page cache holds all of a range (cachestat(2), Linux 6.5). False if that is
    /// unknown.
    package func isCached(_ offset: UInt64, _ count: Int) -> Bool {
        cp_is_cached(descriptor, offset, UInt64(count)) == 1
    }

    /// Whether the file is on a FUSE file system.
    package var isOnFUSE: Bool { cp_file_system_type(descriptor) == 0x6573_5546 }

    /// Writes the kernel's dirty pages to the file system and waits until it has received them all. The
    /// kernel does so at each close(2). Only FUSE needs it, before lseek(2) reports holes. It makes
    /// nothing durable.
    package func flush() throws(Errno) {
        let other = cp_duplicate(descriptor)
        if other < 0 { throw .last }
        if close(other) != 0 { throw .last }
    }

    /// Calls lseek(2) with SEEK_DATA or SEEK_HOLE. Returns nil if there is none (ENXIO). Without
    /// support of the file system, the whole file counts as data.
    package func seek(from offset: UInt64, data: Bool) -> UInt64? {
        let found = cp_lseek(
            descriptor, Int64(clamping: offset), data ? CP_SEEK_DATA : CP_SEEK_HOLE)
        if found >= 0 { return UInt64(found) }
        if Errno.last == .noDevice { return nil }
        return data ? offset : UInt64(Int64.max)
    }
}

/// Gives the calling thread its own descriptor table, which has only 0 to 2 (unshare(2) with
/// CLONE_FILES). Files that it opens later are not visible to other threads, and it keeps none of
/// theirs open.
package func detachDescriptors() throws(Errno) {
    if cp_detach_descriptors() != 0 { throw .last }
}

/// Runs `body` with a NUL-terminated copy of `bytes`.
package func withCString<R>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>) -> R) -> R {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: bytes.count + 1) { buffer in
        for (index, byte) in bytes.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        buffer[bytes.count] = 0
        return body(UnsafePointer(buffer.baseAddress!))
    }
}
