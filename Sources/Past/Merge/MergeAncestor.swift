// MergeAncestor: the last state that two workspaces have in common: where one was forked from the other, or
// both from a third, or what was merged from one into the other last, or the base. What only one of them has
// changed since is merged without asking.

internal import Overlay
internal import Platform
internal import Storage

struct MergeAncestor: Sendable {
    /// The workspace whose history shows it.
    let workspace: Workspace
    /// The last change that it contains; nil for the base that both see.
    let sequence: UInt64?

    func view() throws(CommandError) -> TimeView {
        if let sequence { return try workspace.moments.view(at: sequence) }
        do throws(Errno) {
            return try workspace.moments.baseView()
        } catch {
            throw CommandError(error, "the base cannot be shown: \(error); run verify for details")
        }
    }
}

/// A workspace of a merge, and the states that it contains.
struct MergeLine: Sendable {
    let workspace: Workspace
    let party: MergeParty
    /// The last change that counts.
    let sequence: UInt64
    let marks: MergeMarks
    /// The workspaces that it was forked from, the nearest first, and the last change of each that it has.
    private let parents: [(party: MergeParty, last: UInt64)]

    /// - Parameter sequence: the last change that counts; nil for the last one there is.
    init(
        _ workspace: Workspace, _ record: WorkspaceRecord, at sequence: UInt64? = nil, in store: Store
    ) throws(Errno) {
        self.workspace = workspace
        party = MergeParty(record)
        // Alone: an edit under way has its number already, and is in no row yet.
        (self.sequence, marks) = try workspace.gate.alone { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) in
                guard let sequence else { return (tree.sequence.last, try MergeMarks(TreeAtMoment(tree))) }
                return (sequence, try MergeMarks(TreeAtMoment(tree, after: sequence)))
            }
        }
        let known = Dictionary(store.allWorkspaces.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        var parents: [(party: MergeParty, last: UInt64)] = []
        var last = UInt64.max
        var next = record
        // Parents are older, so there is no cycle, but a record may be damaged.
        while let fork = next.fork, let parent = known[fork.workspace], parents.count < known.count {
            last = min(last, fork.moment, self.sequence)
            parents.append((MergeParty(parent), last))
            next = parent
        }
        self.parents = parents
    }

    /// Returns the last change of a workspace that this one's own history shows.
    private func shown(_ party: MergeParty) -> UInt64? {
        party == self.party ? sequence : parents.first { $0.party == party }?.last
    }

    /// A change of a line's own history that another line contains.
    fileprivate struct Common {
        var sequence: UInt64
        /// Whether the other one has it in its own history too, and not by a merge.
        var isShared: Bool
    }

    /// Returns the last change of its own history that another one contains.
    fileprivate func common(with other: MergeLine) -> Common? {
        var found: Common?
        for party in [party] + parents.map(\.party) {
            guard let own = shown(party) else { continue }
            for (last, isShared) in [(other.shown(party), true), (other.marks.last[party], false)] {
                guard let last, found.map({ $0.sequence < min(own, last) }) ?? true else { continue }
                found = Common(sequence: min(own, last), isShared: isShared)
            }
        }
        guard let common = found else { return nil }
        // A moment that is released cannot be compared with. An earlier one that is kept can.
        let horizon = workspace.horizon.record
        if horizon.shows(common.sequence) { return found }
        guard let kept = horizon.kept.last(where: { $0 <= common.sequence }) else { return nil }
        return Common(sequence: kept, isShared: common.isShared)
    }

    /// Returns whether the state after a change contains another line up to `last`.
    fileprivate func contains(
        _ other: MergeLine, upTo last: UInt64, at sequence: UInt64
    ) throws(Errno) -> Bool {
        try workspace.withTree { (tree) throws(Errno) in
            let marks = try MergeMarks(TreeAtMoment(tree, after: sequence))
            return (marks.last[other.party] ?? 0) >= last
        }
    }
}

extension MergeAncestor {
    /// - Parameters:
    ///   - source: the workspace that is merged.
    ///   - target: the one that it is merged into.
    init(_ source: MergeLine, _ target: MergeLine) throws(Errno) {
        let ours = source.common(with: target)
        let theirs = target.common(with: source)
        guard let ours, let theirs else {
            self = ours.map { MergeAncestor(workspace: source.workspace, sequence: $0.sequence) }
                ?? MergeAncestor(workspace: target.workspace, sequence: theirs?.sequence)
            return
        }
        // Of two common states the later one counts: it contains the other.
        let isTheirsLater: Bool
        if ours.isShared {
            isTheirsLater = theirs.sequence > ours.sequence
        } else if theirs.isShared {
            isTheirsLater = false
        } else {
            isTheirsLater = try target.contains(source, upTo: ours.sequence, at: theirs.sequence)
        }
        self = isTheirsLater
            ? MergeAncestor(workspace: target.workspace, sequence: theirs.sequence)
            : MergeAncestor(workspace: source.workspace, sequence: ours.sequence)
    }
}
