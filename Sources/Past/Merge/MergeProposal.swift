// MergeProposal: the changes of a merge that are carried out, and what becomes of those that conflict.

internal import Overlay
internal import Platform
internal import Storage

struct MergeProposal {
    let choice: ConflictChoice
    /// The paths that the choice is for; none stands for all.
    let decides: [[UInt8]]
    /// The changes that are carried out.
    private(set) var changes: [MergeChange]
    /// Whether the source has changed nothing.
    let isEmpty: Bool
    /// Conflicts that nothing decides.
    private(set) var open: [CommitConflict] = []
    private(set) var decided: [CommitConflict] = []
    /// What the target had at the paths that were looked at.
    private(set) var seen: [[UInt8]: SeenNode?] = [:]
    /// Where the paths of the source are in the target.
    private(set) var paths = PathMoves()
    /// The changes that are put over what the target has, and what is left of those that leave a part of it.
    private var forced: Set<[UInt8]> = []

    /// - Parameter check: makes the comparison for the changes that are left.
    init(
        _ changes: [NodeChange], choice: ConflictChoice, for decides: [[UInt8]],
        check: ([MergeChange]) throws(Errno) -> MergeConflicts
    ) throws(Errno) {
        (self.choice, self.decides) = (choice, decides)
        self.changes = changes.map(MergeChange.init)
        isEmpty = changes.isEmpty
        // Without a change that was left out, another one may have no place.
        while true {
            var conflicts = try check(self.changes)
            let isDone = try !sort(&conflicts)
            seen.merge(conflicts.seen) { $1 }
            paths = conflicts.paths
            if isDone { return }
        }
    }

    private static func key(_ change: NodeChange) -> [UInt8] {
        Array(change.difference.status.rawValue.utf8) + change.path
    }

    /// Whether a change is put over something that the target has changed.
    func isForced(_ change: NodeChange) -> Bool { forced.contains(Self.key(change)) }

    /// - Returns: whether something was left out or replaced, so that the rest must be looked at once more.
    private mutating func sort(_ check: inout MergeConflicts) throws(Errno) -> Bool {
        var kept: [MergeChange] = []
        var dropped: [[UInt8]] = []
        /// Places that keep what they have.
        var stays: Set<[UInt8]> = []
        var hasChanged = false
        open = []
        for merge in changes {
            let change = merge.change
            if dropped.contains(where: { PathMoves.isBelow(change.path, $0) }) {
                let reason = "its directory is left as \(check.name) has it"
                decided.append(CommitConflict(path: change.path, reason: reason))
                hasChanged = true
                continue
            }
            if forced.contains(Self.key(change)) {
                kept.append(merge)
                continue
            }
            switch try check.verdict(merge) {
            case .none(let merge): kept.append(merge)
            case .equal:
                // What is new in a directory may be in the other one's too.
                if change.now?.type == .directory || merge.status == .renamed { hasChanged = true }
                if let place = Self.place(of: merge, check) { stays.insert(place) }
            case .conflict(let conflict, let rest):
                switch decides.isEmpty || decides.contains(change.path) ? choice : .refuse {
                case .refuse:
                    open.append(conflict)
                    kept.append(merge)
                case .theirs:
                    decided.append(conflict)
                    if let rest {
                        kept.append(rest)
                        forced.insert(Self.key(change))
                    } else if change.difference.status != .attributes {
                        dropped.append(change.path)
                    }
                    if let place = Self.place(of: merge, check) { stays.insert(place) }
                    hasChanged = true
                case .ours:
                    guard let over = try Self.forced(change, &check) else {
                        open.append(conflict)
                        kept.append(merge)
                        continue
                    }
                    decided.append(conflict)
                    kept += over
                    for merge in over { forced.insert(Self.key(merge.change)) }
                    hasChanged = true
                }
            }
        }
        // What was there before is not to be removed in favour of what is there already, or does not come.
        changes = kept.filter { $0.status != .deleted || !stays.contains($0.path) }
        return hasChanged || changes.count < kept.count
    }

    /// Returns where something new would come; nil for a change of what is there.
    private static func place(of merge: MergeChange, _ check: MergeConflicts) -> [UInt8]? {
        guard merge.status == .added || merge.status == .renamed else { return nil }
        return check.paths.place(of: merge.change.path)
    }

    /// Returns the changes that put the source's state over the target's; nil if it cannot be put there.
    private static func forced(
        _ change: NodeChange, _ check: inout MergeConflicts
    ) throws(Errno) -> [MergeChange]? {
        guard try check.parentFault(change) == nil,
            let place = change.difference.status == .deleted
                ? change.path : check.paths.place(of: change.path) else { return nil }
        let now = try check.now(place)
        let staysDirectory = change.now?.type == .directory && change.difference.status != .deleted
        if now?.type == .directory, !staysDirectory, try check.hasNames(in: place) { return nil }
        switch change.difference.status {
        case .deleted: return now == nil ? [] : [MergeChange(change)]
        case .renamed: return try forcedRename(change, now, &check)
        case .attributes:
            // Of a directory that the target has removed, only its own names are known.
            guard let now, now.type == change.now?.type else { return nil }
            var merge = MergeChange(change)
            merge.takesContent = false
            return [merge]
        case .added, .modified, .type:
            var change = change
            if now == nil { change.difference.status = .added }
            return [MergeChange(change)]
        }
    }

    /// Returns a removal and a new file in place of a rename.
    private static func forcedRename(
        _ change: NodeChange, _ now: ViewNode?, _ check: inout MergeConflicts
    ) throws(Errno) -> [MergeChange]? {
        // A directory has more in it than its own changes tell.
        guard let old = change.difference.oldPath, let own = change.now, own.type != .directory,
            now?.type != .directory else { return nil }
        let new = Difference(
            status: .added, path: change.path, type: own.type, oldSize: nil, newSize: own.shownSize)
        let added = MergeChange(NodeChange(new, nil, own))
        guard let there = try check.now(old) else { return [added] }
        if there.type == .directory { return nil }
        // What the source has there by now has its own change.
        if try check.source.node(at: old) != nil { return [added] }
        let removal = Difference(
            status: .deleted, path: old, type: there.type, oldSize: there.shownSize, newSize: nil)
        return [MergeChange(NodeChange(removal, change.was, nil)), added]
    }
}
