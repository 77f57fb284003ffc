// Settles content that rollbacks and clones have put into edit logs: a crash may have come between the logs
// and the transaction.

internal import Platform
internal import Storage

extension Recovery {
    /// Makes the marked logs and the replayed transactions agree.
    /// - Parameters:
    ///   - restores: content that the replayed transactions set, in order.
    ///   - committed: all transactions up to this number exist.
    ///   - lost: transactions that happened, and of which parts were lost.
    ///   - afterPowerCut: the machine went down while the workspace was in use.
    ///   - isStrict: records of any other transaction are cut off, with all that follows them.
    func finishRestores(
        _ restores: [Restore], marked: Set<InodeNumber>, committed: UInt64, lost: Set<UInt64>,
        afterPowerCut: Bool, isStrict: Bool
    ) throws(StorageError) {
        let known = Set(restores.map(\.transaction)).union(lost)
        for number in marked {
            let result: Result<Void, StorageError> = workspace.withTreeSafely { tree in
                guard EditLog.exists(number, in: tree.logs) else { return .success(()) }
                do throws(StorageError) {
                    try EditLogRecovery.cutUncommitted(
                        number, after: committed, in: tree.logs, afterPowerCut: isStrict
                    ) { transaction in
                        if known.contains(transaction) { return true }
                        guard transaction <= committed else { return false }
                        return (try? tree.treeLog.mayHave(transaction: transaction)) ?? true
                    }
                    return .success(())
                } catch {
                    return .failure(error)
                }
            }
            // A log that cannot be read makes reads of its file answer EIO.
            if case .failure(.system(let error, let doing, let path)) = result {
                throw .system(error, doing: doing, path: path)
            }
        }
        let first = workspace.horizon.record.first
        for restore in restores {
            do throws(Errno) {
                try workspace.withTree { (tree) throws(Errno) in
                    // The log of a file that is gone may have been released since.
                    if restore.transaction < first, !EditLog.exists(restore.number, in: tree.logs),
                        try tree.row(restore.number)?.links ?? 0 == 0 { return }
                    try tree.restores.redo(restore, afterPowerCut)
                }
            } catch {
                workspace.events.post(
                    .error,
                    "cannot restore the content that change \(restore.transaction) gave to inode "
                        + "\(restore.number): \(error)")
            }
        }
    }
}
