// EditSessions: finds the log or base file that holds an inode's bytes, does the tree's bookkeeping around
// an edit, and writes the content marks by which recovery finds logs that grew after the checkpoint.

package import Platform
package import Storage

/// The tree's part in reads and edits of a file.
package struct EditSessions: Sendable {
    let tree: Tree
}

extension EditSessions {
    /// Returns the inode of a regular file.
    /// - Throws: EISDIR, EINVAL, and the errors of the look-up.
    package func regular(_ number: InodeNumber) throws(Errno) -> Inode {
        let inode = try tree.inode(number)
        switch inode.type {
        case .regular: return inode
        case .directory: throw .isDirectory
        default: throw .invalid
        }
    }

    /// Returns the edit log of an inode that has one; it is opened at first use.
    /// - Parameter afterPowerCut: a recovery after a power cut is running, which explains missing records.
    package func log(of inode: Inode, afterPowerCut: Bool = false) throws(Errno) -> EditLog? {
        if let log = tree.openLogs[inode.number] { return log }
        guard inode.record.flags.contains(.hasLog) else { return nil }
        do throws(StorageError) {
            if inode.record.flags.contains(.inheritsLog) {
                let log = try AncestorLogs(inode.number, in: tree.logs).open()
                if log.version.sequence < inode.record.contentSequence {
                    throw StorageError.damaged(
                        path: LogDirectory.path(log.inheritedFrom ?? inode.number),
                        what: "its last records are missing; the file answers EIO")
                }
                if tree.inheritedIsDurable { log.noteDurable(upTo: log.logEnd) }
                tree.openLogs.insert(log)
                return log
            }
            let log = try openLog(inode.number, afterPowerCut: afterPowerCut)
            // The header of a base file's log is written before the row that says there is a log. So a log
            // without a header has lost everything, as with a disk that disappears and comes back.
            if log.isUnwritten, inode.record.flags.contains(.hasOrigin), !afterPowerCut {
                throw StorageError.damaged(
                    path: LogDirectory.path(inode.number),
                    what: "it is empty, and the file was edited; the file answers EIO")
            }
            // A clean close and a kill lose nothing. So a log that is behind the database was damaged;
            // losses by a power cut were noted by the recovery after it.
            if log.version.sequence < inode.record.contentSequence, !afterPowerCut {
                throw StorageError.damaged(
                    path: LogDirectory.path(inode.number),
                    what: "its last records are missing; the file answers EIO")
            }
            tree.openLogs.insert(log)
            return log
        } catch {
            throw tree.failing(error)
        }
    }

    /// Opens a log, and posts events for records that were lost or cut off.
    func openLog(_ number: InodeNumber, afterPowerCut: Bool = false) throws(StorageError) -> EditLog {
        let path = LogDirectory.path(number)
        let events = tree.events
        return try EditLog.open(
            number, in: tree.logs, afterPowerCut: afterPowerCut, synced: tree.openLogs.syncedBefore
        ) { result in
            for range in result.damage {
                events.post(
                    .error,
                    "\(path): bytes \(range.lowerBound) to \(range.upperBound) are unreadable; "
                        + "a record was lost, so the file answers EIO until it is rewritten")
            }
            if result.tornBytes > 0 {
                events.post(
                    .warning, "\(path): cut off \(result.tornBytes) bytes of an unfinished write")
            }
        }
    }

    func source(_ number: InodeNumber) throws(Errno) -> ContentSource {
        let inode = try regular(number)
        if let log = try log(of: inode) { return .log(log) }
        guard let place = inode.place, inode.record.size > 0 else { return .empty }
        return inode.isPersistent
            ? .origin(number, size: inode.record.size) : .base(place, size: inode.record.size)
    }

    /// Prepares an inode for an edit, and counts the edit as under way. The caller must call `endEdit`
    /// after it.
    /// - Parameter kept: the contents that the pool holds for a first edit.
    func beginEdit(
        _ number: InodeNumber, kept: Set<PinIdentity> = [], caller: Caller
    ) throws(Errno) -> EditLog {
        let inode = try regular(number)
        tree.logWriter.noteProcess(caller.pid, user: caller.user, tree.clock)
        let log: EditLog
        if let known = try self.log(of: inode) {
            if known.inheritedFrom == nil {
                log = known
                try markContent(inode, caller: caller)
            } else {
                log = try adopt(try known.snapshot(), of: inode, caller: caller)
            }
        } else {
            log = try createLog(for: inode, kept: kept, caller: caller)
        }
        tree.openLogs.beginEdit(number)
        return log
    }

