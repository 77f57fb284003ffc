// Checkpoint: writes what changed into the database, in the background, so that recovery replays
// little and memory holds little. Order: journal synced, database committed, then memory let go.

internal import Platform
internal import Storage
internal import Synchronization

extension Tree {
    var isCheckpointDue: Bool { pending.dirtyCount >= memory.dirtyKeys }

    /// Takes what is dirty for writing. Until `finishCheckpoint` it is still pending.
    /// - Returns: nil where there is nothing to write.
    func startCheckpoint() -> (CheckpointBatch, CheckpointPosition)? {
        guard pending.hasDirty || openLogs.hasMarks, pending.canFlush else { return nil }
        let batch = pending.startFlush { number in
            guard let inode = inodes[number], inode.isDirty else { return nil }
            inode.isDirty = false
            inode.isFlushing = true
            return .some(inode.record.links == 0 ? nil : inode.record)
        }
        let position = CheckpointPosition(
            journal: journal.end, sequence: sequence.last, lastNumber: inodes.lastNumber)
        // An edit that is under way lands in its log after this position, so its mark must stand
        // after it too.
        openLogs.unmarkAll()
        // One that ends in a record which was taken back and could not be cut off, likewise: recovery
        // cuts marked logs only.
        let busy = Set(openLogs.edited).union(logs.pendingCuts(of: workspace))
        if !busy.isEmpty {
            let stamp = Stamp(time: clock.realtime(), pid: 0, uid: 0)
            if (try? appendMark(Array(busy), stamp: stamp)) == nil {
                // The disk is full: these stay in the next checkpoint instead.
                takeBack()
                return nil
            }
            openLogs.mark(busy)
        }
        return (batch, position)
    }

    func finishCheckpoint(written: Bool) {
        guard written else {
            takeBack()
            return
        }
        for number in pending.finishFlush() {
            guard let inode = inodes[number] else { continue }
            inode.isFlushing = false
            if isIdle(inode) { release(inode) }
        }
    }

    /// The write failed: what was to be written is dirty again, under what changed since.
    private func takeBack() {
        pending.cancelFlush()
        for number in pending.dirtyRows.keys {
            inodes[number]?.isFlushing = false
            inodes[number]?.isDirty = true
        }
    }
}

extension Workspace {
    /// Writes a checkpoint now. On failure everything stays as it was, and an event says why.
    /// - Returns: whether all is written.
    @discardableResult
    package func checkpoint() -> Bool {
        // What is left of the reserve is for removing: the database would take it, and fail all the same.
        // The tree log has all that a checkpoint would write.
        if logs.reserve.isShort, databasePath != ":memory:" {
            let isWritten = withTreeSafely { $0.pending.isEmpty }
            if !isWritten { checkpointFailed.store(true, ordering: .relaxed) }
            return isWritten
        }
        return checkpointWriter.withLock { writer in
            let taken = withTreeSafely { $0.startCheckpoint() }
            guard let (batch, position) = taken else {
                return withTreeSafely { $0.pending.isEmpty }
            }
            do throws(StorageError) {
                do throws(Errno) {
                    // Nor before the logs that a rollback changed: the journal has what it takes to
                    // change them again, up to here.
                    try synchronizeRestores()
                    // Behind the position nobody looks which contents may not be durable yet.
                    try synchronizePins(withTreeSafely { $0.unsyncedPins })
                    // The database must not be durable before the journal that it stands for.
                    try synchronizeJournal()
                } catch {
                    throw StorageError.system(error, doing: "sync", path: journal.path)
                }
                try openWriter(&writer)
                if let writer {
                    try writer.apply(batch, at: position)
                } else {
                    let result: Result<Void, StorageError> = withTreeSafely { tree in
                        do throws(StorageError) {
                            return .success(try tree.reader.apply(batch, at: position))
                        } catch {
                            return .failure(error)
                        }
                    }
                    try result.get()
                }
            } catch {
                withTreeSafely { $0.finishCheckpoint(written: false) }
                // Told once: on a full disk each one fails until there is room.
                let isNews = !checkpointFailed.exchange(true, ordering: .relaxed)
                checkpointFailures.wrappingAdd(1, ordering: .relaxed)
                if isNews { events.post(.warning, "the checkpoint is put off: \(error)") }
                return false
            }
            withTreeSafely { $0.finishCheckpoint(written: true) }
            checkpointFailed.store(false, ordering: .relaxed)
            return true
        }
    }

