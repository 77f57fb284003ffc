// CommitProposal: the changes of a workspace that a commit is about, compared with the base of now.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

/// It is a class for its lock only.
final class CommitProposal: Sendable {
    /// The workspace at the moment of the commit.
    let view: TimeView
    let changes: [NodeChange]
    /// Conflicts that nothing decides.
    let conflicts: [CommitConflict]
    let decided: [CommitConflict]
    /// Changes that the base has already.
    private let equal: [NodeChange]
    private let paths: PathMoves
    /// What was committed before, by inode.
    private let committed: [UInt64: (path: [UInt8], version: CommittedVersion)]
    private let own: Set<UInt64>
    /// What was committed before, by its path in the base of now.
    let versions: [[UInt8]: CommittedVersion]
    /// A directory that this user may not change.
    let closedPath = Mutex<[UInt8]?>(nil)

    init(
        _ workspace: Workspace, _ base: CommitBase, _ request: CommitRequest
    ) throws(Errno) {
        let (all, sequence) = try workspace.comparison.changes()
        // It is of use to this commit only, so no cache holds it.
        view = try workspace.withTree { (tree) throws(Errno) in
            let view = try TimeView(workspace, TreeAtMoment(tree, after: sequence))
            tree.observers.add(view)
            return view
        }
        let committed = CommittedPaths(of: workspace)
        versions = try committed.versions()
        var known: [UInt64: (path: [UInt8], version: CommittedVersion)] = [:]
        for (path, version) in versions where version.isPresent { known[version.inode] = (path, version) }
        self.committed = known
        own = committed.numbers

        var sorting = ConflictSorting(choice: request.choice, for: request.decides)
        var selected = try Self.expand(Self.select(all.withoutRepetitions(), request.paths), view)
        // Without a change that was left out, another one may have no place.
        repeat {
            let check = CommitConflicts(
                workspace: workspace, base: base, view: view, paths: try Self.paths(selected, base),
                own: committed.numbers, versions: versions)
            selected = try sorting.sort(selected, check)
        } while sorting.hasDropped
        changes = selected
        conflicts = sorting.open
        decided = sorting.decided
        equal = sorting.equal
        paths = try Self.paths(selected, base)
    }

    /// Returns a path that neither the workspace has nor a change is about; nil if there is none.
    func unknownPath(_ wanted: [[UInt8]]) -> [UInt8]? {
        let known = changes.map(\.path) + changes.compactMap(\.difference.oldPath)
            + (conflicts + decided).map(\.path)
        return wanted.first { path in
            view.node(at: path) == nil && !known.contains { PathMoves.isBelow($0, path) }
        }
    }

    func plan(_ base: CommitBase, canMove: Bool) throws(Errno) -> CommitPlan {
        var planner = CommitPlanner(
            base: base, view: view, canMove: canMove, paths: paths, committed: committed)
        try planner.run(changes, own: own)
        var plan = planner.plan
        // A directory of both is not the workspace's to remove.
        for change in equal where change.now?.type != .directory {
            plan.committed[change.path] = change.now.map { CommittedVersion($0.record) } ?? .removed
        }
        return plan
    }

    /// Adds what directories contain that were the base's, and that the base has lost by an earlier commit.
    private static func expand(_ changes: [NodeChange], _ view: TimeView) throws(Errno) -> [NodeChange] {
        var all = changes
        let known = Set(changes.filter { $0.difference.status != .deleted }.map(\.path))
        for change in changes where change.difference.status == .added {
            guard let node = change.now, node.type == .directory, node.place != nil else { continue }
            var open = [(change.path, node)]
            while let (path, directory) = open.popLast() {
                for (name, _) in try view.list(directory) {
                    let inner = BasePlace.join(path, name.bytes)
                    if known.contains(inner) { continue }
                    let child = try view.lookup(name, in: directory)
                    let difference = Difference(
                        status: .added, path: inner, type: child.type, oldSize: nil, newSize: child.shownSize)
                    all.append(NodeChange(difference, nil, child))
                    if child.type == .directory { open.append((inner, child)) }
                }
            }
        }
        return all.count > changes.count ? all.sorted() : all
    }

    /// Returns the changes at or below the given paths, and the new directories above them.
    private static func select(_ changes: [NodeChange], _ paths: [[UInt8]]) -> [NodeChange] {
        if paths.isEmpty { return changes }
        return changes.filter { change in
            paths.contains { path in
                PathMoves.isBelow(change.path, path)
                    || change.difference.oldPath.map { PathMoves.isBelow($0, path) } ?? false
                    || change.difference.status == .added && change.now?.type == .directory
                        && PathMoves.isBelow(path, change.path)
            }
        }
    }

    private static func paths(
        _ changes: [NodeChange], _ base: CommitBase
    ) throws(Errno) -> PathMoves {
        var paths = PathMoves()
        for change in changes {
            let difference = change.difference
            switch difference.status {
            case .renamed:
                guard let old = difference.oldPath else { continue }
                // New content is a new file, unless the file has other names.
                if change.alteration == .content, change.now?.type != .directory,
                    try base.status(ifPresent: old)?.links ?? 1 == 1 {
                    paths.removed.insert(old)
                    paths.added.insert(difference.path)
                } else {
                    paths.move(old, to: difference.path)
                }
            case .deleted: paths.removed.insert(difference.path)
            case .added: paths.added.insert(difference.path)
            case .type: paths.added.insert(difference.path)
            case .modified, .attributes: continue
            }
        }
        // What a file of another type replaces is where the renames find it.
        for change in changes where change.difference.status == .type {
            if let old = paths.place(of: change.path) { paths.removed.insert(old) }
        }
        return paths
    }
}

