// File: one open descriptor, closed when the last reference goes. Shared by reference, because
// descriptor caches drop a file while a reader still uses it.

internal import CPlatform
import Glibc

/// An open descriptor. The last reference closes it.
package final class File: Sendable {
    package let descriptor: Int32

    package init(owning descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    /// openat(2) with O_CLOEXEC.
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

    /// The same for a name of any bytes but NUL: as text it might become another.
    package static func open(
        _ name: [UInt8], in directory: File, flags: Int32, mode: UInt32 = 0o600
    ) throws(Errno) -> File {
        while true {
            let descriptor = withCString(name) { cp_openat(directory.descriptor, $0, flags, mode) }
            if descriptor >= 0 { return File(owning: descriptor) }
            if errno != EINTR { throw .last }
        }
    }

    /// openat2(2) with RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS: no component may leave
    /// `directory` or be a symlink. `path` is bytes without NUL, relative, at most 4,095 bytes.
    package static func openBeneath(
        _ path: [UInt8], in directory: File, flags: Int32
    ) throws(Errno) -> File {
        let descriptor = withCString(path) {
            cp_open_beneath(directory.descriptor, $0, flags)
        }
        if descriptor < 0 { throw .last }
        return File(owning: descriptor)
    }

    /// pread(2) until the buffer is full or the file ends; answers the bytes read.
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

    /// Another descriptor of the same file, wherever its name has gone: by /proc/self/fd.
    /// - Returns: nil where the file system refuses the flags, or the caller the file by now.
    package func reopened(flags: Int32) -> File? {
        try? File.open("/proc/self/fd/\(descriptor)", flags: flags)
    }

    /// Reads over what an array holds: for one that is filled again and again.
    /// - Returns: bytes that were read; fewer than the array has only at the file's end.
    package func read(over bytes: inout [UInt8], at offset: UInt64) throws(Errno) -> Int {
        try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    /// pwritev(2) of two buffers until all is written.
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

    /// fsync(2): for directories, whose names fdatasync need not write.
    package func synchronizeAll() throws(Errno) {
        while fsync(descriptor) != 0 {
            if errno != EINTR { throw .last }
        }
    }

    /// syncfs(2): all of the file system that holds this file.
    package func synchronizeFileSystem() throws(Errno) {
        if cp_syncfs(descriptor) != 0 { throw .last }
    }

    /// copy_file_range(2) from the same offset of another file.
    /// - Returns: the bytes copied; 0 also where the file systems cannot do it.
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

    /// Sets the times of access and modification to those of another file (futimens(2)).
    package func setTimes(of status: FileStatus) throws(Errno) {
        if futimens(descriptor, Self.times(status)) != 0 { throw .last }
    }

    /// The same for a symlink in this directory (utimensat(2)).
    package func setTimes(of status: FileStatus, onSymlink name: [UInt8]) throws(Errno) {
        let times = Self.times(status)
        let result = withCString(name) { utimensat(descriptor, $0, times, AT_SYMLINK_NOFOLLOW) }
        if result != 0 { throw .last }
    }

    private static func times(_ status: FileStatus) -> [timespec] {
        [status.accessTime, status.modificationTime].map { time in
            var (seconds, nanoseconds) = time.quotientAndRemainder(dividingBy: 1_000_000_000)
            if nanoseconds < 0 {
                seconds -= 1
                nanoseconds += 1_000_000_000
            }
            return timespec(tv_sec: Int(seconds), tv_nsec: Int(nanoseconds))
        }
    }

    /// The next run of data at or behind a place; nil where only a hole follows, or the end.
    package func dataRun(from offset: UInt64) -> Range<UInt64>? {
        guard let start = seek(from: offset, data: true) else { return nil }
        // It has become shorter where there is no end.
        return seek(from: start, data: false).map { start..<max(start, $0) }
    }

    /// Whether the page cache holds a range (cachestat(2), Linux 6.5); false where it does not tell.
    package func isCached(_ offset: UInt64, _ count: Int) -> Bool {
        cp_cached_bytes(descriptor, offset, UInt64(count)) >= Int64(count)
    }

    /// Whether a file system in a process holds it.
    package var isOnFUSE: Bool { cp_file_system_type(descriptor) == 0x6573_5546 }

    /// Has the kernel give its changed pages to the file system, and waits until that has them all. It does
    /// so at each close(2); FUSE alone needs it before lseek(2) tells of holes. Nothing is durable by that.
    package func flush() throws(Errno) {
        let other = cp_duplicate(descriptor)
        if other < 0 { throw .last }
        if close(other) != 0 { throw .last }
    }

    /// lseek(2) with SEEK_DATA or SEEK_HOLE; nil where there is none (ENXIO). A file system that cannot tell
    /// has data only.
    package func seek(from offset: UInt64, data: Bool) -> UInt64? {
        let found = cp_lseek(
            descriptor, Int64(clamping: offset), data ? CP_SEEK_DATA : CP_SEEK_HOLE)
        if found >= 0 { return UInt64(found) }
        if Errno.last == .noDevice { return nil }
        return data ? offset : UInt64(Int64.max)
    }
}

/// Gives the calling thread a table of descriptors of its own, with 0 to 2 only (unshare(2) with
/// CLONE_FILES). What it opens from then on, no other thread sees, and it keeps no file open.
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
