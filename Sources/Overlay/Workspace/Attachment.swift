// Attachment: what a module above keeps for a workspace as long as that is open, made when it is first asked
// for. The workspace does not know what it is.

internal import Synchronization

package final class Attachment: Sendable {
    private let held = Mutex<(any Sendable)?>(nil)

    /// - Parameter make: only one type is ever asked for.
    package func value<T: Sendable>(_ make: () -> T) -> T {
        held.withLock { held in
            if let known = held as? T { return known }
            let fresh = make()
            held = fresh
            return fresh
        }
    }
}
