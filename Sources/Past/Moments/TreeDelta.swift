// TreeDelta: the values of a tree's keys (rows, names, extended attributes, origins) that differ from the
// present ones. For a moment these are the values before the first change since, taken from the tree log.
// For a plan they are the values that it sets.

internal import Overlay
internal import Platform
internal import Storage

struct TreeDelta: Sendable {
    var inodes: [InodeNumber: InodeRecord?] = [:]
    var entries: [InodeNumber: [FileName: Entry?]] = [:]
    var xattrs: [InodeNumber: [[UInt8]: XattrValue?]] = [:]
    var origins: [InodeNumber: Origin] = [:]
    /// Files whose logs may have grown since: they were marked, or had their first edit. Nothing else shows
    /// an edit of a removed file that was still open.
    var marked: Set<InodeNumber> = []
    /// The youngest edit of each file that any change since knew of.
    var lastEdits: [InodeNumber: UInt64] = [:]

    /// Takes a change that came after the moment. The first change of a key counts, so changes must come in
    /// order.
    mutating func note(_ change: TreeChange) {
        switch change {
        case .inode(let number, let before, let after):
            // A first edit is a transaction and gets no content mark.
            if after?.flags.contains(.hasLog) == true, before?.flags.contains(.hasLog) != true {
                marked.insert(number)
            }
            if let edit = before?.contentSequence, edit > lastEdits[number] ?? 0 {
                lastEdits[number] = edit
            }
            if inodes[number] == nil { inodes[number] = .some(before) }
        case .entry(let parent, let name, let before, _):
            if entries[parent]?[name] == nil {
                entries[parent, default: [:]][name] = .some(before)
            }
        case .xattr(let number, let name, let before, _):
            if xattrs[number]?[name] == nil {
                xattrs[number, default: [:]][name] = .some(before)
            }
        case .origin(let number, let before?, _):
            if origins[number] == nil { origins[number] = before }
        case .origin, .device, .alias, .backup, .content, .due, .freeze:
            break
        }
    }
}

extension TreeDelta {
    /// Reads the changes after `sequence` from the tree log.
    init(after sequence: UInt64, in tree: Tree) throws(Errno) {
        var delta = TreeDelta()
        let treeLog = tree.treeLog
        do throws(StorageError) {
            try treeLog.records(after: sequence) { (header, payload) throws(StorageError) in
                switch RecordKind(rawValue: header.kind) {
                case .transaction:
                    for change in try treeLog.changes(header, payload).changes {
                        delta.note(change)
                    }
                case .contentMark:
                    // A fork's past has the numbers of its ancestors.
                    delta.marked.formUnion(
                        ContentMark.decode(payload).map { $0.inode.moved(to: tree.workspace) })
                default: break
                }
            }
        } catch {
            throw tree.failing(error)
        }
        self = delta
    }
}

extension TreeLog {
    /// Visits the transactions after `sequence`, in order.
    func changes(
        after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (RecordHeader, TreeOperation, [TreeChange]) -> Void
    ) throws(StorageError) {
        try records(after: sequence, upTo: limit) { (header, payload) throws(StorageError) in
            guard header.kind == RecordKind.transaction.rawValue else { return }
            let (operation, changes) = try changes(header, payload)
            visit(header, operation, changes)
        }
    }

    fileprivate func changes(
        _ header: RecordHeader, _ payload: [UInt8]
    ) throws(StorageError) -> (operation: TreeOperation, changes: [TreeChange]) {
        guard let found = try transaction(header, payload) else {
            throw .damaged(path: path, what: "record \(header.sequence) has lost a part")
        }
        return found
    }
}
