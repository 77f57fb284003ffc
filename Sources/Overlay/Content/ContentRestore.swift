// ContentRestores: sets the content of files back to an earlier state, as part of a transaction. The logs
// get their records first, with the transaction's number; the record in the tree log makes them valid.
// Recovery mends what a crash leaves between the two: it cuts off a record of a log without its
// transaction, and adds the content of a transaction that a log lacks.

package import Platform
package import Storage

/// The content of a file, as a transaction in the tree log names it.
struct Restore: Sendable {
    var number: InodeNumber
    var source: InodeNumber
    /// The number of the source's change whose content is taken.
    var sequence: UInt64
    /// The number of the transaction.
    var transaction: UInt64
    var stamp: Stamp

    /// Takes the values of a content change found by a replay; returns nil for any other change.
    init?(_ change: TreeChange, _ header: RecordHeader) {
        guard case .content(let number, let source, let sequence) = change else { return nil }
        self.number = number
        self.source = source
        self.sequence = sequence
        transaction = header.sequence
        stamp = Stamp(time: header.time, pid: header.pid, uid: header.uid)
    }
}

/// A file whose content a transaction sets.
package struct NewContent {
    package var number: InodeNumber
    package var source: InodeNumber
    package var sequence: UInt64
    package var pieces: PieceTree

    package init(number: InodeNumber, source: InodeNumber, sequence: UInt64, pieces: PieceTree) {
        self.number = number
        self.source = source
        self.sequence = sequence
        self.pieces = pieces
    }
}

/// Restores the content of files within transactions.
package struct ContentRestores: Sendable {
    let tree: Tree
}

extension ContentRestores {
    /// Writes a content mark for the logs that get records of a transaction, so that recovery reads them.
    /// The mark must be written before the transaction begins.
    package func markContents(_ contents: [NewContent], stamp: Stamp) throws(Errno) {
        let fresh = contents.map(\.number).filter { !tree.openLogs.isMarked($0) }
        if fresh.isEmpty { return }
        try tree.edits.appendMark(fresh, stamp: stamp)
        tree.openLogs.mark(fresh)
    }

    /// Makes the sources of a transaction's contents durable before the transaction itself. After a power
    /// cut recovery takes the content from them again, and records that other logs refer to must not be
    /// lost.
    package func synchronizeSources(of contents: [NewContent]) throws(Errno) {
        var sources: [InodeNumber: EditLog] = [:]
        for number in Set(contents.map(\.source)) {
            let isOwn = try EditLog.presence(number, in: tree.logs) == .written
            guard try isOwn ? true : AncestorLogs(number, in: tree.logs).isThere() else { continue }
            let log = try tree.historicLog(number)
            if !log.isDurable { sources[log.inheritedFrom ?? number] = log }
        }
        if sources.isEmpty { return }
        let ends = sources.values.map { (log: $0, end: $0.logEnd) }
        try tree.logs.synchronize(sources.keys)
        for (log, end) in ends { log.noteDurable(upTo: end) }
        // The tree log holds the rows of the sources; their inode numbers must not be given out again.
        try tree.dueLogs.synchronize()
        try tree.treeLog.synchronize()
    }

    /// Commits a transaction together with the content of files, all or nothing.
    package func commit(
        _ transaction: inout Transaction, restoring contents: [NewContent]
    ) throws(Errno) {
        if contents.isEmpty { return try tree.commit(&transaction) }
        let number = transaction.sequence
        var done: [(log: EditLog, mark: EditLog.Mark)] = []
        do throws(Errno) {
            for content in contents {
                let log = try logToRestore(content.number)
                done.append((log, log.beginProvisional()))
                _ = try log.splice(
                    [.whole(Array(content.pieces.allPieces))], kind: .restore, stamp: transaction.stamp,
                    number: { number })
                transaction.changes.append(
                    .content(content.number, source: content.source, sequence: content.sequence))
            }
            tree.openLogs.unsyncedRestores.formUnion(contents.map(\.number))
            try tree.commit(&transaction)
        } catch {
            for (log, mark) in done.reversed() { log.withdraw(to: mark) }
            throw error
        }
        for (log, _) in done {
            log.settle()
            // A file that was brought back: from now on the log belongs to its inode.
            let known = tree.openLogs[log.id]
            if tree.inodes[log.id] != nil, known == nil || known?.inheritedFrom != nil {
                tree.openLogs.insert(log)
            }
        }
    }

