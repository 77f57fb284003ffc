// StoreKey: the file `key`, a second copy of the key of the record checksums. The superblock holds the
// first copy. Without the key, no record can be distinguished from bytes that look like one, so each of
// the two files suffices to recreate the other one.
//
// sealed payload, two copies: store id u64 | key, 192 bytes

package import Platform

package struct StoreKey: Equatable, Sendable {
    package static let path = "key"

    /// The store's id, as in the superblock.
    package var id: UInt64
    package var key: ChecksumKey

    package init(_ superblock: Superblock) {
        id = superblock.id
        key = superblock.key
    }

    package func write(to disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 8 + ChecksumKey.length)
        writer.integer(id)
        writer.raw(key.secret)
        try SealedFile.write(
            writer.bytes, magic: Format.keyMagic, copies: 2, to: Self.path, on: disk, durable: true)
    }

    package init(from disk: any Disk) throws(StorageError) {
        let payload = try SealedFile.read(
            magic: Format.keyMagic, copies: 2, from: Self.path, on: disk)
        var reader = ByteReader(payload)
        guard let id: UInt64 = reader.integer(),
            let key = reader.raw(ChecksumKey.length).flatMap({ ChecksumKey($0) })
        else { throw .damaged(path: Self.path, what: "it is too short") }
        self.id = id
        self.key = key
    }
}

extension Store {
    /// Recreates the file `key` if it is missing or damaged.
    /// - Throws: `StorageError.damaged` if the file is intact but holds the key of another store. Then
    ///   one of the two files was copied from elsewhere, and it is not known which one matches the
    ///   logs.
    static func checkKey(_ superblock: Superblock, _ disk: any Disk) throws(StorageError) {
        let expected = StoreKey(superblock)
        do throws(StorageError) {
            guard try StoreKey(from: disk) != expected else { return }
        } catch {
            switch error {
            case .damaged, .system(.noEntry, _, _): return try expected.write(to: disk)
            default: throw error
            }
        }
        throw .damaged(
            path: StoreKey.path,
            what: "it and the superblock belong to different stores: one was copied from elsewhere")
    }
}
