// CommitService: commits workspaces for the control files, one commit at a time, with its progress in the job
// list. It keeps the report of the last commit of each workspace.

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
    private let reports = Mutex<[UInt16: [UInt8]]>([:])

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
        let name = set.records.first { $0.id == workspace.id }.map { "\($0.name)" } ?? ""
        let job = jobs.start("commit", workspace: name, unit: "steps", isCancellable: false)
        let time = clock.realtime()
        reports.withLock { $0[workspace.id] = nil }
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
        let text = CommitText.report(report, isDryRun: request.isDryRun, time: time)
        reports.withLock { $0[workspace.id] = text }
        guard let first = report.conflicts.first, !request.isDryRun else { return }
        let more = report.conflicts.count > 1 ? ", and \(report.conflicts.count - 1) more" : ""
        throw CommandError(
            .busy,
            "nothing was committed: \(pathInWords(first.path)) conflicts with the base, \(first.reason)"
                + more + ": read commit; --ours or --theirs decides, or settle it and commit again")
    }

    /// Returns the report of the last commit.
    func text(_ workspace: Workspace?) -> [UInt8] {
        guard let workspace else { return [] }
        return reports.withLock { $0[workspace.id] } ?? StateTexts.usage(.commit)
    }
}
