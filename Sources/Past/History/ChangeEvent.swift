// ChangeEvent: one change as the logs have it, before its path is known: a transaction of the tree log or a
// record of an edit log.

internal import Overlay
internal import Platform
internal import Storage

struct ChangeEvent: Sendable {
    struct Name: Sendable {
        var place: NamePlace
        var before: Entry?
        var after: Entry?
    }

    var sequence: UInt64
    var time: Int64
    var pid: UInt32
    var uid: UInt32
    /// Empty for a change that history does not show.
    var operation = ""
    /// The inode that was changed, if it has a number.
    var inode: InodeNumber?
    /// The name that was changed; nil for a change of an inode.
    var place: NamePlace?
    var oldPlace: NamePlace?
    /// The bytes of a content change.
    var range: Range<UInt64>?
    /// The path of a change that has one by itself.
    var fixedPath: [UInt8]?
    var fixedOldPath: [UInt8]?
    /// All names that the transaction changed.
    var names: [Name] = []
    /// All inodes that the transaction changed.
    var inodes: [InodeNumber] = []
    /// The regular files among them, and the last edit that each had before.
    var edited: [(inode: InodeNumber, sequence: UInt64)] = []
    /// Whether the change made the log of a base file.
    var isFirstEdit = false
    /// Whether the change is a rollback, an undo or a clone, which change many files at once.
    var isMany = false

    private init(_ header: RecordHeader) {
        sequence = header.sequence
        time = header.time
        pid = header.pid
        uid = header.uid
    }
}

// MARK: Edit logs

extension ChangeEvent {
    /// Makes the event of a record in the edit log of `inode`; nil if the record is part of a transaction, or
    /// no change.
    init?(_ header: RecordHeader, of inode: InodeNumber) {
        self.init(header)
        self.inode = inode
        switch RecordKind(rawValue: header.kind) {
        case .write: operation = "write"
        case .punch: operation = "punch"
        case .share: operation = "share"
        case .splice: operation = "edit"
        case .truncate: operation = "truncate"
        default: return nil
        }
        range = Range(at: header.offset, count: header.length)
    }
}

// MARK: The tree log

extension ChangeEvent {
    init(_ header: RecordHeader, _ kind: TreeOperation, _ changes: [TreeChange]) {
        self.init(header)
        operation = Self.word(kind)
        for change in changes {
            switch change {
            case .entry(let parent, let name, let before, let after):
                names.append(
                    Name(
                        place: NamePlace(parent: parent, name: name), before: before, after: after))
            case .inode(let number, _, _), .xattr(let number, _, _, _): inodes.append(number)
            default: break
            }
        }
        switch kind {
        case .create, .makeDirectory, .symlink, .link, .unlink, .removeDirectory:
            // Names that a touch pins come first.
            place = names.last?.place
            let now = names.last?.after
            inode = (now?.isWhiteout == false ? now : names.last?.before)?.inode
        case .rename:
            place = names.last?.place
            oldPlace = names.dropLast().last?.place
            inode = names.last?.after?.inode
        case .setXattr, .removeXattr:
            // An ACL that says no more than the mode changes only the mode.
            inode = inodes.first
            for case .xattr(let number, _, _, _) in changes { inode = number }
        case .clone:
            takeClone(changes)
            isMany = true
        case .backup:
            takeBackup(changes)
        case .rollback, .undo, .refresh, .merge:
            isMany = true
            fixedPath = []
        case .acceptDrift, .dropDrift:
            // One inode takes the place of another.
            place = names.last?.place
            inode = names.last?.after?.inode ?? inodes.first
        case .freeze: break
        case .touch, .edit, .setAttributes:
            inode = inodes.first
        }
        if inode == 0 { inode = nil }
    }

    private static func word(_ operation: TreeOperation) -> String {
        switch operation {
        case .touch, .edit, .freeze: ""
        case .create: "create"
        case .makeDirectory: "mkdir"
        case .symlink: "symlink"
        case .link: "link"
        case .unlink: "unlink"
        case .removeDirectory: "rmdir"
        case .rename: "rename"
        case .setAttributes: "setattr"
        case .setXattr: "setxattr"
        case .removeXattr: "removexattr"
        case .backup: "backup"
        case .rollback: "rollback"
        case .undo: "undo"
        case .refresh: "refresh"
        case .merge: "merge"
        case .clone: "clone"
        case .acceptDrift: "drift-accept"
        case .dropDrift: "drift-drop"
        }
    }

    /// Takes the uppermost name that a clone made.
    private mutating func takeClone(_ changes: [TreeChange]) {
        var made: Set<InodeNumber> = []
        for case .inode(let number, nil, let after?) in changes
        where !after.flags.contains(.hasOrigin) { made.insert(number) }
        let top = names.last {
            made.contains($0.after?.inode ?? 0) && !made.contains($0.place.parent)
        }
        place = (top ?? names.last)?.place
        inode = (top ?? names.last)?.after?.inode
    }

    private mutating func takeBackup(_ changes: [TreeChange]) {
        let directory = Array(".draft/backups/".utf8)
        var gone: FileName?
        for case .backup(let name, let before, let after) in changes {
            if after == nil {
                gone = name
            } else {
                fixedPath = directory + name.bytes
            }
            if before != nil, after == nil { operation = "backup-delete" }
        }
        guard let gone else { return }
        if fixedPath == nil {
            fixedPath = directory + gone.bytes
        } else {
            operation = "backup-rename"
            fixedOldPath = directory + gone.bytes
        }
    }
}
