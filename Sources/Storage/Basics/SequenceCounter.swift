// SequenceCounter: gives out the sequence numbers of a workspace's changes.

internal import Synchronization
internal import Platform

/// The one counter that orders all records of a workspace.
package final class SequenceCounter: Sendable {
    private let value: Atomic<UInt64>

    package init(_ last: UInt64) { value = Atomic(last) }

    package var last: UInt64 { value.load(ordering: .relaxed) }

    package func next() -> UInt64 {
        value.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// Makes the counter at least `sequence`, which was read from a log. The value is limited to
    /// Int64.max, so that a forged record leaves numbers for later changes.
    package func advance(to sequence: UInt64) {
        value.max(min(sequence, UInt64(Int64.max)), ordering: .relaxed)
    }
}
