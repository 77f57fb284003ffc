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
