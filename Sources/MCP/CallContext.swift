// CallContext: the ear and mouth of one running call: whether it is still wanted, and what it
// reports before its reply. Nothing is sent once the call is cancelled or answered.

internal import Synchronization

/// How far a call is.
package struct CallProgress: Sendable, Equatable {
    package var done: Int64
    package var total: Int64?
    package var message: String?
}

package final class CallContext: Sendable {
    package typealias ProgressHandler = @Sendable (CallProgress) -> Void
    package typealias LogHandler = @Sendable (LogLevel, String) -> Void

    private struct State {
        var isClosed = false
        var reported: Int64?
        var reportedAt: ContinuousClock.Instant?
        var logged = 0
        var handlers: [UInt64: @Sendable () -> Void] = [:]
        var nextHandler: UInt64 = 0
    }

    /// Whether a structured result will reach the client, so that its text can be short.
    package let deliversStructuredContent: Bool

    private let interval: Duration
    private let onProgress: ProgressHandler?
    private let onLog: LogHandler?
    private let cancelled = Atomic(false)
    /// Held while a report is sent, so that none follows a cancellation.
    private let state = Mutex(State())

    /// Messages that one call may log; the last says that no more come.
    static let logLimit = 200

    /// - Parameters:
    ///   - interval: the least time between two reports of progress.
    ///   - onProgress, onLog: called one at a time, on the thread of the call.
    package init(
        interval: Duration = .milliseconds(100), deliversStructuredContent: Bool = true,
        onProgress: ProgressHandler? = nil, onLog: LogHandler? = nil
    ) {
        self.interval = interval
        self.deliversStructuredContent = deliversStructuredContent
        self.onProgress = onProgress
        self.onLog = onLog
    }

    /// The client does not want the result any more, or is gone. What the call did so far should be
    /// taken back or left whole; its reply is not sent.
    package var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// Whether somebody listens: without, there is no need to count.
    package var wantsProgress: Bool { onProgress != nil }

    /// Reports progress. `done` that does not grow is dropped, as are reports that follow another
    /// too soon; the last, which reaches `total`, is not.
    package func progress(done: Int64, total: Int64? = nil, message: String? = nil) {
        guard let onProgress else { return }
        state.withLock { state in
            if state.isClosed { return }
            if let reported = state.reported, done <= reported { return }
            let now = ContinuousClock.now
            if let last = state.reportedAt, last.duration(to: now) < interval, done != total {
                return
            }
            state.reported = done
            state.reportedAt = now
            onProgress(CallProgress(done: done, total: total, message: message))
        }
    }

    /// Tells the client's log something, if it listens to that level.
    package func log(_ level: LogLevel, _ message: String) {
        guard let onLog else { return }
        state.withLock { state in
            if state.isClosed || state.logged > Self.logLimit { return }
            state.logged += 1
            if state.logged > Self.logLimit {
                onLog(.warning, "This call logged \(Self.logLimit) messages; no more are shown.")
            } else {
                onLog(level, message)
            }
        }
    }

    /// Runs `body`; `handler` runs once, on another thread, if the call is cancelled meanwhile, or
    /// at once if it was before. For what waits: a child process to end, a descriptor to close. It
    /// may still run for a moment when `body` has returned.
    package func withCancellationHandler<R>(
        _ handler: @escaping @Sendable () -> Void, _ body: () throws -> R
    ) rethrows -> R {
        let number: UInt64? = state.withLock { state in
            if isCancelled { return nil }
            state.nextHandler += 1
            state.handlers[state.nextHandler] = handler
            return state.nextHandler
        }
        guard let number else {
            handler()
            return try body()
        }
        defer { state.withLock { _ = $0.handlers.removeValue(forKey: number) } }
        return try body()
    }

    /// - Returns: whether it was not cancelled before.
    @discardableResult
    package func cancel() -> Bool {
        // First, so that a call sees it even while a report waits for a slow client.
        let wasCancelled = cancelled.exchange(true, ordering: .acquiringAndReleasing)
        let handlers = state.withLock { state in
            state.isClosed = true
            let handlers = state.handlers
            state.handlers = [:]
            return handlers
        }
        for handler in handlers.values { handler() }
        return !wasCancelled
    }

    /// The reply goes out: nothing may follow.
    func close() { state.withLock { $0.isClosed = true } }
}
