// Recovery: opening a workspace. The database gives the state at its position, the journal what
// came after, the edit logs what was written after their marks. What had to be cut is reported.

package import Platform
package import Storage
internal import Synchronization
import Glibc

/// What opening a workspace found and mended.
package struct RecoveryReport: Sendable {
    /// Journal records that the database did not know.
    package var replayed = 0
    /// Bytes of unfinished writes that were cut off.
    package var tornBytes: UInt64 = 0
    /// The database was damaged or missing, and was made anew from the journal.
    package var rebuiltDatabase = false
    /// The machine went down while the workspace was in use.
    package var afterPowerCut = false
    /// A filler stands in the journal, behind what the database knows: changes were lost.
    package var metGap = false
    package init() {}
}

extension Workspace {
    /// Opens the workspace `record` of `store`. What that writes finds room in the reserve, if the disk
    /// has none.
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
        let journalPath = "\(directory)/tree.log"
        let journal = try Journal(
            journalPath, id: UInt64(record.id) << 48, key: store.logs.key, on: store.disk,
            now: clock.realtime(), counter: store.logs.counter(record.id),
            partLength: limits.transactionPart)
        do throws(Errno) {
            // Each time: a kill may have come between the making of the journal and this.
            try store.disk.synchronizeDirectory(directory)
        } catch {
            throw .system(error, doing: "sync", path: directory)
        }
        report.afterPowerCut = wasCutOff(directory, store.disk, events)
        let isClosed = SessionMark.state(directory, store.disk) == .closed
        let synced = SessionMark.synced(directory, store.disk)
        let databasePath = store.databasePath(record.id)
        let reader = try openDatabase(
            databasePath, journal: journal, events: events, report: &report)
        let tree = Tree(
            workspace: record.id, base: base, logs: store.logs, journal: journal, reader: reader,
            sequence: SequenceCounter(0), clock: clock, limits: limits, events: events,
            quota: Quota(store.logs.counter(record.id), in: whole, reserve: store.logs.reserve),
            memory: MemoryBudget(limits, in: memory), syncedBefore: synced)
        let position = try tree.load()
        var writer: TreeDatabase?
        if databasePath != ":memory:", DatabaseSeal.exists(databasePath) {
            writer = try TreeDatabase(databasePath)
        }
        let workspace = Workspace(
            tree, writer: writer, disk: store.disk, databasePath: databasePath)
        if report.afterPowerCut { try workspace.endBeforeLostContent(from: position, synced: synced) }
        try workspace.replay(from: position, report: &report)
        do throws(Errno) {
            // A clean close has synced everything; after a power cut what is left now is made so.
            if report.afterPowerCut { try store.disk.synchronizeAll() }
            let isSynced = report.afterPowerCut || isClosed
            try workspace.withReserve { () throws(Errno) in
                try SessionMark.set(
                    directory, synced: isSynced ? workspace.sequence.last : synced, store.disk)
            }
        } catch {
            events.post(
                .warning,
                "cannot write \(SessionMark.path(directory)): \(error); the next power cut would be "
                    + "taken for a kill: make room in the store, and mount again")
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
                "the store's file system was mounted anew, or elsewhere, since \(directory) was in use: "
                    + "it may lack what was never synced, so recovery goes on as after a power cut")
            return true
        case .damaged:
            events.post(
                .warning,
                "\(SessionMark.path(directory)) is damaged; recovery goes on as after a power cut")
            return true
        }
    }

    /// Opens the database and, unless it was closed cleanly, checks every row. A damaged one is put
    /// aside: the journal has everything in it.
    private static func openDatabase(
        _ path: String, journal: Journal, events: EventLog, report: inout RecoveryReport
    ) throws(StorageError) -> TreeDatabase {
        // A new workspace has no database before its first checkpoint.
        if path != ":memory:", !DatabaseSeal.exists(path) { return try TreeDatabase(":memory:") }
        do throws(StorageError) {
            let seal = path == ":memory:" ? .fits : DatabaseSeal.state(path)
            if seal == .unfit {
                throw .damaged(path: path, what: "it does not fit its checksum in tree.db.sum")
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
                    .warning, "\(error); the database is made anew from \(journal.path)")
                report.rebuiltDatabase = true
            case .outdated:
                events.post(.notice, "\(error); it is made anew from \(journal.path)")
            default: throw error
            }
        }
        for suffix in ["-wal", "-shm"] { _ = Glibc.unlink(path + suffix) }
        _ = Glibc.rename(path, path + ".damaged")
        DatabaseSeal.remove(path)
        return try TreeDatabase(path)
    }

    /// Applies what the journal has after `position`, then asks the marked logs for their sizes.
    private func replay(
        from position: CheckpointPosition, report: inout RecoveryReport
    ) throws(StorageError) {
        var marked: Set<InodeNumber> = []
        var begun: [InodeNumber: UInt64] = [:]
        var spills = true
        var lost: Set<UInt64> = []
        var restores: [Restore] = []
        var damage: StorageError?
        var processRecords = 0
        let result = try journal.replay(
            from: position.journal, after: position.sequence, afterPowerCut: report.afterPowerCut
        ) {
            (header, payload) throws(StorageError) in
            switch RecordKind(rawValue: header.kind) {
            case .transaction:
                let found: (operation: TreeOperation, changes: [TreeChange])?
                do throws(StorageError) {
                    found = try journal.transaction(header, payload)
                } catch {
                    damage = error
                    return
                }
                guard let changes = found?.changes else {
                    report.metGap = true
                    lost.insert(header.sequence)
                    events.post(
                        .error,
                        "\(journal.path): change \(header.sequence) was lost, and a repair has put a "
                            + "filler in place of a part of it; what came after it is there")
                    return
                }
                withTreeSafely { tree in
                    for change in changes {
                        tree.apply(change)
                        if let restore = Restore(change, header) { restores.append(restore) }
                        // Marks that the record of a new or first edited file makes up for.
                        if case .inode(let number, let before, let after) = change,
                            after?.type == .regular,
                            before == nil || after?.flags.contains(.hasLog) == true {
                            marked.insert(number)
                        }
                    }
                }
                if spills, withTreeSafely({ $0.isCheckpointDue }) {
                    // Not a checkpoint yet: sizes are known only after the marked logs are read.
                    // Memory is let go by writing rows under the old position. Where that fails (a
                    // full disk) all stays in memory: a try for each record would take for ever.
                    spills = spill(position)
                }
            case .process:
                processRecords += 1
            case .contentMark:
                for mark in ContentMark.decode(payload) {
                    marked.insert(mark.inode)
                    if mark.hasBegun { begun[mark.inode] = header.sequence }
                }
            case .gap:
                report.metGap = true
                events.post(
                    .error,
                    "\(journal.path): changes up to number \(header.sequence) were lost, and a "
                        + "repair has put a filler in their place; what came after them is there")
            default:
                damage = .damaged(
                    path: journal.path, what: "record \(header.sequence) is of an unknown kind")
            }
        }
        sequence.advance(to: max(result.lastSequence, position.sequence))
        // They change nothing.
        report.replayed = result.records - processRecords
        report.tornBytes = result.tornBytes
        if let damage { throw damage }
        if let range = result.damage.first {
            throw .damaged(
                path: journal.path,
                what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable, "
                    + "and changes recorded after them may depend on them")
        }
        if result.tornBytes > 0 {
            events.post(
                .warning, "\(journal.path): cut \(result.tornBytes) bytes of an unfinished record off")
        }
        if report.afterPowerCut {
            marked.formUnion(try allLogs())
            try emptyUnwritten(marked)
        } else {
            noteLostLogs(marked, begun: begun)
        }
        try finishRestores(
            restores, marked: marked, committed: position.sequence, lost: lost,
            afterPowerCut: report.afterPowerCut,
            // A filler stands for transactions that are not known.
            isStrict: report.afterPowerCut && !report.metGap)
        try refresh(marked, afterPowerCut: report.afterPowerCut)
        withTreeSafely { tree in
            tree.findDevices()
            for inode in Array(tree.inodes.values) where inode.record.links == 0 {
                tree.release(inode)
            }
        }
        checkpoint()
        if report.metGap { closeGaps(looksForLogs: true) }
        sweep()
    }

    /// - Returns: whether the rows were written, or there is no database to write them to.
    private func spill(_ position: CheckpointPosition) -> Bool {
        checkpointWriter.withLock { writer in
            do throws(StorageError) {
                try openWriter(&writer)
                guard let writer, let (batch, _) = withTreeSafely({ $0.startCheckpoint() }) else {
                    return true
                }
                do throws(StorageError) {
                    // A power cut now must not end the journal before what these rows have.
                    do throws(Errno) {
                        try dueLogs.synchronize()
                    } catch {
                        throw StorageError.system(error, doing: "sync", path: journal.path)
                    }
                    try writer.apply(batch, at: position)
                } catch {
                    withTreeSafely { $0.finishCheckpoint(written: false) }
                    throw error
                }
                withTreeSafely { $0.finishCheckpoint(written: true) }
                return true
            } catch {
                // The checkpoint at the end says why.
                return false
            }
        }
    }

    /// Writes everything out and marks the workspace as closed cleanly.
    /// - Returns: false if the database could not be written; the journal has it all then.
    @discardableResult
    package func close() -> Bool {
        let isCut = finishCuts()
        let written = checkpoint()
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
}

extension Workspace {
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

extension Tree {
    /// Reads from the database what is always in memory.
    func load() throws(StorageError) -> CheckpointPosition {
        let position = try reader.position()
        sequence.advance(to: position.sequence)
        inodes.setLastNumber(position.lastNumber)
        identity = BaseIdentity(
            touched: Set(try reader.touchedInodes()), origins: Set(try reader.inodesWithOrigins()),
            devices: try reader.devices(), aliases: try reader.aliases())
        backups = try reader.backups()
        directoriesWithEntries = Set(try reader.directoriesWithEntries())
        findDevices()
        // The root has no entry that leads to it: it is put in the table here, and stays.
        let number = rootNumber
        if let record = try reader.inode(number) {
            inodes[number] = Inode(
                record, isPersistent: true, place: BasePlace(path: []), parent: number)
        } else {
            inodes[number] = Inode(
                InodeRecord(number: number, status: base.rootStatus), isPersistent: false,
                place: BasePlace(path: []), parent: number)
        }
        return position
    }
}
