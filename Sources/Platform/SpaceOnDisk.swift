// SpaceOnDisk: the result of statvfs(3) for the file system of a path. SeekWhence: constants of lseek(2).

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

    private init(_ other: SpaceOnDisk, bytes: (total: UInt64, free: UInt64)?,
        files: (total: UInt64, free: UInt64)?
    ) {
        blockSize = other.blockSize
        let unit = UInt64(max(1, other.blockSize))
        blocks = bytes.map { $0.total / unit } ?? other.blocks
        free = bytes.map { min(other.free, $0.free / unit) } ?? other.free
        available = bytes.map { min(other.available, $0.free / unit) } ?? other.available
        self.files = files?.total ?? other.files
        freeFiles = files.map { other.files == 0 ? $0.free : min(other.freeFiles, $0.free) }
            ?? other.freeFiles
    }

    /// Returns the space that limits leave of this. Each limit is given with what is already used of it.
    package func limited(
        bytes: (limit: UInt64, used: UInt64)?, files: (limit: UInt64, used: UInt64)?
    ) -> SpaceOnDisk {
        func room(_ pair: (limit: UInt64, used: UInt64)?) -> (total: UInt64, free: UInt64)? {
            pair.map { ($0.limit, $0.limit - min($0.limit, $0.used)) }
        }
        if bytes == nil, files == nil { return self }
        return SpaceOnDisk(self, bytes: room(bytes), files: room(files))
    }

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
