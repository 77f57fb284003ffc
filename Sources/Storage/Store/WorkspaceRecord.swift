// WorkspaceRecord: the description of a workspace: its id, its name, when it was made and discarded, and what
// it was forked from.
//
// payload: id u16 | version u16 | zero u32 | created i64 | name string | discarded i64
//     | flags u16 (1 = removed, 2 = unfinished) | parent u16 | generation u32 | sequence u64
//     | last number u64 | moment u64 | files u64 | epoch u64
//
// Version 0 ends with the name: the workspace is not discarded. Version 1 has the time. Version 2 is that of
// a fork, with a time of 0 if it is not discarded, and of a removed workspace that forks still need, with
// parent 0 if it is no fork itself. Version 3 is that of a workspace that was made after a commit to the
// base, and has the number of the last commit that it knows.

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
    /// Whether it is removed, and kept only because forks of it need its data.
    package var isRemoved = false
    /// Whether it is a fork that is still being brought to its moment. The next start removes it.
    package var isUnfinished = false
    /// The state of another workspace that this one began with. Nil if it began with the base.
    package var fork: Fork?
    /// The number of the last commit to the base that it knows.
    package var epoch: UInt64 = 0

    /// The state of a workspace that a fork began with.
    package struct Fork: Equatable, Sendable {
        package var workspace: UInt16
        /// The layer that has that state.
        package var generation: UInt32
        /// The last change of the workspace that the fork has.
        package var sequence: UInt64
        /// The last inode number given out.
        package var lastNumber: UInt64
        /// The moment to which the fork went back when it was made. The same as `sequence` if it did not.
        package var moment: UInt64
        /// The number of files and directories of the workspace that counted in its limits, and count in the
        /// fork's.
        package var files: UInt64

        package init(
            workspace: UInt16, generation: UInt32, sequence: UInt64, lastNumber: UInt64, moment: UInt64,
            files: UInt64 = 0
        ) {
            self.files = files
            self.workspace = workspace
            self.generation = generation
            self.sequence = sequence
            self.lastNumber = lastNumber
            self.moment = moment
        }
    }

    package init(
        id: UInt16, name: FileName, created: Int64, discarded: Int64? = nil, fork: Fork? = nil,
        epoch: UInt64 = 0
    ) {
        self.epoch = epoch
        self.id = id
        self.name = name
        self.created = created
        self.discarded = discarded
        self.fork = fork
    }

    package static let maximumID: UInt16 = 0x7fff
    private static let version: UInt16 = 3

    package func write(to path: String, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 40 + name.bytes.count)
        writer.integer(id)
        let version: UInt16 = epoch > 0 ? 3
            : fork != nil || isRemoved || isUnfinished ? 2 : discarded == nil ? 0 : 1
        writer.integer(version)
        writer.integer(UInt32(0))
        writer.integer(created)
        writer.string(name.bytes)
        if version > 0 { writer.integer(discarded ?? 0) }
        if version > 1 {
            writer.integer(UInt16((isRemoved ? 1 : 0) | (isUnfinished ? 2 : 0)))
            writer.integer(fork?.workspace ?? 0)
            writer.integer(fork?.generation ?? 0)
            writer.integer(fork?.sequence ?? 0)
            writer.integer(fork?.lastNumber ?? 0)
            writer.integer(fork?.moment ?? 0)
            writer.integer(fork?.files ?? 0)
        }
        if version > 2 { writer.integer(epoch) }
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
        self.discarded = version == 1 || discarded != 0 ? discarded : nil
        if version == 1 { return }
        guard let flags: UInt16 = reader.integer(), let parent: UInt16 = reader.integer(),
            let generation: UInt32 = reader.integer(), let sequence: UInt64 = reader.integer(),
            let lastNumber: UInt64 = reader.integer(), let moment: UInt64 = reader.integer(),
            let files: UInt64 = reader.integer()
        else { throw .damaged(path: path, what: "it is too short") }
        isRemoved = flags & 1 != 0
        isUnfinished = flags & 2 != 0
        if version > 2 {
            guard let epoch: UInt64 = reader.integer() else {
                throw .damaged(path: path, what: "it is too short")
            }
            self.epoch = epoch
        }
        guard parent != 0 else { return }
        guard parent <= Self.maximumID, parent != id else {
            throw .damaged(path: path, what: "it names no workspace as its parent")
        }
        fork = Fork(
            workspace: parent, generation: generation, sequence: sequence, lastNumber: lastNumber,
            moment: moment, files: files)
    }
}
