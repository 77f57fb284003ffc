// Horizon: how far back a workspace can be seen. A release moves it, first here and then in its file,
// before it gives anything back.

package import Storage
internal import Synchronization

package final class Horizon: Sendable {
    private let known = Mutex(HorizonRecord())

    init() {}

    package var record: HorizonRecord { known.withLock { $0 } }

    /// Whether the workspace can be seen as it was after a change.
    package func shows(_ sequence: UInt64) -> Bool { known.withLock { $0.shows(sequence) } }

    package func move(to record: HorizonRecord) { known.withLock { $0 = record } }
}
