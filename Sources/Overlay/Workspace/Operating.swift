// Operating: the words of the operator's commands: backups, moments, what a command did and which
// of the kernel's caches it made stale.

package import Platform
package import Storage

/// Why a command failed: the errno that its write(2) answers, and one plain sentence.
package struct CommandError: Error, Sendable, CustomStringConvertible {
    package let errno: Errno
    /// What failed, on what, what to do.
    package let description: String
    /// What was done all the same: it was to be durable and is not, as far as known. The kernel's
    /// caches are stale nevertheless.
    package let done: CommandOutcome?

    package init(_ errno: Errno, _ description: String, done: CommandOutcome? = nil) {
        self.errno = errno
        self.description = description
        self.done = done
    }
}

/// A named moment of a workspace. It holds nothing: logs only grow, so a moment is a number.
package struct Backup: Equatable, Sendable {
    package var name: FileName
    /// The last change that it contains.
    package var sequence: UInt64
    /// Nanoseconds since 1970.
    package var time: Int64
    package var comment: [UInt8]
    /// Made by draftfs before a rollback, an undo, or the first edit of a large file.
    package var isAutomatic: Bool

    package init(
        name: FileName, sequence: UInt64, time: Int64, comment: [UInt8] = [],
        isAutomatic: Bool = false
    ) {
        self.name = name
        self.sequence = sequence
        self.time = time
        self.comment = comment
        self.isAutomatic = isAutomatic
    }
}

/// A moment as people write it.
package enum Moment: Equatable, Sendable {
    case backup(FileName)
    /// After the change of that number; 0 is the base as it was forked.
    case sequence(UInt64)
    /// Nanoseconds since 1970: the last change at or before it.
    case time(Int64)
}

/// What the kernel may still hold of the state before a command.
package struct StaleCaches: Sendable {
    /// Inodes whose attributes changed; true where the content changed too.
    package var inodes: [InodeNumber: Bool] = [:]
    package var entries: [(parent: InodeNumber, name: FileName)] = []

    package init() {}
}

/// What a quick command did.
package struct CommandOutcome: Sendable {
    /// The change that the command itself is.
    package var sequence: UInt64
    /// The automatic backup of the state before it.
    package var backup: FileName?
    /// Files and directories that it changed.
    package var changed: Int
    package var stale = StaleCaches()

    package init(sequence: UInt64, backup: FileName? = nil, changed: Int = 0) {
        self.sequence = sequence
        self.backup = backup
        self.changed = changed
    }
}

/// One splice of an edit. Offsets are those of the file before the edit.
package struct Splice: Equatable, Sendable {
    /// The offset that stands for the end of the file, wherever the edit finds it. No file is that
    /// long.
    package static let end: UInt64 = .max

    /// Bytes, or `end`.
    package var offset: UInt64
    /// Bytes that go.
    package var delete: UInt64
    /// Bytes that come in their place.
    package var insert: [UInt8]

    package init(offset: UInt64, delete: UInt64 = 0, insert: [UInt8] = []) {
        self.offset = offset
        self.delete = delete
        self.insert = insert
    }
}

/// One change as history shows it.
package struct HistoryItem: Sendable {
    package var sequence: UInt64
    /// Nanoseconds since 1970.
    package var time: Int64
    package var pid: UInt32
    package var uid: UInt32
    /// The process's name when it made the change, as far as known.
    package var command: [UInt8]
    /// create, write, truncate, punch, share, edit, rename, unlink, …
    package var operation: String
    /// Below the workspace's root; the path after the change.
    package var path: [UInt8]
    /// For a rename, the path before.
    package var oldPath: [UInt8]?
    /// The bytes that a content change wrote over.
    package var range: Range<UInt64>?

    package init(
        sequence: UInt64, time: Int64, pid: UInt32, uid: UInt32, command: [UInt8],
        operation: String, path: [UInt8], oldPath: [UInt8]? = nil, range: Range<UInt64>? = nil
    ) {
        self.sequence = sequence
        self.time = time
        self.pid = pid
        self.uid = uid
        self.command = command
        self.operation = operation
        self.path = path
        self.oldPath = oldPath
        self.range = range
    }
}

/// A run of a file's bytes and who wrote it; no change where it is the base's.
package struct BlameRange: Sendable {
    package var range: Range<UInt64>
    package enum Source: Sendable {
        case base
        case hole
        case change(HistoryItem)
    }
    package var source: Source

    package init(range: Range<UInt64>, source: Source) {
        self.range = range
        self.source = source
    }
}

/// What a difference is taken against.
package enum DiffGround: Equatable, Sendable {
    case base
    case moment(Moment)
    /// Another workspace of the store, by name.
    case workspace(FileName)
}

/// One path that differs.
package struct Difference: Sendable {
    package enum Status: String, Sendable {
        case added = "A", deleted = "D", modified = "M", renamed = "R", type = "T", attributes = "P"
    }
    package var status: Status
    package var path: [UInt8]
    /// For a rename.
    package var oldPath: [UInt8]?
    package var type: FileType
    /// Bytes; nil where there was or is nothing.
    package var oldSize: UInt64?
    package var newSize: UInt64?

    package init(
        status: Status, path: [UInt8], oldPath: [UInt8]? = nil, type: FileType,
        oldSize: UInt64?, newSize: UInt64?
    ) {
        self.status = status
        self.path = path
        self.oldPath = oldPath
        self.type = type
        self.oldSize = oldSize
        self.newSize = newSize
    }
}
