// NodeAttributes: the attributes of a node in replies, and their conversion to the structures of
// libfuse.

internal import CFuse
internal import Platform

/// The attributes of one node. Times are in nanoseconds since 1970.
package struct NodeAttributes: Sendable, Equatable {
    /// The inode number (st_ino).
    package var inode: UInt64
    /// The file type and permission bits (inode(7)).
    package var mode: UInt32
    package var links: UInt32
    package var uid: UInt32
    package var gid: UInt32
    /// The device number of a special file, as makedev(3) builds it.
    package var specialDevice: UInt64
    /// The size in bytes.
    package var size: UInt64
    /// The allocated size in units of 512 bytes.
    package var blocks: UInt64
    /// The preferred I/O size (st_blksize), in bytes.
    package var blockSize: UInt32
    package var accessTime: Int64
    package var modificationTime: Int64
    package var changeTime: Int64

    package init(
        inode: UInt64, mode: UInt32, links: UInt32 = 1, uid: UInt32 = 0, gid: UInt32 = 0,
        specialDevice: UInt64 = 0, size: UInt64 = 0, blocks: UInt64 = 0,
        blockSize: UInt32 = 4096, accessTime: Int64 = 0, modificationTime: Int64 = 0,
        changeTime: Int64 = 0
    ) {
        self.inode = inode
        self.mode = mode
        self.links = links
        self.uid = uid
        self.gid = gid
        self.specialDevice = specialDevice
        self.size = size
        self.blocks = blocks
        self.blockSize = blockSize
        self.accessTime = accessTime
        self.modificationTime = modificationTime
        self.changeTime = changeTime
    }

    var status: stat {
        var status = stat()
        status.st_ino = UInt(inode)
        status.st_mode = mode
        status.st_nlink = UInt(links)
        status.st_uid = uid
        status.st_gid = gid
        status.st_rdev = UInt(specialDevice)
        status.st_size = Int(clamping: size)
        status.st_blocks = Int(clamping: blocks)
        status.st_blksize = Int(blockSize)
        status.st_atim = timespec(nanoseconds: accessTime)
        status.st_mtim = timespec(nanoseconds: modificationTime)
        status.st_ctim = timespec(nanoseconds: changeTime)
        return status
    }
}

/// The result of a lookup: a node, and how long the kernel may cache its name and attributes.
package struct NodeEntry: Sendable, Equatable {
    /// A timeout in seconds that never expires in practice.
    package static let forever: Double = 1_000_000_000

    /// The node number. 0 in a directory listing: the kernel gets the name but no reference to the
    /// node.
    package var nodeID: UInt64
    /// With `nodeID`, identifies a node uniquely over the life of the file system, for NFS.
    package var generation: UInt64
    package var attributes: NodeAttributes
    /// How long the kernel may cache the name, in seconds.
    package var entryTimeout: Double
    /// How long the kernel may cache the attributes, in seconds.
    package var attributeTimeout: Double

    package init(
        nodeID: UInt64, generation: UInt64 = 0, attributes: NodeAttributes,
        entryTimeout: Double = NodeEntry.forever, attributeTimeout: Double = NodeEntry.forever
    ) {
        self.nodeID = nodeID
        self.generation = generation
        self.attributes = attributes
        self.entryTimeout = entryTimeout
        self.attributeTimeout = attributeTimeout
    }

    var parameters: fuse_entry_param {
        var parameters = fuse_entry_param()
        parameters.ino = nodeID
        parameters.generation = generation
        parameters.attr = attributes.status
        parameters.attr_timeout = attributeTimeout
        parameters.entry_timeout = entryTimeout
        return parameters
    }
}

/// The result of statfs(2).
package struct FileSystemStatistics: Sendable, Equatable {
    /// The unit of the three block counts, in bytes.
    package var blockSize: UInt32
    package var blocks: UInt64
    package var freeBlocks: UInt64
    package var availableBlocks: UInt64
    package var files: UInt64
    package var freeFiles: UInt64
    package var maximumNameLength: UInt32

    package init(
        blockSize: UInt32, blocks: UInt64, freeBlocks: UInt64, availableBlocks: UInt64,
        files: UInt64, freeFiles: UInt64, maximumNameLength: UInt32 = 255
    ) {
        self.blockSize = blockSize
        self.blocks = blocks
        self.freeBlocks = freeBlocks
        self.availableBlocks = availableBlocks
        self.files = files
        self.freeFiles = freeFiles
        self.maximumNameLength = maximumNameLength
    }

    var status: statvfs {
        var status = statvfs()
        status.f_bsize = UInt(blockSize)
        status.f_frsize = UInt(blockSize)
        status.f_blocks = UInt(blocks)
        status.f_bfree = UInt(freeBlocks)
        status.f_bavail = UInt(availableBlocks)
        status.f_files = UInt(files)
        status.f_ffree = UInt(freeFiles)
        status.f_favail = UInt(freeFiles)
        status.f_namemax = UInt(maximumNameLength)
        return status
    }
}

extension timespec {
    /// Rounds the seconds down, so that the nanoseconds are not negative for times before 1970.
    init(nanoseconds: Int64) {
        let second: Int64 = 1_000_000_000
        var (seconds, rest) = nanoseconds.quotientAndRemainder(dividingBy: second)
        if rest < 0 {
            seconds -= 1
            rest += second
        }
        self.init(tv_sec: Int(seconds), tv_nsec: Int(rest))
    }

    /// The time in nanoseconds. It saturates: an Int64 of nanoseconds covers the years 1677 to 2262.
    var nanoseconds: Int64 {
        Int64(seconds: Int64(tv_sec), nanoseconds: Int64(tv_nsec))
    }
}
