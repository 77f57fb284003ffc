// InodeRecord: the row of one inode. InodeRecord and Origin each have one binary form, which the tree
// log stores and the database uses for its checksums.

package import Platform

package struct InodeRecord: Equatable, Sendable {
    package var number: InodeNumber
    /// Type and permission bits.
    package var mode: UInt32
    package var user: UInt32
    package var group: UInt32
    package var links: UInt32
    package var specialDevice: UInt64 = 0
    /// In bytes. For a file with an edit log, as of `contentSequence`.
    package var size: UInt64 = 0
    /// The number of bytes outside holes.
    package var allocated: UInt64 = 0
    package var accessTime: Int64
    package var modificationTime: Int64
    package var changeTime: Int64
    package var birthTime: Int64
    /// The last change that set the times.
    package var sequence: UInt64 = 0
    /// The last edit that `size`, `allocated` and the times include.
    package var contentSequence: UInt64 = 0
    package var flags: Flags = []
    package var symlinkTarget: [UInt8] = []

    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        /// The content is in an edit log. Otherwise it is the base's, or empty.
        package static let hasLog = Flags(rawValue: 1)
        /// The inode came from the base: an Origin is recorded under its number.
        package static let hasOrigin = Flags(rawValue: 2)
        /// Extended attributes were set or removed in the workspace.
        package static let hasXattrs = Flags(rawValue: 4)
        /// The file has security.capability, which every write clears.
        package static let hasCapability = Flags(rawValue: 8)
        /// Without a log the file shows the base's content, even after the base changes. The flag is
        /// cleared once other files read the base by this inode's number.
        package static let followsBase = Flags(rawValue: 16)
        /// The content is in an edit log of the workspace that this one was forked from.
        package static let inheritsLog = Flags(rawValue: 32)
    }

    package init(
        number: InodeNumber, mode: UInt32, user: UInt32, group: UInt32, links: UInt32, time: Int64
    ) {
        self.number = number
        self.mode = mode
        self.user = user
        self.group = group
        self.links = links
        accessTime = time
        modificationTime = time
        changeTime = time
        birthTime = time
    }

    package var type: FileType { FileType(mode: mode) }

    package func encode(into writer: inout ByteWriter) {
        writer.integer(number)
        writer.integer(mode)
        writer.integer(user)
        writer.integer(group)
        writer.integer(links)
        writer.integer(specialDevice)
        writer.integer(size)
        writer.integer(allocated)
        writer.integer(accessTime)
        writer.integer(modificationTime)
        writer.integer(changeTime)
        writer.integer(birthTime)
        writer.integer(sequence)
        writer.integer(contentSequence)
        writer.integer(flags.rawValue)
        writer.string(symlinkTarget)
    }

    package init?(decoding reader: inout ByteReader) {
        guard let number: UInt64 = reader.integer(), let mode: UInt32 = reader.integer(),
            let user: UInt32 = reader.integer(), let group: UInt32 = reader.integer(),
            let links: UInt32 = reader.integer(), let specialDevice: UInt64 = reader.integer(),
            let size: UInt64 = reader.integer(), let allocated: UInt64 = reader.integer(),
            let accessTime: Int64 = reader.integer(), let modificationTime: Int64 = reader.integer(),
            let changeTime: Int64 = reader.integer(), let birthTime: Int64 = reader.integer(),
            let sequence: UInt64 = reader.integer(), let contentSequence: UInt64 = reader.integer(),
            let flags: UInt32 = reader.integer(), let target = reader.string(),
            size <= UInt64(Int64.max)
        else { return nil }
        self.number = number
        self.mode = mode
        self.user = user
        self.group = group
        self.links = links
        self.specialDevice = specialDevice
        self.size = size
        self.allocated = allocated
        self.accessTime = accessTime
        self.modificationTime = modificationTime
        self.changeTime = changeTime
        self.birthTime = birthTime
        self.sequence = sequence
        self.contentSequence = contentSequence
        self.flags = Flags(rawValue: flags)
        symlinkTarget = target
    }
}
