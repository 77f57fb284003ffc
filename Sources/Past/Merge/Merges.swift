// Merges: puts the changes of a workspace into another one: a trunk, say, that a person commits to the base.
//
// 1. The state that both have in common is found (MergeAncestor), and what the source has changed since.
// 2. Each change is compared with what the target has now (MergeConflicts).
// 3. Content is brought into the target (MergeStage).
// 4. While the target takes no calls, it is looked at whether it still has what was compared, and all is put
//    in place by one transaction, which a rollback or an undo takes back.

package import Overlay
package import Platform
internal import Storage
internal import Synchronization

package struct MergeRequest: Equatable, Sendable {
    /// The name of the workspace that is merged into.
    package var target: FileName
    /// Whether only conflicts are looked for.
    package var isDryRun = false
    /// `ours` puts the state of the workspace that is merged over the other's, `theirs` leaves that where
    /// both conflict.
    package var choice = ConflictChoice.refuse
    /// The paths that the choice is for. None stands for all.
    package var decides: [[UInt8]] = []
    /// The change of the source up to which it is merged; nil for the last one.
    package var sequence: UInt64?

    package init(
        into target: FileName, isDryRun: Bool = false, choice: ConflictChoice = .refuse,
        decides: [[UInt8]] = [], sequence: UInt64? = nil
    ) {
        self.target = target
        self.isDryRun = isDryRun
        self.choice = choice
        self.decides = decides
        self.sequence = sequence
    }
}

package struct MergeReport: Sendable {
    /// The workspace that is merged into.
    package var target: FileName
    /// The last change of the source that is merged.
    package var sequence: UInt64
    /// The last change of both that they have in common; nil for the base.
    package var ancestor: UInt64?
    /// Whether that change is one of the target, and not of the source.
    package var isAncestorOfTarget = false
    /// What the target gets.
    package var changes: [Difference] = []
    /// The conflicts that are left: nothing was done if there are any.
    package var conflicts: [CommitConflict] = []
    /// The conflicts that the choice decided.
    package var decided: [CommitConflict] = []
    /// Nil if nothing was done.
    package var outcome: CommandOutcome?
}

/// Merges workspaces.
package struct Merges: Sendable {
    let set: WorkspaceSet

    package init(_ set: WorkspaceSet) { self.set = set }
}

extension Merges {
    /// How often the target is compared once more because something was changed meanwhile.
    private static let attempts = 4
    /// The bytes of a path below which every name has a path that a system call takes.
    private static let longestPath = PathFinder.longestPath - 256

    /// Puts what a workspace has changed into another one.
    /// - Throws: ENOENT if there is no such workspace, EINVAL for the workspace itself; EBUSY if they see
    ///   different states of the base, or if the target is changed all the time; ENAMETOOLONG if changes lie
    ///   too deep to be named; ENOSPC, EIO. Conflicts are in the report, and are no error.
    package func merge(
        _ source: Workspace, _ request: MergeRequest, caller: Caller
    ) throws(CommandError) -> MergeReport {
        let (record, target) = try open(request.target)
        if record.id == source.id {
            throw CommandError(.invalid, "\(record.name) cannot be merged into itself")
        }
        // No commit or refresh may begin meanwhile, and no history is released.
        let result = set.epochs.committing.withLock { _ -> Result<MergeReport, CommandError> in
            do throws(CommandError) {
                return .success(try run(source, target, record, request, caller))
            } catch {
                return .failure(error)
            }
        }
        let report = try result.get()
        if let outcome = report.outcome { try target.moments.makeDurable(outcome, "the merge") }
        return report
    }

    private func open(_ name: FileName) throws(CommandError) -> (WorkspaceRecord, Workspace) {
        guard let record = set.find(name) else {
            throw CommandError(.noEntry, "there is no workspace named \(name)")
        }
        do throws(StorageError) {
            return (record, try set.workspace(record))
        } catch {
            throw CommandError(error.errno, "the workspace \(name) cannot be opened: \(error)")
        }
    }