    /// Writes a content mark, once between two checkpoints, which says that this file's log may grow.
    private func markContent(_ inode: Inode, caller: Caller) throws(Errno) {
        guard !tree.openLogs.isMarked(inode.number) else { return }
        try tree.bounds.keepRoom(own: 128)
        try appendMark([inode.number], stamp: caller.stamp(tree.clock.realtime()))
        tree.openLogs.mark([inode.number])
    }

    func appendMark(
        _ numbers: [InodeNumber], hasBegun: Bool = false, stamp: Stamp
    ) throws(Errno) {
        try tree.logWriter.appendMarks(numbers, hasBegun: hasBegun, stamp: stamp)
        tree.observers.noteMarks(numbers)
    }

    /// Makes the log of a file at its first edit; it begins with the base's content.
    private func createLog(
        for inode: Inode, kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) -> EditLog {
        if inode.isPersistent, inode.place == nil {
            if tree.identity.isInherited(inode.number) {
                return try adopt(PieceTree(), of: inode, caller: caller)
            }
            return try createLogOfNewFile(inode, caller)
        }
        // The edit applies to what the file shows now, so the origin follows the base first.
        try tree.baseFiles.follow(inode)
        var transaction = tree.begin(.edit, caller.stamp(tree.clock.realtime()))
        try tree.touch(inode, in: &transaction)
        try tree.baseFiles.pin(inode, kept, in: &transaction)
        tree.baseFiles.endFollowing(inode, in: &transaction)
        transaction.update(inode) { $0.flags.insert(.hasLog) }
        let size = transaction.record(of: inode).size
        if let largeFile = tree.largeFile, size > largeFile, inode.place != nil {
            // The automatic backup costs nothing: a moment is only a number.
            let name = inode.name.map { "\($0)" } ?? "a file"
            _ = tree.addAutomaticBackup("before the first edit of \(name)", to: &transaction)
        }
        let holes = try baseHoles(of: inode, size: size)
        let log = try makeLog(
            inode.number, baseFile: inode.place == nil ? 0 : inode.number,
            baseLength: size, stamp: transaction.stamp)
        if let holes {
            _ = try log.share(holes, at: 0, stamp: transaction.stamp, sequence: tree.sequence)
        }
        // The transaction's number comes after the log's first records: until the edit itself, the file's
        // times are those of the row.
        if log.lastSequence > transaction.sequence { transaction.renumber(tree.sequence.next()) }
        try tree.commit(&transaction)
        if inode.record.links == 0, !inode.isPersistent { inode.record.flags.insert(.hasLog) }
        tree.openLogs.insert(log)
        tree.openLogs.mark([inode.number])
        return log
    }

    /// Makes the log of a file whose content is in a log of an ancestor. It begins with that content, as a
    /// part of a transaction: after a power cut recovery takes the content from the ancestor again.
    private func adopt(
        _ pieces: PieceTree, of inode: Inode, caller: Caller
    ) throws(Errno) -> EditLog {
        let stamp = caller.stamp(tree.clock.realtime())
        let content = NewContent(
            number: inode.number, source: inode.number,
            // An empty file had no log yet: no change of an ancestor counts.
            sequence: pieces.length == 0 ? 0 : AncestorLogs(inode.number, in: tree.logs).last,
            pieces: pieces)
        try tree.restores.synchronizeSources(of: [content])
        try tree.restores.markContents([content], stamp: stamp)
        var transaction = tree.begin(.edit, stamp)
        let sequence = transaction.sequence
        let times = (inode.record.modificationTime, inode.record.changeTime)
        transaction.update(inode) { record in
            record.flags.remove(.inheritsLog)
            record.flags.insert(.hasLog)
            record.contentSequence = sequence
            (record.modificationTime, record.changeTime) = times
        }
        tree.openLogs.remove(inode.number)
        try tree.restores.commit(&transaction, restoring: [content])
        guard let log = try self.log(of: inode) else { throw .inputOutput }
        return log
    }

    /// Makes the log of a file that was made here. A mark before its log grows is enough. No mark is needed
    /// if the file was made since the last checkpoint: recovery looks for the logs of all such files.
    private func createLogOfNewFile(_ inode: Inode, _ caller: Caller) throws(Errno) -> EditLog {
        try markContent(inode, caller: caller)
        let log = try makeLog(
            inode.number, baseFile: 0, baseLength: 0, stamp: caller.stamp(tree.clock.realtime()))
        inode.record.flags.insert(.hasLog)
        tree.markDirty(inode)
        tree.openLogs.insert(log, isNew: true)
        return log
    }

