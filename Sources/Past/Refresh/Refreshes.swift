// Refreshes: gives a workspace the base of now, with the commits of other workspaces. The workspace keeps its
// changes that are not committed; where the base was changed too, they conflict, as in a commit. It is one
// transaction, which a rollback or an undo takes back.

package import Overlay
internal import Platform
internal import Storage
internal import Synchronization

package struct RefreshRequest: Equatable, Sendable {
    /// Whether only conflicts are looked for.
    package var isDryRun = false
    /// `theirs` takes what the base has, `ours` keeps what the workspace has.
    package var choice = ConflictChoice.refuse
    /// The paths that the choice is for. None stands for all.
    package var decides: [[UInt8]] = []
    /// The commit that the base must be at; nil for any.
    package var commit: UInt64?

    package init(
        isDryRun: Bool = false, choice: ConflictChoice = .refuse, decides: [[UInt8]] = [],
        commit: UInt64? = nil
    ) {
        self.isDryRun = isDryRun
        self.choice = choice
        self.decides = decides
        self.commit = commit
    }
}

package struct RefreshReport: Sendable {
    /// The last commit that the workspace knew before.
    package var from: UInt64
    /// The last commit that it knows now, or would.
    package var to: UInt64
    /// The changes that the workspace keeps.
    package var changes: [Difference] = []
    /// The conflicts that are left: the workspace is as it was if there are any.
    package var conflicts: [CommitConflict] = []
    /// The conflicts that the choice decided.
    package var decided: [CommitConflict] = []
    /// Nil if nothing was done.
    package var outcome: CommandOutcome?
}

/// Refreshes workspaces.
package struct Refreshes: Sendable {
    let set: WorkspaceSet

    package init(_ set: WorkspaceSet) { self.set = set }
}

extension Refreshes {
    /// How often the changes are compared beside writers, before they wait for it.
    private static let attempts = 3
    /// The bytes of a path below which every name has a path that a system call takes.
    private static let longestPath = PathFinder.longestPath - 256

    /// Lets a workspace see the base of now.
    /// - Throws: ENOSPC, EIO; EBUSY if the base or the workspace changes meanwhile, ENAMETOOLONG if changes
    ///   lie too deep to be named. Conflicts are in the report, and are no error.
    package func refresh(
        _ workspace: Workspace, _ request: RefreshRequest, caller: Caller
    ) throws(CommandError) -> RefreshReport {
        if let fault = set.epochs.fault { throw CommandError(fault.errno, "nothing was refreshed: \(fault)") }
        if workspace.base.hiddenCommits == 0 {
            return RefreshReport(from: workspace.base.epoch, to: workspace.base.epoch)
        }
        if !request.isDryRun { try Commits(set).finishInterrupted() }
        // No commit may begin meanwhile.
        let result = set.epochs.committing.withLock { _ -> Result<RefreshReport, CommandError> in
            do throws(CommandError) {
                return .success(try run(workspace, request, caller))
            } catch {
                return .failure(error)
            }
        }
        let report = try result.get()
        if let outcome = report.outcome { try workspace.moments.makeDurable(outcome, "the refresh") }
        return report
    }

    private func run(
        _ workspace: Workspace, _ request: RefreshRequest, _ caller: Caller
    ) throws(CommandError) -> RefreshReport {
        let target = set.epochs.newestDone
        if let wanted = request.commit, wanted != target {
            throw CommandError(
                .busy, "nothing was refreshed: the base is at commit \(target) by now, not at \(wanted)")
        }
        var report = RefreshReport(from: workspace.base.epoch, to: target)
        var reason: String?
        do throws(Errno) {
            let base = try CommitBase(set.base.host, isReadOnly: true)
            for attempt in 0...Self.attempts {
                let isLast = attempt == Self.attempts
                let isDone = isLast
                    ? try workspace.gate.alone { () throws(Errno) in
                        try step(workspace, request, caller, base, &report, &reason, isAlone: true)
                    } : try step(workspace, request, caller, base, &report, &reason, isAlone: false)
                if isDone { return report }
            }
        } catch {
            throw CommandError(error, Self.failure(error, reason))
        }
        throw CommandError(
            .busy,
            "nothing was refreshed: processes make and remove files in the workspace all the time: try again "
                + "when they are done")
    }

    /// Compares, and refreshes if nothing was changed meanwhile.
    /// - Returns: false if something was.
    private func step(
        _ workspace: Workspace, _ request: RefreshRequest, _ caller: Caller, _ base: CommitBase,
        _ report: inout RefreshReport, _ reason: inout String?, isAlone: Bool
    ) throws(Errno) -> Bool {
        var wanted = CommitRequest(choice: request.choice)
        wanted.decides = request.decides
        let proposal = try CommitProposal(workspace, base, wanted)
        // What lies too deep is not among the changes, and must not be lost.
        if proposal.changes.contains(where: { $0.path.count > Self.longestPath }) { throw .nameTooLong }
        report.changes = proposal.changes.map(\.difference)
        report.conflicts = proposal.conflicts
        report.decided = proposal.decided
        if request.isDryRun || !proposal.conflicts.isEmpty { return true }
        if isAlone {
            report.outcome = try apply(proposal, to: workspace, request.choice, caller, report, &reason)
        } else {
            report.outcome = try workspace.gate.alone { () throws(Errno) in
                try apply(proposal, to: workspace, request.choice, caller, report, &reason)
            }
        }
        return report.outcome != nil
    }

    /// - Returns: nil if the workspace was changed since the proposal was made.
    private func apply(
        _ proposal: CommitProposal, to workspace: Workspace, _ choice: ConflictChoice, _ caller: Caller,
        _ report: RefreshReport, _ reason: inout String?
    ) throws(Errno) -> CommandOutcome? {
        try workspace.withReserve { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) -> CommandOutcome? in
                guard tree.sequence.last == proposal.view.sequence else { return nil }
                let failures = tree.failures.count
                defer { reason = tree.failures.last(since: failures) }
                var plan = try RefreshPlan.plan(
                    tree, proposal, to: report.to, choice: choice,
                    stamp: caller.stamp(workspace.clock.realtime()))
                return try plan.apply(
                    as: .refresh,
                    backupComment: "before the refresh from commit \(report.from) to \(report.to)")
            }
        }
    }

    private static func failure(_ error: Errno, _ reason: String?) -> String {
        switch error {
        case .noSpace, .quota: "the store is full: nothing was refreshed; make room and try again"
        case .nameTooLong:
            "nothing was refreshed: the workspace has changed files whose paths are too long to be compared"
        case .stale: "nothing was refreshed: another directory has the path of the base now: mount again"
        default: "nothing was refreshed: \(reason ?? "\(error)"); verify and events have details"
        }
    }
}
