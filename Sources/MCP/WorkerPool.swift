// WorkerPool: the threads that run calls, up to a maximum. A thread ends when no call waits. The waiting
// calls are bounded in number and bytes. The reader must not wait for a worker, because it receives the
// cancellations.

internal import Glibc
internal import Synchronization

final class WorkerPool: Sendable {
    struct Job: Sendable {
        /// The bytes of the message with the call.
        var cost: Int
        var run: @Sendable () -> Void
    }

    enum Refusal: Error {
        case full(running: Int, waiting: Int)
        /// pthread_create(3) failed, and no other thread runs.
        case noThread
        case stopped
    }

    private struct State {
        var threads = 0
        var waiting: [Job] = []
        /// The number of running and waiting jobs.
        var jobs = 0
        var cost = 0
        var isStopped = false
    }

    private let workers: Int
    private let waitingLimit: Int
    private let costLimit: Int
    private let state = Mutex(State())

    init(workers: Int, waitingLimit: Int, costLimit: Int) {
        self.workers = max(1, workers)
        self.waitingLimit = max(0, waitingLimit)
        self.costLimit = costLimit
    }

    /// The number of jobs that run or wait.
    var unfinished: Int { state.withLock { $0.jobs } }

    /// Submits a job to be run soon. Does not wait.
    func submit(_ job: Job) throws(Refusal) {
        let (refusal, needsThread): (Refusal?, Bool) = state.withLock { state in
            if state.isStopped { return (.stopped, false) }
            // A single job is accepted at any cost: its message is already in memory.
            let isTooMuch = state.jobs > 0 && state.cost + job.cost > costLimit
            if isTooMuch || state.jobs >= workers + waitingLimit {
                let running = state.jobs - state.waiting.count
                return (.full(running: running, waiting: state.waiting.count), false)
            }
            state.waiting.append(job)
            state.jobs += 1
            state.cost += job.cost
            let needsThread = state.threads < workers
            if needsThread { state.threads += 1 }
            return (nil, needsThread)
        }
        if let refusal { throw refusal }
        guard needsThread, !WorkerThread.start({ [self] in work() }) else { return }
        let isAlone = state.withLock { state in
            state.threads -= 1
            if state.threads > 0 { return false }
            // Jobs are submitted by one thread, so the last waiting job is this one.
            if let last = state.waiting.popLast() {
                state.jobs -= 1
                state.cost -= last.cost
            }
            return true
        }
        if isAlone { throw .noThread }
    }

    private func work() {
        while let job = take() {
            job.run()
            state.withLock { state in
                state.jobs -= 1
                state.cost -= job.cost
            }
        }
    }

    private func take() -> Job? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.threads -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
    }

    /// Drops the waiting jobs, and accepts no more. Running jobs go on.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            state.jobs -= state.waiting.count
            for job in state.waiting { state.cost -= job.cost }
            state.waiting = []
        }
    }

    /// Waits until no job runs or waits, `isOver` returns true, or the time is over.
    func waitUntilIdle(atMost time: Duration, or isOver: () -> Bool = { false }) {
        let deadline = ContinuousClock.now + time
        while unfinished > 0, !isOver(), ContinuousClock.now < deadline { usleep(2_000) }
    }
}

/// A detached thread, made with pthread_create(3).
package enum WorkerThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// The bytes of the stack, independent of `ulimit -s`: JSON.depthLimit levels fit.
    private static let stack = 8 << 20

    /// Starts a thread; returns false if the system cannot make one.
    package static func start(_ run: @escaping @Sendable () -> Void) -> Bool {
        var thread = pthread_t()
        var attributes = pthread_attr_t()
        guard pthread_attr_init(&attributes) == 0 else { return false }
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        pthread_attr_setstacksize(&attributes, stack)
        let body = Unmanaged.passRetained(Body(run))
        let failure = pthread_create(
            &thread, &attributes,
            { raw in
                guard let raw else { return nil }
                Unmanaged<Body>.fromOpaque(raw).takeRetainedValue().run()
                return nil
            }, body.toOpaque())
        if failure != 0 {
            body.release()
            return false
        }
        return true
    }
}
