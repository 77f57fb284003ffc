// Discards: workspaces that users do not want any more. A discarded workspace has no name and takes no calls.
// It keeps all its data until its time is over, so that it can be restored: a mistaken discard loses nothing.

package import Platform
package import Storage
internal import Synchronization

package struct Discards: Sendable {
    let set: WorkspaceSet

    private static let defaultRetention: UInt64 = 604_800_000_000_000
    /// The pause after a removal that failed, in nanoseconds.
    private static let pause: Int64 = 60_000_000_000

    /// How long a discarded workspace is kept, in nanoseconds: 7 days if nothing is set. Nil keeps it until
    /// it is removed by hand.
    package var retention: UInt64? {
        let limits = set.operatorLimits
        return limits.isSet(.retention) ? limits[.retention] : Self.defaultRetention
    }

    /// The discarded workspaces, the last discarded first.
    package var records: [WorkspaceRecord] {
        return set.store.discardedWorkspaces
    }

    /// Discards a workspace. Later calls get ESTALE, and look-ups of its name ENOENT. Each write that was
    /// acknowledged before is kept.
    /// - Throws: ENOENT if it is not there or discarded already, or the errno of the disk.
    @discardableResult
    package func discard(_ id: UInt16) throws(Errno) -> WorkspaceRecord {
        try exclusively { () throws(Errno) in
            // The record comes first: calls must not fail if the disk refuses it.
            let record = try set.store.discardWorkspace(id, now: set.clock.realtime())
            if let workspace = set.opened(id) { refuseCalls(of: workspace, .discarded) }
            return record
        }
    }

    /// Restores a discarded workspace with its data, its history and its inode numbers. A workspace that was
    /// open stays so while it is discarded: the kernel may still refer to its inodes.
    /// - Throws: ENOENT if it is not discarded, EEXIST if the name is taken.
    @discardableResult
    package func restore(_ id: UInt16, as name: FileName) throws(Errno) -> WorkspaceRecord {
        try exclusively { () throws(Errno) in
            let record = try set.store.restoreWorkspace(id, as: name)
            set.opened(id)?.withTreeSafely { $0.standing = .live }
            return record
        }
    }

    /// Removes a discarded workspace with all its data.
    /// - Throws: ENOENT if it is not discarded.
    package func remove(_ id: UInt16) throws(Errno) {
        try exclusively { () throws(Errno) in
            guard records.contains(where: { $0.id == id }) else { throw .noEntry }
            if let workspace = set.opened(id) {
                refuseCalls(of: workspace, .removed)
                try takeOut(workspace)
            } else {
                try set.store.removeRecord(id)
                set.stopCounting(closed: id)
                set.wantsPoolSweep.store(true, ordering: .relaxed)
            }
        }
        set.store.removeData(id)
    }

    /// Closes a workspace that takes no calls any more, and takes it out of the store. Its data is to be
    /// removed afterwards, without a lock. The caller holds the lock `opening`.
    package func takeOut(_ workspace: Workspace) throws(Errno) {
        set.open.remove(workspace.id)
        set.stopCounting(workspace)
        workspace.close()
        try set.store.removeRecord(workspace.id)
        // No other workspace may need the contents it had in the pool.
        set.wantsPoolSweep.store(true, ordering: .relaxed)
    }

    /// Removes one workspace whose time is over. The maintenance thread calls it in each round.
    func removeOldest(_ now: Int64) {
        let isPausing = set.lastFailedRemoval.withLock { last in last.map { now - $0 < Self.pause } ?? false }
        guard !isPausing, let retention, let oldest = records.last,
            let discarded = oldest.discarded,
            set.clock.realtime().subtracting(clamping: discarded) >= Int64(clamping: retention)
        else { return }
        do throws(Errno) {
            try remove(oldest.id)
            set.events.post(
                .notice,
                "removed the workspace \(oldest.name), which was discarded and whose retention is over")
        } catch {
            // It was restored or removed meanwhile.
            if error == .noEntry { return }
            set.lastFailedRemoval.withLock { $0 = now }
            set.events.post(
                .warning, "cannot remove the discarded workspace \(oldest.name): \(error); the next try "
                    + "is in a minute")
        }
    }

    /// Waits for the edits under way, then lets no further call in.
    private func refuseCalls(of workspace: Workspace, _ standing: Tree.Standing) {
        workspace.gate.alone { workspace.withTreeSafely { $0.standing = standing } }
    }

    /// No workspace is opened meanwhile.
    private func exclusively<R: Sendable>(_ body: () throws(Errno) -> R) throws(Errno) -> R {
        let result: Result<R, Errno> = set.opening.withLock { _ in
            do throws(Errno) {
                return .success(try body())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
