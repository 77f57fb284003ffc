// Origin: the identity of the base file that an inode came from, and how that file is recognised.

package import Platform

/// A file of the base, and its attributes when the workspace first touched it.
package struct Origin: Equatable, Sendable {
    /// Relative to the base's root, `/` between names. Empty for the root itself.
    package var path: [UInt8]
    package var device: UInt32
    package var inode: UInt64
    package var mode: UInt32
    package var size: UInt64
    package var modificationTime: Int64
    package var changeTime: Int64
    package var birthTime: Int64
    /// Whether the store holds a reflink copy of the content as it was.
    package var isPinned: Bool

    package init(path: [UInt8], device: UInt32, status: FileStatus) {
        self.path = path
        self.device = device
        inode = status.inode
        mode = status.mode
        size = min(status.size, UInt64(Int64.max))
        modificationTime = status.modificationTime
        changeTime = status.changeTime
        birthTime = status.birthTime
        isPinned = false
    }

    /// Returns whether `status` is of the same file with the same content, as far as attributes tell.
    package func fits(_ status: FileStatus) -> Bool {
        inode == status.inode && size == status.size
            && modificationTime == status.modificationTime && changeTime == status.changeTime
    }

    package func encode(into writer: inout ByteWriter) {
        writer.string(path)
        writer.integer(device)
        writer.integer(inode)
        writer.integer(mode)
        writer.integer(size)
        writer.integer(modificationTime)
        writer.integer(changeTime)
        writer.integer(birthTime)
        writer.integer(UInt32(isPinned ? 1 : 0))
    }

    package init?(decoding reader: inout ByteReader) {
        guard let path = reader.string(), let device: UInt32 = reader.integer(),
            let inode: UInt64 = reader.integer(), let mode: UInt32 = reader.integer(),
            let size: UInt64 = reader.integer(), let modificationTime: Int64 = reader.integer(),
            let changeTime: Int64 = reader.integer(), let birthTime: Int64 = reader.integer(),
            let pinned: UInt32 = reader.integer()
        else { return nil }
        self.path = path
        self.device = device
        self.inode = inode
        self.mode = mode
        self.size = size
        self.modificationTime = modificationTime
        self.changeTime = changeTime
        self.birthTime = birthTime
        isPinned = pinned & 1 == 1
    }
}
