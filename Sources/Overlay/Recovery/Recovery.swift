// Recovery: opens a workspace. The database gives the state at its position, the tree log the changes after
// it, and the edit logs the writes after their content marks. Bytes that had to be cut off are reported.

package import Platform
package import Storage
internal import Synchronization

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
        memory: MemoryBudget? = nil, layers: Layers = Layers()
    ) throws(StorageError) -> (Workspace, RecoveryReport) {
        try store.logs.reserve.whileFull(opening: { () throws(StorageError) in
            try openOnce(record, store, base, clock, limits, events, whole, memory, layers)
        })
    }

    private static func openOnce(
        _ record: WorkspaceRecord, _ store: Store, _ base: BaseTree, _ clock: Clock,
        _ limits: Limits, _ events: EventLog, _ whole: Quota?, _ memory: MemoryBudget?, _ layers: Layers
    ) throws(StorageError) -> (Workspace, RecoveryReport) {
        var report = RecoveryReport()
        let events = EventLog(of: record.id, in: events)
        let directory = LogDirectory.workspacePath(record.id)
        let treeLogPath = "\(directory)/tree.log"
        store.logs.setAncestors(store.ancestors(of: record), of: record.id)
        let treeLog = try TreeLog(
            treeLogPath, id: UInt64(record.id) << 48, key: store.logs.key, on: store.disk,
            now: clock.realtime(), counter: store.logs.counter(record.id),
            partLength: limits.transactionPart, in: store.logs)
        do throws(Errno) {
            // Done at each opening: a kill may have come between the making of the tree log and this sync.
            try store.disk.synchronizeDirectory(directory)
        } catch {
            throw .system(error, doing: "sync", path: directory)
        }
        report.afterPowerCut = wasCutOff(directory, store.disk, events)
        let isClosed = SessionMark.state(directory, store.disk) == .closed
        let synced = SessionMark.synced(directory, store.disk)
        let databases = try Databases.open(
            record, store, layers, treeLog: treeLog, events: events, report: &report)
        let tree = Tree(
            workspace: record.id, base: base, logs: store.logs, treeLog: treeLog, rows: databases.rows,
            sequence: SequenceCounter(0), clock: clock, limits: limits, events: events,
            quota: Quota(store.logs.counter(record.id), in: whole, reserve: store.logs.reserve),
            memory: MemoryBudget(limits, in: memory), syncedBefore: synced, layers: layers)
        tree.generation = databases.generation
        let position = try tree.recovery.load(record)
        var writer: TreeDatabase?
        let paths = store.databases(of: record.id)
        if !paths.areInMemory, DatabaseSeal.exists(paths.path(databases.generation)) {
            writer = try TreeDatabase(paths.path(databases.generation))
        }
        let workspace = Workspace(
            tree, writer: writer, disk: store.disk, databases: paths, fork: record.fork)
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

    /// Reads how far back the history can be seen.
    /// - Returns: why that is not known.
    private func loadHorizon() -> StorageError? {
        do throws(StorageError) {
            workspace.horizon.move(to: try HorizonRecord(of: workspace.id, on: workspace.disk))
            return nil
        } catch {
            return error
        }
    }

    /// Makes the horizon fit the changes that are there.
    private func settleHorizon(_ fault: StorageError?) {
        var record = workspace.horizon.record
        let last = workspace.sequence.last
        if let fault {
            workspace.events.post(
                .error, "\(fault); of its history only backups can be seen, and what changes from now on")
            let backups = workspace.withTreeSafely { $0.backups.values.map(\.sequence) }
            record = HorizonRecord(first: last, kept: Set(backups).sorted())
        }
        // After a power cut there may be fewer changes than when it was written.
        record.first = min(record.first, last)
        workspace.horizon.move(to: record)
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

    /// Applies the records of the tree log after `position`, then takes sizes from the marked logs.
    private func replay(
        from position: CheckpointPosition, report: inout RecoveryReport
    ) throws(StorageError) {
        // What the history does not need any more is not looked for.
        let fault = loadHorizon()
        defer { settleHorizon(fault) }
        var replay = Replay(workspace, from: position)
        let top = workspace.base.top
        try replay.run(&report)
        // A refresh in these records has given directories other places.
        if workspace.base.top != top { workspace.withTreeSafely { $0.seenState.placeAgain() } }
        var marked = replay.marked
        if report.afterPowerCut {
            marked.formUnion(try allLogs())
            try emptyUnwritten(marked)
        } else {
            noteLostLogs(marked, begun: replay.begun)
        }
        let front = workspace.treeLog.front
        // What a state has that was replayed was durable before that.
        let state = position.treeLog < front.position ? front.start?.sequence ?? 0 : 0
        try finishRestores(
            replay.restores, marked: marked, committed: max(position.sequence, state), lost: replay.lost,
            afterPowerCut: report.afterPowerCut,
            // A filler stands for unknown transactions, so their content must not be cut off.
            isStrict: report.afterPowerCut && !report.metGap)
        for (layer, marked) in replay.freezes {
            try refresh(
                layer, report.afterPowerCut ? marked.union(try allLogs()) : marked,
                afterPowerCut: report.afterPowerCut)
        }
        try refresh(marked, afterPowerCut: report.afterPowerCut)
        if report.afterPowerCut, workspace.fork != nil { try refreshInherited() }
        workspace.withTreeSafely { tree in
            tree.recovery.findDevices()
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
    func load(_ record: WorkspaceRecord) throws(StorageError) -> CheckpointPosition {
        var position = try tree.rows.top.position()
        if let layer = tree.rows.lower, position.sequence < layer.position.sequence {
            // Nothing was written since the layer was frozen.
            position = layer.position
            position.isFrozen = false
            // The tree log of a fork is its own.
            if layer.name.workspace != tree.workspace { position.treeLog = 0 }
        }
        if let fork = record.fork {
            position.sequence = max(position.sequence, fork.sequence)
            position.lastNumber = max(position.lastNumber, fork.lastNumber)
            tree.identity.lastInheritedNumber = fork.lastNumber
        }
        position.lastNumber = max(position.lastNumber, tree.treeLog.front.lastNumber)
        tree.sequence.advance(to: position.sequence)
        tree.inodes.setLastNumber(position.lastNumber)
        try tree.identity.load(tree.rows.top)
        try tree.rows.top.load(&tree.backups)
        try tree.directoriesWithEntries.load(tree.rows.top)
        tree.recovery.findDevices()
        // No entry leads to the root: it is put into the table here, and stays there.
        let number = tree.rootNumber
        if let record = try tree.rows.inode(number) {
            // After a refresh its origin tells which state of the base it shows.
            let path = try tree.rows.origin(number)?.path ?? []
            tree.base.show(EpochPath.top(path))
            tree.inodes[number] = Inode(
                record, isPersistent: true, place: BasePlace(path: path), parent: number)
        } else {
            tree.inodes[number] = Inode(
                InodeRecord(number: number, status: tree.base.rootStatus), isPersistent: false,
                place: BasePlace(path: []), parent: number)
        }
        return position
    }
}

extension TreeRecovery {
    /// Finds the recorded devices again: their numbers may change with each boot.
    func findDevices() {
        tree.identity.findDevices { path in
            // A path that no longer exists identifies no device.
            guard let status = try? tree.base.status(BasePlace(path: path)) else { return nil }
            return status.device == tree.base.rootDevice ? nil : status.device
        }
    }
}
