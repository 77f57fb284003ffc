// CommittedPaths: what a workspace, or one that it was forked from, has committed to the base. Against the
// base that it began with, these are still differences; they count as changes only if the workspace changed
// them again.

internal import Overlay
internal import Platform
internal import Storage

struct CommittedPaths {
    private let base: BaseTree
    /// The commits of this workspace that its base does not show, the oldest first.
    private let tables: [EpochTable]

    init(of workspace: Workspace) {
        base = workspace.base
        let ancestors = workspace.logs.ancestors(of: workspace.id)
        tables = workspace.base.commits.filter { table in
            let commit = table.origin
            if commit.workspace == workspace.id { return true }
            return ancestors.contains { $0.workspace == commit.workspace && commit.sequence <= $0.last }
        }
    }

    var numbers: Set<UInt64> { Set(tables.map(\.number)) }

    /// The last committed version of each path of the base of now.
    func versions() throws(Errno) -> [[UInt8]: CommittedVersion] {
        var found: [[UInt8]: CommittedVersion] = [:]
        for table in tables {
            var committed: [([UInt8], CommittedVersion)] = []
            try table.committed { committed.append(($0, $1)) }
            for (path, known) in committed {
                var version = known
                version.commit = table.number
                // A later commit may have renamed it, or a directory above it. If it has put something else
                // there, the workspace has still committed what it has.
                found[try base.nameNow(path, after: table.number)] = version
            }
        }
        return found
    }

    /// Looks up what the workspace has now at the committed paths.
    func compared(in tree: Tree) throws(Errno) -> CommittedComparison {
        var comparison = CommittedComparison(base: base, own: numbers)
        if tables.isEmpty { return comparison }
        let state = TreeAtMoment(tree)
        for (path, version) in try versions().sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            comparison.versions[path] = version
            if version.isPresent { comparison.pathsByInode[version.inode, default: []].append(path) }
            let node = try state.node(at: path)
            guard let node else {
                if !version.isPresent { comparison.same.insert(path) }
                continue
            }
            var isSame = version.isPresent && version.isSame(node.record)
            if isSame, node.type == .directory {
                isSame = version.hasXattrs(try state.visibleXattrs(of: node))
            }
            if isSame { comparison.same.insert(path) } else { comparison.now[path] = node }
        }
        return comparison
    }
}

/// Committed paths, beside what the workspace has there now.
struct CommittedComparison: Sendable {
    fileprivate let base: BaseTree
    /// The numbers of the commits.
    fileprivate let own: Set<UInt64>
    fileprivate var versions: [[UInt8]: CommittedVersion] = [:]
    fileprivate var pathsByInode: [UInt64: [[UInt8]]] = [:]
    /// The paths that are as they were committed.
    fileprivate var same: Set<[UInt8]> = []
    /// What is at the others.
    fileprivate var now: [[UInt8]: ViewNode] = [:]

    fileprivate init(base: BaseTree, own: Set<UInt64>) { (self.base, self.own) = (base, own) }

    /// What follows from them depends on what came first, so they have an order.
    fileprivate var inOrder: [(key: [UInt8], value: CommittedVersion)] {
        versions.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    /// Takes what was committed out of the differences to the base that the workspace began with, and adds
    /// what differs from what was committed.
    func subtract(from changes: [NodeChange]) throws(Errno) -> [NodeChange] {
        if versions.isEmpty { return changes }
        let changes = changes.withoutRepetitions()
        var subtraction = CommittedSubtraction(self, changes)
        return try subtraction.run(changes)
    }
}

/// One subtraction. The base of now has a committed file at the path at which it was committed, also if the
/// workspace has renamed it, or a directory above it, since.
private struct CommittedSubtraction {
    private let committed: CommittedComparison
    /// The renames that are not committed, from paths of the base of now.
    private var moves = PathMoves()
    /// The paths of each inode in the workspace, as far as the changes name them.
    private var paths: [UInt64: Set<[UInt8]>] = [:]
    private var left: [NodeChange] = []
    /// The paths, as the workspace has them, that need no further change.
    private var named: Set<[UInt8]> = []

