// Moments: backups, which are names for sequence numbers, and other moments. A backup is one record of the
// tree log.

package import Overlay
package import Platform
internal import Storage
internal import Synchronization

/// The moments of a workspace's past: backups, and the tree at each moment.
package struct Moments: Sendable {
    let workspace: Workspace
}

extension Moments {
    /// The backups, oldest first.
    package var backups: [Backup] {
        workspace.withTreeSafely { tree in tree.backups.map { Backup($0.key, $0.value) } }.sorted {
            ($0.sequence, $0.name.bytes.count) < ($1.sequence, $1.name.bytes.count)
        }
    }

    /// Returns the number of the last change that a moment contains.
    /// - Throws: ENOENT if there is no such backup, or the moment is in the future; ESTALE if it is older
    ///   than the history that is kept.
    package func sequence(of moment: Moment) throws(CommandError) -> UInt64 {
        let found = try anySequence(of: moment)
        try refuseReleased(found)
        return found
    }

    /// - Throws: ESTALE if a change is older than the history that is kept.
    func refuseReleased(_ sequence: UInt64) throws(CommandError) {
        guard workspace.horizon.shows(sequence) else {
            throw CommandError(
                .stale,
                "that moment is older than the retention of the history, and released: the earliest that can "
                    + "be seen is @\(workspace.horizon.record.first), and earlier backups")
        }
    }

    private func anySequence(of moment: Moment) throws(CommandError) -> UInt64 {
        switch moment {
        case .backup(let name):
            guard let record = workspace.withTreeSafely({ $0.backups[name] }) else {
                throw CommandError(
                    .noEntry, "there is no backup named \(name): .draft/backup lists them")
            }
            return record.sequence
        case .sequence(let number):
            guard number <= workspace.sequence.last else {
                throw CommandError(
                    .noEntry, "there is no change @\(number) yet: the last is @\(workspace.sequence.last)")
            }
            return number
        case .time(let time):
            return try sequence(at: time)
        }
    }

    /// Finds the last change at a time. The tree log narrows it to two of its records; the logs of files
    /// edited between these give the exact change.
    private func sequence(at time: Int64) throws(CommandError) -> UInt64 {
        do throws(Errno) {
            let (last, lastInTreeLog, logs) = try workspace.withTree {
                (tree) throws(Errno) -> (UInt64, UInt64, [EditLog]) in
                let last: UInt64
                let lastInTreeLog: UInt64
                do throws(StorageError) {
                    last = min(try tree.treeLog.lastSequence(at: time), tree.sequence.last)
                    lastInTreeLog = try tree.treeLog.lastRecord(upTo: last)
                } catch {
                    throw tree.failing(error)
                }
                var logs: [EditLog] = []
                for number in try tree.editedInodes(after: lastInTreeLog) {
                    logs.append(try tree.historicLog(number))
                }
                return (last, lastInTreeLog, logs)
            }
            var found = lastInTreeLog
            for log in logs {
                found = max(found, try log.lastSequence(at: time, upTo: last))
            }
            return found
        } catch {
            throw CommandError(error, "the moment cannot be found in the logs: \(error)")
        }
    }

    /// Makes a backup of the present moment. It costs one record, whatever the size of the workspace. The
    /// name is durable when this returns; content that was never synced becomes durable soon after, by
    /// `maintain`.
    /// - Throws: EEXIST if there is a backup of that name.
    package func backup(
        _ name: FileName, comment: [UInt8], caller: Caller
    ) throws(CommandError) -> Backup {
        let made: BackupRecord
        do throws(Errno) {
            let record = try workspace.gate.alone { () throws(Errno) in
                try workspace.withTree { (tree) throws(Errno) in
                    if tree.backups[name] != nil { throw .exists }
                    var transaction = tree.begin(.backup, caller.stamp(workspace.clock.realtime()))
                    let record = BackupRecord(
                        sequence: transaction.sequence, time: transaction.stamp.time,
                        isAutomatic: false, comment: comment)
                    transaction.changes.append(.backup(name, before: nil, after: record))
                    try tree.commit(&transaction)
                    return record
                }
            }
            workspace.wantsSync.store(true, ordering: .relaxed)
            made = record
        } catch {
            if error == .exists {
                throw CommandError(
                    error, "there is a backup named \(name) already: choose another name, or "
                        + "delete that one first")
            }
            throw CommandError(error, "the backup \(name) could not be recorded: \(error)")
        }
        try makeDurable(CommandOutcome(sequence: made.sequence), "the backup \(name)")
        return Backup(name, made)
    }

