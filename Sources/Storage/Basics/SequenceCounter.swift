// SequenceCounter: numbers changes, of all workspaces of a store.

internal import Synchronization
internal import Platform

/// The one counter that orders everything in a workspace.
package final class SequenceCounter: Sendable {
    private let value: Atomic<UInt64>

    package init(_ last: UInt64) { value = Atomic(last) }

    package var last: UInt64 { value.load(ordering: .relaxed) }

    package func next() -> UInt64 {
        value.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// Makes the counter at least `sequence`, after a log showed it. One of a forged record leaves room
    /// for those to come.
    package func advance(to sequence: UInt64) {
        value.max(min(sequence, UInt64(Int64.max)), ordering: .relaxed)
    }
}
