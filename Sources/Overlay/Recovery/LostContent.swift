// Ends the tree log, after a power cut, before a change whose content was lost.

internal import Platform
internal import Storage

extension Recovery {
    /// Ends the tree log before the first transaction whose content is missing, after a power cut and
    /// before the replay. Everything after it was never synced, since each sync of the tree log syncs that
    /// content first.
    func endBeforeLostContent(
        from position: CheckpointPosition, synced: UInt64
    ) throws(StorageError) {
        var whole: [InodeNumber: UInt64] = [:]
        let cut = try workspace.treeLog.end(
            before: { (header, changes) in
                guard header.sequence > synced else { return false }
                for case .due(let number, let sequence) in changes {
                    let last = whole[number]
                        ?? EditLogRecovery.lastWhole(number, in: workspace.logs, synced: synced)
                    whole[number] = last
                    if last < sequence { return true }
                }
                return false
            }, from: position.treeLog, after: position.sequence, keepingOn: workspace.disk)
        guard let cut else { return }
        workspace.events.post(
            .warning,
            "\(workspace.treeLog.path) was cut off before change \(cut.sequence), which "
                + "renamed a file over another one: the power cut lost the content of the renamed file; "
                + "\(cut.bytes) bytes of unsynced changes are lost")
    }
}
