// FrontRelease: gives the space of a workspace's tree log back that holds changes from before its horizon.

internal import Platform
package import Storage
internal import Synchronization

package struct FrontRelease: Sendable {
    private let workspace: Workspace
    /// The last change that may be released.
    private let last: UInt64
    /// Called before each change of the store, and now and then; an error ends the release.
    private let check: @Sendable () throws(StorageError) -> Void

    /// - Parameter last: no moment before it can be seen, and no fork begins with it or before it.
    package init(
        _ workspace: Workspace, upTo last: UInt64, check: @escaping @Sendable () throws(StorageError) -> Void
    ) {
        self.workspace = workspace
        self.last = last
        self.check = check
    }
}

extension FrontRelease {
    /// How many times the least number of bytes is worth any state.
    private static let mostTimesLeast: UInt64 = 1_024

    /// Returns the bytes of the records that can be released; 0 if they are too few: the state that the log
    /// will begin with is written as a whole.
    package func releasable() throws(StorageError) -> UInt64 {
        let bytes = try release.bytes(upTo: last)
        let front = workspace.treeLog.front
        // The database is about as large as the first state.
        let cost = front.start == nil ? databaseBytes : front.stateBytes / 2
        let least = workspace.limits.leastTreeLog
        let wanted = min(max(least, cost), least.multiplied(clamping: Self.mostTimesLeast))
        return bytes >= wanted ? bytes : 0
    }

    /// Gives back what a release that was ended has left.
    package func finish() throws(StorageError) {
        if workspace.treeLog.front.start == nil { return }
        // Its name may not be durable yet.
        do throws(Errno) {
            try workspace.disk.synchronizeDirectory(LogDirectory.workspacePath(workspace.id))
        } catch {
            throw .system(error, doing: "sync the directory of", path: workspace.treeLog.path)
        }
        try release.punch()
    }

    /// Releases the records.
    /// - Parameter placing: runs its argument, or does not if a fork began with what would go.
    /// - Returns: the bytes that were given back.
    package func run(
        placing: (_ place: () throws(StorageError) -> Void) throws(StorageError) -> Void
    ) throws(StorageError) -> UInt64 {
        try finish()
        // A database from before the new front would be made again from the state.
        guard workspace.maintenance.checkpoint() else { return 0 }
        workspace.checkpointWriter.withLock { writer in
            // What a power cut takes of it costs time only.
            try? writer?.flushLog()
        }
        // Each process is named once more: its last name may be released.
        workspace.withTreeSafely { $0.logWriter.forgetProcesses() }
        try check()
        do throws(Errno) {
            try workspace.synchronizeTreeLog()
        } catch {
            throw .system(error, doing: "sync", path: workspace.treeLog.path)
        }
        removeScratch()
        defer { removeScratch() }
        let release = release
        let before = workspace.treeLog.byteCount
        let last = min(last, try writtenSequence())
        guard try release.prepare(upTo: last, now: workspace.clock.realtime()) else { return 0 }
        var isPlaced = false
        do throws(StorageError) {
            try check()
            try placing { () throws(StorageError) in
                guard let start = try release.place() else { return }
                workspace.withTreeSafely { $0.treeLog.begin(with: start) }
                isPlaced = true
            }
        } catch {
            if !isPlaced { release.removeUnplaced() }
            throw error
        }
        guard isPlaced else {
            release.removeUnplaced()
            return 0
        }
        try check()
        try finish()
        return before.subtracting(clamping: workspace.treeLog.byteCount)
    }

    /// Returns the last change that a database has. One from before the new front would be put aside.
    private func writtenSequence() throws(StorageError) -> UInt64 {
        let result: Result<UInt64, StorageError> = workspace.withTreeSafely { tree in
            do throws(StorageError) {
                let layer = tree.rows.lower?.name.workspace == tree.workspace ? tree.rows.lower : nil
                return .success(max(try tree.rows.top.position().sequence, layer?.position.sequence ?? 0))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private var release: TreeLogRelease {
        TreeLogRelease(
            workspace.treeLog, on: workspace.disk, scratch: workspace.databases.scratchPath,
            isOverLayer: workspace.fork != nil, pause: check)
    }

    private var databaseBytes: UInt64 {
        if workspace.databases.areInMemory { return 0 }
        let file = try? File.open(workspace.databasePath, flags: OpenFlags.readFile)
        return (try? file?.length()) ?? 0
    }

    private func removeScratch() {
        if !workspace.databases.areInMemory {
            DatabaseSeal.removeDatabase(workspace.databases.scratchPath)
        }
    }
}
