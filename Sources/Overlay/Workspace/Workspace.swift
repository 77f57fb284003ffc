// Workspace: one agent's writable view of the base. Everything a mount or a tool asks for passes
// through here: it holds the tree's lock, and does file I/O outside it.

package import Platform
package import Storage
internal import Synchronization

package final class Workspace: Sendable {
    package let id: UInt16
    package let rootNumber: InodeNumber
    package let base: BaseTree
    package let events: EventLog
    let logs: LogDirectory
    let journal: Journal
    let dueLogs: DueLogs
    let sequence: SequenceCounter
    let clock: Clock
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
    let disk: any Disk
    let databasePath: String
    /// What the logs took when somebody first asked, less what had been added by then.
    let usageAtFirstLook = Mutex<WorkspaceUsage?>(nil)
    /// Base files of which a read met drift.
    let driftMet = Mutex<Set<InodeNumber>>([])
    /// The tree's tick at the last sweep: where nothing was used since, nothing is to be swept.
    let lastSweep = Atomic<UInt64>(.max)
    /// Edits enter; a backup, rollback or clone is alone.
    let gate = Gate()
    /// Moments that were looked at lately.
    let recentViews = Mutex(LRUCache<UInt64, TimeView>(capacity: 8))
    /// What the journal's process records say, as far as somebody asked.
    let processHistory = Mutex(ProcessHistory())
    /// Set by a backup: everything is to be synced soon.
    let wantsSync = Atomic<Bool>(false)
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
    func withTree<R: Sendable>(_ body: (Tree) throws(Errno) -> R) throws(Errno) -> R {
        try tree.withLock { (tree) throws(Errno) -> R in
            if tree.isGoing { throw .stale }
            return try body(tree)
        }
    }

    func withTreeSafely<R: Sendable>(_ body: (Tree) -> R) -> R { tree.withLock { body($0) } }
}

// MARK: Names

extension Workspace {
    /// Finds a name and counts one kernel reference to what it leads to.
    /// - Throws: ENOENT where there is nothing.
    package func lookup(
        _ name: FileName, in parent: InodeNumber
    ) throws(Errno) -> InodeAttributes {
        let (attributes, isOver) = try withTree { (tree) throws(Errno) in
            let directory = try tree.directory(parent)
            guard let inode = try tree.child(name, of: directory) else { throw .noEntry }
            inode.lookups += 1
            return (inode.attributes, tree.isFarOverMemory)
        }
        if isOver { relieve() }
        return attributes
    }

    /// Gives kernel references back.
    package func forget(_ number: InodeNumber, count: UInt64) {
        withTreeSafely { $0.forget(number, count: count) }
    }

    /// Makes a file, directory, fifo, socket, device or (with a target) symlink, and counts one
    /// kernel reference to it.
    package func makeNode(
        _ name: FileName, in parent: InodeNumber, mode: UInt32, device: UInt64 = 0,
        symlinkTarget: [UInt8] = [], caller: Caller
    ) throws(Errno) -> InodeAttributes {
        let (attributes, isOver) = try withTree { (tree) throws(Errno) in
            let inode = try tree.makeNode(
                name, in: parent, mode: mode, device: device, symlinkTarget: symlinkTarget,
                caller: caller)
            inode.name = name
            inode.lookups += 1
            return (inode.attributes, tree.isFarOverMemory)
        }
        if isOver { relieve() }
        return attributes
    }

