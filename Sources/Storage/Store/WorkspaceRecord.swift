// WorkspaceRecord: the description of a workspace: its id, its name, when it was made, and when it was
// discarded.
//
// payload: id u16 | version u16 | zero u32 | created i64 | name string | discarded i64
//
// Version 0 ends with the name: the workspace is not discarded. Version 1 has the time.

package import Platform

package struct WorkspaceRecord: Equatable, Sendable {
    /// 1 to 32,767. The id is the high 16 bits of the workspace's inode numbers, which stay positive as
    /// signed numbers.
    package var id: UInt16
    package var name: FileName
    /// In nanoseconds since 1970.
    package var created: Int64
    /// When the workspace was discarded, in nanoseconds since 1970. Nil if it was not.
    package var discarded: Int64?

    package init(id: UInt16, name: FileName, created: Int64, discarded: Int64? = nil) {
        self.id = id
        self.name = name
        self.created = created
        self.discarded = discarded
    }

    package static let maximumID: UInt16 = 0x7fff
    private static let version: UInt16 = 1

    package func write(to path: String, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 40 + name.bytes.count)
        writer.integer(id)
        writer.integer(discarded == nil ? UInt16(0) : Self.version)
        writer.integer(UInt32(0))
        writer.integer(created)
        writer.string(name.bytes)
        if let discarded { writer.integer(discarded) }
        try SealedFile.write(
            writer.bytes, magic: Format.workspaceMagic, copies: 2, to: path, on: disk,
            durable: true)
    }

    package init(from path: String, on disk: any Disk) throws(StorageError) {
        let payload = try SealedFile.read(
            magic: Format.workspaceMagic, copies: 2, from: path, on: disk)
        var reader = ByteReader(payload)
        guard let id: UInt16 = reader.integer(), let version: UInt16 = reader.integer() else {
            throw .damaged(path: path, what: "it is too short")
        }
        if version > Self.version {
            throw .newerVersion(path: path, found: UInt32(version), known: UInt32(Self.version))
        }
        guard reader.integer(UInt32.self) != nil, let created: Int64 = reader.integer(),
            let bytes = reader.string(), let name = try? FileName(bytes),
            id > 0, id <= Self.maximumID
        else { throw .damaged(path: path, what: "it is too short") }
        self.id = id
        self.name = name
        self.created = created
        if version == 0 { return }
        guard let discarded: Int64 = reader.integer() else {
            throw .damaged(path: path, what: "it is too short")
        }
        self.discarded = discarded
    }
}
