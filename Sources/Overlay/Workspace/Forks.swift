// Forks: makes a workspace that begins as another one is now. The cost depends neither on the size of the
// tree nor on the number of changes: the state is frozen as a layer, and both go on above it.

package import Platform
package import Storage
internal import Synchronization

package struct Forks: Sendable {
    package let set: WorkspaceSet
}

extension Forks {
    /// Makes a fork of a workspace.
    /// - Parameter moment: the change to which the caller will roll the fork back, before it calls `finish`;
    ///   nil for the present state.
    /// - Throws: EEXIST if a workspace has that name, ENOENT if the workspace was removed or discarded,
    ///   ENOSPC, EIO.
    package func fork(
        _ record: WorkspaceRecord, as name: FileName, moment: UInt64? = nil, caller: Caller
    ) throws(Errno) -> WorkspaceRecord {
        if set.find(name) != nil { throw .exists }
        let workspace: Workspace
        do throws(StorageError) {
            workspace = try set.workspace(record)
        } catch {
            if error.errno != .noEntry { set.events.post(.error, "\(error)") }
            throw error.errno
        }
        let (layer, files) = try freeze(workspace, caller)
        let fork = WorkspaceRecord.Fork(
            workspace: record.id, generation: layer.name.generation, sequence: layer.position.sequence,
            lastNumber: layer.position.lastNumber, moment: moment ?? layer.position.sequence,
            files: files)
        // A fork is no way out of limits.
        let limits = workspace.accounts.operatorLimits
        // A removal of the parent, which looks for forks under this lock, sees the fork or comes first.
        let result: Result<WorkspaceRecord, Errno> = set.opening.withLock { _ in
            do throws(Errno) {
                guard workspace.isLive else { throw .noEntry }
                // A release may have come between the choice of the moment or of the layer and this.
                if layer.position.sequence <= workspace.treeLog.front.sequence { throw .stale }
                let horizon = workspace.horizon.record
                if let moment, !horizon.shows(moment) { throw .stale }
                return .success(
                    try set.store.createWorkspace(
                        name, fork: fork, limits: limits == OperatorLimits() ? nil : limits,
                        horizon: horizon.first == 0
                            ? nil : HorizonRecord(first: horizon.first, kept: horizon.kept),
                        isUnfinished: moment != nil, epoch: workspace.base.first, now: set.clock.realtime()))
            } catch {
                return .failure(error)
            }
        }
        // The layer may have left memory otherwise, before the fork is opened.
        return try withExtendedLifetime(layer) { () throws(Errno) in try result.get() }
    }

    /// Gives a fork that was made for a moment its name. Until then it is not in the list, and a crash takes
    /// it.
    package func finish(_ record: WorkspaceRecord) throws(Errno) -> WorkspaceRecord {
        try set.store.finishFork(record.id)
    }

    /// Freezes the present state as a layer, durably. If nothing changed since the last layer, that one is
    /// returned.
    /// - Returns: also the number of the workspace's new or changed files then.
    private func freeze(
        _ workspace: Workspace, _ caller: Caller
    ) throws(Errno) -> (layer: Layer, files: UInt64) {
        let top: Layer.WrittenDatabase
        do throws(StorageError) {
            top = Layer.WrittenDatabase(try TreeDatabase(":memory:"))
        } catch {
            throw error.errno
        }
        let frozen = try workspace.gate.alone { () throws(Errno) in
            try workspace.withReserve { () throws(Errno) in
                try workspace.withTree { (tree) throws(Errno) -> (layer: Layer, files: UInt64) in
                    // A layer whose changes were released cannot be made again.
                    if let last = tree.rows.lower, last.name.workspace == workspace.id, tree.pending.isEmpty,
                        last.position.sequence == workspace.sequence.last,
                        last.position.sequence > tree.treeLog.front.sequence {
                        return (last, workspace.quota.usedFiles)
                    }
                    var transaction = tree.begin(.freeze, caller.stamp(set.clock.realtime()))
                    transaction.changes.append(.freeze(generation: tree.generation))
                    try tree.commit(&transaction)
                    let layer = Freeze(tree: tree).run(at: transaction.sequence, top.database)
                    markPendingCuts(tree)
                    return (layer, workspace.quota.usedFiles)
                }
            }
        }
        try workspace.synchronizeTreeLog()
        // The content of the files becomes durable soon.
        workspace.wantsSync.store(true, ordering: .relaxed)
        return frozen
    }

    /// Marks logs that end in a record which could not be cut off: recovery cuts marked logs only.
    private func markPendingCuts(_ tree: Tree) {
        let numbers = tree.logs.pendingCuts(of: tree.workspace)
        if numbers.isEmpty { return }
        // Without the mark, which a full disk may refuse, the next checkpoint marks them.
        try? tree.edits.appendMark(numbers, stamp: Stamp(time: set.clock.realtime(), pid: 0, uid: 0))
        tree.openLogs.mark(numbers)
    }
}
