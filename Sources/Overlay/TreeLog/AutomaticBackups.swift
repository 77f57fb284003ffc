// AutomaticBackups: names the moment before a transaction that loses content, within that transaction.
// Automatic backups are removed by number and by age. Backups made by people stay.

package import Platform
internal import Storage

extension Tree {
    /// The number of automatic backups that are kept.
    private static let keptAutomatic = 100

    /// Adds a backup of the moment before a transaction to that transaction. It also removes the oldest
    /// automatic backups above the number that is kept.
    package func addAutomaticBackup(
        _ comment: String, to transaction: inout Transaction
    ) -> FileName {
        var name = FileName(trusted: Array("auto-\(transaction.sequence - 1)".utf8))
        while backups[name] != nil { name = FileName(trusted: name.bytes + [0x2b]) }
        let record = BackupRecord(
            sequence: transaction.sequence - 1, time: transaction.stamp.time, isAutomatic: true,
            comment: Array(comment.utf8))
        transaction.changes.append(.backup(name, before: nil, after: record))
        let automatic = backups.filter { $0.value.isAutomatic }
            .sorted { $0.value.sequence < $1.value.sequence }
        for old in automatic.prefix(max(0, automatic.count + 1 - Self.keptAutomatic)) {
            transaction.changes.append(.backup(old.key, before: old.value, after: nil))
        }
        return name
    }
}

extension Maintenance {
    /// Removes automatic backups that are older than the limit `retention`. Without it, a release of history
    /// removes them.
    func expireBackups() {
        guard let age = workspace.accounts.operatorLimits[.retention] else { return }
        expireBackups(olderThan: age)
    }

    /// Removes automatic backups that are older than an age in nanoseconds.
    package func expireBackups(olderThan age: UInt64) {
        let oldest = workspace.clock.realtime().subtracting(clamping: Int64(clamping: age))
        // On a full disk they stay until the next try.
        try? workspace.withTree { (tree) throws(Errno) in
            let old = tree.backups.filter { $0.value.isAutomatic && $0.value.time < oldest }
            if old.isEmpty { return }
            var transaction = tree.begin(.backup, Stamp(time: workspace.clock.realtime(), pid: 0, uid: 0))
            for (name, record) in old {
                transaction.changes.append(.backup(name, before: record, after: nil))
            }
            try tree.commit(&transaction)
        }
    }
}
