// Superblock: the description of a store: its id, its base and its key. WorkspaceRecord is the same for
// a workspace. Both are sealed files with two copies, synced when written.
//
// superblock payload: store version u32 | zero u32 | store id u64 | created i64 | base path (u32, bytes)
//     | base root inode u64 | key, 192 bytes
// workspace payload: id u16 | zeros, 6 bytes | created i64 | name (u32, bytes)

package import Platform

package struct Superblock: Equatable, Sendable {
    package static let path = "superblock"

    package var version: UInt32 = Format.storeVersion
    package var id: UInt64
    package var created: Int64
    /// The real path of the base below the store's workspaces.
    package var basePath: [UInt8]
    package var baseInode: UInt64
    /// The key of the record checksums. The file `key` holds it too.
    package var key: ChecksumKey

    package init(
        id: UInt64, created: Int64, basePath: [UInt8], baseInode: UInt64, key: ChecksumKey
    ) {
        self.id = id
        self.created = created
        self.basePath = basePath
        self.baseInode = baseInode
        self.key = key
    }

    package func write(to disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 64 + basePath.count)
        writer.integer(version)
        writer.integer(UInt32(0))
        writer.integer(id)
        writer.integer(created)
        writer.string(basePath)
        writer.integer(baseInode)
        writer.raw(key.secret)
        try SealedFile.write(
            writer.bytes, magic: Format.superblockMagic, copies: 2, to: Self.path, on: disk,
            durable: true)
    }

    package init(from disk: any Disk) throws(StorageError) {
        let payload = try SealedFile.read(
            magic: Format.superblockMagic, copies: 2, from: Self.path, on: disk)
        var reader = ByteReader(payload)
        guard let version: UInt32 = reader.integer() else {
            throw .damaged(path: Self.path, what: "it is too short")
        }
        if version > Format.storeVersion {
            throw .newerVersion(path: Self.path, found: version, known: Format.storeVersion)
        }
        if version < Format.storeVersion {
            throw .olderVersion(path: Self.path, found: version, known: Format.storeVersion)
        }
        guard reader.integer(UInt32.self) != nil, let id: UInt64 = reader.integer(),
            let created: Int64 = reader.integer(), let basePath = reader.string(),
            let baseInode: UInt64 = reader.integer(),
            let key = reader.raw(ChecksumKey.length).flatMap({ ChecksumKey($0) })
        else { throw .damaged(path: Self.path, what: "it is too short") }
        self.version = version
        self.id = id
        self.created = created
        self.basePath = basePath
        self.baseInode = baseInode
        self.key = key
    }
}
