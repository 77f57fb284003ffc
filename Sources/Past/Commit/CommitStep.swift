// CommitStep: one change of the base by a commit. Each can be carried out again after a crash: it finds by
// the identity of files what it has done already.
//
// step: kind u8 | flags u8 (1 = status, 2 = attributes) | zero u16 | id u64 | path string | other string
//     | status | count u32, and of each attribute: name string, value string

internal import Overlay
internal import Platform

struct CommitStep: Equatable, Sendable {
    enum Kind: UInt8, Sendable {
        /// Keeps the file at `path` in the store, before it is replaced.
        case keep = 1
        /// Moves the file or directory at `path` into the stage: it gets another name.
        case moveOut = 2
        /// Moves the file or directory at `path` into the store: it is removed.
        case remove = 3
        /// Removes the file or empty directory at `path`, of which the store has a copy.
        case delete = 4
        /// Moves what `moveOut` put into the stage to `path`.
        case moveIn = 5
        /// Moves what was prepared in the stage to `path`.
        case place = 6
        /// As `place`, over the file that is there.
        case replace = 7
        /// Replaces the content of the file at `path`, which has other names that the workspace does not
        /// know.
        case overwrite = 8
        /// Gives the file at `other` the further name `path`.
        case link = 9
        /// Sets mode, owner and extended attributes of `path`.
        case attributes = 10
        /// Sets the times of the directory at `path`.
        case times = 11

        /// Whether it keeps what will be replaced, or takes a name away: such steps come first.
        var leaves: Bool { [.keep, .moveOut, .remove, .delete].contains(self) }
    }

    var kind: Kind
    /// Names what is kept, moved or prepared.
    var id: UInt64 = 0
    var path: [UInt8]
    var other: [UInt8] = []
    /// The identity of the file that is moved or replaced, or the attributes to set.
    var status: FileStatus?
    var xattrs: [[UInt8]: [UInt8]]?

    init(
        _ kind: Kind, _ path: [UInt8], id: UInt64 = 0, other: [UInt8] = [], status: FileStatus? = nil,
        xattrs: [[UInt8]: [UInt8]]? = nil
    ) {
        self.kind = kind
        self.id = id
        self.path = path
        self.other = other
        self.status = status
        self.xattrs = xattrs
    }
}

extension CommitStep {
    var encoded: [UInt8] {
        var writer = ByteWriter(capacity: 160)
        writer.integer(kind.rawValue)
        writer.integer(UInt8((status == nil ? 0 : 1) | (xattrs == nil ? 0 : 2)))
        writer.integer(UInt16(0))
        writer.integer(id)
        writer.string(path)
        writer.string(other)
        status?.encode(into: &writer)
        if let xattrs { writer.xattrs(xattrs) }
        return writer.bytes
    }

    init?(decoding bytes: [UInt8]) {
        var reader = ByteReader(bytes)
        guard let raw: UInt8 = reader.integer(), let kind = Kind(rawValue: raw),
            let flags: UInt8 = reader.integer(), reader.integer(UInt16.self) != nil,
            let id: UInt64 = reader.integer(), let path = reader.string(), let other = reader.string()
        else { return nil }
        self.init(kind, path, id: id, other: other)
        if flags & 1 != 0 {
            guard let status = FileStatus(decoding: &reader) else { return nil }
            self.status = status
        }
        guard flags & 2 != 0 else { return }
        guard let xattrs = reader.xattrs() else { return nil }
        self.xattrs = xattrs
    }
}
