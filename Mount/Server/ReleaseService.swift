// ReleaseService: releases history for the control files, with its progress in the job list. It keeps the
// last report of each workspace, and of the list.

internal import Control
internal import Overlay
internal import Past
internal import Platform
internal import Storage
internal import Synchronization

final class ReleaseService: Sendable {
    private let set: WorkspaceSet
    private let jobs: JobList
    private let clock: Clock
    /// By workspace; 0 for the list.
    private let reports = Mutex<[UInt16: [UInt8]]>([:])

    init(_ set: WorkspaceSet, _ jobs: JobList, clock: Clock) {
        self.set = set
        self.jobs = jobs
        self.clock = clock
    }

    /// - Parameters:
    ///   - workspace: nil for all.
    ///   - age: in nanoseconds; nil for the retention.
    func run(_ workspace: Workspace?, isDryRun: Bool, age: UInt64?) {
        let job = jobs.start("gc", of: workspace, in: set, unit: "workspaces", isCancellable: false)
        var request = ReleaseRequest()
        (request.isDryRun, request.age) = (isDryRun, age)
        if let workspace { request.workspaces = [workspace.id] }
        let report = Releases(set).run(request) { done, total in
            job.setTotal(UInt64(total))
            if done > 0 { job.advance(by: 1) }
        }
        job.end()
        let text = ReleaseText.report(report, isDryRun: isDryRun, time: clock.realtime())
        reports.withLock { $0[workspace?.id ?? 0] = text }
    }

    func text(_ workspace: Workspace?) -> [UInt8] {
        reports.withLock { $0[workspace?.id ?? 0] } ?? StateTexts.usage(.gc)
    }
}