    /// Content that a rollback or a clone put into logs since the last checkpoint.
    private func synchronizeRestores() throws(Errno) {
        let restored = withTreeSafely { tree in
            defer { tree.openLogs.unsyncedRestores = [] }
            return tree.openLogs.unsyncedRestores
        }
        do throws(Errno) {
            try logs.synchronizeExisting(restored)
        } catch {
            withTreeSafely { $0.openLogs.unsyncedRestores.formUnion(restored) }
            throw error
        }
    }

    /// Makes the database of a workspace that had none.
    func openWriter(_ writer: inout TreeDatabase?) throws(StorageError) {
        guard writer == nil, databasePath != ":memory:" else { return }
        let isNew = !DatabaseSeal.exists(databasePath)
        do throws(StorageError) {
            let made = try TreeDatabase(databasePath)
            // Both or none: what one writes the other is asked for.
            let reader = ReaderBox(try TreeDatabase(databasePath))
            writer = made
            withTreeSafely { $0.reader = reader.database }
        } catch {
            // A database without tables says nothing, and hides that there is none.
            if isNew { DatabaseSeal.removeDatabase(databasePath) }
            throw error
        }
    }

    /// What the maintenance thread does every second or so: checkpoint if due, drop what is idle
    /// or too much.
    package func maintain(checkpointNow: Bool) {
        if withTreeSafely({ $0.isGoing }) { return }
        if wantsSync.exchange(false, ordering: .relaxed) { synchronizeForBackup() }
        dueLogs.maintain(events)
        let isDue = withTreeSafely { $0.isCheckpointDue }
        if checkpointNow || isDue { checkpoint() }
        guard checkpointNow || isDue else { return }
        expireBackups()
        let tick = withTreeSafely { $0.inodes.tick }
        if lastSweep.exchange(tick, ordering: .relaxed) != tick { sweep() }
    }

    /// After a backup: what it has is to survive a power cut, synced by its programs or not.
    private func synchronizeForBackup() {
        do throws(Errno) {
            try disk.synchronizeAll()
        } catch {
            events.post(
                .warning, "the store cannot be synced (\(error)): a power cut may take from the last "
                    + "backup what no program has synced")
        }
    }

    /// Lets idle inodes go, and the least recently used logs and indexes above the budget.
    package func sweep() {
        let candidates = withTreeSafely { $0.logsToClose() }
        for log in candidates where !logs.reserve.isShort {
            do throws(StorageError) {
                try log.checkpoint(ifMoreThan: limits.replayRecords)
            } catch {
                events.post(.warning, "\(error)")
            }
        }
        withTreeSafely { tree in
            tree.closeLogs(candidates)
            tree.releaseIdle()
        }
    }
}

extension Tree {
    /// Logs of idle inodes, and the least recently used ones while caches are over their budget.
    func logsToClose() -> [EditLog] {
        var closing: [EditLog] = []
        /// What can be dropped: a log, or the index of a directory.
        var held: [(use: UInt64, bytes: Int, log: EditLog?, directory: InodeNumber)] = []
        for log in openLogs.unused {
            guard let inode = inodes[log.id], !isIdle(inode) else {
                closing.append(log)
                continue
            }
            held.append((inode.lastUse, log.memoryBytes, log, 0))
        }
        for (directory, size) in caches.indexSizes {
            held.append((inodes[directory]?.lastUse ?? 0, size, nil, directory))
        }
        var bytes = held.reduce(0) { $0 + $1.bytes }
        let allowed = memory.allowance(bytes, before: inodes.cachedBytes)
        let counted = bytes
        defer {
            memory.noteCached(bytes, before: counted)
            inodes.cachedBytes = bytes
        }
        guard bytes > allowed else { return closing }
        held.sort { $0.use < $1.use }
        for item in held {
            if bytes <= allowed / 4 * 3 { break }
            bytes -= item.bytes
            if let log = item.log { closing.append(log) } else { caches.dropIndex(of: item.directory) }
        }
        return closing
    }

    /// Lets go of inodes that a failed call, a listing or recovery left without a reference.
    func releaseIdle() {
        let idle = inodes.values.filter { isIdle($0) && openLogs[$0.number] == nil }
        for inode in idle { release(inode) }
        identity.dropPassing(atLeast: limits.passingAliases) { inodes[$0] != nil }
    }

    /// Drops logs whose piece checkpoints are written, if nobody took them up again.
    func closeLogs(_ closing: [EditLog]) {
        for log in closing {
            guard openLogs[log.id] === log, !openLogs.hasWriters(log.id) else { continue }
            openLogs.remove(log.id)
            if let inode = inodes[log.id], isIdle(inode) { release(inode) }
        }
    }
}

/// Hands a connection over to the tree, which alone uses it afterwards.
private struct ReaderBox: @unchecked Sendable {
    let database: TreeDatabase
    init(_ database: TreeDatabase) { self.database = database }
}