    init(_ committed: CommittedComparison, _ changes: [NodeChange]) {
        self.committed = committed
        for change in changes {
            guard change.difference.status != .deleted, let now = change.now else { continue }
            paths[Self.inode(now), default: []].insert(change.path)
        }
    }

    private static func inode(_ node: ViewNode) -> UInt64 { node.number & CommittedVersion.low }

    mutating func run(_ changes: [NodeChange]) throws(Errno) -> [NodeChange] {
        for change in changes where change.difference.status == .renamed { try subtractRename(change) }
        // A directory comes before what it contains.
        for change in changes where change.difference.status == .added { subtractAddition(change) }
        for change in changes {
            switch change.difference.status {
            case .renamed, .added: continue
            case .deleted: try subtractRemoval(change)
            case .modified, .attributes, .type: subtractChange(change)
            }
        }
        addMissing()
        addReplaced()
        // What is renamed is not removed.
        let remaining = left.filter { change in
            guard change.difference.status == .deleted else { return true }
            if moves.newPaths[change.path] != nil { return false }
            // Nor is what was committed there, and has gone elsewhere with its directory.
            guard let there = committed.versions[change.path], there.isPresent else { return true }
            return !isThere(there.inode, moves.after(change.path))
        }
        return remaining.map(besideMoves).sorted()
    }

    private mutating func keep(_ change: NodeChange) {
        left.append(change)
        named.insert(change.path)
        if let old = change.difference.oldPath { moves.move(old, to: change.path) }
    }

    /// Keeps a change as one of what was committed at its path.
    private mutating func keep(_ change: NodeChange, over version: CommittedVersion) {
        var change = change
        guard let node = change.now else { return }
        change.difference.oldPath = nil
        change.difference.status = node.type != version.type ? .type
            : node.type == .directory || version.hasContent(of: node.record) ? .attributes : .modified
        keep(change)
    }

    private mutating func subtractRename(_ change: NodeChange) throws(Errno) {
        var change = change
        guard let old = change.difference.oldPath, let node = change.now else { return keep(change) }
        // A rename that was committed moved the file in the base too, or replaced it.
        let now = try committed.base.pathNow(EpochPath.below(committed.base.top, old))
        let path = now ?? committedPath(of: node, at: change.path) ?? old
        let version = committed.versions[path].flatMap { $0.inode == Self.inode(node) ? $0 : nil }
        if path != change.path {
            change.difference.oldPath = path
            if let version { change.alteration = Self.alteration(node, version) }
            return keep(change)
        }
        named.formUnion([path])
        if let version {
            if !version.isSame(node.record) { keep(change, over: version) }
            return
        }
        change.difference.oldPath = nil
        switch change.alteration {
        case .nothing: return
        case .attributes: change.difference.status = .attributes
        case .content: change.difference.status = .modified
        }
        keep(change)
    }

    private static func alteration(
        _ node: ViewNode, _ version: CommittedVersion
    ) -> NodeChange.Alteration {
        version.isSame(node.record) ? .nothing
            : node.type == .directory || version.hasContent(of: node.record) ? .attributes : .content
    }

    /// Returns the path at which the base of now has a file that is at `path` in the workspace.
    /// - Returns: nil for a further name of a file.
    private func committedPath(of node: ViewNode, at path: [UInt8]) -> [UInt8]? {
        let inode = Self.inode(node)
        let known = committed.pathsByInode[inode] ?? []
        if let there = known.first(where: { moves.after($0) == path }) { return there }
        return known.first { !isThere(inode, moves.after($0)) && moves.newPaths[$0] == nil }
    }

    private func isThere(_ inode: UInt64, _ path: [UInt8]) -> Bool {
        paths[inode]?.contains(path) ?? false || committed.same.contains(path)
    }

    private mutating func subtractAddition(_ change: NodeChange) {
        guard let node = change.now, let path = committedPath(of: node, at: change.path),
            let version = committed.versions[path] else { return subtractChange(change) }
        if moves.after(path) == change.path {
            if !version.isSame(node.record) { keep(change, over: version) }
            named.insert(change.path)
            return
        }
        var change = change
        change.difference.status = .renamed
        change.difference.oldPath = path
        change.alteration = Self.alteration(node, version)
        keep(change)
    }

