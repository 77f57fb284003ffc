// Jobs: background jobs that take longer than a write may wait: their progress, rate, expected end and
// result.

package import Platform
internal import Synchronization

/// The state of a job at one moment.
package struct JobReport: Equatable, Sendable {
    package enum State: Equatable, Sendable {
        case running, done, cancelled
        /// One sentence.
        case failed(String)
    }

    package var id: UInt64
    package var verb: String
    /// The name of the workspace. Empty for the whole store.
    package var workspace: String
    package var state: State
    /// In `unit`s. The total may grow while the job determines its size. 0 means not known yet.
    package var done: UInt64
    package var total: UInt64
    /// bytes, files, …
    package var unit: String
    /// Nanoseconds since the start, or from start to end.
    package var elapsed: Int64

    /// Units per second, since the start.
    package var rate: UInt64 {
        elapsed > 0 ? Self.clamped(Double(done) * 1e9 / Double(elapsed)) : 0
    }

    /// The seconds until the end at the same rate, or nil if that is not known.
    package var remainingSeconds: UInt64? {
        guard state == .running, done > 0, total > 0, elapsed > 0 else { return nil }
        let rest = total - min(done, total)
        return Self.clamped((Double(rest) / Double(done) * Double(elapsed) / 1e9).rounded(.up))
    }

    private static func clamped(_ number: Double) -> UInt64 {
        // 2^63 is exact as a Double. Greater numbers have no useful meaning.
        number < 0x1p63 ? UInt64(max(0, number)) : 1 << 63
    }
}

/// A job, as used by the thread that executes it.
package final class Job: Sendable {
    private struct State {
        var report: JobReport
        var isCancelled = false
    }

    package let id: UInt64
    /// Whether `cancel` has an effect.
    package let isCancellable: Bool
    private let started: Int64
    private let clock: Clock
    private let state: Mutex<State>
    private let list: JobList

    fileprivate init(_ report: JobReport, isCancellable: Bool, clock: Clock, list: JobList) {
        id = report.id
        self.isCancellable = isCancellable
        self.clock = clock
        self.list = list
        started = clock.monotonic()
        state = Mutex(State(report: report))
    }

    package func advance(by count: UInt64) {
        state.withLock { state in
            let (sum, overflow) = state.report.done.addingReportingOverflow(count)
            state.report.done = overflow ? .max : sum
        }
    }

    package func setTotal(_ total: UInt64) { state.withLock { $0.report.total = total } }

    /// Asks the job to stop. It checks `isCancelled` between two steps.
    /// - Returns: False if the job cannot be stopped, or has ended.
    @discardableResult
    package func cancel() -> Bool {
        state.withLock { state in
            guard isCancellable, state.report.state == .running else { return false }
            state.isCancelled = true
            return true
        }
    }

    package var isCancelled: Bool { state.withLock { $0.isCancelled } }

    /// Ends the job and removes it from `progress`. Only the first call counts.
    package func end(_ end: JobReport.State = .done) {
        let report: JobReport? = state.withLock { state in
            guard state.report.state == .running, end != .running else { return nil }
            state.report.state = end
            state.report.elapsed = clock.monotonic() - started
            return state.report
        }
        if let report { list.ended(report) }
    }

    package var report: JobReport {
        state.withLock { state in
            if state.report.state == .running {
                state.report.elapsed = clock.monotonic() - started
            }
            return state.report
        }
    }
}

/// All jobs of a daemon.
package final class JobList: Sendable {
    private struct State {
        var last: UInt64 = 0
        var running: [UInt64: Job] = [:]
        var ended: [JobReport] = []
    }

    /// The number of reports of ended jobs that are kept. The oldest is removed first.
    private static let kept = 64

    private let state = Mutex(State())
    private let clock: Clock

    package init(clock: Clock = .system) { self.clock = clock }

    /// Starts a job.
    /// - Parameters:
    ///   - workspace: The name of the workspace. Empty for the whole store.
    ///   - total: In `unit`s. 0 if not known yet.
    package func start(
        _ verb: String, workspace: String, unit: String, total: UInt64 = 0,
        isCancellable: Bool = true
    ) -> Job {
        state.withLock { state in
            state.last += 1
            let report = JobReport(
                id: state.last, verb: verb, workspace: workspace, state: .running, done: 0,
                total: total, unit: unit, elapsed: 0)
            let job = Job(report, isCancellable: isCancellable, clock: clock, list: self)
            state.running[job.id] = job
            return job
        }
    }

    fileprivate func ended(_ report: JobReport) {
        state.withLock { state in
            state.running[report.id] = nil
            state.ended.append(report)
            if state.ended.count > Self.kept { state.ended.removeFirst() }
        }
    }

    private var jobs: [Job] {
        state.withLock { $0.running.values.sorted { $0.id < $1.id } }
    }

    /// Oldest first.
    package var running: [JobReport] { jobs.map(\.report).filter { $0.state == .running } }

    /// The jobs that ended last, oldest first.
    package var ended: [JobReport] { state.withLock { $0.ended } }

    /// - Returns: False if there is no such job, or it cannot be stopped.
    package func cancel(_ id: UInt64) -> Bool {
        state.withLock { $0.running[id] }?.cancel() ?? false
    }

    /// Cancels all jobs at the end of the daemon. Jobs that cannot be cancelled continue.
    package func cancelAll() {
        for job in jobs { job.cancel() }
    }
}