    private func run(
        _ source: Workspace, _ target: Workspace, _ record: WorkspaceRecord, _ request: MergeRequest,
        _ caller: Caller
    ) throws(CommandError) -> MergeReport {
        guard let own = set.records.first(where: { $0.id == source.id }) else {
            throw CommandError(.noEntry, "the workspace is gone: nothing was merged")
        }
        if source.base.epoch != target.base.epoch {
            let (older, newer) = source.base.epoch < target.base.epoch ? (own, record) : (record, own)
            throw CommandError(
                .busy,
                "nothing was merged: \(older.name) sees an older state of the base than \(newer.name): "
                    + "refresh it first (draftfs refresh)")
        }
        if let sequence = request.sequence { _ = try source.moments.sequence(of: .sequence(sequence)) }
        if !request.isDryRun {
            try answering(record.name) { () throws(Errno) in try LeftStages(of: target).remove() }
        }
        for _ in 0..<Self.attempts {
            let lines = try answering(record.name) { () throws(Errno) in
                (
                    try MergeLine(source, own, at: request.sequence, in: set.store),
                    try MergeLine(target, record, in: set.store)
                )
            }
            if let report = try step(lines.0, lines.1, record.name, request, caller) { return report }
        }
        throw CommandError(
            .busy,
            "nothing was merged: processes change the same files of \(record.name) all the time: try again "
                + "when they are done")
    }

    /// - Returns: nil if the target was changed meanwhile.
    private func step(
        _ source: MergeLine, _ target: MergeLine, _ name: FileName, _ request: MergeRequest,
        _ caller: Caller
    ) throws(CommandError) -> MergeReport? {
        let ancestor = try answering(name) { () throws(Errno) in try MergeAncestor(source, target) }
        let step = try MergeStep(source: source, target: target, ancestor: ancestor, name: name)
        let proposal = try answering(name) { () throws(Errno) in
            let proposal = try step.compare(request)
            // What lies too deep is not among the changes, and must not be lost.
            let isTooDeep = proposal.changes.contains { $0.path.count > Self.longestPath }
            if isTooDeep { throw .nameTooLong }
            return proposal
        }
        var report = MergeReport(target: name, sequence: source.sequence, ancestor: ancestor.sequence)
        report.isAncestorOfTarget =
            ancestor.workspace.id == target.workspace.id && ancestor.sequence != nil
        report.changes = proposal.changes.map(\.difference)
        report.conflicts = proposal.open
        report.decided = proposal.decided
        if request.isDryRun || !proposal.open.isEmpty || proposal.isEmpty { return report }
        let done = try answering(name) { () throws(Errno) in
            // The mark of what was merged must not survive a power cut that takes it.
            try set.store.disk.synchronizeAll()
            try source.workspace.synchronizeTreeLog()
            return try step.run(proposal, caller)
        }
        guard var outcome = done else { return nil }
        outcome.workspace = target.workspace.id
        report.outcome = outcome
        keep(source, mergedInto: name, caller)
        return report
    }

    /// Keeps the state that was merged, with which the next merge compares: without a name it would be
    /// released with the history.
    private func keep(_ source: MergeLine, mergedInto name: FileName, _ caller: Caller) {
        guard let backup = try? FileName(Array("merged-into-".utf8) + name.bytes) else { return }
        let comment = Array("the last state that was merged into \(name); the next merge begins with it".utf8)
        let known = source.workspace.moments.backups.first { $0.name == backup }
        if let known, known.comment != comment {
            return source.workspace.events.post(
                .notice, "the state that was merged has no backup: \(backup) is another one")
        }
        do throws(CommandError) {
            try source.workspace.moments.keep(
                source.sequence, as: backup, comment: comment, caller: caller)
        } catch {
            // The next merge compares with an earlier state, and may find more conflicts.
            source.workspace.events.post(.notice, "the state that was merged has no backup: \(error)")
        }
    }

    private func answering<R>(_ name: FileName, _ body: () throws(Errno) -> R) throws(CommandError) -> R {
        do throws(Errno) {
            return try body()
        } catch {
            throw CommandError(error, Self.failure(error, name))
        }
    }

    private static func failure(_ error: Errno, _ name: FileName) -> String {
        switch error {
        case .noSpace: "the store is full: nothing was merged; make room and try again"
        case .quota: "a limit of \(name) is reached: nothing was merged; raise the limit"
        case .fileTooBig: "a file is larger than \(name) may have: nothing was merged; raise the limit"
        case .nameTooLong:
            "nothing was merged: there are changed files whose paths are too long to be compared"
        case .stale: "nothing was merged: history that the merge needs was released meanwhile: try again"
        default: "nothing was merged: \(error); verify and events have details"
        }
    }
}
