// Workspace: one writable view of the base. All requests of a mount or a tool pass through it: it holds the
// lock of the tree, and does file I/O outside the lock.

package import Platform
package import Storage
package import Synchronization

package final class Workspace: Sendable {
    package let id: UInt16
    package let rootNumber: InodeNumber
    package let base: BaseTree
    package let events: EventLog
    package let logs: LogDirectory
    package let treeLog: TreeLog
    let dueLogs: DueLogs
    package let sequence: SequenceCounter
    package let clock: Clock
    let limits: Limits
    /// The usage and limits of the workspace, and the limits as they were set.
    package let quota: Quota
    let limiting = Mutex(OperatorLimits())
    let memory: MemoryBudget
    /// The number of calls that found memory far over the budget.
    let reliefCount = Atomic<UInt64>(0)
    private let tree: Mutex<Tree>
    /// The database's second connection, for checkpoints; its lock lets only one checkpoint run at a time.
    /// Nil for a database in memory, which has only one connection, and until the first checkpoint of a new
    /// workspace.
    let checkpointWriter: Mutex<TreeDatabase?>
    package let disk: any Disk
    package let databases: DatabasePaths
    /// What the workspace was forked from. Nil if it began with the base.
    package let fork: WorkspaceRecord.Fork?
    /// How far back its history can be seen.
    package let horizon = Horizon()
    /// The size of the logs at the first query, less the growth that had been counted by then.
    let usageAtFirstLook = Mutex<WorkspaceUsage?>(nil)
    /// Base files in which a read met drift.
    package let driftMet = Mutex<Set<InodeNumber>>([])
    /// The tree's tick at the last sweep: if no inode was used since, there is nothing to sweep.
    let lastSweep = Atomic<UInt64>(.max)
    /// Edits hold the gate together; a backup, rollback or clone holds it alone.
    package let gate = Gate()
    /// State that the module Past keeps for this workspace.
    package let attachment = Attachment()
    /// Set by a backup: everything is to be synced soon.
    package let wantsSync = Atomic<Bool>(false)
    /// Set when the last checkpoint failed; the status shows it.
    let checkpointFailed = Atomic<Bool>(false)
    let checkpointFailures = Atomic<UInt64>(0)

    init(
        _ tree: Tree, writer: sending TreeDatabase?, disk: any Disk, databases: DatabasePaths,
        fork: WorkspaceRecord.Fork? = nil
    ) {
        id = tree.workspace
        rootNumber = tree.rootNumber
        base = tree.base
        events = tree.events
        logs = tree.logs
        treeLog = tree.treeLog
        dueLogs = tree.dueLogs
        sequence = tree.sequence
        clock = tree.clock
        limits = tree.limits
        quota = tree.quota
        memory = tree.memory
        self.disk = disk
        self.databases = databases
        self.fork = fork
        self.tree = Mutex(tree)
        checkpointWriter = Mutex(writer)
    }

    /// Runs `body` with the tree locked. Only values leave the lock.
    /// - Throws: ESTALE once the workspace is discarded, or its removal has begun.
    package func withTree<R: Sendable>(_ body: (Tree) throws(Errno) -> R) throws(Errno) -> R {
        try tree.withLock { (tree) throws(Errno) -> R in
            if tree.standing != .live { throw .stale }
            return try body(tree)
        }
    }

    /// Whether it takes calls: it is neither discarded nor being removed.
    package var isLive: Bool { withTreeSafely { $0.standing == .live } }

    /// Runs `body` with the tree locked, even if the workspace is discarded or being removed.
    package func withTreeSafely<R: Sendable>(_ body: (Tree) -> R) -> R { tree.withLock { body($0) } }
}

// MARK: Durability

extension Workspace {
    /// Serves fsync(2) and fdatasync(2): makes content, then names and attributes, durable.
    package func synchronize(_ number: InodeNumber) throws(Errno) {
        let (log, pins) = try withTree { (tree) throws(Errno) -> (EditLog?, Set<PinIdentity>) in
            let inode = try tree.inode(number)
            return (
                inode.type == .regular ? try tree.edits.log(of: inode) : nil, tree.unsyncedPins
            )
        }
        try synchronizePins(pins)
        if let log {
            let last = log.lastSequence
            try log.synchronize()
            dueLogs.remove(number, upTo: last)
        }
        try synchronizeTreeLog()
    }

    /// Makes contents in the pool durable, also those of other base files: extents may be shared with them.
    func synchronizePins(_ pins: Set<PinIdentity>) throws(Errno) {
        if pins.isEmpty { return }
        try logs.pool.synchronize(pins)
        withTreeSafely { $0.unsyncedPins.subtract(pins) }
    }

