// Checkpoint: writes what changed into the database, in the background, so that recovery replays
// little and memory holds little. Order: journal synced, database committed, then memory let go.

internal import Platform
internal import Storage
internal import Synchronization

/// What checkpoints take from memory and let go of.
package struct TreeCheckpoints: Sendable {
    let tree: Tree
}

extension TreeCheckpoints {
    var isCheckpointDue: Bool { tree.pending.dirtyCount >= tree.memory.dirtyKeys }

    /// Takes what is dirty for writing. Until `finishCheckpoint` it is still pending.
    /// - Returns: nil where there is nothing to write.
    func startCheckpoint() -> (CheckpointBatch, CheckpointPosition)? {
        guard tree.pending.hasDirty || tree.openLogs.hasMarks, tree.pending.canFlush else { return nil }
        let batch = tree.pending.startFlush { number in
            guard let inode = tree.inodes[number], inode.isDirty else { return nil }
            inode.isDirty = false
            inode.isFlushing = true
            return .some(inode.record.links == 0 ? nil : inode.record)
        }
        let position = CheckpointPosition(
            journal: tree.journal.end, sequence: tree.sequence.last, lastNumber: tree.inodes.lastNumber)
        // An edit that is under way lands in its log after this position, so its mark must stand
        // after it too.
        tree.openLogs.unmarkAll()
        // One that ends in a record which was taken back and could not be cut off, likewise: recovery
        // cuts marked logs only.
        let busy = Set(tree.openLogs.edited).union(tree.logs.pendingCuts(of: tree.workspace))
        if !busy.isEmpty {
            let stamp = Stamp(time: tree.clock.realtime(), pid: 0, uid: 0)
            if (try? tree.edits.appendMark(Array(busy), stamp: stamp)) == nil {
                // The disk is full: these stay in the next checkpoint instead.
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

    /// The write failed: what was to be written is dirty again, under what changed since.
    private func takeBack() {
        tree.pending.cancelFlush()
        for number in tree.pending.dirtyRows.keys {
            tree.inodes[number]?.isFlushing = false
            tree.inodes[number]?.isDirty = true
        }
    }
}

/// The background work of a workspace: checkpoints, memory that is let go, backups that expire.
package struct Maintenance: Sendable {
    let workspace: Workspace
}

extension Maintenance {
    /// Writes a checkpoint now. On failure everything stays as it was, and an event says why.
    /// - Returns: whether all is written.
    @discardableResult
    package func checkpoint() -> Bool {
        // What is left of the reserve is for removing: the database would take it, and fail all the same.
        // The tree log has all that a checkpoint would write.
        if workspace.logs.reserve.isShort, workspace.databasePath != ":memory:" {
            let isWritten = workspace.withTreeSafely { $0.pending.isEmpty }
            if !isWritten { workspace.checkpointFailed.store(true, ordering: .relaxed) }
            return isWritten
        }
        return workspace.checkpointWriter.withLock { writer in
            let taken = workspace.withTreeSafely { $0.checkpoints.startCheckpoint() }
            guard let (batch, position) = taken else {
                return workspace.withTreeSafely { $0.pending.isEmpty }
            }
            do throws(StorageError) {
                do throws(Errno) {
                    // Nor before the logs that a rollback changed: the journal has what it takes to
                    // change them again, up to here.
                    try synchronizeRestores()
                    // Behind the position nobody looks which contents may not be durable yet.
                    try workspace.synchronizePins(workspace.withTreeSafely { $0.unsyncedPins })
                    // The database must not be durable before the journal that it stands for.
                    try workspace.synchronizeJournal()
                } catch {
                    throw StorageError.system(error, doing: "sync", path: workspace.journal.path)
                }
                try openWriter(&writer)
                if let writer {
                    try writer.apply(batch, at: position)
                } else {
                    let result: Result<Void, StorageError> = workspace.withTreeSafely { tree in
                        do throws(StorageError) {
                            return .success(try tree.reader.apply(batch, at: position))
                        } catch {
                            return .failure(error)
                        }
                    }
                    try result.get()
                }
            } catch {
                workspace.withTreeSafely { $0.checkpoints.finishCheckpoint(written: false) }
                // Told once: on a full disk each one fails until there is room.
                let isNews = !workspace.checkpointFailed.exchange(true, ordering: .relaxed)
                workspace.checkpointFailures.wrappingAdd(1, ordering: .relaxed)
                if isNews { workspace.events.post(.warning, "the checkpoint is put off: \(error)") }
                return false
            }
            workspace.withTreeSafely { $0.checkpoints.finishCheckpoint(written: true) }
            workspace.checkpointFailed.store(false, ordering: .relaxed)
            return true
        }
    }

    /// Content that a rollback or a clone put into logs since the last checkpoint.
    private func synchronizeRestores() throws(Errno) {
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

    /// Makes the database of a workspace that had none.
    func openWriter(_ writer: inout TreeDatabase?) throws(StorageError) {
        guard writer == nil, workspace.databasePath != ":memory:" else { return }
        let isNew = !DatabaseSeal.exists(workspace.databasePath)
        do throws(StorageError) {
            let made = try TreeDatabase(workspace.databasePath)
            // Both or none: what one writes the other is asked for.
            let reader = ReaderBox(try TreeDatabase(workspace.databasePath))
            writer = made
            workspace.withTreeSafely { $0.reader = reader.database }
        } catch {
            // A database without tables says nothing, and hides that there is none.
            if isNew { DatabaseSeal.removeDatabase(workspace.databasePath) }
            throw error
        }
    }

    /// What the maintenance thread does every second or so: checkpoint if due, drop what is idle
    /// or too much.
    package func maintain(checkpointNow: Bool) {
        if workspace.withTreeSafely({ $0.isGoing }) { return }
        if workspace.wantsSync.exchange(false, ordering: .relaxed) { synchronizeForBackup() }
        workspace.dueLogs.maintain(workspace.events)
        let isDue = workspace.withTreeSafely { $0.checkpoints.isCheckpointDue }
        if checkpointNow || isDue { checkpoint() }
        guard checkpointNow || isDue else { return }
        expireBackups()
        let tick = workspace.withTreeSafely { $0.inodes.tick }
        if workspace.lastSweep.exchange(tick, ordering: .relaxed) != tick { sweep() }
    }

    /// After a backup: what it has is to survive a power cut, synced by its programs or not.
    private func synchronizeForBackup() {
        do throws(Errno) {
            try workspace.disk.synchronizeAll()
        } catch {
            workspace.events.post(
                .warning, "the store cannot be synced (\(error)): a power cut may take from the last "
                    + "backup what no program has synced")
        }
    }

    /// Lets idle inodes go, and the least recently used logs and indexes above the budget.
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
    /// Logs of idle inodes, and the least recently used ones while caches are over their budget.
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

    /// Lets go of inodes that a failed call, a listing or recovery left without a reference.
    func releaseIdle() {
        let idle = tree.inodes.values.filter { tree.isIdle($0) && tree.openLogs[$0.number] == nil }
        for inode in idle { tree.release(inode) }
        tree.identity.dropPassing(atLeast: tree.limits.passingAliases) { tree.inodes[$0] != nil }
    }

    /// Drops logs whose piece checkpoints are written, if nobody took them up again.
    func closeLogs(_ closing: [EditLog]) {
        for log in closing {
            guard tree.openLogs[log.id] === log, !tree.openLogs.hasWriters(log.id) else { continue }
            tree.openLogs.remove(log.id)
            if let inode = tree.inodes[log.id], tree.isIdle(inode) { tree.release(inode) }
        }
    }
}

/// Hands a connection over to the tree, which alone uses it afterwards.
private struct ReaderBox: @unchecked Sendable {
    let database: TreeDatabase
    init(_ database: TreeDatabase) { self.database = database }
}