    package func makeLink(
        to number: InodeNumber, name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(Errno) -> InodeAttributes {
        try withPin(touching: number) { (tree) throws(Errno) in
            let inode = try tree.makeLink(to: number, name: name, in: parent, caller: caller)
            inode.lookups += 1
            return inode.attributes
        }
    }

    package func unlink(
        _ name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(Errno) {
        try withReserve { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                _ = try tree.unlink(name, in: parent, caller: caller)
            }
        }
    }

    package func removeDirectory(
        _ name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(Errno) {
        try withReserve { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                _ = try tree.removeDirectory(name, in: parent, caller: caller)
            }
        }
    }

    package func rename(
        _ oldName: FileName, in oldParent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: RenameFlags, caller: Caller
    ) throws(Errno) {
        var places = [NamePlace(parent: oldParent, name: oldName)]
        if flags.contains(.exchange) { places.append(NamePlace(parent: newParent, name: newName)) }
        try withReserve { () throws(Errno) in
            try withTouchPins({ (tree, kept) throws(Errno) in
                try tree.missingPin(renaming: places, kept: kept)
            }) { (tree) throws(Errno) in
                try tree.rename(
                    oldName, in: oldParent, to: newName, in: newParent, flags: flags,
                    caller: caller)
            }
        }
    }

    /// Calls `visit` with each name after `cookie` until it answers false. With `withInodes` the
    /// attributes are given and a kernel reference is counted for each name that was taken.
    package func list(
        _ number: InodeNumber, after cookie: UInt64, withInodes: Bool,
        visit: (ListedName, InodeNumber, InodeAttributes?) -> Bool
    ) throws(Errno) {
        let isOver = try withTree { (tree) throws(Errno) in
            try tree.list(number, after: cookie, withInodes: withInodes, visit: visit)
            return tree.isFarOverMemory
        }
        if isOver { relieve() }
    }

    package func symlinkTarget(_ number: InodeNumber) throws(Errno) -> [UInt8] {
        try withTree { (tree) throws(Errno) in
            let inode = try tree.inode(number)
            guard inode.type == .symlink else { throw .invalid }
            if let place = inode.place { return try tree.base.symlinkTarget(place) }
            return inode.record.symlinkTarget
        }
    }
}

// MARK: Attributes

extension Workspace {
    package func attributes(_ number: InodeNumber) throws(Errno) -> InodeAttributes {
        try withTree { (tree) throws(Errno) in try tree.inode(number).attributes }
    }

    /// setattr: size first (an edit), then the rest as one transaction.
    package func setAttributes(
        _ number: InodeNumber, _ change: AttributeChange, caller: Caller
    ) throws(Errno) -> InodeAttributes {
        guard change.size == 0 else { return try self.change(number, change, caller: caller) }
        // Emptying a file works on a full disk, with whatever comes along.
        return try withReserve { () throws(Errno) in
            try self.change(number, change, caller: caller)
        }
    }

    private func change(
        _ number: InodeNumber, _ change: AttributeChange, caller: Caller
    ) throws(Errno) -> InodeAttributes {
        if let size = change.size {
            try truncate(number, to: size, killSetID: change.killSetID, caller: caller)
        }
        return try withTree { (tree) throws(Errno) in
            if change.changesMetadata || change.size == nil, !change.isOnlyKill {
                try tree.setAttributes(number, change, caller: caller)
            }
            if change.isOnlyKill, try !tree.inode(number).isDirectory {
                // The kernel asks so before a write by somebody who may not keep set-id bits, and
                // for chown(-1, -1) by anybody.
                _ = try tree.clearPrivileges(
                    of: tree.inode(number), setID: true, unprivileged: false, caller: caller)
            }
            return try tree.inode(number).attributes
        }
    }

    package func xattr(_ name: [UInt8], of number: InodeNumber) throws(Errno) -> [UInt8] {
        try withTree { (tree) throws(Errno) in
            try tree.checkNamespace(name)
            guard let value = try tree.xattrValue(name, of: tree.inode(number)) else {
                throw .noData
            }
            return value
        }
    }

    package func xattrNames(of number: InodeNumber) throws(Errno) -> [[UInt8]] {
        try withTree { (tree) throws(Errno) in try tree.xattrNames(of: tree.inode(number)) }
    }

    package func setXattr(
        _ name: [UInt8], of number: InodeNumber, to value: [UInt8], mode: XattrMode,
        clearsSetGroup: Bool = false, caller: Caller
    ) throws(Errno) {
        try withTree { (tree) throws(Errno) in
            try tree.setXattr(
                number, name, value, mode: mode, clearsSetGroup: clearsSetGroup, caller: caller)
        }
    }

    package func removeXattr(
        _ name: [UInt8], of number: InodeNumber, caller: Caller
    ) throws(Errno) {
        try withReserve { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                try tree.removeXattr(number, name, caller: caller)
            }
        }
    }
}

// MARK: Durability

extension Workspace {
    /// fsync(2) and fdatasync(2): content, then names and attributes, survive a power cut.
    package func synchronize(_ number: InodeNumber) throws(Errno) {
        let (log, pins) = try withTree { (tree) throws(Errno) -> (EditLog?, Set<PinIdentity>) in
            let inode = try tree.inode(number)
            return (
                inode.type == .regular ? try tree.log(of: inode) : nil, tree.unsyncedPins
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

    /// fsync(2) of a directory: every name and attribute of the workspace.
    package func synchronizeNames() throws(Errno) { try synchronizeJournal() }
}
