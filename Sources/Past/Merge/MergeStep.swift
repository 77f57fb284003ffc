// MergeStep: one try of a merge: what both workspaces have now is compared, and put in place if the target
// still has it then.

internal import Overlay
internal import Platform
internal import Storage

struct MergeStep {
    private let source: MergeLine
    private let target: MergeLine
    private let name: FileName
    private let ancestor: MergeAncestor
    private let sides: (ancestor: MergeSide, source: MergeSide, target: MergeSide)

    /// - Parameter name: the name of the target.
    init(
        source: MergeLine, target: MergeLine, ancestor: MergeAncestor, name: FileName
    ) throws(CommandError) {
        (self.source, self.target, self.ancestor, self.name) = (source, target, ancestor, name)
        sides = (
            MergeSide(try ancestor.view()),
            MergeSide(try source.workspace.moments.view(at: source.sequence)),
            MergeSide(try target.workspace.moments.view(at: target.sequence))
        )
    }

    /// Finds what the source has changed since the common state, and compares it with the target.
    func compare(_ request: MergeRequest) throws(Errno) -> MergeProposal {
        let end = DiffEnd(source.workspace, at: source.sequence)
        let changes: [NodeChange]
        if let sequence = ancestor.sequence {
            changes = try Comparison.changes(from: DiffEnd(ancestor.workspace, at: sequence), to: end)
        } else {
            changes = try Comparison.changes(fromBaseTo: end)
        }
        return try MergeProposal(
            changes.withoutRepetitions(), choice: request.choice, for: request.decides
        ) { (changes) throws(Errno) in
            try MergeConflicts(
                ancestor: sides.ancestor, source: sides.source, target: sides.target, name: name,
                changes: changes)
        }
    }

    // MARK: Putting in place

    /// - Returns: nil if the target was changed since it was compared.
    func run(_ proposal: MergeProposal, _ caller: Caller) throws(Errno) -> CommandOutcome? {
        let stage = MergeStage(sides.source, into: target.workspace, caller: caller)
        do throws(Errno) {
            let staged = try self.stage(proposal, stage)
            guard let outcome = try apply(staged, proposal, stage, caller) else {
                stage.remove()
                return nil
            }
            stage.finish()
            return outcome
        } catch {
            stage.remove()
            if error == .again || error == .busy { return nil }
            throw error
        }
    }

    private func stage(_ proposal: MergeProposal, _ stage: MergeStage) throws(Errno) -> [StagedChange] {
        let others = try otherNames(proposal.changes)
        var staged: [StagedChange] = []
        for merge in proposal.changes {
            // The content that both had in common is there to be shared.
            var now: ViewNode?
            if let was = merge.change.was, was.type == .regular, !proposal.isForced(merge.change),
                !merge.isReplaced,
                let place = merge.change.difference.oldPath ?? proposal.paths.place(of: merge.path) {
                now = try sides.target.node(at: place)
            }
            var change = try stage.stage(merge, sides.ancestor, over: now)
            for path in merge.change.now.flatMap({ others[$0.number] }) ?? [] {
                // The target may have put something else there.
                guard let place = proposal.paths.place(of: path),
                    let there = try sides.target.node(at: place),
                    let was = try sides.ancestor.node(at: place),
                    try sides.ancestor.isSame(was, as: there, sides.target) else { continue }
                change.otherNames.append((path, SeenNode(there)))
            }
            staged.append(change)
        }
        try stage.synchronize()
        return staged
    }

    /// Returns the names that files of the source have beside those that are new.
    private func otherNames(_ changes: [MergeChange]) throws(Errno) -> [InodeNumber: [[UInt8]]] {
        let new = Set(changes.filter { $0.status == .added || $0.isReplaced }.map(\.path))
        let linked = changes.filter(\.isLink).compactMap { $0.change.now?.number }
        if linked.isEmpty { return [:] }
        return try source.workspace.withTree { (tree) throws(Errno) in
            let state = try TreeAtMoment(tree, after: source.sequence)
            var finder = PathFinder(tree, state.delta)
            var found: [InodeNumber: [[UInt8]]] = [:]
            for number in Set(linked) {
                found[number] = try finder.paths(of: number, tree)
                    .filter { !$0.isCut && !new.contains($0.bytes) }.map(\.bytes)
            }
            return found
        }
    }

    private func apply(
        _ changes: [StagedChange], _ proposal: MergeProposal, _ stage: MergeStage, _ caller: Caller
    ) throws(Errno) -> CommandOutcome? {
        var marks = target.marks
        marks.formUnion(source.marks)
        marks.add(source.party, upTo: source.sequence)
        let workspace = target.workspace
        return try workspace.gate.alone { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) -> CommandOutcome? in
                let now = TreeAtMoment(tree)
                // A rollback may have taken an earlier merge back, or a refresh.
                guard try MergeMarks(now) == target.marks,
                    tree.base.epoch == source.workspace.base.epoch, try stage.isWhole(now) else { return nil }
                for (path, seen) in proposal.seen {
                    if try now.node(at: path).map(SeenNode.init) != seen { return nil }
                }
                var plan = try MergePlan.plan(
                    tree, changes, stage: stage.directory, marks: marks,
                    stamp: caller.stamp(workspace.clock.realtime()))
                return try plan.apply(as: .merge, backupComment: "before the merge up to @\(source.sequence)")
            }
        }
    }
}
