// Differences: the changes of a workspace against the base, a moment or another workspace. The cost grows
// with the number of changes, not with the size of the tree.

package import Overlay
internal import Platform
internal import Storage

extension WorkspaceSet {
    /// Returns the paths that differ, in the order of their bytes.
    ///
    /// A file or directory that was moved is one line, R, which covers its other changes too. Each file and
    /// directory of an added or removed tree has a line. M is for bytes that differ, not for files that
    /// were written to; P is for mode, owner and extended attributes. A difference too deep for a path of
    /// 4,095 bytes is reported for the directory above it: as M, or by the line of the added or removed
    /// tree. Times are not compared. A file with several names has a line for each known name.
    ///
    /// - Throws: ENOENT if there is no such moment or workspace.
    package func differences(
        of workspace: Workspace, from ground: DiffGround
    ) throws(CommandError) -> [Difference] {
        switch ground {
        case .base:
            return try Comparison(workspace: workspace).differences(from: nil)
        case .point(let point):
            return try Comparison.differences(from: end(point, of: workspace), to: DiffEnd(workspace))
        case .points(let first, let second):
            return try Comparison.differences(
                from: end(first, of: workspace), to: end(second, of: workspace))
        }
    }

    private func end(
        _ point: DiffPoint, of workspace: Workspace
    ) throws(CommandError) -> DiffEnd {
        var found = workspace
        if let name = point.workspace {
            guard let record = find(name) else {
                throw CommandError(.noEntry, "there is no workspace named \(name)")
            }
            if record.id != workspace.id {
                do throws(StorageError) {
                    found = try self.workspace(record)
                } catch {
                    throw CommandError(error.errno, "the workspace \(name) cannot be opened: \(error)")
                }
            }
        }
        guard let moment = point.moment else { return DiffEnd(found) }
        return DiffEnd(found, at: try found.moments.sequence(of: moment))
    }
}

/// A workspace at a moment.
struct DiffEnd: Sendable {
    let workspace: Workspace
    /// The last change that counts; `.max` for the present state.
    let sequence: UInt64

    init(_ workspace: Workspace, at sequence: UInt64 = .max) {
        self.workspace = workspace
        self.sequence = sequence
    }

    /// Reads the changes since from the tree log.
    func state(_ tree: Tree) throws(Errno) -> TreeAtMoment {
        sequence == .max ? TreeAtMoment(tree) : try TreeAtMoment(tree, after: sequence)
    }
}

/// Compares a workspace with the base, a moment or another workspace.
package struct Comparison: Sendable {
    let workspace: Workspace
}

extension Comparison {
    /// Compares the present state with the base (nil) or the moment after a change.
    func differences(from sequence: UInt64?) throws(CommandError) -> [Difference] {
        if let sequence {
            return try Self.differences(from: DiffEnd(workspace, at: sequence), to: DiffEnd(workspace))
        }
        return try Self.answering { () throws(Errno) in try changes().changes.map(\.difference) }
    }

    /// Returns what the workspace has changed since it began with the base, less what was committed.
    /// - Returns: also the last change of the workspace that is contained.
    func changes() throws(Errno) -> (changes: [NodeChange], sequence: UInt64) {
        let (draft, committed, sequence) = try workspace.withTree { (tree) throws(Errno) in
            let draft = try Self.baseDraft(workspace, TreeAtMoment(tree), in: tree)
            return (draft, try CommittedPaths(of: workspace).compared(in: tree), tree.sequence.last)
        }
        return (try committed.subtract(from: draft.finished(old: workspace, new: workspace)), sequence)
    }

    /// Compares two moments, in any order, of one workspace or of two.
    static func differences(from first: DiffEnd, to second: DiffEnd) throws(CommandError) -> [Difference] {
        try answering { () throws(Errno) in try changes(from: first, to: second).map(\.difference) }
    }

    static func changes(from first: DiffEnd, to second: DiffEnd) throws(Errno) -> [NodeChange] {
        let (old, new) = (first.workspace, second.workspace)
        let draft: DiffDraft
        if old.id == new.id {
            if first.sequence == second.sequence { return [] }
            draft = try new.withTree { (tree) throws(Errno) in
                try compare(first.state(tree), second.state(tree), in: tree)
            }
        } else if new.id < old.id {
            // The two locks are always taken in the same order.
            draft = try new.withTree { (tree) throws(Errno) in
                try old.withTree { (other) throws(Errno) in
                    try compare(first.state(other), second.state(tree))
                }
            }
        } else {
            draft = try old.withTree { (other) throws(Errno) in
                try new.withTree { (tree) throws(Errno) in
                    try compare(first.state(other), second.state(tree))
                }
            }
        }
        return draft.finished(old: old, new: new)
    }

