// SpaceOnDisk: what statvfs(3) says of the file system that holds a path. SeekWhence: constants of lseek(2).

internal import CPlatform
import Glibc

package struct SpaceOnDisk: Sendable {
    /// In bytes: the unit of the block counts.
    package let blockSize: UInt32
    package let blocks: UInt64
    package let free: UInt64
    package let available: UInt64
    package let files: UInt64
    package let freeFiles: UInt64

    package init(_ path: String) throws(Errno) {
        var raw = statvfs()
        if statvfs(path, &raw) != 0 { throw .last }
        blockSize = UInt32(clamping: raw.f_frsize)
        blocks = UInt64(raw.f_blocks)
        free = UInt64(raw.f_bfree)
        available = UInt64(raw.f_bavail)
        files = UInt64(raw.f_files)
        freeFiles = UInt64(raw.f_ffree)
    }
}

package enum SeekWhence {
    package static let data = CP_SEEK_DATA
    package static let hole = CP_SEEK_HOLE
}