    /// Makes a log for a file that has none. If a rollback left one behind, that log is continued with the
    /// file's present content, since earlier moments still need its records.
    private func makeLog(
        _ number: InodeNumber, baseFile: UInt64, baseLength: UInt64, stamp: Stamp
    ) throws(Errno) -> EditLog {
        do throws(Errno) {
            return try EditLog.create(
                number, baseFile: baseFile, baseLength: baseLength, now: stamp.time, in: tree.logs)
        } catch {
            guard error == .exists else { throw error }
        }
        let log: EditLog
        do throws(StorageError) {
            log = try EditLog.open(number, in: tree.logs) { _ in }
        } catch {
            throw tree.failing(error)
        }
        let pieces = baseFile == 0 || baseLength == 0
            ? [] : [Piece(.base(file: baseFile, offset: 0), length: baseLength)]
        _ = try log.splice([.whole(pieces)], stamp: stamp, number: tree.sequence.next)
        return log
    }

    /// Returns the pieces of a sparse base file, so that its holes stay holes; nil for a dense file.
    package func baseHoles(of inode: Inode, size: UInt64) throws(Errno) -> [Piece]? {
        guard let place = inode.place, inode.record.allocated < size else { return nil }
        let file = try tree.base.file(place)
        var pieces: [Piece] = []
        var at: UInt64 = 0
        for range in tree.base.dataRanges(of: file, size: size, atMost: tree.limits.baseExtents) {
            if range.lowerBound > at { pieces.append(.hole(range.lowerBound - at)) }
            pieces.append(
                Piece(
                    .base(file: inode.number, offset: range.lowerBound),
                    length: range.upperBound - range.lowerBound))
            at = range.upperBound
        }
        if at < size { pieces.append(.hole(size - at)) }
        return pieces
    }

    /// Ends an edit, and takes over its version; the version is nil if the edit failed.
    /// - Returns: whether the file carries a capability, which the caller must clear.
    @discardableResult
    func endEdit(_ number: InodeNumber, _ version: ContentVersion?) -> Bool {
        let isFirst = tree.openLogs.endEdit(number, isWritten: version != nil)
        guard let inode = tree.inodes[number] else { return false }
        defer { if inode.lookups == 0 { tree.release(inode) } }
        if let version {
            applyVersion(version, to: inode)
            if isFirst {
                // Without this mark (a full disk), a lost log would show as an empty file. The mark serves
                // nothing else, so a failure does not undo the edit.
                try? appendMark(
                    [number], hasBegun: true, stamp: Stamp(time: version.time, pid: 0, uid: 0))
            }
        }
        return inode.record.flags.contains(.hasCapability)
    }

    /// Takes over size and times of a version. Edits and attribute changes share one sequence: the times of
    /// the younger one count.
    func applyVersion(_ version: ContentVersion, to inode: Inode) {
        guard version.sequence > inode.record.contentSequence else { return }
        tree.noteChange(version.time)
        inode.record.size = version.size
        inode.record.allocated = version.allocated
        inode.record.contentSequence = version.sequence
        if version.sequence > inode.record.sequence {
            inode.record.modificationTime = version.time
            inode.record.changeTime = version.time
        }
        tree.markDirty(inode)
    }

    /// Returns the pieces of `range` of a file, for another file to share. An untouched base file is
    /// touched, so that its identity is recorded.
    func piecesToShare(
        _ number: InodeNumber, _ range: Range<UInt64>, kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) -> [Piece] {
        let inode = try regular(number)
        try tree.baseFiles.follow(inode)
        let size = inode.record.size
        guard range.lowerBound < size else { return [] }
        let cut = range.lowerBound..<min(range.upperBound, size)
        if let log = try log(of: inode) { return try log.pieces(in: cut) }
        guard inode.place != nil else { return [] }
        var transaction = tree.begin(.touch, caller.stamp(tree.clock.realtime()))
        try tree.touch(inode, in: &transaction)
        try tree.baseFiles.pin(inode, kept, in: &transaction)
        tree.baseFiles.endFollowing(inode, in: &transaction)
        try tree.commit(&transaction)
        if let holes = try baseHoles(of: inode, size: size) {
            return PieceTree(holes).pieces(in: cut)
        }
        return [
            Piece(
                .base(file: number, offset: cut.lowerBound),
                length: cut.upperBound - cut.lowerBound)
        ]
    }
}
