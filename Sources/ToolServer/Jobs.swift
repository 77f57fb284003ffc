// Jobs: calls that take long. Each runs on a thread of its own. Its client waits for a while and then gets
// an id to ask for it, so that no client gives up on a call that is still running.

internal import Glibc
internal import MCP
internal import Synchronization

final class Job: Sendable {
    private struct State {
        var reply: ToolReply?
        var progress: CallProgress?
        /// The context of the call that still waits.
        var listener: CallContext?
        var endedAt: ContinuousClock.Instant?
    }

    let id: String
    let tool: String
    /// The context that the job itself uses: the job goes on after its client's call is answered.
    let context: CallContext
    let startedAt = ContinuousClock.now
    private let state: Shared

    /// The state is separate from the job, because the handlers of the job's context write to it.
    private final class Shared: Sendable {
        let state = Mutex(State())
    }

    init(id: String, tool: String, listener: CallContext) {
        self.id = id
        self.tool = tool
        let shared = Shared()
        shared.state.withLock { $0.listener = listener }
        state = shared
        context = CallContext(
            deliversStructuredContent: listener.deliversStructuredContent,
            onProgress: { progress in
                let listener = shared.state.withLock { state in
                    state.progress = progress
                    return state.listener
                }
                listener?.progress(
                    done: progress.done, total: progress.total, message: progress.message)
            },
            onLog: { level, message in
                shared.state.withLock { $0.listener }?.log(level, message)
            })
    }

    var reply: ToolReply? { state.state.withLock { $0.reply } }
    var progress: CallProgress? { state.state.withLock { $0.progress } }
    var elapsed: Duration { startedAt.duration(to: state.state.withLock { $0.endedAt } ?? .now) }

    func finish(_ reply: ToolReply) {
        state.state.withLock { state in
            state.reply = reply
            state.endedAt = .now
            state.listener = nil
        }
    }

    /// Detaches the answered call: later reports are only stored.
    func detach() { state.state.withLock { $0.listener = nil } }

    /// - Returns: the job's reply; nil if the time is over or the caller was cancelled.
    func wait(_ time: Duration, _ caller: CallContext) -> ToolReply? {
        let deadline = ContinuousClock.now + time
        var pause: UInt32 = 100
        while !caller.isCancelled {
            if let reply { return reply }
            if ContinuousClock.now >= deadline { return nil }
            usleep(pause)
            // Most calls finish at once, so the pause begins short; it also bounds how late a reply is
            // seen.
            pause = min(pause * 2, 5_000)
        }
        return reply
    }
}

final class JobTable: Sendable {
    private struct State {
        var jobs: [String: Job] = [:]
        var order: [String] = []
        var next = 1
    }

    private let state = Mutex(State())
    /// The maximum number of finished jobs whose results are kept; running jobs do not count.
    private static let mostFinished = 32
    /// The maximum number of jobs that run at once.
    private static let mostRunning = 8

    /// Begins a job; returns nil if too many run.
    func begin(_ tool: String, listener: CallContext) -> Job? {
        state.withLock { state in
            let running = state.jobs.values.count { $0.reply == nil }
            guard running < Self.mostRunning else { return nil }
            let job = Job(id: "job-\(state.next)", tool: tool, listener: listener)
            state.next += 1
            state.jobs[job.id] = job
            state.order.append(job.id)
            let finished = state.order.filter { state.jobs[$0]?.reply != nil }
            for id in finished.dropLast(Self.mostFinished) {
                state.jobs[id] = nil
                state.order.removeAll { $0 == id }
            }
            return job
        }
    }

    func forget(_ job: Job) {
        state.withLock { state in
            state.jobs[job.id] = nil
            state.order.removeAll { $0 == job.id }
        }
    }

    subscript(id: String) -> Job? { state.withLock { $0.jobs[id] } }
    var all: [Job] { state.withLock { state in state.order.compactMap { state.jobs[$0] } } }

    /// Cancels the running jobs; each undoes what it has done so far.
    func end() {
        let running = all.filter { $0.reply == nil }
        for job in running { job.context.cancel() }
        let deadline = ContinuousClock.now + .seconds(5)
        while running.contains(where: { $0.reply == nil }), ContinuousClock.now < deadline {
            usleep(2_000)
        }
    }
}

enum Pause {
    static func milliseconds(_ count: UInt32) { usleep(count * 1000) }
}

extension Workbench {
    /// Runs a call that may take long. If it ends in time, it is answered as if there were no jobs.
    func run(_ tool: String, _ caller: CallContext, _ body: @escaping @Sendable (CallContext) -> ToolReply)
        -> ToolReply
    {
        guard let job = jobs.begin(tool, listener: caller) else {
            return .failure(
                "Too many jobs are running. Nothing was done; wait for one with read_job_progress, or end "
                    + "one with cancel_job.")
        }
        guard WorkerThread.start({ job.finish(body(job.context)) }) else {
            jobs.forget(job)
            return .failure("The system cannot start another thread. Nothing was done; try again later.")
        }
        // If the client cancels its call, the job is cancelled too.
        let reply = caller.withCancellationHandler({ job.context.cancel() }) {
            job.wait(settings.patience, caller)
        }
        if let reply {
            jobs.forget(job)
            return reply
        }
        job.detach()
        return JobReport.running(job)
    }
}
