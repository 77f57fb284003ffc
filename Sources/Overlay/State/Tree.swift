// Tree: the names and attributes of one workspace: base below, overlay entries above. It holds
// in memory what the kernel holds, what is dirty and what was used lately; the rest is in the
// database. It is not thread-safe: the workspace guards it with one lock.
//
// Every change is a transaction: appended to the journal first, applied to memory then. Replaying
// the journal applies the same changes in the same way.

package import Platform
package import Storage

/// Sendable only because `Workspace` keeps it behind a Mutex and hands out values, never inodes.
package final class Tree: @unchecked Sendable {
    package let workspace: UInt16
    package let base: BaseTree
    package let logs: LogDirectory
    /// The database; an empty one in memory until the first checkpoint makes the file, so that a
    /// fork costs no more than its record.
    var reader: TreeDatabase
    /// What is appended, and in which order.
    var treeLog: TreeLogWriter
    package var journal: Journal { treeLog.journal }
    package var sequence: SequenceCounter { treeLog.sequence }
    let clock: Clock
    let limits: Limits
    let events: EventLog
    let quota: Quota
    let memory: MemoryBudget

    package var inodes = InodeTable()
    package var caches = InodeCaches()
    package var openLogs: OpenLogs
    /// By what files of the base are known again.
    package var identity = BaseIdentity()
    /// Directories with entries in the overlay; a set, so that looking at another one asks no database.
    package var directoriesWithEntries: Set<InodeNumber> = []
    package var backups: [FileName: BackupRecord] = [:]
    /// Bytes above which the first edit of a base file is preceded by a backup; nil for none.
    var largeFile: UInt64? = OperatorLimits()[.largeFile]
    /// Moments that somebody looks at: they keep what changes from now on.
    package var observers = ChangeObservers()
    /// Edit logs that must be durable before the journal is.
    let dueLogs: DueLogs
    /// What the database does not know yet.
    package var pending = PendingChanges()
    /// The limit `pin` where the workspace has one of its own; nil inside for none.
    var ownPinLimit: UInt64??
    /// Contents in the pool that may not be durable yet; an fsync makes them so.
    var unsyncedPins: Set<PinIdentity> = []
    /// Set once the workspace is being removed: nothing is answered, and nothing is written, any more.
    package var isGoing = false
    /// What failed, in words: an errno says less than is known.
    package private(set) var failures = FailureList()

    init(
        workspace: UInt16, base: BaseTree, logs: LogDirectory, journal: Journal,
        reader: TreeDatabase, sequence: SequenceCounter, clock: Clock, limits: Limits,
        events: EventLog, quota: Quota = Quota(), memory: MemoryBudget? = nil, syncedBefore: UInt64 = 0
    ) {
        openLogs = OpenLogs(syncedBefore: syncedBefore)
        self.workspace = workspace
        self.base = base
        self.logs = logs
        dueLogs = DueLogs(logs)
        self.reader = reader
        treeLog = TreeLogWriter(journal, sequence)
        self.clock = clock
        self.limits = limits
        self.events = events
        self.quota = quota
        self.memory = memory ?? MemoryBudget(limits)
    }

    /// Turns an error of the store into an event and the errno a caller sees.
    package func failing(_ error: StorageError) -> Errno {
        events.post(.error, "\(error)")
        failures.note("\(error)")
        return error.errno
    }

    /// The same for what is told by the call that fails.
    package func failing(_ sentence: String) -> Errno {
        failures.note(sentence)
        return .inputOutput
    }

    // MARK: Inodes

    /// The root directory: the base's root, seen through this workspace, whichever directory that is.
    package var rootNumber: InodeNumber { numbers.fixedRoot }

    package var numbers: InodeNumbering { InodeNumbering(workspace: workspace) }

    /// The inode with that number: from memory, or from the database.
    package func inode(_ number: InodeNumber) throws(Errno) -> Inode {
        if let known = inodes.use(number) { return known }
        let found: InodeRecord?
        let origin: Origin?
        do throws(StorageError) {
            // A command that changed many files has left the row only; or it was removed, and the
            // database does not know yet.
            if let row = pending.row(number) {
                found = row
            } else {
                found = try reader.inode(number)
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

    /// Where a touched base file came from.
    package func origin(_ number: InodeNumber) throws(StorageError) -> Origin? {
        if let known = pending.origin(number) { return known }
        // Most inodes that are asked for have none: the first edit of a file asks for all above it.
        guard identity.hasOrigin(number) else { return nil }
        return try reader.origin(number)
    }

    // MARK: Entries

    /// The overlay's entries of a directory, loaded whole at first use.
    func index(of directory: Inode) throws(Errno) -> DirectoryIndex {
        if let known = caches.index(of: directory.number) { return known }
        let index = DirectoryIndex()
        index.entries = try entries(in: directory.number)
        caches.setIndex(index, of: directory.number)
        return index
    }

    /// What a name leads to, counting no reference; nil where there is nothing.
    func child(_ name: FileName, of directory: Inode) throws(Errno) -> Inode? {
        // One that was removed while somebody stood in it shows no names. What its entries say is
        // kept for rollbacks only: the rows that they lead to may be gone.
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

    /// The inode of a base file that was just looked at.
    func baseInode(
        _ status: FileStatus, at place: BasePlace, parent: Inode
    ) throws(Errno) -> Inode {
        let number = try number(of: status, at: place)
        if let known = inodes.use(number) {
            known.parent = parent.number
            if known.record.links == 0, !known.isPersistent {
                // Hidden by a rollback together with a directory above, and shown by another one.
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
        // A descriptor that is still cached may be of what stood here before.
        base.forget(place)
        return inode
    }

    /// An untouched file that is in memory follows the base: it may have been changed or moved, or
    /// its number given to another file.
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

    /// A base file that had lost its name has it again, and is as the base has it.
    package func revive(_ inode: Inode, _ record: InodeRecord, at place: BasePlace) {
        openLogs.remove(inode.number)
        caches.drop(inode.number)
        inode.refresh(record, at: place)
    }

    /// Whether hiding `name` needs a whiteout, because the base has it too.
    func isInBase(_ name: FileName, of directory: Inode) throws(Errno) -> Bool {
        guard let basePath = directory.basePath else { return false }
        return try base.status(ifPresent: name.bytes, in: basePath) != nil
    }

    /// What stands in place of a removed name.
    func emptyEntry(_ name: FileName, of directory: Inode) throws(Errno) -> Entry? {
        try isInBase(name, of: directory) ? .whiteout : nil
    }

    // MARK: References

    func forget(_ number: InodeNumber, count: UInt64) {
        guard let inode = inodes[number] else { return }
        inode.lookups -= min(count, inode.lookups)
        if inode.lookups == 0 { release(inode) }
    }

    /// Lets go of an inode that nothing keeps; one with a log waits for the next sweep, which
    /// writes its piece checkpoint.
    func release(_ inode: Inode) {
        guard isIdle(inode), inode.number != rootNumber else { return }
        if inode.record.links == 0 {
            if inode.isPersistent {
                // Its last name is gone and nobody has it open: the row goes, the log stays.
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

    /// Whether nothing keeps an inode in memory.
    func isIdle(_ inode: Inode) -> Bool {
        inode.lookups == 0 && !inode.isDirty && !inode.isFlushing && !openLogs.hasWriters(inode.number)
    }

    func drop(_ inode: Inode) {
        openLogs.remove(inode.number)
        caches.drop(inode.number)
        inodes[inode.number] = nil
    }
}
