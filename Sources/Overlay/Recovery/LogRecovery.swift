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

    /// Gives the rows of a layer the sizes and times that the logs of their files had when it was frozen.
    func refresh(
        _ layer: Layer, _ marked: Set<InodeNumber>, afterPowerCut: Bool
    ) throws(StorageError) {
        for number in marked {
            guard var row = try layer.find(number)?.moved(to: workspace.id), row.type == .regular,
                row.links > 0, !row.flags.contains(.inheritsLog),
                row.flags.contains(.hasLog) || !row.flags.contains(.hasOrigin)
            else { continue }
            if !EditLog.exists(number, in: workspace.logs) {
                guard afterPowerCut, row.flags.contains(.hasLog) else { continue }
                try restoreLog(of: &row, in: layer)
            }
            guard EditLog.exists(number, in: workspace.logs) else { continue }
            // A log that cannot be read is left alone: reads of the file answer EIO.
            let log = workspace.withTreeSafely { try? $0.edits.openLog(number, afterPowerCut: afterPowerCut) }
            guard let log, let version = try? log.content(at: layer.position.sequence).version
            else { continue }
            // Only a power cut takes edits that a row knows.
            let isNewer = version.sequence > row.contentSequence
            guard isNewer || afterPowerCut
                && (version.sequence < row.contentSequence || version.size != row.size)
            else { continue }
            row.flags.insert(.hasLog)
            row.size = version.size
            row.allocated = version.allocated
            row.contentSequence = version.sequence
            if version.sequence > row.sequence {
                row.modificationTime = version.time
                row.changeTime = version.time
            }
            layer.amend { $0.inodes[number] = .some(row) }
        }
    }

    /// Sets rows of a fork back to what the logs of its ancestors have, after a power cut took edits there
    /// that were never synced. A layer that is written has its content synced, so only rows of the fork
    /// itself can be ahead.
    func refreshInherited() throws(StorageError) {
        let result: Result<[InodeNumber], StorageError> = workspace.withTreeSafely { tree in
            do throws(StorageError) {
                let rows = try tree.rows.top.inodesWithInheritedLogs()
                let known = tree.inodes.values.filter { $0.record.flags.contains(.inheritsLog) }
                return .success(rows + known.map(\.number))
            } catch {
                return .failure(error)
            }
        }
        for number in Set(try result.get()) {
            workspace.withTreeSafely { tree in
                // A log that cannot be read is left alone: reads of the file answer EIO.
                guard let inode = try? tree.inode(number), inode.record.flags.contains(.inheritsLog),
                    let log = try? AncestorLogs(number, in: tree.logs).open(),
                    log.version.sequence < inode.record.contentSequence
                else { return }
                tree.recovery.takeBack(to: log.version, inode)
            }
        }
    }

    /// Recreates a log that was never synced and that a power cut took as a whole.
    private func restoreLog(of row: inout InodeRecord, in layer: Layer) throws(StorageError) {
        let number = row.number
        let origin = try layer.search { (layer) throws(StorageError) in
            try layer.origin(number.moved(to: layer.name.workspace))
        }
        if let origin {
            do throws(Errno) {
                _ = try EditLog.create(
                    number, baseFile: number, baseLength: origin.size, now: workspace.clock.realtime(),
                    in: workspace.logs)
            } catch {
                throw .system(error, doing: "make", path: LogDirectory.path(number))
            }
            return
        }
        // Without a log the file is empty.
        row.flags.remove(.hasLog)
        (row.size, row.allocated, row.contentSequence) = (0, 0, 0)
        layer.amend { $0.inodes[number] = .some(row) }
    }

    /// Handles logs that disappeared or became empty although neither the machine nor the disk went down.
    /// Their files answer EIO, since a row that knows of an edit is not that of an empty file.
    /// - Parameter begun: logs that had a record, with a later sequence number.
    func noteLostLogs(_ marked: Set<InodeNumber>, begun: [InodeNumber: UInt64]) {
        for number in marked where !EditLog.exists(number, in: workspace.logs) {
            workspace.withTreeSafely { tree in
                // A file that was removed has no readers.
                guard let inode = try? tree.inode(number), inode.type == .regular,
                    !inode.record.flags.contains(.inheritsLog)
                else { return }
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
                return .success(try tree.rows.inodesWithLogs())
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
                try EditLogRecovery.emptyIfUnwritten(number, in: workspace.logs)
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
        if inode.record.flags.contains(.inheritsLog) { return false }
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