    /// Gives a moment a name, in place of the one that had it.
    func keep(
        _ sequence: UInt64, as name: FileName, comment: [UInt8], caller: Caller
    ) throws(CommandError) {
        do throws(Errno) {
            try workspace.withTree { (tree) throws(Errno) in
                var transaction = tree.begin(.backup, caller.stamp(workspace.clock.realtime()))
                let record = BackupRecord(
                    sequence: sequence, time: transaction.stamp.time, isAutomatic: false, comment: comment)
                transaction.changes.append(.backup(name, before: tree.backups[name], after: record))
                try tree.commit(&transaction)
            }
        } catch {
            throw CommandError(error, "the backup \(name) could not be recorded: \(error)")
        }
    }

    /// Makes the outcome of a command durable, as its last step: success says that it survives a power cut.
    /// A failed sync does not revert what was done, but is reported as a failure that says so.
    func makeDurable(_ outcome: CommandOutcome, _ subject: String) throws(CommandError) {
        do throws(Errno) {
            try workspace.synchronizeTreeLog()
        } catch {
            let sentence = "\(subject) was done, but \(workspace.treeLog.path) cannot be synced (\(error)), "
                + "so a power cut may undo it: check the store's disk, then mount again"
            workspace.events.post(.error, sentence)
            throw CommandError(error, sentence, done: outcome)
        }
    }

    /// Removes a backup; the moment stays reachable by its number.
    package func removeBackup(_ name: FileName, caller: Caller) throws(CommandError) {
        try changeBackup(name, caller) { record in
            [.backup(name, before: record, after: nil)]
        }
    }

    package func renameBackup(
        _ name: FileName, to newName: FileName, caller: Caller
    ) throws(CommandError) {
        if name == newName { return }
        if workspace.withTreeSafely({ $0.backups[newName] }) != nil {
            throw CommandError(
                .exists, "there is a backup named \(newName) already: choose another name")
        }
        try changeBackup(name, caller) { record in
            var kept = record
            // A user who names a backup means to keep it.
            kept.isAutomatic = false
            return [
                .backup(name, before: record, after: nil),
                .backup(newName, before: nil, after: kept),
            ]
        }
    }

    private func changeBackup(
        _ name: FileName, _ caller: Caller, _ changes: (BackupRecord) -> [TreeChange]
    ) throws(CommandError) {
        let number: UInt64
        do throws(Errno) {
            number = try workspace.withReserve { () throws(Errno) in
                try workspace.withTree { (tree) throws(Errno) in
                    guard let record = tree.backups[name] else { throw .noEntry }
                    var transaction = tree.begin(.backup, caller.stamp(workspace.clock.realtime()))
                    transaction.changes += changes(record)
                    try tree.commit(&transaction)
                    return transaction.sequence
                }
            }
        } catch {
            if error == .noEntry {
                throw CommandError(
                    error, "there is no backup named \(name): .draft/backup lists them")
            }
            throw CommandError(error, "the backup \(name) could not be changed: \(error)")
        }
        try makeDurable(CommandOutcome(sequence: number), "the change of the backup \(name)")
    }
}

extension Backup {
    init(_ name: FileName, _ record: BackupRecord) {
        self.init(
            name: name, sequence: record.sequence, time: record.time, comment: record.comment,
            isAutomatic: record.isAutomatic)
    }
}