    /// Compares a moment of a workspace with the base that it sees. What was committed counts as changed.
    static func changes(fromBaseTo end: DiffEnd) throws(Errno) -> [NodeChange] {
        let workspace = end.workspace
        let draft = try workspace.withTree { (tree) throws(Errno) in
            try baseDraft(workspace, end.state(tree), in: tree)
        }
        return draft.finished(old: workspace, new: workspace)
    }

    private static func baseDraft(
        _ workspace: Workspace, _ state: TreeAtMoment, in tree: Tree
    ) throws(Errno) -> DiffDraft {
        let new = DiffSide(state, keys: workspace.id)
        let old = DiffSide(TreeAtMoment(tree), keys: workspace.id, isBase: true)
        return try DiffDraft(
            DiffNames(old: old, new: new, names: try new.overlaidNames()), rows: new.overlaidRows)
    }

    /// Compares two moments of a workspace.
    private static func compare(
        _ old: TreeAtMoment, _ new: TreeAtMoment, in tree: Tree
    ) throws(Errno) -> DiffDraft {
        // All that changed since the earlier moment: some of it changed after the later one only.
        let earlier = old.sequence < new.sequence ? old : new
        let keys = tree.workspace
        return try DiffDraft(
            DiffNames(
                old: DiffSide(old, keys: keys), new: DiffSide(new, keys: keys),
                names: earlier.delta.entries.mapValues { Set($0.keys) }),
            rows: try earlier.changedRows())
    }

    /// Compares moments of two workspaces. What neither has changed is the base's in both.
    private static func compare(
        _ other: TreeAtMoment, _ state: TreeAtMoment
    ) throws(Errno) -> DiffDraft {
        let keys = state.tree.workspace
        let old = DiffSide(other, keys: keys)
        let new = DiffSide(state, keys: keys)
        let names = try new.overlaidNames().merging(old.overlaidNames()) { $0.union($1) }
        return try DiffDraft(
            DiffNames(old: old, new: new, names: names), rows: new.overlaidRows.union(old.overlaidRows))
    }

    private static func answering(
        _ body: () throws(Errno) -> [Difference]
    ) throws(CommandError) -> [Difference] {
        do throws(Errno) {
            return try body()
        } catch {
            throw CommandError(error, "the differences cannot be read: \(error); run verify for details")
        }
    }
}

/// The differences that names and rows show, and the files whose bytes must still be compared.
struct DiffDraft: Sendable {
    private struct Pending: Sendable {
        var change: NodeChange
        var old: DiffContent
        var new: DiffContent
        var hasOtherAttributes: Bool
    }

    private var found: [NodeChange] = []
    private var pending: [Pending] = []

    init(_ names: consuming DiffNames, rows: Set<InodeNumber>) throws(Errno) {
        for (path, child) in names.removed where !names.isReplaced(path) {
            try add(.deleted, path, was: names.old.node(child.key), now: nil, child.type)
        }
        for (path, child) in names.added {
            let now = try names.new.node(child.key)
            guard names.isReplaced(path), let before = names.removed[path] else {
                try add(.added, path, was: nil, now: now, child.type)
                continue
            }
            if let was = try names.old.node(before.key), let now {
                try add(names, path, was, now)
            }
        }
        for move in names.moved {
            try addRename(names, move)
        }
        try addChanged(&names, rows)
        for path in names.deep where names.removed[path] == nil && names.added[path] == nil {
            try add(.modified, path, was: nil, now: nil, .directory)
        }
    }

    /// Adds the files that kept their paths and changed.
    private mutating func addChanged(
        _ names: inout DiffNames, _ rows: Set<InodeNumber>
    ) throws(Errno) {
        var nameless: [UInt64: InodeNumber] = [:]
        for key in rows {
            try names.shareBasePath(of: key)
            guard let was = try names.old.node(key), let now = try names.new.node(key) else { continue }
            let isNamed = try names.old.path(key) != nil
            let paths = try names.new.paths(key).filter { $0.isCut || names.added[$0.bytes] == nil }
            if !isNamed || paths.isEmpty, let inode = try names.hiddenInode(of: was, now) {
                if case .none = try names.compare(was, now) { continue }
                nameless[inode] = key
            }
            // A file without a known name may have been moved from one that only the base gives it.
            for path in paths where isNamed || names.isMoved(path.bytes) {
                if path.isCut { names.noteDeep(path) } else { try add(names, path.bytes, was, now) }
            }
        }
        if nameless.isEmpty { return }
        for (key, paths) in try names.hiddenPaths(of: nameless) {
            guard let was = try names.old.node(key), let now = try names.new.node(key) else { continue }
            // A path that led to another file, or to none, has its line already.
            for path in paths where names.added[path] == nil { try add(names, path, was, now) }
        }
    }

