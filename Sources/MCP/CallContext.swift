// CallContext: the connection of one running call to its client: whether the call is cancelled, and its
// reports before the reply. Nothing is sent after the call is cancelled or answered.

internal import Synchronization

/// The progress of a call.
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

    /// Whether a structured result reaches the client, so that the text may be short.
    package let deliversStructuredContent: Bool

    private let interval: Duration
    private let onProgress: ProgressHandler?
    private let onLog: LogHandler?
    private let cancelled = Atomic(false)
    /// Held while a report is sent, so that no report follows a cancellation.
    private let state = Mutex(State())

    /// The maximum number of messages that one call may log; the last one says that no more come.
    static let logLimit = 200

    /// - Parameters:
    ///   - interval: the minimum time between two reports of progress.
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

    /// Whether the client has cancelled the call or is gone. The call should undo what it did so far, or
    /// leave it complete; its reply is not sent.
    package var isCancelled: Bool { cancelled.load(ordering: .acquiring) }

    /// Whether progress is reported to the client; otherwise there is no need to count.
    package var wantsProgress: Bool { onProgress != nil }

    /// Reports progress. A report is dropped if `done` has not grown, or if it follows another one too
    /// soon; the last one, which reaches `total`, is not dropped.
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

    /// Sends a message to the client's log, if the client wants that level.
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

    /// Runs `body`, and runs `handler` once if the call is cancelled: on another thread if that is during
    /// `body`, or at once if it was before. This is for waits: for a child process to end, or a descriptor
    /// to close. The handler may still run for a moment after `body` has returned.
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

    /// Cancels the call.
    /// - Returns: whether it was not cancelled before.
    @discardableResult
    package func cancel() -> Bool {
        // The flag is set first, so that the call sees it even while a report waits for a slow client.
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

    /// Closes the context before the reply is sent: no report may follow.
    func close() { state.withLock { $0.isClosed = true } }
}
