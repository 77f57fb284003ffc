// Tree: the names and attributes of one workspace: the base below, overlay entries above. Memory holds what
// the kernel refers to, what is dirty and what was used recently; the rest is in the database. It is not
// thread-safe: the workspace guards it with one lock.
//
// Every change is a transaction: it is appended to the tree log first, and applied to memory then. A replay
// of the tree log applies the same changes in the same way.

package import Platform
package import Storage

/// The tree of a workspace. It is Sendable only because `Workspace` keeps it in a Mutex and returns values,
/// never inodes.
package final class Tree: @unchecked Sendable {
    package let workspace: UInt16
    package let base: BaseTree
    package let logs: LogDirectory
    /// The database, and the layers below it.
    package var rows: LayeredRows
    /// The number of layers that this workspace has frozen. Its database is the one of that generation.
    package var generation: UInt32 = 0
    /// Layers of this workspace that no checkpoint has written yet, the oldest first.
    var unwrittenLayers: [Layer] = []
    /// The layers of the store that are in use.
    let layers: Layers
    /// Appends to the tree log in order.
    var logWriter: TreeLogWriter
    package var treeLog: TreeLog { logWriter.treeLog }
    package var sequence: SequenceCounter { logWriter.sequence }
    let clock: Clock
    let limits: Limits
    let events: EventLog
    let quota: Quota
    let memory: MemoryBudget

    package var inodes = InodeTable()
    package var caches = InodeCaches()
    package var openLogs: OpenLogs
    /// The identities of base files.
    package var identity: BaseIdentity
    /// The directories that have entries in the overlay. It is a complete set, so other directories need no
    /// database query.
    package var directoriesWithEntries: LayeredNumbers
    package var backups: [FileName: BackupRecord] = [:]
    /// The size in bytes above which the first edit of a base file makes a backup. Nil for no such backups.
    var largeFile: UInt64? = OperatorLimits()[.largeFile]
    /// The views of past moments that are in use. They keep the values that are changed from now on.
    package var observers = ChangeObservers()
    /// The edit logs that must be durable before the tree log.
    let dueLogs: DueLogs
    /// The changes that the database does not have yet.
    package var pending = PendingChanges()
    /// The workspace's own limit `pin`, or nil if it has none. The inner nil stands for no limit.
    var ownPinLimit: UInt64??
    /// Contents in the pool that may not be durable yet. fsync(2) makes them durable.
    var unsyncedPins: Set<PinIdentity> = []
    /// Whether the workspace takes calls.
    package enum Standing: Sendable {
        case live
        /// Calls fail with ESTALE until the workspace is restored.
        case discarded
        /// The removal has begun: calls fail with ESTALE, and nothing is written.
        case removed
    }

    package var standing = Standing.live
    /// When a process changed something last, in nanoseconds since 1970; nil if that is not known.
    package private(set) var lastChange: Int64?
    /// Failures with a reason in words, which an errno cannot express.
    package private(set) var failures = FailureList()

    init(
        workspace: UInt16, base: BaseTree, logs: LogDirectory, treeLog: TreeLog,
        rows: LayeredRows, sequence: SequenceCounter, clock: Clock, limits: Limits,
        events: EventLog, quota: Quota = Quota(), memory: MemoryBudget? = nil, syncedBefore: UInt64 = 0,
        layers: Layers = Layers()
    ) {
        openLogs = OpenLogs(syncedBefore: syncedBefore)
        self.layers = layers
        self.workspace = workspace
        self.base = base
        self.logs = logs
        dueLogs = DueLogs(logs)
        self.rows = rows
        identity = BaseIdentity(of: workspace, over: rows.lower?.identity)
        directoriesWithEntries = LayeredNumbers(of: workspace, over: rows.lower?.directoriesWithEntries)
        backups = rows.lower?.backups ?? [:]
        if let lower = rows.lower, !lower.isWritten { unsyncedPins = lower.unsyncedPins }
        logWriter = TreeLogWriter(treeLog, sequence)
        self.clock = clock
        self.limits = limits
        self.events = events
        self.quota = quota
        self.memory = memory ?? MemoryBudget(limits)
    }

    /// Posts an error of the store as an event, and returns the errno for the caller.
    package func failing(_ error: StorageError) -> Errno {
        events.post(.error, "\(error)")
        failures.note("\(error)")
        return error.errno
    }

    /// Notes a failure that the failing call itself reports, and returns EIO.
    package func failing(_ sentence: String) -> Errno {
        failures.note(sentence)
        return .inputOutput
    }

    /// Whether a power cut loses nothing of the content that the workspace has from its ancestors.
    var inheritedIsDurable: Bool { rows.lower?.isDurable ?? true }

    // MARK: Inodes

    /// The number of the root directory: the base's root as this workspace shows it, whatever its inode is.
    package var rootNumber: InodeNumber { numbers.fixedRoot }

    package var numbers: InodeNumbering { InodeNumbering(workspace: workspace) }

    /// Returns the inode with that number, from memory or from the database.
    /// - Throws: ESTALE if it has no row and is not in memory.
    package func inode(_ number: InodeNumber) throws(Errno) -> Inode {
        if let known = inodes.use(number) { return known }
        let found: InodeRecord?
        let origin: Origin?
        do throws(StorageError) {
            // The row may be pending without an inode in memory: a command that changes many files keeps
            // rows only. A removal may be pending too.
            if let row = pending.row(number) {
                found = row
            } else {
                found = try rows.inode(number)
            }
            origin = found?.flags.contains(.hasOrigin) == true ? try self.origin(number) : nil
        } catch {
            throw failing(error)
        }
        guard let record = found else { throw .stale }
        let inode = Inode(
            record, isPersistent: true, place: origin.map { BasePlace(path: $0.path) },
            parent: 0)
        inodes.insert(inode)
        return inode
    }

    func directory(_ number: InodeNumber) throws(Errno) -> Inode {
        let inode = try inode(number)
        guard inode.isDirectory else { throw .notDirectory }
        return inode
    }

    /// Returns the origin of an inode, or nil if it has none.
    package func origin(_ number: InodeNumber) throws(StorageError) -> Origin? {
        if let known = pending.origin(number) { return known }
        // Most inodes have no origin, and the first edit of a file asks for that of every directory above
        // it. So this avoids database queries.
        guard identity.hasOrigin(number) else { return nil }
        return try rows.origin(number)
    }

    // MARK: Entries

    /// Returns the overlay's entries of a directory. They are loaded as a whole at first use.
    func index(of directory: Inode) throws(Errno) -> DirectoryIndex {
        if let known = caches.index(of: directory.number) { return known }
        let index = DirectoryIndex()
        index.entries = try entries(in: directory.number)
        caches.setIndex(index, of: directory.number)
        return index
    }

    /// Returns the inode of a name, or nil if the name does not exist. No reference is counted.
    func child(_ name: FileName, of directory: Inode) throws(Errno) -> Inode? {
        // A removed directory that is still in use, such as a working directory, shows no names. Its
        // entries are kept for rollbacks only, and the rows that they lead to may be gone.
        if directory.record.links == 0 { return nil }
        if let entry = try index(of: directory).entries[name] {
            if entry.isWhiteout { return nil }
            let inode = try inode(entry.inode)
            inode.note(name, in: directory)
            baseFiles.followQuietly(inode)
            return inode
        }
        guard let basePath = directory.basePath,
            let status = try base.status(ifPresent: name.bytes, in: basePath)
        else { return nil }
        let inode = try baseInode(
            status, at: BasePlace(directory: basePath, name: name.bytes), parent: directory)
        inode.note(name, in: directory)
        return inode
    }

    /// Returns the inode of a base file with the given, just read status.
    func baseInode(
        _ status: FileStatus, at place: BasePlace, parent: Inode
    ) throws(Errno) -> Inode {
        let number = try number(of: status, at: place)
        if let known = inodes.use(number) {
            known.parent = parent.number
            if known.record.links == 0, !known.isPersistent {
                // A rollback hid it together with a directory above it, and another rollback shows it
                // again.
                revive(known, InodeRecord(number: number, status: status), at: place)
            }
            refresh(known, status, at: place)
            return known
        }
        if identity.touched.contains(number) {
            let inode = try inode(number)
            inode.parent = parent.number
            return inode
        }
        let record = InodeRecord(number: number, status: status)
        let inode = Inode(record, isPersistent: false, place: place.compact, parent: parent.number)
        inodes.insert(inode)
        // A cached descriptor may be of the file that had this path before.
        base.forget(place)
        return inode
    }

    /// Updates an untouched file in memory from the base: it may have been changed or moved, or its number
    /// may have been reused for another file.
    func refresh(_ inode: Inode, _ status: FileStatus, at place: BasePlace) {
        guard !inode.isPersistent, inode.record.links > 0 else { return }
        let record = InodeRecord(number: inode.number, status: status)
        let isSame = record == inode.record
        if isSame, inode.place == place { return }
        if !isSame {
            base.forget(place)
        }
        caches.dropNames(of: inode.number)
        inode.refresh(record, at: place.compact)
    }

    /// Makes an inode show its base file again after it had lost its name.
    package func revive(_ inode: Inode, _ record: InodeRecord, at place: BasePlace) {
        openLogs.remove(inode.number)
        caches.drop(inode.number)
        inode.refresh(record, at: place)
    }

    /// Returns whether the base has `name` too, so that a whiteout is needed to hide it.
    func isInBase(_ name: FileName, of directory: Inode) throws(Errno) -> Bool {
        guard let basePath = directory.basePath else { return false }
        return try base.status(ifPresent: name.bytes, in: basePath) != nil
    }

    /// Returns the entry that replaces a removed name: a whiteout, or none.
    func emptyEntry(_ name: FileName, of directory: Inode) throws(Errno) -> Entry? {
        try isInBase(name, of: directory) ? .whiteout : nil
    }

    /// Notes the time of a change of content, or of a transaction that consists of more than marks.
    func noteChange(_ time: Int64, _ changes: [TreeChange]? = nil) {
        let isChange = changes?.contains { !$0.isMark } ?? true
        if isChange { lastChange = max(lastChange ?? time, time) }
    }

    // MARK: References

    func forget(_ number: InodeNumber, count: UInt64) {
        guard let inode = inodes[number] else { return }
        inode.lookups -= min(count, inode.lookups)
        if inode.lookups == 0 { release(inode) }
    }

    /// Drops an inode that nothing keeps in memory. An inode with an open log waits for the next sweep,
    /// which writes the piece checkpoint.
    func release(_ inode: Inode) {
        guard isIdle(inode), inode.number != rootNumber else { return }
        if inode.record.links == 0 {
            if inode.isPersistent {
                // It has no name and no references: its row is removed, and its log stays for past moments.
                // This makes the key pending without a record in the tree log.
                inode.isPersistent = false
                pending.setRow(inode.number, nil)
                identity.noteNoRow(inode.number)
            }
            if openLogs[inode.number] != nil { logs.forget(inode.number) }
        } else if openLogs[inode.number] != nil {
            return
        }
        drop(inode)
    }

    /// Returns whether nothing keeps an inode in memory.
    func isIdle(_ inode: Inode) -> Bool {
        inode.lookups == 0 && !inode.isDirty && !inode.isFlushing && !openLogs.hasWriters(inode.number)
    }

    func drop(_ inode: Inode) {
        openLogs.remove(inode.number)
        caches.drop(inode.number)
        inodes[inode.number] = nil
    }
}
