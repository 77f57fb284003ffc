// CommitService: commits, merges and refreshes workspaces for the control files, with the progress of a
// commit in the job list. It keeps the last reports of each workspace.

internal import Control
internal import Overlay
internal import Past
internal import Platform
internal import Storage
internal import Synchronization

final class CommitService: Sendable {
    private let set: WorkspaceSet
    private let jobs: JobList
    private let clock: Clock
    private struct Key: Hashable {
        var workspace: UInt16
        var file: CommandFile
    }

    private let reports = Mutex<[Key: [UInt8]]>([:])

    init(_ set: WorkspaceSet, _ jobs: JobList, clock: Clock) {
        self.set = set
        self.jobs = jobs
        self.clock = clock
    }

    /// Completes a commit that a crash ended. If it cannot be completed, workspaces still see what they saw.
    func finishInterrupted() {
        do throws(CommandError) {
            if try Commits(set).finishInterrupted() {
                set.events.post(.notice, "a commit that had been interrupted is complete")
            }
        } catch {
            set.events.post(.error, "a commit that was interrupted is not complete: \(error)")
        }
        Commits(set).removeUnneeded()
    }

    /// - Throws: EBUSY if paths conflict; the report names them.
    func commit(_ workspace: Workspace, _ request: CommitRequest) throws(CommandError) {
        let job = jobs.start("commit", of: workspace, in: set, unit: "steps", isCancellable: false)
        let time = clock.realtime()
        keep(nil, of: .commit, workspace)
        let report: CommitReport
        do throws(CommandError) {
            report = try Commits(set).commit(workspace, request, time: time) { done, total in
                job.setTotal(UInt64(total))
                job.advance(by: 1)
            }
            job.end()
        } catch {
            job.end(.failed(error.description))
            throw error
        }
        keep(CommitText.report(report, isDryRun: request.isDryRun, time: time), of: .commit, workspace)
        if request.isDryRun { return }
        try refuse(report.conflicts, "nothing was committed", "commit", with: "the base")
    }

    /// - Throws: EBUSY if there are conflicts.
    private func refuse(
        _ conflicts: [CommitConflict], _ what: String, _ verb: String, with other: String
    ) throws(CommandError) {
        guard let first = conflicts.first else { return }
        let more = conflicts.count > 1 ? ", and \(conflicts.count - 1) more" : ""
        throw CommandError(
            .busy, "\(what): \(pathInWords(first.path)) conflicts with \(other), \(first.reason)" + more
                + ": read \(verb); --ours or --theirs decides, or settle it and \(verb) again")
    }

    /// Makes outside changes of the base and commits visible.
    /// - Throws: EBUSY if paths conflict; the report names them.
    func refresh(
        _ workspace: Workspace, _ request: RefreshRequest, _ caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        keep(nil, of: .refresh, workspace)
        let time = clock.realtime()
        let report = try Refreshes(set).refresh(workspace, request, caller: caller)
        keep(CommitText.report(report, isDryRun: request.isDryRun, time: time), of: .refresh, workspace)
        if let outcome = report.outcome { return outcome }
        if !request.isDryRun {
            try refuse(report.conflicts, "nothing was refreshed", "refresh", with: "the base")
        }
        let stale = request.isDryRun ? StaleCaches() : workspace.baseFiles.refresh()
        var outcome = CommandOutcome(
            sequence: workspace.accounts.statistics.sequence, changed: stale.inodes.count)
        outcome.stale = stale
        outcome.showsOtherBase = !request.isDryRun
        return outcome
    }

    /// Puts changes of a workspace into another one.
    /// - Throws: EBUSY if paths conflict; the report names them.
    func merge(
        _ workspace: Workspace, _ request: MergeRequest, _ caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        keep(nil, of: .merge, workspace)
        let time = clock.realtime()
        let report = try Merges(set).merge(workspace, request, caller: caller)
        keep(CommitText.report(report, isDryRun: request.isDryRun, time: time), of: .merge, workspace)
        if let outcome = report.outcome { return outcome }
        if !request.isDryRun {
            try refuse(report.conflicts, "nothing was merged", "merge", with: "\(report.target)")
        }
        return CommandOutcome(sequence: workspace.sequence.last)
    }

    private func keep(_ report: [UInt8]?, of file: CommandFile, _ workspace: Workspace) {
        reports.withLock { $0[Key(workspace: workspace.id, file: file)] = report }
    }

    /// Returns the last report of `commit`, `merge` or `refresh`.
    func text(_ file: CommandFile, of workspace: Workspace?) -> [UInt8] {
        guard let workspace else { return [] }
        return reports.withLock { $0[Key(workspace: workspace.id, file: file)] } ?? StateTexts.usage(file)
    }
}