/// What becomes of the changes that conflict.
private struct ConflictSorting {
    let choice: ConflictChoice
    /// The paths that the choice is for; none stands for all.
    let decides: [[UInt8]]
    /// Conflicts that nothing decides.
    private(set) var open: [CommitConflict] = []
    private(set) var decided: [CommitConflict] = []
    /// Changes that the base has already.
    private(set) var equal: [NodeChange] = []
    /// The changes that are put over what the base has.
    private var forced: Set<[UInt8]> = []
    /// Whether the last pass left something out.
    private(set) var hasDropped = false

    init(choice: ConflictChoice, for decides: [[UInt8]]) {
        self.choice = choice
        self.decides = decides
    }

    private static func key(_ change: NodeChange) -> [UInt8] {
        Array(change.difference.status.rawValue.utf8) + change.path
    }

    /// Returns the changes that are committed.
    mutating func sort(_ changes: [NodeChange], _ check: CommitConflicts) throws(Errno) -> [NodeChange] {
        var kept: [NodeChange] = []
        var dropped: [[UInt8]] = []
        hasDropped = false
        for change in changes.map({ Self.besideRemoval($0, check.paths) }) {
            // What belongs into a directory that is not committed.
            if dropped.contains(where: { PathMoves.isBelow(change.path, $0) }) {
                decided.append(
                    CommitConflict(path: change.path, reason: "its directory is left as the base has it"))
                continue
            }
            switch try check.verdict(change) {
            case .none: kept.append(try Self.besideBase(change, check))
            case .equal:
                equal.append(change)
                // What is new in it may be in the base's directory too.
                if change.now?.type == .directory { hasDropped = true }
            case .conflict(let conflict):
                switch decides.isEmpty || decides.contains(change.path) ? choice : .refuse {
                case .refuse: open.append(conflict)
                case .theirs:
                    decided.append(conflict)
                    // Without its attributes a directory still takes what belongs into it.
                    if change.difference.status != .attributes { dropped.append(change.path) }
                    hasDropped = true
                case .ours:
                    if forced.contains(Self.key(change)) {
                        kept.append(change)
                    } else if let over = try Self.forced(change, check) {
                        decided.append(conflict)
                        kept.append(over)
                        forced.insert(Self.key(over))
                        hasDropped = true
                    } else {
                        open.append(conflict)
                    }
                }
            }
        }
        return kept
    }

    /// A file at a path whose former file is removed or renamed away is a new one.
    private static func besideRemoval(_ change: NodeChange, _ paths: PathMoves) -> NodeChange {
        guard [.modified, .attributes].contains(change.difference.status),
            let place = paths.place(of: change.path), paths.isLeft(place) else { return change }
        var change = change
        change.difference.status = .added
        return change
    }

    /// A new file takes the place of one that the base still has there, of an earlier commit.
    private static func besideBase(
        _ change: NodeChange, _ check: CommitConflicts
    ) throws(Errno) -> NodeChange {
        guard change.difference.status == .added, let place = check.paths.place(of: change.path),
            !check.paths.isLeft(place), let now = try check.base.status(ifPresent: place)
        else { return change }
        var change = change
        change.difference.status =
            now.type == .directory || change.now?.type == .directory ? .type : .modified
        return change
    }

    /// Returns the change that puts the workspace's state over the base's; nil if it cannot be put there.
    private static func forced(
        _ change: NodeChange, _ check: CommitConflicts
    ) throws(Errno) -> NodeChange? {
        var change = change
        // What is removed has its path in the base.
        guard try check.parentFault(change) == nil,
            let place = change.difference.status == .deleted
                ? change.path : check.paths.place(of: change.path) else { return nil }
        let now = try check.base.status(ifPresent: place)
        func hasNames() throws(Errno) -> Bool {
            try check.base.hasNames(in: place, besides: check.paths)
        }
        switch change.difference.status {
        case .renamed: return nil
        case .deleted:
            if now == nil, let other = try check.renamed(change) {
                if try check.base.status(ifPresent: other)?.type == .directory { return nil }
                change.difference.path = other
                return change
            }
            if now?.type == .directory, try hasNames() { return nil }
            return change
        case .added, .modified, .attributes, .type:
            guard let now else {
                // Of a directory that the base has removed, only its own names are known.
                if change.now?.type == .directory, change.difference.status != .added { return nil }
                change.difference.status = .added
                return change
            }
            let isDirectory = change.now?.type == .directory
            if now.type == .directory, !isDirectory, try hasNames() { return nil }
            if change.difference.status == .attributes, isDirectory {
                // Of its content only what the workspace has changed is known.
                return now.type == .directory ? change : nil
            }
            change.difference.status =
                isDirectory || now.type == .directory ? .type : .modified
            return change
        }
    }
}
