// Attachment: a value that a higher module keeps for a workspace while that is open, made at first use. The
// workspace does not know its type.

internal import Synchronization

package final class Attachment: Sendable {
    private let held = Mutex<(any Sendable)?>(nil)

    /// Returns the value, made at first use.
    /// - Parameter make: all callers use the same type.
    package func value<T: Sendable>(_ make: () -> T) -> T {
        held.withLock { held in
            if let known = held as? T { return known }
            let fresh = make()
            held = fresh
            return fresh
        }
    }

    /// Lets go of the value, which may refer to the workspace.
    func drop() {
        // It goes outside the lock.
        _ = held.withLock { held in
            defer { held = nil }
            return held
        }
    }
}
