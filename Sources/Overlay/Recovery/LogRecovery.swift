// Recovery of edit logs: rows take over the size and times that the logs of their files have. After a power
// cut every log is examined, and a row that is ahead of its log is set back to it.

internal import Platform
internal import Storage

extension Recovery {
    /// Takes sizes and times of `marked` files from their logs.
    func refresh(_ marked: Set<InodeNumber>, afterPowerCut: Bool) throws(StorageError) {
        // After a failed checkpoint (a full disk) everything stays in memory.
        var checkpoints = true
        var mostInodes = 50_000
        for number in marked {
            do throws(Errno) {
                try workspace.withTree { (tree) throws(Errno) in
                    guard let inode = try? tree.inode(number), tree.recovery.findLog(of: inode) else {
                        if afterPowerCut { tree.recovery.mendHistory(number) }
                        return
                    }
                    if afterPowerCut { try tree.recovery.restoreLog(of: inode) }
                    // A log that cannot be read is left alone: reads of the file answer EIO.
                    guard let log = try? tree.edits.log(of: inode, afterPowerCut: afterPowerCut)
                    else { return }
                    let version = log.version
                    tree.sequence.advance(to: version.sequence)
                    if tree.recovery.isOutdated(version, inode.record, afterPowerCut) {
                        tree.recovery.takeBack(to: version, inode)
                    } else {
                        tree.edits.applyVersion(version, to: inode)
                    }
                    if checkpoints && tree.checkpoints.isCheckpointDue || tree.inodes.count > mostInodes {
                        throw .again
                    }
                }
            } catch {
                if checkpoints { checkpoints = workspace.maintenance.checkpoint() }
                workspace.maintenance.sweep()
                mostInodes = 50_000 + workspace.withTreeSafely { $0.inodes.count }
            }
        }
    }

    /// Handles logs that disappeared or became empty although neither the machine nor the disk went down.
    /// Their files answer EIO, since a row that knows of an edit is not that of an empty file.
    /// - Parameter begun: logs that had a record, with a later sequence number.
    func noteLostLogs(_ marked: Set<InodeNumber>, begun: [InodeNumber: UInt64]) {
        for number in marked where !EditLog.exists(number, in: workspace.logs) {
            workspace.withTreeSafely { tree in
                // A file that was removed has no readers.
                guard let inode = try? tree.inode(number), inode.type == .regular else { return }
                // The log of a base file has its header before its row says that there is a log.
                let isOfBase = inode.place != nil && inode.record.flags.contains(.hasLog)
                guard let last = begun[number] ?? (isOfBase ? inode.record.sequence : nil) else {
                    return
                }
                inode.record.flags.insert(.hasLog)
                inode.record.contentSequence = max(inode.record.contentSequence, last, 1)
                // The kernel reads no byte of an empty file, so the EIO would not be noticed.
                inode.record.size = max(inode.record.size, 1)
                tree.markDirty(inode)
            }
        }
    }

    /// Returns every log that a row refers to or that exists, including logs of removed files, whose
    /// content a rollback may need.
    func allLogs() throws(StorageError) -> [InodeNumber] {
        let rows: Result<[InodeNumber], StorageError> = workspace.withTreeSafely { tree in
            do throws(StorageError) {
                return .success(try tree.reader.inodesWithLogs())
            } catch {
                return .failure(error)
            }
        }
        let found = try rows.get()
        do throws(Errno) {
            return try found + workspace.logs.numbers(of: workspace.id)
        } catch {
            throw .system(
                error, doing: "list the logs of", path: LogDirectory.workspacePath(workspace.id))
        }
    }

    /// Empties logs whose header was never written to the disk.
    func emptyUnwritten(_ numbers: Set<InodeNumber>) throws(StorageError) {
        for number in numbers {
            do throws(Errno) {
                try EditLog.emptyIfUnwritten(number, in: workspace.logs)
            } catch {
                throw .system(error, doing: "empty", path: LogDirectory.path(number))
            }
        }
    }
}

extension TreeRecovery {
    /// Returns whether a marked inode has a log. The row of a file made here says so only from the next
    /// checkpoint on.
    func findLog(of inode: Inode) -> Bool {
        if inode.record.flags.contains(.hasLog) { return true }
        guard inode.type == .regular, inode.place == nil, EditLog.exists(inode.number, in: tree.logs)
        else { return false }
        inode.record.flags.insert(.hasLog)
        tree.markDirty(inode)
        return true
    }

    /// Sets an inode back to its log, after a power cut took edits that were never synced.
    func takeBack(to version: ContentVersion, _ inode: Inode) {
        inode.record.size = version.size
        inode.record.allocated = version.allocated
        inode.record.contentSequence = version.sequence
        tree.markDirty(inode)
        tree.events.post(
            .warning,
            "the power cut lost the last edits of inode \(inode.number), which were not synced")
    }

    /// Returns whether a row knows edits that its log does not have: its content sequence is higher, or a
    /// transaction took the size from a content that the power cut took in part.
    func isOutdated(
        _ version: ContentVersion, _ record: InodeRecord, _ afterPowerCut: Bool
    ) -> Bool {
        if version.sequence < record.contentSequence { return true }
        return afterPowerCut && version.sequence == record.contentSequence
            && version.size != record.size
    }

    /// Mends a log that belongs to no file now: it ends where the power cut left it, and its sequence
    /// numbers stay used.
    func mendHistory(_ number: InodeNumber) {
        guard EditLog.exists(number, in: tree.logs),
            let log = try? tree.edits.openLog(number, afterPowerCut: true) else { return }
        tree.sequence.advance(to: log.lastSequence)
    }

    /// Recreates a log that was never synced and that a power cut took as a whole. The file is as it was
    /// before its first edit.
    func restoreLog(of inode: Inode) throws(Errno) {
        guard !EditLog.exists(inode.number, in: tree.logs) else { return }
        let origin = try tree.knownOrigin(inode.number)
        let log = try EditLog.create(
            inode.number, baseFile: origin == nil ? 0 : inode.number,
            baseLength: origin?.size ?? 0, now: tree.clock.realtime(), in: tree.logs)
        tree.openLogs.insert(log)
        inode.record.contentSequence = 0
        takeBack(to: log.version, inode)
    }
}
