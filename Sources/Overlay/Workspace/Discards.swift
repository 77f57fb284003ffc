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
        if limits.isSet(.retention) { return limits[.retention] }
        // Limits that cannot be read may have kept it longer.
        return set.hasLostLimits.load(ordering: .relaxed) ? nil : Self.defaultRetention
    }

    /// The discarded workspaces, the last discarded first.
    package var records: [WorkspaceRecord] {
        return set.store.discardedWorkspaces
    }

    /// Discards a workspace. Later calls get ESTALE, and look-ups of its name ENOENT. Each write that was
    /// acknowledged before is kept.
    /// - Parameter record: the workspace as it was looked up.
    /// - Throws: ENOENT if it was renamed, discarded or removed since, or the errno of the disk.
    package func discard(_ record: WorkspaceRecord) throws(Errno) {
        try exclusively { () throws(Errno) in
            try checkPresent(record)
            // The record comes first: calls must not fail if the disk refuses it. A workspace can be
            // discarded on a full disk.
            _ = try set.store.logs.reserve.whileFull { () throws(Errno) in
                try set.store.discardWorkspace(record.id, now: set.clock.realtime())
            }
            if let workspace = set.opened(record.id) { refuseCalls(of: workspace, .discarded) }
        }
    }

    /// Restores a discarded workspace with its data, its history and its inode numbers.
    /// - Throws: ENOENT if it was restored or removed since it was looked up, EEXIST if the name is taken.
    package func restore(_ record: WorkspaceRecord, as name: FileName) throws(Errno) {
        try exclusively { () throws(Errno) in
            try checkPresent(record)
            _ = try set.store.logs.reserve.whileFull { () throws(Errno) in
                try set.store.restoreWorkspace(record.id, as: name)
            }
            set.opened(record.id)?.withTreeSafely { $0.standing = .live }
        }
    }

    /// Removes a workspace with all its data, discarded or not.
    /// - Returns: the inodes that the kernel refers to.
    /// - Throws: ENOENT if it was renamed, discarded, restored or removed since it was looked up.
    @discardableResult
    package func remove(_ record: WorkspaceRecord) throws(Errno) -> [InodeNumber] {
        var held: [InodeNumber] = []
        try exclusively { () throws(Errno) in
            try checkPresent(record)
            if let workspace = set.opened(record.id) {
                refuseCalls(of: workspace, .removed)
                held = workspace.accounts.kernelInodes
            }
            try takeOut(record)
        }
        removeData(record)
        return held
    }

    private func checkPresent(_ record: WorkspaceRecord) throws(Errno) {
        guard set.store.allWorkspaces.contains(record) else { throw .noEntry }
    }

    /// Takes a workspace that gets no calls any more out of the store, and lets go of it. `removeData` is to
    /// be called afterwards, without a lock. The caller holds the lock `opening`. After a failure the
    /// workspace is as before.
    package func takeOut(_ record: WorkspaceRecord) throws(Errno) {
        let workspace = set.opened(record.id)
        // A workspace whose record is unreadable may be a fork of it.
        let isNeeded = !set.store.forks(of: record.id).isEmpty || !set.store.unreadable.isEmpty
        do throws(Errno) {
            if isNeeded {
                try set.store.keepRemoved(record.id)
            } else {
                try set.store.removeRecord(record.id)
            }
        } catch {
            workspace?.withTreeSafely { $0.standing = record.discarded == nil ? .live : .discarded }
            throw error
        }
        if let workspace {
            if isNeeded {
                // Forks read its layers and logs.
                shut(workspace)
            } else {
                set.open.remove(record.id)
                set.stopCounting(workspace)
                workspace.release()
            }
        } else if !isNeeded {
            set.stopCounting(closed: record.id)
        }
        // No other workspace may need the contents it had in the pool.
        set.wantsPoolSweep.store(true, ordering: .relaxed)
    }

    /// Closes an open workspace of which no call is expected. What it takes still counts. The caller holds
    /// the lock `opening`.
    private func shut(_ workspace: Workspace) {
        let usage = workspace.accounts.usageRecord
        set.open.remove(workspace.id)
        set.stopCounting(workspace)
        let isClean = workspace.close()
        // The next opening begins to count the growth of the logs at 0.
        set.store.logs.close(workspace: workspace.id)
        set.countClosed(workspace.id, usage)
        guard isClean else { return }
        do throws(StorageError) {
            try usage.write(workspace.id, on: set.store.disk)
        } catch {
            // The next opening, or the next start for a removed one, counts again.
            set.events.post(.warning, "\(error)")
        }
    }

    /// Removes the data of a workspace that was taken out, unless forks need it.
    package func removeData(_ record: WorkspaceRecord) {
        if set.store.allWorkspaces.contains(where: { $0.id == record.id }) { return }
        do throws(Errno) {
            try set.store.removeData(record.id)
        } catch {
            set.events.post(
                .warning, "the workspace \(record.name) is removed, but not all of its data: \(error); the "
                    + "next start removes the rest")
        }
        if record.fork != nil { removeUnneeded() }
    }

    /// Removes removed workspaces that no fork needs any more.
    package func removeUnneeded() {
        guard set.store.unreadable.isEmpty else { return }
        while let unneeded = set.store.allWorkspaces.first(where: {
            $0.isRemoved && set.store.forks(of: $0.id).isEmpty
        }) {
            var isDone = false
            do throws(Errno) {
                try exclusively { () throws(Errno) in
                    guard set.store.forks(of: unneeded.id).isEmpty else { return }
                    try takeOut(unneeded)
                    isDone = true
                }
            } catch {
                // A later removal tries again.
                set.events.post(
                    .warning, "cannot remove the data of the removed workspace \(unneeded.name): \(error)")
            }
            if !isDone { return }
            do throws(Errno) {
                try set.store.removeData(unneeded.id)
            } catch {
                // The next start removes the rest.
                set.events.post(.warning, "cannot remove data of a removed workspace: \(error)")
            }
        }
    }

    /// Removes one workspace whose retention is over. It may take long: it is not called by a thread that
    /// others wait for.
    /// - Parameter now: monotonic time in nanoseconds.
    package func removeExpired(_ now: Int64) {
        removeUnneeded()
        let isPausing = set.lastFailedRemoval.withLock { last in last.map { now - $0 < Self.pause } ?? false }
        guard !isPausing, let retention, let oldest = records.last, let discarded = oldest.discarded,
            set.clock.realtime().subtracting(clamping: discarded) >= Int64(clamping: retention)
        else { return }
        do throws(Errno) {
            try remove(oldest)
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

    /// Closes discarded workspaces of which the kernel refers to no file, so that they take no memory and no
    /// descriptors. The maintenance thread calls it.
    func closeUnused() {
        let discarded = Set(records.map(\.id))
        if discarded.isEmpty { return }
        for workspace in set.opened where discarded.contains(workspace.id) {
            let isUnused = workspace.withTreeSafely { tree in
                tree.standing == .discarded
                    && tree.inodes.values.allSatisfy { $0.lookups == 0 || $0.number == tree.rootNumber }
            }
            if isUnused { close(workspace) }
        }
    }

    private func close(_ workspace: Workspace) {
        set.opening.withLock { _ in
            // It may have been restored meanwhile.
            guard set.opened(workspace.id) === workspace,
                workspace.withTreeSafely({ $0.standing == .discarded })
            else { return }
            // What cannot be written now stays open: a later round tries again.
            guard workspace.maintenance.checkpoint() else { return }
            shut(workspace)
        }
    }

    /// Waits for the edits under way, then lets no further call in.
    private func refuseCalls(of workspace: Workspace, _ standing: Tree.Standing) {
        workspace.gate.alone { workspace.withTreeSafely { $0.standing = standing } }
    }

    /// No workspace is opened meanwhile.
    private func exclusively(_ body: () throws(Errno) -> Void) throws(Errno) {
        let failure: Errno? = set.opening.withLock { _ in
            do throws(Errno) {
                try body()
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure }
    }
}
