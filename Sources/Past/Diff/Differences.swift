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
            return try workspace.comparison.differences(from: nil)
        case .moment(let moment):
            return try workspace.comparison.differences(from: try workspace.moments.sequence(of: moment))
        case .moments(let first, let second):
            return try workspace.comparison.differences(
                from: try workspace.moments.sequence(of: first),
                to: try workspace.moments.sequence(of: second))
        case .workspace(let name):
            guard let record = find(name) else {
                throw CommandError(.noEntry, "there is no workspace named \(name)")
            }
            if record.id == workspace.id { return [] }
            let other: Workspace
            do throws(StorageError) {
                other = try self.workspace(record)
            } catch {
                throw CommandError(error.errno, "the workspace \(name) cannot be opened: \(error)")
            }
            return try workspace.comparison.differences(to: other)
        }
    }
}

/// Compares a workspace with the base, a moment or another workspace.
package struct Comparison: Sendable {
    let workspace: Workspace
}

extension Comparison {
    /// Compares with the base (nil) or the moment after a change.
    func differences(from sequence: UInt64?) throws(CommandError) -> [Difference] {
        if let sequence { return try differences(from: sequence, to: .max) }
        return try answering { () throws(Errno) in
            let draft = try workspace.withTree { (tree) throws(Errno) in
                let new = DiffSide(TreeAtMoment(tree), keys: workspace.id)
                let old = DiffSide(TreeAtMoment(tree), keys: workspace.id, isBase: true)
                return try DiffDraft(
                    DiffNames(old: old, new: new, names: try new.overlaidNames()),
                    rows: new.overlaidRows)
            }
            return draft.finished(old: workspace, new: workspace)
        }
    }

    /// Compares the moments after two changes; either may be the earlier one, and `.max` is now.
    func differences(from first: UInt64, to second: UInt64) throws(CommandError) -> [Difference] {
        try answering { () throws(Errno) in
            let draft = try workspace.withTree { (tree) throws(Errno) in
                let old = try TreeAtMoment(tree, after: first)
                let new = second == .max ? TreeAtMoment(tree) : try TreeAtMoment(tree, after: second)
                // All that changed since the earlier moment: some of it changed after the later one only.
                let earlier = first < second ? old : new
                var rows = Set(earlier.delta.inodes.keys).union(earlier.delta.xattrs.keys)
                rows.formUnion(try tree.editedInodes(after: min(first, second)))
                return try DiffDraft(
                    DiffNames(
                        old: DiffSide(old, keys: workspace.id), new: DiffSide(new, keys: workspace.id),
                        names: earlier.delta.entries.mapValues { Set($0.keys) }),
                    rows: rows)
            }
            return draft.finished(old: workspace, new: workspace)
        }
    }

    func differences(to other: Workspace) throws(CommandError) -> [Difference] {
        try answering { () throws(Errno) in
            // The two locks are always taken in the same order.
            let draft: DiffDraft
            if workspace.id < other.id {
                draft = try workspace.withTree { (tree) throws(Errno) in
                    try other.withTree { (base) throws(Errno) in try compare(base, tree) }
                }
            } else {
                draft = try other.withTree { (base) throws(Errno) in
                    try workspace.withTree { (tree) throws(Errno) in try compare(base, tree) }
                }
            }
            return draft.finished(old: other, new: workspace)
        }
    }

    private func compare(_ other: Tree, _ tree: Tree) throws(Errno) -> DiffDraft {
        let old = DiffSide(TreeAtMoment(other), keys: workspace.id)
        let new = DiffSide(TreeAtMoment(tree), keys: workspace.id)
        let names = try new.overlaidNames().merging(old.overlaidNames()) { $0.union($1) }
        return try DiffDraft(
            DiffNames(old: old, new: new, names: names),
            rows: new.overlaidRows.union(old.overlaidRows))
    }

    private func answering(
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
        var difference: Difference
        var old: DiffContent
        var new: DiffContent
        var hasOtherAttributes: Bool
    }

    private var found: [Difference] = []
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
            try add(
                .renamed, move.to, from: move.from, was: names.old.node(move.child.key),
                now: names.new.node(move.child.key), move.child.type)
        }
        for key in rows {
            try names.shareBasePath(of: key)
            guard try names.old.path(key) != nil else { continue }
            let paths = try names.new.paths(key).filter { $0.isCut || names.added[$0.bytes] == nil }
            guard !paths.isEmpty, let was = try names.old.node(key),
                let now = try names.new.node(key)
            else { continue }
            for path in paths {
                if path.isCut { names.noteDeep(path) } else { try add(names, path.bytes, was, now) }
            }
        }
        for path in names.deep where names.removed[path] == nil && names.added[path] == nil {
            try add(.modified, path, was: nil, now: nil, .directory)
        }
    }

    private mutating func add(
        _ status: Difference.Status, _ path: [UInt8], from oldPath: [UInt8]? = nil,
        was: ViewNode?, now: ViewNode?, _ type: FileType
    ) throws(Errno) {
        found.append(
            Difference(
                status: status, path: path, oldPath: oldPath, type: type, oldSize: was?.shownSize,
                newSize: now?.shownSize))
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
                    difference: difference, old: old, new: new, hasOtherAttributes: attributes))
            return
        }
        found.append(difference)
    }

    /// Compares the remaining bytes; no lock is held.
    func finished(old: Workspace, new: Workspace) -> [Difference] {
        var found = found
        for item in pending {
            if !ContentComparison(old, item.old, new, item.new).isEqual() {
                found.append(item.difference)
            } else if item.hasOtherAttributes {
                var difference = item.difference
                difference.status = .attributes
                found.append(difference)
            }
        }
        return found.sorted {
            $0.path == $1.path
                ? $0.status.rank < $1.status.rank : $0.path.lexicographicallyPrecedes($1.path)
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
    fileprivate var shownSize: UInt64? {
        type == .regular || type == .symlink ? record.size : nil
    }
}
