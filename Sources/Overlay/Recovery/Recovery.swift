// Recovery: opens a workspace. The database gives the state at its position, the tree log the changes after
// it, and the edit logs the writes after their content marks. Bytes that had to be cut off are reported.

package import Platform
package import Storage
internal import Synchronization
import Glibc

/// What the opening of a workspace found and mended.
package struct RecoveryReport: Sendable {
    /// The number of records of the tree log that the database did not have.
    package var replayed = 0
    /// The number of bytes of unfinished writes that were cut off.
    package var tornBytes: UInt64 = 0
    /// Whether the database was damaged or missing, and was rebuilt from the tree log.
    package var rebuiltDatabase = false
    /// Whether the machine went down while the workspace was in use.
    package var afterPowerCut = false
    /// Whether the tree log has a filler after the database's position: changes were lost.
    package var metGap = false
    package init() {}
}

/// Opens a workspace and completes what the last session left unfinished.
package struct Recovery: Sendable {
    let workspace: Workspace
}

extension Recovery {
    /// Opens the workspace `record` of `store`. If the disk is full, its writes use the room of the
    /// reserve.
    package static func open(
        _ record: WorkspaceRecord, in store: Store, base: BaseTree, clock: Clock = .system,
        limits: Limits = Limits(), events: EventLog = EventLog(), quota whole: Quota? = nil,
        memory: MemoryBudget? = nil
    ) throws(StorageError) -> (Workspace, RecoveryReport) {
        try store.logs.reserve.whileFull(opening: { () throws(StorageError) in
            try openOnce(record, store, base, clock, limits, events, whole, memory)
        })
    }

    private static func openOnce(
        _ record: WorkspaceRecord, _ store: Store, _ base: BaseTree, _ clock: Clock,
        _ limits: Limits, _ events: EventLog, _ whole: Quota?, _ memory: MemoryBudget?
    ) throws(StorageError) -> (Workspace, RecoveryReport) {
        var report = RecoveryReport()
        let events = EventLog(of: record.id, in: events)
        let directory = LogDirectory.workspacePath(record.id)
        let treeLogPath = "\(directory)/tree.log"
        let treeLog = try TreeLog(
            treeLogPath, id: UInt64(record.id) << 48, key: store.logs.key, on: store.disk,
            now: clock.realtime(), counter: store.logs.counter(record.id),
            partLength: limits.transactionPart)
        do throws(Errno) {
            // Done at each opening: a kill may have come between the making of the tree log and this sync.
            try store.disk.synchronizeDirectory(directory)
        } catch {
            throw .system(error, doing: "sync", path: directory)
        }
        report.afterPowerCut = wasCutOff(directory, store.disk, events)
        let isClosed = SessionMark.state(directory, store.disk) == .closed
        let synced = SessionMark.synced(directory, store.disk)
        let databasePath = store.databasePath(record.id)
        let reader = try openDatabase(
            databasePath, treeLog: treeLog, events: events, report: &report)
        let tree = Tree(
            workspace: record.id, base: base, logs: store.logs, treeLog: treeLog, reader: reader,
            sequence: SequenceCounter(0), clock: clock, limits: limits, events: events,
            quota: Quota(store.logs.counter(record.id), in: whole, reserve: store.logs.reserve),
            memory: MemoryBudget(limits, in: memory), syncedBefore: synced)
        let position = try tree.recovery.load()
        var writer: TreeDatabase?
        if databasePath != ":memory:", DatabaseSeal.exists(databasePath) {
            writer = try TreeDatabase(databasePath)
        }
        let workspace = Workspace(
            tree, writer: writer, disk: store.disk, databasePath: databasePath)
        if report.afterPowerCut {
            try workspace.recovery.endBeforeLostContent(from: position, synced: synced)
        }
        try workspace.recovery.replay(from: position, report: &report)
        do throws(Errno) {
            // A clean close has synced everything; after a power cut all that is left is synced now.
            if report.afterPowerCut { try store.disk.synchronizeAll() }
            let isSynced = report.afterPowerCut || isClosed
            try workspace.withReserve { () throws(Errno) in
                try SessionMark.set(
                    directory, synced: isSynced ? workspace.sequence.last : synced, store.disk)
            }
        } catch {
            events.post(
                .warning,
                "cannot write \(SessionMark.path(directory)): \(error); recovery could not tell "
                    + "a power cut from a kill: make room in the store, and mount again")
        }
        return (workspace, report)
    }

