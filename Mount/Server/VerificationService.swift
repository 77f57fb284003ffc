// VerificationService: runs the checks that `verify` starts, one at a time for each workspace, each
// on its own thread with its progress in the job list. It keeps the report of the last check.

internal import Check
internal import Control
internal import Fuse
internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

final class VerificationService: Sendable {
    private enum State: Sendable {
        case running(Job)
        case done(VerifyReport)
        case failed(CommandError)
    }

    private let states = Mutex<[UInt16: State]>([:])
    private let set: WorkspaceSet
    private let jobs: JobList
    private let startThread: Thread.Starter

    init(
        _ set: WorkspaceSet, _ jobs: JobList, startThread: @escaping Thread.Starter = { Thread.start($0) }
    ) {
        self.set = set
        self.jobs = jobs
        self.startThread = startThread
    }

    /// Starts a check and returns.
    /// - Throws: EBUSY while a check of this workspace runs; EAGAIN if no thread can be started; a lookup
    ///   error if a path does not exist.
    func start(_ workspace: Workspace, _ paths: [[UInt8]]) throws(CommandError) {
        for path in paths {
            do throws(Errno) {
                _ = try workspace.number(at: path)
            } catch {
                throw CommandError(
                    error, "there is nothing at \(String(decoding: path, as: UTF8.self)) to verify: \(error)")
            }
        }
        let (job, previous): (Job?, State?) = states.withLock { states in
            let previous = states[workspace.id]
            if case .running = previous { return (nil, previous) }
            let job = jobs.start("verify", of: workspace, in: set, unit: "bytes")
            states[workspace.id] = .running(job)
            return (job, previous)
        }
        guard let job else {
            throw CommandError(.busy, "a check is already running: progress shows its state")
        }
        if startThread({ [self] in run(workspace, paths, job) }) { return }
        let error = CommandError(.again, "no thread can be started for the check: try again later")
        states.withLock { $0[workspace.id] = previous }
        job.end(.failed(error.description))
        throw error
    }

    private func run(_ workspace: Workspace, _ paths: [[UInt8]], _ job: Job) {
        var last: UInt64 = 0
        do throws(CommandError) {
            let report = try workspace.verify(paths) { done, total in
                job.setTotal(total)
                if done > last { job.advance(by: done - last) }
                last = done
                return !job.isCancelled
            }
            states.withLock { $0[workspace.id] = .done(report) }
            job.end(report.wasCancelled ? .cancelled : .done)
        } catch {
            states.withLock { $0[workspace.id] = .failed(error) }
            job.end(.failed(error.description))
        }
    }

    /// Returns the report of the last check as JSON.
    func text(_ workspace: Workspace?) -> [UInt8] {
        guard let workspace else { return [] }
        switch states.withLock({ $0[workspace.id] }) {
        case nil:
            return JSONText.render(.object([("state", .text("none"))]))
        case .running:
            return JSONText.render(.object([("state", .text("running"))]))
        case .failed(let error):
            return JSONText.render(
                .object([("state", .text("failed")), ("error", .text(error.description))]))
        case .done(let report):
            return StateTexts.verification(report)
        }
    }
}

extension ControlServices {
    mutating func verify(with service: VerificationService) {
        verify = { workspace, paths, _ throws(CommandError) in try service.start(workspace, paths) }
        verification = { workspace throws(CommandError) in service.text(workspace) }
    }
}
