// Events: what people must hear of: damage, drift, a torn tail that was cut, a checkpoint that
// failed. A bounded list for status, and a callback for the log.

internal import Synchronization

package struct Event: Sendable {
    package enum Severity: String, CaseIterable, Sendable { case notice, warning, error }
    package var severity: Severity
    /// One sentence: what happened, to what, what to do.
    package var message: String
}

package final class EventLog: Sendable {
    private let recent = Mutex<[Event]>([])
    private let total = Atomic<Int>(0)
    private let bySeverity = Mutex<[Event.Severity: Int]>([:])
    private let sink: @Sendable (Event) -> Void
    private static let kept = 64

    package init(_ sink: @escaping @Sendable (Event) -> Void = { _ in }) { self.sink = sink }

    package func post(_ severity: Event.Severity, _ message: String) {
        let event = Event(severity: severity, message: message)
        let isNew = recent.withLock { list in
            // The same read that fails again and again is one event.
            if list.contains(where: { $0.message == message }) { return false }
            list.append(event)
            if list.count > Self.kept { list.removeFirst() }
            return true
        }
        if isNew {
            total.wrappingAdd(1, ordering: .relaxed)
            bySeverity.withLock { $0[severity, default: 0] += 1 }
            sink(event)
        }
    }

    package var events: [Event] { recent.withLock { $0 } }
    package var count: Int { total.load(ordering: .relaxed) }
    package func count(of severity: Event.Severity) -> Int {
        bySeverity.withLock { $0[severity] ?? 0 }
    }
}
