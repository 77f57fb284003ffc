// WorkspaceSet: the workspaces of a store over one base. It opens them at first use, makes, renames,
// maintains and closes them. WorkspaceRemoval removes them.

package import Platform
package import Storage
package import Synchronization

package final class WorkspaceSet: Sendable {
    package let store: Store
    /// The base as it is now.
    package let base: BaseTree
    /// The commits to the base. Each workspace sees the base through those that it does not know.
    package let epochs: Epochs
    package let events: EventLog
    package let limits: Limits
    package let clock: Clock
    package let open = OpenWorkspaces()
    let layers = Layers()
    let merges = Mutex(LayerMerges())
    /// Held while a workspace is recovered: other requests for a workspace that is not open wait, but
    /// requests to open workspaces do not.
    package let opening = Mutex<Void>(())
    private let lastCheckpoint: Mutex<Int64>
    package let memory: MemoryBudget
    let lastShrink = Mutex<Int64>(0)
    let memoryWarned = Mutex<Bool>(false)
    let reserveTold = Mutex<Bool>(false)
    private let lastFill = Mutex<Int64>(.min)
    /// The usage of all workspaces together, and its limits.
    package let quota: Quota
    let limiting = Mutex(OperatorLimits())
    /// The usage, at their closing, of workspaces that are counted but not open.
    let closedUsage = Mutex<[UInt16: ClosedUsage]>([:])
    let isPoolCounted = Atomic<Bool>(false)
    /// Set after the removal of a workspace and after a kill: contents of the pool may be unused.
    package let wantsPoolSweep = Atomic<Bool>(false)
    let lastPoolSweep = Mutex<Int64?>(nil)
    /// When the removal of a discarded workspace failed last (monotonic time).
    let lastFailedRemoval = Mutex<Int64?>(nil)
    package let releaseState = ReleaseState()
    /// Set while the limits of the store are not known: their file cannot be read.
    let hasLostLimits = Atomic<Bool>(false)

    package init(
        store: Store, base: BaseTree, clock: Clock = .system, limits: Limits = Limits(),
        events: EventLog
    ) {
        self.store = store
        self.base = base
        epochs = Epochs(
            storeDirectory: store.databaseDirectory, store: store.superblock.id, device: base.rootDevice,
            key: store.logs.key)
        self.clock = clock
        self.limits = limits
        self.events = events
        lastCheckpoint = Mutex(clock.monotonic())
        memory = MemoryBudget(limits)
        quota = Quota(store.logs.counter)
        for (id, error) in store.unreadable.sorted(by: { $0.key < $1.key }) {
            events.post(
                .error,
                "workspace number \(id) is not available: \(error); its files are unchanged: "
                    + "run draftfs fsck --repair to make a new record")
        }
        if store.isBaseReplaced {
            events.post(
                .warning,
                "the base \(base.path) was made again since the store was last used: workspaces keep "
                    + "their content, and drift lists the files whose base file is a different one")
        }
        if let fault = epochs.fault {
            events.post(
                .error,
                "what commits have changed in the base cannot be read: \(fault); workspaces stay closed")
        }
        // The number of the author of a commit is not given to another workspace.
        for table in epochs.after(0) { store.noteUsed(table.origin.workspace) }
        loadLimits()
        // A kill between the making of a content and the record that names it leaves the content in the
        // pool.
        wantsPoolSweep.store(wasKilled, ordering: .relaxed)
    }

    /// Whether a workspace is marked as in use though none is open: the last daemon did not end cleanly.
    private var wasKilled: Bool {
        store.allWorkspaces.contains {
            store.disk.exists(SessionMark.path(LogDirectory.workspacePath($0.id)))
        }
    }

    /// The workspaces that are not discarded.
    package var records: [WorkspaceRecord] { store.workspaces }

    package var opened: [Workspace] {
        open.all
    }

    /// Returns the workspace of a record; opens it if necessary.
    package func workspace(_ record: WorkspaceRecord) throws(StorageError) -> Workspace {
        if let known = opened(record.id) { return known }
        let result: Result<Workspace, StorageError> = opening.withLock { _ in
            if let known = opened(record.id) { return .success(known) }
            // It may have been removed or discarded since its record was looked up.
            guard let current = store.allWorkspaces.first(where: { $0.id == record.id }),
                !current.isRemoved
            else {
                return .failure(
                    .system(.noEntry, doing: "open", path: LogDirectory.workspacePath(record.id)))
            }
            return recoverOverLayers(current)
        }
        return try result.get()
    }

    /// Opens a workspace for a repair, also one that is discarded or removed.
    package func openForRepair(_ record: WorkspaceRecord) throws(StorageError) -> Workspace {
        let result: Result<Workspace, StorageError> = opening.withLock { _ in
            if let known = opened(record.id) { return .success(known) }
            return recoverOverLayers(record)
        }
        return try result.get()
    }

    /// Opens a workspace that is not open, and before it the layers below it. The caller holds the lock
    /// `opening`.
    private func recoverOverLayers(_ record: WorkspaceRecord) -> Result<Workspace, StorageError> {
        do throws(StorageError) {
            let layers = try LayerSearch(set: self).layers(below: record)
            return .success(
                try withExtendedLifetime(layers) { () throws(StorageError) in try recover(record) })
        } catch {
            return .failure(error)
        }
    }

    /// Opens a workspace that is not open. The caller holds the lock `opening`, and the layers below it.
    func recover(_ record: WorkspaceRecord) throws(StorageError) -> Workspace {
        if let fault = epochs.fault { throw fault }
        let usage = record.isRemoved ? nil : try takeUsage(of: record)
        let base = BaseTree(base.host, epochs: epochs, epoch: record.epoch)
        let (workspace, report) = try Recovery.open(
            record, in: store, base: base, clock: clock, limits: limits, events: events,
            quota: quota, memory: memory, layers: layers)
        if record.discarded != nil { workspace.withTreeSafely { $0.standing = .discarded } }
        if record.isRemoved {
            workspace.withTreeSafely { $0.standing = .removed }
        } else {
            startCounting(workspace, usage)
            workspace.accounts.loadLimits()
            open.insert(workspace)
            if report.replayed > 0 { removeLeftStages(of: workspace) }
        }
        post(report, of: record)
        return workspace
    }

    private func removeLeftStages(of workspace: Workspace) {
        do throws(Errno) {
            try LeftStages(of: workspace).remove()
        } catch {
            // The next merge tries again.
            workspace.events.post(.notice, "what an interrupted merge has left is not removed: \(error)")
        }
    }

    private func post(_ report: RecoveryReport, of record: WorkspaceRecord) {
        guard report.replayed > 0 || report.tornBytes > 0 || report.rebuiltDatabase else { return }
        events.post(
            report.tornBytes > 0 || report.rebuiltDatabase ? .warning : .notice,
            "workspace \(record.name) was not closed cleanly: replayed \(report.replayed) records, "
                + "cut off \(report.tornBytes) bytes of unfinished writes"
                + (report.rebuiltDatabase ? ", rebuilt the database" : ""))
    }

    /// Discards workspaces, restores and removes discarded ones.
    package var discards: Discards { Discards(set: self) }

    /// Merges the layers of workspaces that were forked often.
    package var layerMerge: LayerMerge { LayerMerge(set: self) }

    /// Makes forks of workspaces.
    package var forks: Forks { Forks(set: self) }

    package func find(_ name: FileName) -> WorkspaceRecord? { store.workspace(named: name) }

    /// Returns an open workspace by the id in an inode number.
    package func opened(_ id: UInt16) -> Workspace? { open[id] }

    /// Makes a new workspace over the base; it scans nothing, whatever the base's size.
    package func create(_ name: FileName) throws(Errno) -> WorkspaceRecord {
        try store.createWorkspace(name, epoch: epochs.newestDone, now: clock.realtime())
    }

    package func rename(_ id: UInt16, to name: FileName) throws(Errno) {
        try store.renameWorkspace(id, to: name)
    }

    /// Does the background work; called about once a second.
    /// - Parameter resident: the memory of the process in bytes, for the budget; with 0 only the memory
    ///   that the workspaces know of counts.
    package func maintain(resident: Int = 0) {
        let now = clock.monotonic()
        let isTime = lastCheckpoint.withLock { last in
            guard now - last >= limits.checkpointInterval else { return false }
            last = now
            return true
        }
        let isDue = isTime || isCheckpointDue
        for workspace in opened { workspace.maintenance.maintain(checkpointNow: isDue) }
        let isFillTime = lastFill.withLock { last in
            guard last == .min || now - last >= 1_000_000_000 else { return false }
            last = now
            return true
        }
        if isFillTime { maintainReserve() }
        if isTime { discards.closeUnused() }
        PoolSweep(self).runIfDue(now)
        reviewLimits()
        maintainMemory(resident: resident)
    }

    /// Closes every workspace. Returns false if one could not write its checkpoint; nothing is lost, since
    /// its tree log has everything.
    @discardableResult
    package func close() -> Bool {
        var good = true
        // The disk may have room by now for what was postponed.
        if store.logs.reserve.isShort { maintainReserve() }
        for workspace in opened {
            let usage = workspace.accounts.usageRecord
            if workspace.close() {
                try? usage.write(workspace.id, on: store.disk)
            } else {
                good = false
            }
        }
        open.removeAll()
        return good
    }
}