    /// Returns the log of a file that exists or is being brought back.
    private func logToRestore(
        _ number: InodeNumber, afterPowerCut: Bool = false
    ) throws(Errno) -> EditLog {
        if let log = tree.openLogs[number], log.inheritedFrom == nil { return log }
        if EditLog.exists(number, in: tree.logs) {
            do throws(StorageError) {
                // A kill may have left an unfinished record at the end; no other thread appends to this
                // log.
                return try tree.edits.openLog(number, afterPowerCut: afterPowerCut)
            } catch {
                throw tree.failing(error)
            }
        }
        return try EditLog.create(
            number, baseFile: 0, baseLength: 0, now: tree.clock.realtime(), in: tree.logs)
    }
}

extension ContentRestores {
    /// Puts the content of a replayed transaction into its log, unless the log has it already.
    func redo(_ restore: Restore, _ afterPowerCut: Bool) throws(Errno) {
        let inode = try? tree.inode(restore.number)
        let log = try logToRestore(restore.number, afterPowerCut: afterPowerCut)
        tree.sequence.advance(to: restore.transaction)
        guard log.lastSequence < restore.transaction else { return }
        let source = restore.source == restore.number
            ? log : try tree.historicLog(restore.source, afterPowerCut: afterPowerCut)
        let pieces = try source.content(at: restore.sequence).pieces
        let number = restore.transaction
        _ = try log.splice(
            [.whole(Array(pieces.allPieces))], kind: .restore, stamp: restore.stamp, number: { number })
        tree.openLogs.unsyncedRestores.insert(restore.number)
        if inode != nil, tree.openLogs[restore.number] == nil { tree.openLogs.insert(log) }
    }

    /// Handles a live inode whose row a rollback removed. A file of the base becomes the base's again; any
    /// other lives on without a name while it is open.
    /// - Returns: whether the inode must be settled once all changes are made.
    func takeRow(from inode: Inode) -> Bool {
        inode.isPersistent = false
        inode.isDirty = false
        tree.openLogs.unmark(inode.number)
        tree.caches.dropListing(of: inode.number)
        guard inode.lookups > 0 || tree.openLogs.hasWriters(inode.number)
            || inode.number == tree.rootNumber
        else {
            tree.drop(inode)
            return false
        }
        if inode.number == tree.rootNumber {
            // Without a row it shows the base that the workspace began with.
            tree.seenState.show([])
            becomeBase(inode)
            return false
        }
        // Whether a name leads to it is known only once all changes are made.
        inode.record.links = 0
        return inode.record.flags.contains(.hasOrigin)
    }

    /// Gives inodes whose rows a transaction removed the state of the base again, where the base's name is
    /// shown.
    package func settle(_ taken: [Inode], isShown: (BasePlace) throws(Errno) -> Bool) {
        for inode in taken {
            guard let place = inode.place, (try? isShown(place)) == true else { continue }
            becomeBase(inode)
        }
    }

    private func becomeBase(_ inode: Inode) {
        // A copy has the origin of another file, and is not that base file.
        guard let place = inode.place, let status = try? tree.base.status(place),
            status.type == inode.type,
            (try? tree.number(of: status, at: place, isPast: true)) == inode.number
        else { return }
        tree.base.forget(place)
        tree.revive(inode, InodeRecord(number: inode.number, status: status), at: place)
    }
}