    private static func wasCutOff(
        _ directory: String, _ disk: any Disk, _ events: EventLog
    ) -> Bool {
        switch SessionMark.state(directory, disk) {
        case .closed, .same: return false
        case .otherBoot: return true
        case .otherMount:
            events.post(
                .notice,
                "the store's file system was mounted again, or elsewhere, since \(directory) was used: "
                    + "unsynced data may be lost, so recovery proceeds as after a power cut")
            return true
        case .damaged:
            events.post(
                .warning,
                "\(SessionMark.path(directory)) is damaged; recovery proceeds as after a power cut")
            return true
        }
    }

    /// Opens the database and checks every row, unless it was closed cleanly. A damaged database is put
    /// aside: the tree log has everything in it.
    private static func openDatabase(
        _ path: String, treeLog: TreeLog, events: EventLog, report: inout RecoveryReport
    ) throws(StorageError) -> TreeDatabase {
        // A new workspace has no database before its first checkpoint.
        if path != ":memory:", !DatabaseSeal.exists(path) { return try TreeDatabase(":memory:") }
        do throws(StorageError) {
            let seal = path == ":memory:" ? .fits : DatabaseSeal.state(path)
            if seal == .unfit {
                throw .damaged(path: path, what: "it does not match its checksum in tree.db.sum")
            }
            if seal == .damaged {
                events.post(
                    .warning,
                    "\(DatabaseSeal.path(path)) is damaged; the database is checked row by row")
            }
            let database = try TreeDatabase(path)
            if seal != .fits { try database.verify() }
            DatabaseSeal.remove(path)
            return database
        } catch {
            switch error {
            case .damaged:
                events.post(
                    .warning, "\(error); the database is rebuilt from \(treeLog.path)")
                report.rebuiltDatabase = true
            case .outdated:
                events.post(.notice, "\(error); it is rebuilt from \(treeLog.path)")
            default: throw error
            }
        }
        for suffix in ["-wal", "-shm"] { _ = Glibc.unlink(path + suffix) }
        _ = Glibc.rename(path, path + ".damaged")
        DatabaseSeal.remove(path)
        return try TreeDatabase(path)
    }

    /// Applies the records of the tree log after `position`, then takes sizes from the marked logs.
    private func replay(
        from position: CheckpointPosition, report: inout RecoveryReport
    ) throws(StorageError) {
        var replay = Replay(workspace, from: position)
        try replay.run(&report)
        var marked = replay.marked
        if report.afterPowerCut {
            marked.formUnion(try allLogs())
            try emptyUnwritten(marked)
        } else {
            noteLostLogs(marked, begun: replay.begun)
        }
        try finishRestores(
            replay.restores, marked: marked, committed: position.sequence, lost: replay.lost,
            afterPowerCut: report.afterPowerCut,
            // A filler stands for unknown transactions, so their content must not be cut off.
            isStrict: report.afterPowerCut && !report.metGap)
        try refresh(marked, afterPowerCut: report.afterPowerCut)
        workspace.withTreeSafely { tree in
            tree.findDevices()
            for inode in Array(tree.inodes.values) where inode.record.links == 0 {
                tree.release(inode)
            }
        }
        workspace.maintenance.checkpoint()
        if report.metGap { closeGaps(looksForLogs: true) }
        workspace.maintenance.sweep()
    }
}

extension TreeRecovery {
    /// Reads from the database all that is always kept in memory.
    func load() throws(StorageError) -> CheckpointPosition {
        let position = try tree.reader.position()
        tree.sequence.advance(to: position.sequence)
        tree.inodes.setLastNumber(position.lastNumber)
        tree.identity = BaseIdentity(
            touched: Set(try tree.reader.touchedInodes()), origins: Set(try tree.reader.inodesWithOrigins()),
            devices: try tree.reader.devices(), aliases: try tree.reader.aliases())
        tree.backups = try tree.reader.backups()
        tree.directoriesWithEntries = Set(try tree.reader.directoriesWithEntries())
        tree.findDevices()
        // No entry leads to the root: it is put into the table here, and stays there.
        let number = tree.rootNumber
        if let record = try tree.reader.inode(number) {
            tree.inodes[number] = Inode(
                record, isPersistent: true, place: BasePlace(path: []), parent: number)
        } else {
            tree.inodes[number] = Inode(
                InodeRecord(number: number, status: tree.base.rootStatus), isPersistent: false,
                place: BasePlace(path: []), parent: number)
        }
        return position
    }
}
