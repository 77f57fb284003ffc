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
    /// Reads the changes after `sequence` from the tree log. If a fork began later, and its own first changes
    /// were released, the values at its beginning come from the layer below it.
    init(after sequence: UInt64, in tree: Tree) throws(Errno) {
        var delta = TreeDelta()
        let treeLog = tree.treeLog
        do throws(StorageError) {
            let beginning = try treeLog.releasedFork(after: sequence)
            try treeLog.records(after: sequence, upTo: beginning ?? .max) {
                (header, payload) throws(StorageError) in
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
            if let beginning { try delta.noteChanges(since: beginning, tree) }
        } catch {
            throw tree.failing(error)
        }
        self = delta
    }

    /// Takes the values of all keys that may have changed since a fork began. Those that are noted already
    /// are from before that.
    private mutating func noteChanges(since beginning: UInt64, _ tree: Tree) throws(StorageError) {
        guard let layer = tree.rows.layer(at: beginning) else {
            throw .damaged(path: tree.treeLog.path, what: "the state at @\(beginning) is missing")
        }
        let keys = try ForkKeys(of: tree, above: layer)
        let rows = LayeredRows(of: tree.workspace, try TreeDatabase(":memory:"), over: layer)
        for number in keys.inodes {
            // Its log may have grown.
            marked.insert(number)
            if inodes[number] == nil { inodes[number] = .some(try rows.inode(number)) }
        }
        for (parent, names) in keys.entries {
            for name in names where entries[parent]?[name] == nil {
                entries[parent, default: [:]][name] = .some(try rows.entry(name, of: parent))
            }
        }
        for (number, names) in keys.xattrs {
            let known = try rows.xattrs(of: number)
            for name in names where xattrs[number]?[name] == nil {
                xattrs[number, default: [:]][name] = .some(known[name])
            }
        }
        for number in keys.origins where origins[number] == nil {
            if let origin = try rows.origin(number) { origins[number] = origin }
        }
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