    private mutating func add(
        _ status: Difference.Status, _ path: [UInt8], from oldPath: [UInt8]? = nil,
        was: ViewNode?, now: ViewNode?, _ type: FileType
    ) throws(Errno) {
        found.append(
            NodeChange(
                Difference(
                    status: status, path: path, oldPath: oldPath, type: type, oldSize: was?.shownSize,
                    newSize: now?.shownSize), was, now))
    }

    /// Adds a rename, and what else of the file differs.
    private mutating func addRename(
        _ names: DiffNames, _ move: (from: [UInt8], to: [UInt8], child: DiffSide.Child)
    ) throws(Errno) {
        let (was, now) = (try names.old.node(move.child.key), try names.new.node(move.child.key))
        var change = NodeChange(
            Difference(
                status: .renamed, path: move.to, oldPath: move.from, type: move.child.type,
                oldSize: was?.shownSize, newSize: now?.shownSize), was, now)
        if let was, let now {
            switch try names.compare(was, now) {
            case .none: change.alteration = .nothing
            case .attributes: change.alteration = .attributes
            case .content, .type: break
            case .unknown(let old, let new, let attributes):
                pending.append(Pending(change: change, old: old, new: new, hasOtherAttributes: attributes))
                return
            }
        }
        found.append(change)
    }

    private mutating func add(
        _ names: DiffNames, _ path: [UInt8], _ was: ViewNode, _ now: ViewNode
    ) throws(Errno) {
        var difference = Difference(
            status: .modified, path: path, type: now.type, oldSize: was.shownSize,
            newSize: now.shownSize)
        switch try names.compare(was, now) {
        case .none: return
        case .attributes: difference.status = .attributes
        case .type: difference.status = .type
        case .content: break
        case .unknown(let old, let new, let attributes):
            pending.append(
                Pending(
                    change: NodeChange(difference, was, now), old: old, new: new,
                    hasOtherAttributes: attributes))
            return
        }
        found.append(NodeChange(difference, was, now))
    }

    /// Compares the remaining bytes; no lock is held.
    func finished(old: Workspace, new: Workspace) -> [NodeChange] {
        var found = found
        for item in pending {
            var change = item.change
            if ContentComparison(old, item.old, new, item.new).isEqual() {
                change.alteration = item.hasOtherAttributes ? .attributes : .nothing
                if change.difference.status == .modified {
                    if !item.hasOtherAttributes { continue }
                    change.difference.status = .attributes
                }
            }
            found.append(change)
        }
        return found.sorted()
    }
}

/// A path that differs, and the files on both sides.
struct NodeChange: Sendable {
    /// What of a renamed file differs beside its name.
    enum Alteration: Sendable {
        case nothing, attributes, content
    }

    var difference: Difference
    /// Nil if there was or is none, and for a difference too deep for a path.
    var was: ViewNode?
    var now: ViewNode?
    var alteration = Alteration.content

    init(_ difference: Difference, _ was: ViewNode?, _ now: ViewNode?) {
        self.difference = difference
        self.was = was
        self.now = now
    }

    var path: [UInt8] { difference.path }
}

extension [NodeChange] {
    /// A renamed file may have a second line for its other changes, which the rename covers.
    func withoutRepetitions() -> [NodeChange] {
        let renamed = Set(filter { $0.difference.status == .renamed }.map(\.path))
        if renamed.isEmpty { return self }
        return filter { change in
            guard renamed.contains(change.path) else { return true }
            switch change.difference.status {
            case .modified, .attributes, .type: return false
            case .added, .deleted, .renamed: return true
            }
        }
    }

    /// Returns the changes in the order of their paths.
    func sorted() -> [NodeChange] {
        sorted {
            let (one, two) = ($0.difference, $1.difference)
            return one.path == two.path
                ? one.status.rank < two.status.rank : one.path.lexicographicallyPrecedes(two.path)
        }
    }
}

extension Difference.Status {
    /// The order in which the changes of one path happened, as far as it is known.
    fileprivate var rank: Int {
        switch self {
        case .deleted: 0
        case .renamed: 1
        case .added: 2
        case .type: 3
        case .modified: 4
        case .attributes: 5
        }
    }
}

extension ViewNode {
    var shownSize: UInt64? {
        type == .regular || type == .symlink ? record.size : nil
    }
}
