// Checkpoint: writes changes into the database in the background, so that recovery replays few records and
// memory holds few changes. Order: sync the tree log, commit to the database, then release memory.

internal import Platform
internal import Storage
internal import Synchronization

/// Moves the tree's changes into checkpoints, and releases memory.
package struct TreeCheckpoints: Sendable {
    let tree: Tree
}

extension TreeCheckpoints {
    /// Whether databases have everything.
    var isWritten: Bool { tree.pending.isEmpty && tree.unwrittenLayers.isEmpty }

    var isCheckpointDue: Bool { tree.pending.dirtyCount >= tree.memory.dirtyKeys }

    /// Takes the dirty changes for a checkpoint. They stay pending until `finishCheckpoint`.
    /// - Returns: Nil if there is nothing to write, or a checkpoint is under way.
    func startCheckpoint() -> (CheckpointBatch, CheckpointPosition)? {
        guard tree.pending.hasDirty || tree.openLogs.hasMarks, tree.pending.canFlush else { return nil }
        let batch = tree.pending.startFlush { number in
            guard let inode = tree.inodes[number], inode.isDirty else { return nil }
            inode.isDirty = false
            inode.isFlushing = true
            return .some(inode.rowToWrite)
        }
        // Taken under the same lock as the batch: exactly the records before this position are in the batch
        // or the database.
        let position = CheckpointPosition(
            treeLog: tree.treeLog.end, sequence: tree.sequence.last, lastNumber: tree.inodes.lastNumber)
        // Recovery reads marks after this position only. An edit that is under way reaches its log after
        // this position, so its file must be marked after it too.
        tree.openLogs.unmarkAll()
        // The same for a log that ends in a withdrawn record that could not be cut off: recovery cuts
        // marked logs only.
        let busy = Set(tree.openLogs.edited).union(tree.logs.pendingCuts(of: tree.workspace))
        if !busy.isEmpty {
            let stamp = Stamp(time: tree.clock.realtime(), pid: 0, uid: 0)
            if (try? tree.edits.appendMark(Array(busy), stamp: stamp)) == nil {
                // The disk is full: these changes go into a later checkpoint instead.
                takeBack()
                return nil
            }
            tree.openLogs.mark(busy)
        }
        return (batch, position)
    }

    func finishCheckpoint(written: Bool) {
        guard written else {
            takeBack()
            return
        }
        for number in tree.pending.finishFlush() {
            guard let inode = tree.inodes[number] else { continue }
            inode.isFlushing = false
            if tree.isIdle(inode) { tree.release(inode) }
        }
    }

    /// Makes the changes of a failed checkpoint dirty again. Newer changes of the same keys win.
    private func takeBack() {
        tree.pending.cancelFlush()
        for number in tree.pending.dirtyRows.keys {
            tree.inodes[number]?.isFlushing = false
            tree.inodes[number]?.isDirty = true
        }
    }
}

/// The background work of a workspace: checkpoints, release of memory, expiry of backups.
package struct Maintenance: Sendable {
    let workspace: Workspace
}

extension Maintenance {
    /// Writes a checkpoint now. If it fails, nothing changes, and an event says why.
    /// - Returns: Whether everything is written.
    @discardableResult
    package func checkpoint() -> Bool {
        // The rest of the reserve is for removals. The database would use it up and fail anyway. The
        // tree log has everything that a checkpoint would write.
        if workspace.logs.reserve.isShort, !workspace.databases.areInMemory {
            let isWritten = workspace.withTreeSafely { $0.checkpoints.isWritten }
            if !isWritten { workspace.checkpointFailed.store(true, ordering: .relaxed) }
            return isWritten
        }
        return workspace.checkpointWriter.withLock { writer in
            let (layers, taken, target) = workspace.withTreeSafely { tree in
                (
                    tree.unwrittenLayers, tree.checkpoints.startCheckpoint(),
                    Target(generation: tree.generation, isOverLayer: tree.rows.lower != nil)
                )
            }
            if taken == nil, layers.isEmpty { return workspace.withTreeSafely { $0.checkpoints.isWritten } }
            do throws(StorageError) {
                do throws(Errno) {
                    // The database must not be durable before the logs that a rollback changed: the tree
                    // log can redo these changes only from before this position.
                    try synchronizeRestores()
                    // Recovery finds contents that may not be durable only in records after this position.
                    try workspace.synchronizePins(workspace.withTreeSafely { $0.unsyncedPins })
                    // The database must not be durable before the tree log that it represents.
                    try workspace.synchronizeTreeLog()
                } catch {
                    throw StorageError.system(error, doing: "sync", path: workspace.treeLog.path)
                }
                for layer in layers { try write(layer, &writer) }
                if let (batch, position) = taken { try write(batch, at: position, target, &writer) }
            } catch {
                workspace.withTreeSafely { $0.checkpoints.finishCheckpoint(written: false) }
                // Reported once: on a full disk each checkpoint fails until there is space.
                let isNews = !workspace.checkpointFailed.exchange(true, ordering: .relaxed)
                workspace.checkpointFailures.wrappingAdd(1, ordering: .relaxed)
                if isNews { workspace.events.post(.warning, "the checkpoint is postponed: \(error)") }
                return false
            }
            workspace.withTreeSafely { $0.checkpoints.finishCheckpoint(written: true) }
            workspace.checkpointFailed.store(false, ordering: .relaxed)
            return true
        }
    }