    private mutating func subtractRemoval(_ change: NodeChange) throws(Errno) {
        var change = change
        let path = change.was?.place?.path ?? EpochPath.below(committed.base.top, change.path)
        if let now = try committed.base.pathNow(path) {
            // It may lie in a directory that was renamed, and the rename committed.
            change.difference.path = now
        } else if try !committed.base.isChanged(path, own: committed.own, below: false) {
            // The commit removed it, or put something else there. That is looked at by itself.
            return
        }
        keep(change)
    }

    private mutating func subtractChange(_ change: NodeChange) {
        if committed.same.contains(change.path) { return }
        // A directory above it may have been renamed since.
        let path = moves.before(change.path) ?? change.path
        guard let version = committed.versions[path] else { return keep(change) }
        if path != change.path {
            guard let node = change.now, version.isPresent, version.inode == Self.inode(node) else {
                return keep(change)
            }
            if version.isSame(node.record) { return }
            return keep(change, over: version)
        }
        if version.isPresent { return keep(change, over: version) }
        var change = change
        change.difference.status = .added
        keep(change)
    }

    /// Adds committed paths that no change names.
    private mutating func addMissing() {
        addRenamesBack()
        for (path, version) in committed.inOrder where !committed.same.contains(path) {
            let isRenamed = moves.newPaths[path] != nil
            let place = moves.after(path)
            if named.contains(isRenamed ? path : place) { continue }
            // It has gone elsewhere with its directory, or was removed there.
            let now = place == path || isRenamed ? committed.now[path] : nil
            switch (now, version.isPresent) {
            case (nil, true):
                if isRenamed || isThere(version.inode, place) { continue }
                keep(Self.change(.deleted, path, version.type, nil))
            case (let node?, true) where !isRenamed:
                // It was made what the base had at the beginning.
                keep(Self.change(.modified, path, node.type, node), over: version)
            case (let node?, _): keep(Self.change(.added, path, node.type, node))
            case (nil, false): continue
            }
        }
    }

    /// Adds the removal of committed files that something else took the names of.
    private mutating func addReplaced() {
        let removed = Set(left.filter { $0.difference.status == .deleted }.map(\.path))
        for change in left where change.difference.status == .renamed {
            guard let version = committed.versions[change.path], version.isPresent, let node = change.now,
                version.inode != Self.inode(node), moves.newPaths[change.path] == nil,
                !removed.contains(change.path) else { continue }
            left.append(Self.change(.deleted, change.path, version.type, nil))
        }
    }

    /// Adds the renames that were committed and have been taken back.
    private mutating func addRenamesBack() {
        var back: [UInt64: [UInt8]] = [:]
        for (path, node) in committed.now.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }) {
            guard let there = committed.versions[path], !there.isPresent || there.inode != Self.inode(node)
            else { continue }
            back[Self.inode(node)] = path
        }
        for (path, version) in committed.inOrder where version.isPresent && !committed.same.contains(path) {
            guard moves.newPaths[path] == nil, let old = back[version.inode], !named.contains(old),
                let node = committed.now[old], committed.now[path].map(Self.inode) != version.inode
            else { continue }
            if let there = committed.versions[old], there.isPresent, moves.newPaths[old] == nil,
                back[there.inode] == nil {
                left.append(Self.change(.deleted, old, there.type, nil))
            }
            var change = Self.change(.renamed, old, node.type, node)
            change.difference.oldPath = path
            change.alteration = Self.alteration(node, version)
            keep(change)
        }
    }

    private static func change(
        _ status: Difference.Status, _ path: [UInt8], _ type: FileType, _ node: ViewNode?
    ) -> NodeChange {
        NodeChange(
            Difference(
                status: status, path: path, type: type, oldSize: nil, newSize: node?.shownSize), nil, node)
    }

    /// A file at a path whose former file is renamed away is a new one.
    private func besideMoves(_ change: NodeChange) -> NodeChange {
        switch change.difference.status {
        case .added, .deleted, .renamed: return change
        case .modified, .attributes, .type:
            guard let place = moves.place(of: change.path), moves.newPaths[place] != nil,
                moves.oldPaths[change.path] == nil else { return change }
            var change = change
            change.difference.status = .added
            return change
        }
    }
}
