// CommittedVersion: what a workspace had at a path when it was committed. The path is no change of the
// workspace any more as long as it still has that there, and the base what the commit left.
//
// value: checksum u64 | flags u8 (1 = present, 2 = after) | zero u24 | mode, user, group u32 | inode u64
//     | sequence u64 | content sequence u64 | after (see EpochRow)

package import Platform
package import Storage

package struct CommittedVersion: Equatable, Sendable {
    /// Whether there was a file; if not, the commit removed the name.
    package var isPresent: Bool
    package var mode: UInt32 = 0
    package var user: UInt32 = 0
    package var group: UInt32 = 0
    /// The inode's number without the workspace's id.
    package var inode: UInt64 = 0
    package var sequence: UInt64 = 0
    /// Of a directory: the checksum of its extended attributes, 0 if it has none.
    package var contentSequence: UInt64 = 0
    /// The status that the commit left in the base. Nil until it is done.
    package var after: FileStatus?
    /// The number of the commit, as far as it is asked for. It is not stored.
    package var commit: UInt64?

    package static let removed = CommittedVersion(isPresent: false)

    private init(isPresent: Bool) { self.isPresent = isPresent }

    /// - Parameter xattrs: the extended attributes of a directory.
    package init(_ record: InodeRecord, xattrs: [[UInt8]: [UInt8]] = [:]) {
        isPresent = true
        mode = record.mode
        user = record.user
        group = record.group
        inode = record.number & Self.low
        // A directory's times change with its names, which are other paths.
        if record.type != .directory {
            sequence = record.sequence
            contentSequence = record.contentSequence
        } else {
            contentSequence = Self.checksum(xattrs)
        }
    }

    private static func checksum(_ xattrs: [[UInt8]: [UInt8]]) -> UInt64 {
        if xattrs.isEmpty { return 0 }
        var writer = ByteWriter(capacity: 256)
        for name in xattrs.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            writer.string(name)
            writer.string(xattrs[name] ?? [])
        }
        return Checksum.xxh3(writer.bytes)
    }

    /// Whether a directory has the extended attributes that were committed.
    package func hasXattrs(_ xattrs: [[UInt8]: [UInt8]]) -> Bool {
        type != .directory || contentSequence == Self.checksum(xattrs)
    }

    /// The bits of an inode's number that a fork shares with its parent.
    package static let low: UInt64 = 1 << 48 - 1

    package var type: FileType { FileType(mode: mode) }

    /// Returns whether a file is still as it was committed. Of a directory the extended attributes do not
    /// count.
    package func isSame(_ record: InodeRecord) -> Bool {
        var now = CommittedVersion(record)
        (now.after, now.commit) = (after, commit)
        if record.type == .directory { now.contentSequence = contentSequence }
        return now == self
    }

    /// Returns whether a file has the content that was committed. The target of a symlink never changes.
    package func hasContent(of record: InodeRecord) -> Bool {
        let now = CommittedVersion(record)
        return inode == now.inode && (record.type != .regular || contentSequence == now.contentSequence)
    }

    func encoded(_ key: ChecksumKey) -> [UInt8] {
        var writer = ByteWriter(capacity: 160)
        writer.integer(UInt32((isPresent ? 1 : 0) | (after == nil ? 0 : 2)))
        for value in [mode, user, group] { writer.integer(value) }
        for value in [inode, sequence, contentSequence] { writer.integer(value) }
        after?.encode(into: &writer)
        return EpochRow.sealed(writer.bytes, key)
    }

    init?(decoding bytes: [UInt8], _ key: ChecksumKey) {
        guard let payload = EpochRow.payload(bytes, key) else { return nil }
        var reader = ByteReader(payload)
        guard let flags: UInt32 = reader.integer(), let mode: UInt32 = reader.integer(),
            let user: UInt32 = reader.integer(), let group: UInt32 = reader.integer(),
            let inode: UInt64 = reader.integer(), let sequence: UInt64 = reader.integer(),
            let content: UInt64 = reader.integer()
        else { return nil }
        isPresent = flags & 1 != 0
        self.mode = mode
        self.user = user
        self.group = group
        self.inode = inode
        self.sequence = sequence
        contentSequence = content
        guard flags & 2 != 0 else { return }
        guard let after = FileStatus(decoding: &reader) else { return nil }
        self.after = after
    }
}