    /// Syncs the content that a rollback or a clone put into logs since the last checkpoint.
    private func synchronizeRestores() throws(Errno) {
        // Cleared before the sync: what is restored meanwhile is for the next one. A failed sync puts it
        // back.
        let restored = workspace.withTreeSafely { tree in
            defer { tree.openLogs.unsyncedRestores = [] }
            return tree.openLogs.unsyncedRestores
        }
        do throws(Errno) {
            try workspace.logs.synchronizeExisting(restored)
        } catch {
            workspace.withTreeSafely { $0.openLogs.unsyncedRestores.formUnion(restored) }
            throw error
        }
    }

    /// The database that a checkpoint writes.
    private struct Target {
        var generation: UInt32
        var isOverLayer: Bool
    }

    private func write(
        _ batch: CheckpointBatch, at position: CheckpointPosition, _ target: Target,
        _ writer: inout TreeDatabase?
    ) throws(StorageError) {
        try openWriter(&writer, target.generation)
        if let writer { return try writer.apply(batch, at: position, isOverLayer: target.isOverLayer) }
        let result: Result<Void, StorageError> = workspace.withTreeSafely { tree in
            // A layer that was frozen meanwhile has the batch.
            if tree.generation != target.generation { return .success(()) }
            do throws(StorageError) {
                return .success(try tree.rows.apply(batch, at: position))
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Completes the database of a frozen layer. It is never written again. The content of its files becomes
    /// durable first, so that forks find it complete after a power cut.
    private func write(_ layer: Layer, _ writer: inout TreeDatabase?) throws(StorageError) {
        do throws(Errno) {
            try workspace.disk.synchronizeAll()
        } catch {
            throw .system(error, doing: "sync", path: LogDirectory.workspacePath(workspace.id))
        }
        if workspace.databases.areInMemory {
            try layer.writeInPlace()
        } else {
            let path = workspace.databases.path(layer.name.generation)
            if writer?.path != path { writer = try TreeDatabase(path) }
            let batch = try layer.read { (batch, _, _) throws(StorageError) in batch }
            try writer?.apply(batch, at: layer.position, isOverLayer: layer.lower != nil)
            try writer?.flushLog()
            writer = nil
            layer.becomeWritten(at: path)
        }
        workspace.withTreeSafely { tree in tree.unwrittenLayers.removeAll { $0 === layer } }
    }

    /// Opens the database of a generation for writing, and makes it if there is none.
    func openWriter(_ writer: inout TreeDatabase?, _ generation: UInt32) throws(StorageError) {
        if workspace.databases.areInMemory { return }
        let path = workspace.databases.path(generation)
        if writer?.path == path { return }
        let isNew = !DatabaseSeal.exists(path)
        do throws(StorageError) {
            let made = try TreeDatabase(path)
            // Both connections or none: what one writes must be visible to the other.
            let reader = ReaderBox(try TreeDatabase(path))
            writer = made
            workspace.withTreeSafely { tree in
                if tree.generation == generation { tree.rows.top = reader.database }
            }
        } catch {
            // A database without tables is useless, and would hide that the database is missing.
            if isNew { DatabaseSeal.removeDatabase(path) }
            throw error
        }
    }

    /// Runs the periodic work of the maintenance thread (about once a second): syncs what is due, writes a
    /// checkpoint if it is due, and drops what is idle or exceeds the budget.
    package func maintain(checkpointNow: Bool) {
        if workspace.withTreeSafely({ $0.standing == .removed }) { return }
        if workspace.wantsSync.exchange(false, ordering: .relaxed) { synchronizeForBackup() }
        workspace.dueLogs.maintain(workspace.events)
        let isDue = workspace.withTreeSafely { $0.checkpoints.isCheckpointDue }
        if checkpointNow || isDue { checkpoint() }
        guard checkpointNow || isDue else { return }
        expireBackups()
        let tick = workspace.withTreeSafely { $0.inodes.tick }
        if workspace.lastSweep.exchange(tick, ordering: .relaxed) != tick { sweep() }
    }

    /// Syncs the store after a backup. The content of a backup must survive a power cut, even if no program
    /// synced it.
    private func synchronizeForBackup() {
        do throws(Errno) {
            try workspace.disk.synchronizeAll()
        } catch {
            workspace.events.post(
                .warning, "cannot sync the store (\(error)): a power cut may lose changes of the last "
                    + "backup that no program has synced")
        }
    }

    /// Releases idle inodes, and the least recently used logs and indexes above the budget.
    package func sweep() {
        let candidates = workspace.withTreeSafely { $0.checkpoints.logsToClose() }
        for log in candidates where !workspace.logs.reserve.isShort {
            do throws(StorageError) {
                try log.checkpoint(ifMoreThan: workspace.limits.replayRecords)
            } catch {
                workspace.events.post(.warning, "\(error)")
            }
        }
        workspace.withTreeSafely { tree in
            tree.checkpoints.closeLogs(candidates)
            tree.checkpoints.releaseIdle()
        }
    }
}

extension TreeCheckpoints {
    /// Returns the logs of idle inodes, and the least recently used ones while caches are over their
    /// budget. Drops indexes of directories by the same order.
    func logsToClose() -> [EditLog] {
        var closing: [EditLog] = []
        /// What can be dropped: a log, or the index of a directory.
        var held: [(use: UInt64, bytes: Int, log: EditLog?, directory: InodeNumber)] = []
        for log in tree.openLogs.unused {
            guard let inode = tree.inodes[log.id], !tree.isIdle(inode) else {
                closing.append(log)
                continue
            }
            held.append((inode.lastUse, log.memoryBytes, log, 0))
        }
        for (directory, size) in tree.caches.indexSizes {
            held.append((tree.inodes[directory]?.lastUse ?? 0, size, nil, directory))
        }
        var bytes = held.reduce(0) { $0 + $1.bytes }
        let allowed = tree.memory.allowance(bytes, before: tree.inodes.cachedBytes)
        let counted = bytes
        defer {
            tree.memory.noteCached(bytes, before: counted)
            tree.inodes.cachedBytes = bytes
        }
        guard bytes > allowed else { return closing }
        held.sort { $0.use < $1.use }
        for item in held {
            if bytes <= allowed / 4 * 3 { break }
            bytes -= item.bytes
            if let log = item.log { closing.append(log) } else { tree.caches.dropIndex(of: item.directory) }
        }
        return closing
    }

    /// Releases inodes that a failed call, a listing or recovery left without a reference.
    func releaseIdle() {
        let idle = tree.inodes.values.filter { tree.isIdle($0) && tree.openLogs[$0.number] == nil }
        for inode in idle { tree.release(inode) }
        tree.identity.dropPassing(atLeast: tree.limits.passingAliases) { tree.inodes[$0] != nil }
    }

    /// Drops logs whose piece checkpoints are written, unless they were replaced or an edit began
    /// meanwhile.
    func closeLogs(_ closing: [EditLog]) {
        for log in closing {
            guard tree.openLogs[log.id] === log, !tree.openLogs.hasWriters(log.id) else { continue }
            tree.openLogs.remove(log.id)
            if let inode = tree.inodes[log.id], tree.isIdle(inode) { tree.release(inode) }
        }
    }
}

/// Transfers a connection to the tree, which alone uses it afterwards.
private struct ReaderBox: @unchecked Sendable {
    let database: TreeDatabase
    init(_ database: TreeDatabase) { self.database = database }
}
