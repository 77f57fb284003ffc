// WorkspaceRecord: the description of a workspace: its id, its name and its creation time.

package import Platform

package struct WorkspaceRecord: Equatable, Sendable {
    /// 1 to 32,767. The id is the high 16 bits of the workspace's inode numbers, which stay positive as
    /// signed numbers.
    package var id: UInt16
    package var name: FileName
    package var created: Int64

    package init(id: UInt16, name: FileName, created: Int64) {
        self.id = id
        self.name = name
        self.created = created
    }

    package static let maximumID: UInt16 = 0x7fff

    package func write(to path: String, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 32 + name.bytes.count)
        writer.integer(id)
        writer.integer(UInt16(0))
        writer.integer(UInt32(0))
        writer.integer(created)
        writer.string(name.bytes)
        try SealedFile.write(
            writer.bytes, magic: Format.workspaceMagic, copies: 2, to: path, on: disk,
            durable: true)
    }

    package init(from path: String, on disk: any Disk) throws(StorageError) {
        let payload = try SealedFile.read(
            magic: Format.workspaceMagic, copies: 2, from: path, on: disk)
        var reader = ByteReader(payload)
        guard let id: UInt16 = reader.integer(), reader.integer(UInt16.self) != nil,
            reader.integer(UInt32.self) != nil, let created: Int64 = reader.integer(),
            let bytes = reader.string(), let name = try? FileName(bytes),
            id > 0, id <= Self.maximumID
        else { throw .damaged(path: path, what: "it is too short") }
        self.id = id
        self.name = name
        self.created = created
    }
}
