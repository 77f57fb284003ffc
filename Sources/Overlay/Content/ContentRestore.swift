// ContentRestore: content that becomes what it was, as part of a transaction. The logs get their records
// first, with the transaction's number; the journal's record makes them valid. What a crash leaves
// in between is put right when the workspace is opened: a log's record without its transaction is
// cut off, a transaction's content that a log does not have is put there.

package import Platform
package import Storage

/// A file's content as a transaction of the journal says it.
struct Restore: Sendable {
    var number: InodeNumber
    var source: InodeNumber
    /// The change of the source whose content it is.
    var sequence: UInt64
    /// The transaction's own.
    var transaction: UInt64
    var stamp: Stamp

    /// What a change that a replay met says; nil for a change of anything else.
    init?(_ change: TreeChange, _ header: RecordHeader) {
        guard case .content(let number, let source, let sequence) = change else { return nil }
        self.number = number
        self.source = source
        self.sequence = sequence
        transaction = header.sequence
        stamp = Stamp(time: header.time, pid: header.pid, uid: header.uid)
    }
}

/// One file whose content a transaction sets.
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
    /// Says in the journal which logs are going to have records of a transaction: recovery looks into
    /// these. It comes before the transaction begins.
    package func markContents(_ contents: [NewContent], stamp: Stamp) throws(Errno) {
        let fresh = contents.map(\.number).filter { !tree.openLogs.isMarked($0) }
        if fresh.isEmpty { return }
        try tree.edits.appendMark(fresh, stamp: stamp)
        tree.openLogs.mark(fresh)
    }

    /// Makes durable what the contents of a transaction are taken from, before the transaction is:
    /// after a power cut it is done again from there, and what other logs name must not be lost.
    package func synchronizeSources(of contents: [NewContent]) throws(Errno) {
        var sources: [InodeNumber: EditLog] = [:]
        for number in Set(contents.map(\.source)) where EditLog.exists(number, in: tree.logs) {
            let log = try tree.historicLog(number)
            if !log.isDurable { sources[number] = log }
        }
        if sources.isEmpty { return }
        let ends = sources.values.map { (log: $0, end: $0.logEnd) }
        try tree.logs.synchronize(sources.keys)
        for (log, end) in ends { log.noteDurable(upTo: end) }
        // The rows of the sources, whose numbers must not be given out again.
        try tree.dueLogs.synchronize()
        try tree.journal.synchronize()
    }

    /// Commits a transaction together with the content of files, whole or not at all.
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
            // Of a file that is brought back: from now on its log is the inode's.
            if tree.inodes[log.id] != nil, tree.openLogs[log.id] == nil { tree.openLogs.insert(log) }
        }
    }

    /// The log of a file that is there, or is brought back.
    private func logToRestore(
        _ number: InodeNumber, afterPowerCut: Bool = false
    ) throws(Errno) -> EditLog {
        if let log = tree.openLogs[number] { return log }
        if EditLog.exists(number, in: tree.logs) {
            do throws(StorageError) {
                // Whatever a kill left at its end: nobody else appends to it.
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

    /// A live inode whose row a rollback took back: one of the base is again as the base has it, any
    /// other lives on without a name for whoever has it open.
    /// - Returns: whether it is settled once all changes are made.
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
            becomeBase(inode)
            return false
        }
        // Whether a name leads to it is known once all changes are made.
        inode.record.links = 0
        return inode.record.flags.contains(.hasOrigin)
    }

    /// Those whose rows a transaction took are again as the base has them, where the base's name shows.
    package func settle(_ taken: [Inode], isShown: (BasePlace) throws(Errno) -> Bool) {
        for inode in taken {
            guard let place = inode.place, (try? isShown(place)) == true else { continue }
            becomeBase(inode)
        }
    }

    private func becomeBase(_ inode: Inode) {
        // A copy has the origin of another file, and is none of the base.
        guard let place = inode.place, let status = try? tree.base.status(place),
            status.type == inode.type,
            (try? tree.number(of: status, at: place, isPast: true)) == inode.number
        else { return }
        tree.base.forget(place)
        tree.revive(inode, InodeRecord(number: inode.number, status: status), at: place)
    }
}
