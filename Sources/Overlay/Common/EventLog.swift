// EventLog: messages for people: damage, drift, a torn tail that was cut off, a failed checkpoint. It has a
// bounded list for status, and a callback for the log.

package import Platform
internal import Synchronization

package struct Event: Sendable {
    package enum Severity: String, CaseIterable, Sendable { case notice, warning, error }
    /// Nanoseconds since 1970.
    package var time: Int64
    package var severity: Severity
    /// The workspace that it concerns. Nil for the store.
    package var workspace: UInt16?
    /// One sentence: what happened, to what, and what to do.
    package var message: String
}

/// The events of a store, or one workspace's view of them. Events posted through a view carry the
/// workspace's id.
package final class EventLog: Sendable {
    private final class Shared: Sendable {
        let recent = Mutex<[Event]>([])
        let total = Atomic<Int>(0)
        let bySeverity = Mutex<[Event.Severity: Int]>([:])
        let sink: @Sendable (Event) -> Void
        let clock: Clock

        init(_ clock: Clock, _ sink: @escaping @Sendable (Event) -> Void) {
            self.clock = clock
            self.sink = sink
        }
    }

    private let shared: Shared
    private let workspace: UInt16?
    private static let kept = 64

    package init(
        clock: Clock = .system, _ sink: @escaping @Sendable (Event) -> Void = { _ in }
    ) {
        shared = Shared(clock, sink)
        workspace = nil
    }

    /// Makes a workspace's view of the same events.
    package init(of workspace: UInt16, in log: EventLog) {
        shared = log.shared
        self.workspace = workspace
    }

    package func post(_ severity: Event.Severity, _ message: String) {
        let event = Event(
            time: shared.clock.realtime(), severity: severity, workspace: workspace,
            message: message)
        let isNew = shared.recent.withLock { list in
            // The same read that fails repeatedly is one event.
            let isKnown = list.contains { $0.message == message && $0.workspace == workspace }
            if isKnown { return false }
            list.append(event)
            if list.count > Self.kept { list.removeFirst() }
            return true
        }
        if isNew {
            shared.total.wrappingAdd(1, ordering: .relaxed)
            shared.bySeverity.withLock { $0[severity, default: 0] += 1 }
            shared.sink(event)
        }
    }

    /// All kept events of the store, oldest first.
    package var events: [Event] { shared.recent.withLock { $0 } }
    package var count: Int { shared.total.load(ordering: .relaxed) }

    package func count(of severity: Event.Severity) -> Int {
        shared.bySeverity.withLock { $0[severity] ?? 0 }
    }

    /// Returns the events of a workspace and those of the store as a whole.
    package func events(concerning workspace: UInt16) -> [Event] {
        events.filter { $0.workspace == workspace || $0.workspace == nil }
    }
}
