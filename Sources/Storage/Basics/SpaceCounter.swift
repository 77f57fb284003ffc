// SpaceCounter: what was added to the logs of a workspace, and to all of the store with its pool,
// since the store was opened. Appends count by atomic additions; who asks what is used reads atomics.

internal import Synchronization

/// Edit logs made and bytes appended to logs.
package struct LogGrowth: Sendable {
    package var files: UInt64 = 0
    /// Bytes of edit logs.
    package var bytes: UInt64 = 0
    /// Bytes of tree logs.
    package var journalBytes: UInt64 = 0
}

package final class SpaceCounter: Sendable {
    private let files = Atomic<UInt64>(0)
    private let logBytes = Atomic<UInt64>(0)
    private let journalBytes = Atomic<UInt64>(0)
    /// Of the pool, which belongs to the store as a whole.
    private let pinBytes = Atomic<UInt64>(0)
    /// The store's counter, for that of a workspace.
    private let whole: SpaceCounter?

    package init(in whole: SpaceCounter? = nil) { self.whole = whole }

    func add(logBytes count: UInt64) {
        logBytes.wrappingAdd(count, ordering: .relaxed)
        whole?.add(logBytes: count)
    }

    /// Bytes that were taken back.
    func take(logBytes count: UInt64) {
        logBytes.wrappingSubtract(count, ordering: .relaxed)
        whole?.take(logBytes: count)
    }

    func add(journalBytes count: UInt64) {
        journalBytes.wrappingAdd(count, ordering: .relaxed)
        whole?.add(journalBytes: count)
    }

    func add(pinBytes count: UInt64) { pinBytes.wrappingAdd(count, ordering: .relaxed) }

    func take(pinBytes count: UInt64) { pinBytes.wrappingSubtract(count, ordering: .relaxed) }

    func addLog(bytes: UInt64) {
        files.wrappingAdd(1, ordering: .relaxed)
        logBytes.wrappingAdd(bytes, ordering: .relaxed)
        whole?.addLog(bytes: bytes)
    }

    package var growth: LogGrowth {
        LogGrowth(
            files: files.load(ordering: .relaxed), bytes: logBytes.load(ordering: .relaxed),
            journalBytes: journalBytes.load(ordering: .relaxed))
    }

    /// Bytes of all logs and of the pool; fewer than before count as a negative number.
    package var bytes: Int64 {
        Int64(
            truncatingIfNeeded: logBytes.load(ordering: .relaxed)
                &+ journalBytes.load(ordering: .relaxed) &+ pinBytes.load(ordering: .relaxed))
    }
}
