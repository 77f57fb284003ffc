// Workspace: one agent's writable view of the base. Everything a mount or a tool asks for passes
// through here: it holds the tree's lock, and does file I/O outside it.

package import Platform
package import Storage
package import Synchronization

package final class Workspace: Sendable {
    package let id: UInt16
    package let rootNumber: InodeNumber
    package let base: BaseTree
    package let events: EventLog
    package let logs: LogDirectory
    package let journal: Journal
    let dueLogs: DueLogs
    package let sequence: SequenceCounter
    package let clock: Clock
    let limits: Limits
    /// What the workspace takes and may take, and the limits as they were set.
    package let quota: Quota
    let limiting = Mutex(OperatorLimits())
    let memory: MemoryBudget
    /// Calls that found memory far over the budget.
    let reliefCount = Atomic<UInt64>(0)
    private let tree: Mutex<Tree>
    /// The database's second connection, for checkpoints; its lock makes them follow each other.
    /// Nil inside for a database in memory, which has one connection only, and until the first
    /// checkpoint of a new workspace.
    let checkpointWriter: Mutex<TreeDatabase?>
    package let disk: any Disk
    package let databasePath: String
    /// What the logs took when somebody first asked, less what had been added by then.
    let usageAtFirstLook = Mutex<WorkspaceUsage?>(nil)
    /// Base files of which a read met drift.
    package let driftMet = Mutex<Set<InodeNumber>>([])
    /// The tree's tick at the last sweep: where nothing was used since, nothing is to be swept.
    let lastSweep = Atomic<UInt64>(.max)
    /// Edits enter; a backup, rollback or clone is alone.
    package let gate = Gate()
    /// What who looks at its past keeps of it.
    package let attachment = Attachment()
    /// Set by a backup: everything is to be synced soon.
    package let wantsSync = Atomic<Bool>(false)
    /// Set when the last checkpoint failed, so that status can say so.
    let checkpointFailed = Atomic<Bool>(false)
    let checkpointFailures = Atomic<UInt64>(0)

    init(
        _ tree: Tree, writer: sending TreeDatabase?, disk: any Disk, databasePath: String
    ) {
        id = tree.workspace
        rootNumber = tree.rootNumber
        base = tree.base
        events = tree.events
        logs = tree.logs
        journal = tree.journal
        dueLogs = tree.dueLogs
        sequence = tree.sequence
        clock = tree.clock
        limits = tree.limits
        quota = tree.quota
        memory = tree.memory
        self.disk = disk
        self.databasePath = databasePath
        self.tree = Mutex(tree)
        checkpointWriter = Mutex(writer)
    }

    /// Runs `body` with the tree locked. Only values leave it.
    /// - Throws: ESTALE for all that comes after the workspace began to be removed.
    package func withTree<R: Sendable>(_ body: (Tree) throws(Errno) -> R) throws(Errno) -> R {
        try tree.withLock { (tree) throws(Errno) -> R in
            if tree.isGoing { throw .stale }
            return try body(tree)
        }
    }

    package func withTreeSafely<R: Sendable>(_ body: (Tree) -> R) -> R { tree.withLock { body($0) } }
}

// MARK: Durability

extension Workspace {
    /// fsync(2) and fdatasync(2): content, then names and attributes, survive a power cut.
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
        try synchronizeJournal()
    }

    /// Contents of other base files too: extents may be shared with them.
    func synchronizePins(_ pins: Set<PinIdentity>) throws(Errno) {
        if pins.isEmpty { return }
        try logs.pool.synchronize(pins)
        withTreeSafely { $0.unsyncedPins.subtract(pins) }
    }

    /// Makes every name and attribute survive a power cut, and before that the content of files that
    /// have taken another one's name.
    package func synchronizeJournal() throws(Errno) {
        try dueLogs.synchronize()
        try journal.synchronize()
    }

    /// fsync(2) of a directory: every name and attribute of the workspace.
    package func synchronizeNames() throws(Errno) { try synchronizeJournal() }

    // MARK: A full disk

    /// Runs a call that frees more than it takes. It is run again after a step of the reserve was
    /// given back: a call that fails for want of space has changed nothing.
    package func withReserve<R>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        try logs.reserve.whileFull(body)
    }

    /// Has the tree log have the room that what is there needs.
    /// - Returns: false where the disk has no space for it.
    func keepRoom() -> Bool {
        // A workspace that nobody has written to takes no blocks: there may be thousands.
        if quota.usedFiles == 0, journal.room == 0 { return true }
        let needed = withTreeSafely { $0.bounds.neededRoom() }
        do throws(Errno) {
            try journal.keepRoom(needed, own: 0)
            return true
        } catch {
            // Anything else shows at the next append.
            return error != .noSpace && error != .quota
        }
    }

    // MARK: Closing

    /// Writes everything out and marks the workspace as closed cleanly.
    /// - Returns: false if the database could not be written; the journal has it all then.
    @discardableResult
    package func close() -> Bool {
        let isCut = finishCuts()
        let written = maintenance.checkpoint()
        for log in withTreeSafely({ $0.openLogs.all }) {
            try? log.checkpoint(ifMoreThan: limits.replayRecords)
        }
        checkpointWriter.withLock { writer in
            try? writer?.flushLog()
            writer = nil
        }
        withTreeSafely { tree in
            tree.openLogs.removeAll()
            tree.inodes.removeAll()
            tree.reader.close()
        }
        guard written, isCut else { return false }
        if databasePath != ":memory:", DatabaseSeal.exists(databasePath) {
            // Without it the next start reads row by row.
            try? DatabaseSeal.write(databasePath)
        }
        do throws(Errno) {
            try SessionMark.clear(LogDirectory.workspacePath(id), disk)
        } catch {
            events.post(
                .warning,
                "workspace \(id) could not be marked as closed: \(error); the next start replays")
        }
        return true
    }

    /// Cuts off what the disk would not let go of when a transaction failed. Where it still does not,
    /// the workspace stays marked as in use, and recovery does it.
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