    /// Makes all names and attributes durable, and before them the content of files that have taken the
    /// name of another file.
    package func synchronizeTreeLog() throws(Errno) {
        try dueLogs.synchronize()
        try treeLog.synchronize()
    }

    /// Serves fsync(2) of a directory: makes all names and attributes of the workspace durable.
    package func synchronizeNames() throws(Errno) { try synchronizeTreeLog() }

    // MARK: A full disk

    /// Runs a call that frees more space than it takes. If it fails for lack of space, it runs again after
    /// a step of the reserve was given back; a call that failed for lack of space has changed nothing.
    package func withReserve<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        try logs.reserve.whileFull(body)
    }

    /// Sets room aside for the tree log, as much as the present tree needs.
    /// - Returns: false if the disk has no space for it.
    func keepRoom() -> Bool {
        // A workspace that was never written to takes no blocks: there may be thousands.
        if quota.usedFiles == 0, treeLog.room == 0 { return true }
        let needed = withTreeSafely { $0.bounds.neededRoom() }
        do throws(Errno) {
            try treeLog.keepRoom(needed, own: 0)
            return true
        } catch {
            // Any other error shows at the next append.
            return error != .noSpace && error != .quota
        }
    }

    /// Gives room back that is set aside for the tree log and that no rollback needs any more.
    /// - Parameter first: the earliest moment that can be seen.
    package func releaseRoom(before first: UInt64) {
        let needed = withTreeSafely { tree in
            tree.bounds.releaseRoom(before: first)
            return tree.bounds.neededRoom()
        }
        treeLog.giveRoomBack(keeping: needed)
    }

    /// The path of the database that the workspace writes now.
    package var databasePath: String { databases.path(withTreeSafely { $0.generation }) }

    // MARK: Closing

    /// Lets go of everything that the workspace holds, and writes nothing.
    func release() {
        checkpointWriter.withLock { $0 = nil }
        attachment.drop()
        withTreeSafely { tree in
            tree.openLogs.removeAll()
            tree.inodes.removeAll()
            tree.rows.top.close()
        }
    }

    /// Writes everything out and marks the workspace as closed cleanly.
    /// - Returns: false if the database could not be written; the tree log has everything then.
    @discardableResult
    package func close() -> Bool {
        let isCut = finishCuts()
        let written = maintenance.checkpoint()
        for log in withTreeSafely({ $0.openLogs.all }) {
            try? log.checkpoint(ifMoreThan: limits.replayRecords)
        }
        checkpointWriter.withLock { writer in
            // The next start reads the write-ahead log as well.
            try? writer?.flushLog()
        }
        release()
        guard written, isCut else { return false }
        let databasePath = databasePath
        if !databases.areInMemory, DatabaseSeal.exists(databasePath) {
            // Without the seal the next start checks row by row.
            try? DatabaseSeal.write(databasePath)
        }
        do throws(Errno) {
            try SessionMark.clear(LogDirectory.workspacePath(id), disk)
        } catch {
            events.post(
                .warning,
                "workspace \(id) could not be marked as closed: \(error); the next start replays its log")
        }
        return true
    }

    /// Cuts off the records of failed transactions that the disk could not cut at the time. If it still
    /// cannot, the workspace stays marked as in use, and recovery cuts them.
    private func finishCuts() -> Bool {
        var isDone = true
        for number in logs.pendingCuts(of: id) {
            do throws(Errno) {
                try logs.finishCut(of: number)
            } catch {
                isDone = false
                events.post(
                    .warning,
                    "an unfinished change cannot be cut off \(LogDirectory.path(number)): \(error); the "
                        + "next start does it")
            }
        }
        return isDone
    }
}

// MARK: The operations, each group a type of its own

extension Workspace {
    /// Reads and edits the bytes of files.
    package var content: WorkspaceContent { WorkspaceContent(workspace: self) }
    /// Relates a workspace to files of the base, and follows their changes.
    package var baseFiles: WorkspaceBaseFiles { WorkspaceBaseFiles(workspace: self) }
    /// Opens a workspace and completes what the last session left unfinished.
    package var recovery: Recovery { Recovery(workspace: self) }
    /// The background work of a workspace: checkpoints, freeing of memory, expiry of backups.
    package var maintenance: Maintenance { Maintenance(workspace: self) }
    /// The results of commands that were run in a workspace.
    package var runs: Runs { Runs(workspace: self) }
    /// The space that a workspace uses, and its limits.
    package var accounts: WorkspaceAccounts { WorkspaceAccounts(workspace: self) }
}
