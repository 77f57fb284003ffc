// PinFooter: the last bytes of a file of the pool. They name its content and verify the checksum table.

internal import Platform

/// The last bytes of a file of the pool.
package struct PinFooter: Equatable, Sendable {
    package var identity: PinIdentity
    /// Whether the content shares its extents with the base. Such a file has no checksums of its content.
    package var isShared: Bool
    /// The checksum of the table of checksums.
    package var tableSum: UInt64

    package static let length = Format.pinFooterLength

    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Self.length)
        writer.integer(Format.pinMagic)
        writer.integer(Format.pinVersion)
        writer.integer(UInt32(isShared ? 1 : 0))
        writer.integer(identity.device)
        writer.integer(identity.inode)
        writer.integer(identity.size)
        writer.integer(identity.modificationTime)
        writer.integer(identity.changeTime)
        writer.integer(identity.birthTime)
        writer.integer(tableSum)
        writer.integer(Checksum.xxh3(writer.bytes))
        return writer.bytes
    }

    /// - Returns: Nil if the bytes are not a footer of that identity.
    init?(_ bytes: [UInt8], of identity: PinIdentity) {
        guard bytes.count == Self.length else { return nil }
        var reader = ByteReader(bytes)
        reader.skip(12)
        guard let flags: UInt32 = reader.integer() else { return nil }
        reader.skip(48)
        guard let tableSum: UInt64 = reader.integer() else { return nil }
        self.identity = identity
        isShared = flags & 1 == 1
        self.tableSum = tableSum
        guard self.bytes == bytes else { return nil }
    }

    init(identity: PinIdentity, isShared: Bool, tableSum: UInt64) {
        self.identity = identity
        self.isShared = isShared
        self.tableSum = tableSum
    }
}
