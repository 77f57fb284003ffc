// RunningCalls: the unanswered requests by id, so that they can be cancelled and no id is used twice at a
// time.

internal import Synchronization

final class RunningCalls: Sendable {
    private let calls = Mutex<[RequestID: CallContext]>([:])

    /// Adds a call; returns false if a request with this id still runs.
    func add(_ id: RequestID, _ context: CallContext) -> Bool {
        calls.withLock { calls in
            if calls[id] != nil { return false }
            calls[id] = context
            return true
        }
    }

    func contains(_ id: RequestID) -> Bool { calls.withLock { $0[id] != nil } }

    func remove(_ id: RequestID) { calls.withLock { _ = $0.removeValue(forKey: id) } }

    /// Cancels a call. An unknown id belongs to a request that was answered meanwhile.
    func cancel(_ id: RequestID) { calls.withLock { $0[id] }?.cancel() }

    func cancelAll() {
        for context in calls.withLock({ Array($0.values) }) { context.cancel() }
    }
}
