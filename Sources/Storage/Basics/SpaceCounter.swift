// SpaceCounter: counts what was added to the logs of a workspace, or to the whole store with its pool,
// since the store was opened. Appends use atomic additions, and queries read the atomics.

internal import Synchronization

/// The number of edit logs made and of bytes appended to logs.
package struct LogGrowth: Sendable {
    package var files: UInt64 = 0
    /// Bytes of edit logs.
    package var bytes: UInt64 = 0
    /// Bytes of tree logs.
    package var treeLogBytes: UInt64 = 0
    /// Edit logs that were removed, and bytes of edit logs that were given back.
    package var releasedFiles: UInt64 = 0
    package var releasedBytes: UInt64 = 0
    /// Bytes of tree logs that were given back.
    package var releasedTreeLogBytes: UInt64 = 0
}

package final class SpaceCounter: Sendable {
    private let files = Atomic<UInt64>(0)
    private let logBytes = Atomic<UInt64>(0)
    private let treeLogBytes = Atomic<UInt64>(0)
    /// Bytes of the pool, which belongs to the store as a whole.
    private let pinBytes = Atomic<UInt64>(0)
    private let releasedFiles = Atomic<UInt64>(0)
    private let releasedBytes = Atomic<UInt64>(0)
    private let releasedTreeLogBytes = Atomic<UInt64>(0)
    /// The store's counter, if this is a workspace's counter.
    private let whole: SpaceCounter?

    package init(in whole: SpaceCounter? = nil) { self.whole = whole }

    func add(logBytes count: UInt64) {
        logBytes.wrappingAdd(count, ordering: .relaxed)
        whole?.add(logBytes: count)
    }

    /// Subtracts bytes that were taken back.
    func take(logBytes count: UInt64) {
        logBytes.wrappingSubtract(count, ordering: .relaxed)
        whole?.take(logBytes: count)
    }

    func add(treeLogBytes count: UInt64) {
        treeLogBytes.wrappingAdd(count, ordering: .relaxed)
        whole?.add(treeLogBytes: count)
    }

    func add(pinBytes count: UInt64) { pinBytes.wrappingAdd(count, ordering: .relaxed) }

    func take(pinBytes count: UInt64) { pinBytes.wrappingSubtract(count, ordering: .relaxed) }

    func addLog(bytes: UInt64) {
        files.wrappingAdd(1, ordering: .relaxed)
        logBytes.wrappingAdd(bytes, ordering: .relaxed)
        whole?.addLog(bytes: bytes)
    }

    /// Counts space that was given back.
    func release(files count: UInt64, logBytes: UInt64) {
        releasedFiles.wrappingAdd(count, ordering: .relaxed)
        releasedBytes.wrappingAdd(logBytes, ordering: .relaxed)
        whole?.release(files: count, logBytes: logBytes)
    }

    /// Counts space of tree logs that was given back.
    func release(treeLogBytes count: UInt64) {
        releasedTreeLogBytes.wrappingAdd(count, ordering: .relaxed)
        whole?.release(treeLogBytes: count)
    }

    package var growth: LogGrowth {
        LogGrowth(
            files: files.load(ordering: .relaxed), bytes: logBytes.load(ordering: .relaxed),
            treeLogBytes: treeLogBytes.load(ordering: .relaxed),
            releasedFiles: releasedFiles.load(ordering: .relaxed),
            releasedBytes: releasedBytes.load(ordering: .relaxed),
            releasedTreeLogBytes: releasedTreeLogBytes.load(ordering: .relaxed))
    }

    /// Bytes of all logs and of the pool. Negative if there are fewer than at the open of the store.
    package var bytes: Int64 {
        Int64(
            truncatingIfNeeded: logBytes.load(ordering: .relaxed)
                &+ treeLogBytes.load(ordering: .relaxed) &+ pinBytes.load(ordering: .relaxed)
                &- releasedBytes.load(ordering: .relaxed)
                &- releasedTreeLogBytes.load(ordering: .relaxed))
    }
}
