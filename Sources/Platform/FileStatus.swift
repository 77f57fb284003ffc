// FileStatus: the result of statx(2) for a file of the host, including its birth time.

internal import CPlatform
import Glibc

/// The result of statx(2). Times are nanoseconds since 1970. `birthTime` is 0 if the host has none.
package struct FileStatus: Equatable, Sendable {
    package var device: UInt64
    package var inode: UInt64
    package var mode: UInt32
    package var links: UInt32
    package var user: UInt32
    package var group: UInt32
    package var specialDevice: UInt64
    package var size: UInt64
    /// In units of 512 bytes.
    package var blocks: UInt64
    package var accessTime: Int64
    package var modificationTime: Int64
    package var changeTime: Int64
    package var birthTime: Int64

    /// Makes the status of a file that is not on the host.
    package init(
        device: UInt64, inode: UInt64, mode: UInt32, links: UInt32, user: UInt32, group: UInt32,
        specialDevice: UInt64, size: UInt64, blocks: UInt64, accessTime: Int64,
        modificationTime: Int64, changeTime: Int64, birthTime: Int64
    ) {
        self.device = device
        self.inode = inode
        self.mode = mode
        self.links = links
        self.user = user
        self.group = group
        self.specialDevice = specialDevice
        self.size = size
        self.blocks = blocks
        self.accessTime = accessTime
        self.modificationTime = modificationTime
        self.changeTime = changeTime
        self.birthTime = birthTime
    }

    package init(of file: File) throws(Errno) { try self.init([], in: file) }

    /// Gets the status of `name` in `directory`. It does not follow a symlink as the last component. An
    /// empty name means `directory` itself.
    package init(_ name: [UInt8], in directory: File?) throws(Errno) {
        var raw = cp_statx_t()
        let at = directory?.descriptor ?? AT_FDCWD
        let result = withCString(name) { cp_statx(at, $0, &raw) }
        if result != 0 { throw .last }
        device = cp_makedev(raw.dev_major, raw.dev_minor)
        inode = raw.ino
        mode = raw.mode
        links = raw.nlink
        user = raw.uid
        group = raw.gid
        specialDevice = cp_makedev(raw.rdev_major, raw.rdev_minor)
        size = raw.size
        blocks = raw.blocks
        accessTime = raw.atime_ns
        modificationTime = raw.mtime_ns
        changeTime = raw.ctime_ns
        birthTime = raw.btime_ns
    }

    package var type: FileType { FileType(mode: mode) }

    /// The number of bytes that its blocks use.
    package var allocatedBytes: UInt64 { blocks.multiplied(clamping: 512) }

    /// Returns the device of the file system that a path leads to, or nil if the path does not exist.
    /// It follows symlinks, including those of /proc. It sends no request to a server of a file system.
    package static func device(at path: String) -> UInt64? {
        var device: UInt64 = 0
        return cp_device(path, &device) == 0 ? device : nil
    }

    /// Returns the device number in the form of st_dev.
    package static func device(major: UInt32, minor: UInt32) -> UInt64 { cp_makedev(major, minor) }
}

/// The type bits of a mode, as in inode(7), shifted right by 12 (equal to DT_* of dirent.h).
package enum FileType: UInt8, Sendable {
    case unknown = 0
    case fifo = 1
    case characterDevice = 2
    case directory = 4
    case blockDevice = 6
    case regular = 8
    case symlink = 10
    case socket = 12

    package init(mode: UInt32) { self = FileType(rawValue: UInt8((mode >> 12) & 15)) ?? .unknown }

    package var modeBits: UInt32 { UInt32(rawValue) << 12 }
}
