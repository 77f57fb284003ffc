// WorkspaceLimits: the limits of a workspace and of the store at run time. They are read from their files
// at opening and changed by command. Usage is counted from the opening on.

internal import Platform
package import Storage
internal import Synchronization
internal import Synchronization

extension OperatorLimits {
    /// The memory that the program itself, SQLite and the descriptors need, with some space for work.
    package static let minimumMemory: UInt64 = 64 << 20

    fileprivate static func check(_ key: Key, _ value: UInt64?) throws(CommandError) {
        guard let value else { return }
        if key == .memory, value < minimumMemory {
            throw CommandError(
                .invalid, "memory of \(value) bytes is too small: the minimum is "
                    + "\(minimumMemory >> 20)M")
        }
        // Sizes are signed offsets elsewhere, and the greatest number stands for no limit.
        if value > UInt64(Int64.max) {
            throw CommandError(.invalid, "\(value) is too large for a limit")
        }
    }

    /// Changes one limit, first in its file in `directory`, then in memory.
    /// - Returns: The error, if the limit is unchanged.
    fileprivate mutating func change(
        _ key: Key, to value: UInt64?, in directory: String, on disk: any Disk
    ) -> CommandError? {
        var changed = self
        changed.set(key, to: value)
        if value == nil, key == .memory { changed.reset(key) }
        do throws(StorageError) {
            try changed.write(to: directory, on: disk)
        } catch {
            return CommandError(error.errno, "the limit was not changed: \(error)")
        }
        self = changed
        return nil
    }
}

/// The usage of a workspace and its limits.
package struct WorkspaceAccounts: Sendable {
    let workspace: Workspace
}

extension WorkspaceAccounts {
    /// The workspace's own limits. Those of the store apply too.
    package var operatorLimits: OperatorLimits { workspace.limiting.withLock { $0 } }

    /// Changes one limit durably.
    /// - Parameter value: Bytes, files or nanoseconds. Nil removes the limit.
    package func setLimit(
        _ key: OperatorLimits.Key, to value: UInt64?
    ) throws(CommandError) {
        try OperatorLimits.check(key, value)
        let failure = workspace.limiting.withLock { limits in
            let failure = limits.change(
                key, to: value, in: LogDirectory.workspacePath(workspace.id), on: workspace.disk)
            if failure == nil { workspace.quota.apply(limits) }
            return failure
        }
        if let failure { throw failure }
        apply(operatorLimits)
    }

    private func apply(_ limits: OperatorLimits) {
        workspace.withTreeSafely { tree in
            tree.largeFile = limits[.largeFile]
            tree.ownPinLimit = limits.isSet(.pin) ? .some(limits[.pin]) : .none
        }
    }

    /// The largest content of a base file in bytes that is copied: the workspace's limit, or else the
    /// store's.
    package var pinLimit: UInt64? { workspace.withTreeSafely { $0.baseFiles.pinLimit } }

    /// Reads the limits. If the file is damaged, the defaults stay and an event says so.
    func loadLimits() {
        do throws(StorageError) {
            let found = try OperatorLimits(from: LogDirectory.workspacePath(workspace.id), on: workspace.disk)
            workspace.limiting.withLock { $0 = found }
            workspace.quota.apply(found)
            apply(found)
        } catch {
            workspace.events.post(.error, "\(error); its limits are the defaults until they are set again")
        }
    }

    /// Counts the usage of the workspace. Log sizes come from the record of its last close if that fits.
    /// - Returns: The usage that its quota did not include.
    func startCounting(_ record: UsageRecord?) -> (bytes: Int64, files: Int64) {
        let growth = workspace.logs.counter(workspace.id).growth
        let treeLogBytes = Int64(clamping: workspace.treeLog.byteCount)
            .adding(clamping: Int64(clamping: growth.releasedTreeLogBytes))
            .subtracting(clamping: Int64(clamping: growth.treeLogBytes))
        let fits = record.map { Int64(clamping: $0.treeLogBytes) == treeLogBytes } ?? false
        if fits, let record {
            workspace.usageAtFirstLook.withLock {
                $0 = WorkspaceUsage(logFiles: record.logFiles, logBytes: record.logBytes)
            }
        }
        workspace.withTreeSafely { tree in
            // After a kill the database has it. A row of a base file has a time from before its first change.
            // If the database cannot be read, the time is not known.
            let time = fits ? record?.lastChange : (try? tree.rows.lastChange()).flatMap { $0 }
            if let time { tree.noteChange(time) }
        }
        let bytes = Int64(clamping: usageBeforeGrowth(growth).logBytes)
            .adding(clamping: treeLogBytes)
        let inherited = workspace.fork?.files ?? 0
        let files = Int64(clamping: workspace.withTreeSafely { $0.bounds.countFiles(over: inherited) })
            .subtracting(clamping: Int64(clamping: workspace.quota.usedFiles))
        workspace.quota.add(bytes: bytes, files: files)
        return (bytes, files)
    }

    /// The values for the record of a clean close, and for the list of workspaces.
    package var usageRecord: UsageRecord {
        let usage = usage
        return UsageRecord(
            logFiles: usage.logFiles, logBytes: usage.logBytes, treeLogBytes: workspace.treeLog.byteCount,
            files: workspace.quota.usedFiles, lastChange: workspace.withTreeSafely { $0.lastChange },
            epoch: workspace.base.epoch)
    }
}

extension TreeBounds {
    /// Returns the number of files and directories that have a row and a name: those of the database,
    /// corrected by the pending changes.
    /// - Parameter inherited: the number of those that a fork had at first.
    func countFiles(over inherited: UInt64) -> UInt64 {
        var count = ((try? tree.rows.namedInodes()) ?? 0).adding(clamping: Int64(clamping: inherited))
        var rows: [InodeNumber: InodeRecord?] = [:]
        for batch in tree.pending.batches { rows.merge(batch.inodes) { $1 } }
        for (number, record) in rows {
            let known = (try? tree.rows.inode(number)).flatMap { $0 }
            if let known, known.links > 0 { count -= 1 }
            if let record, record.links > 0 { count += 1 }
        }
        return UInt64(clamping: count)
    }

    /// Returns the number of rows that the first change of an inode adds: its own and those of the
    /// directories above it.
    func missingRows(of number: InodeNumber) -> Int {
        var count = 0
        var next = number
        while let inode = tree.inodes[next], !inode.isPersistent, count < 4_096 {
            count += 1
            if inode.parent == next || inode.parent == 0 { break }
            next = inode.parent
        }
        return count
    }
}

// MARK: The store

extension WorkspaceSet {
    package static let storeKeys: [OperatorLimits.Key] = [.bytes, .files, .memory, .pin, .retention]

    package var operatorLimits: OperatorLimits { limiting.withLock { $0 } }

    /// How long history is kept if no limit says otherwise: 24 hours, in nanoseconds.
    package static let defaultHistory: UInt64 = 86_400_000_000_000

    /// How long the history of a workspace is kept, in nanoseconds: by its own retention, or that of the
    /// store. Nil for ever.
    package func historyRetention(of workspace: Workspace) -> UInt64? {
        let own = workspace.accounts.operatorLimits
        if own.isSet(.retention) { return own[.retention] }
        // A retention that was lost may have been longer than the default.
        if hasLostLimits.load(ordering: .relaxed) { return nil }
        return operatorLimits.isSet(.retention) ? operatorLimits[.retention] : Self.defaultHistory
    }

    /// Changes one limit of the store as a whole: bytes, files, memory, pin or retention.
    package func setLimit(
        _ key: OperatorLimits.Key, to value: UInt64?
    ) throws(CommandError) {
        guard Self.storeKeys.contains(key) else {
            throw CommandError(
                .invalid, "the store has only the limits bytes, files, memory, pin and retention: set this "
                    + "limit in a workspace")
        }
        try OperatorLimits.check(key, value)
        let failure = limiting.withLock { limits -> CommandError? in
            // A retention that was lost may have been longer than the default.
            if hasLostLimits.load(ordering: .relaxed), key != .retention, !limits.isSet(.retention),
                let failure = limits.change(.retention, to: nil, in: "", on: store.disk) {
                return failure
            }
            return limits.change(key, to: value, in: "", on: store.disk)
        }
        if let failure { throw failure }
        applyLimits()
    }

    func loadLimits() {
        do throws(StorageError) {
            let found = try OperatorLimits(from: "", on: store.disk)
            limiting.withLock { $0 = found }
        } catch {
            hasLostLimits.store(true, ordering: .relaxed)
            events.post(
                .error, "\(error); the store's limits are the defaults until they are set again, and "
                    + "discarded workspaces are kept until then")
        }
        applyLimits()
    }

    private func applyLimits() {
        let limits = operatorLimits
        if limits[.bytes] != nil || limits[.files] != nil { countClosed() }
        if limits[.bytes] != nil { countPool() }
        store.logs.pool.setLimit(limits[.pin])
        quota.apply(limits)
    }

    /// Counts the usage of workspaces that are not open, from their usage records. Workspaces that were not
    /// closed cleanly have none and are opened.
    private func countClosed() {
        // A discarded workspace still takes its space.
        for record in store.allWorkspaces where opened(record.id) == nil {
            if closedUsage.withLock({ $0[record.id] }) != nil { continue }
            guard let usage = UsageRecord(of: record.id, on: store.disk) else {
                // It is opened for its forks only, and then counted no more.
                if record.isRemoved { continue }
                do throws(StorageError) {
                    _ = try workspace(record)
                } catch {
                    events.post(.warning, "cannot count the usage of workspace \(record.name): \(error)")
                }
                continue
            }
            countClosed(record.id, usage)
        }
    }

    /// Counts the usage of a workspace that is not open.
    func countClosed(_ id: UInt16, _ usage: UsageRecord) {
        let inherited = store.inheritedFiles(of: id)
        let isNew = closedUsage.withLock { known in
            if known[id] != nil { return false }
            known[id] = ClosedUsage(usage: usage, inherited: inherited)
            return true
        }
        guard isNew else { return }
        quota.add(
            bytes: Int64(clamping: usage.bytes),
            files: Int64(clamping: usage.files).subtracting(clamping: Int64(clamping: inherited)))
    }

    /// Adds the usage of the pool from before it was counted. Done once.
    private func countPool() {
        guard !isPoolCounted.exchange(true, ordering: .relaxed) else { return }
        let pool = store.logs.pool
        quota.add(bytes: pool.bytesBeforeGrowth, files: 0)
    }

    func takeUsage(of record: WorkspaceRecord) throws(StorageError) -> UsageRecord? {
        do throws(Errno) {
            return try UsageRecord.take(record.id, on: store.disk)
        } catch {
            throw .system(
                error, doing: "remove the usage record in",
                path: LogDirectory.workspacePath(record.id))
        }
    }

    /// Counts a workspace by its own quota from now on, no longer by its usage record.
    func startCounting(_ workspace: Workspace, _ record: UsageRecord?) {
        stopCounting(closed: workspace.id)
        let found = workspace.accounts.startCounting(record)
        // What a fork has from its parent counts once in the store.
        quota.add(
            bytes: found.bytes,
            files: found.files.subtracting(clamping: Int64(clamping: workspace.fork?.files ?? 0)))
    }

    /// Returns what a workspace uses, without opening it. Nil for one that is not open and was not closed
    /// cleanly.
    package func usage(of id: UInt16) -> UsageRecord? {
        opened(id)?.accounts.usageRecord ?? closedUsage.withLock { $0[id]?.usage }
            ?? UsageRecord(of: id, on: store.disk)
    }

    /// Ends the counting of a workspace that is not open.
    func stopCounting(closed id: UInt16) {
        guard let closed = closedUsage.withLock({ $0.removeValue(forKey: id) }) else { return }
        quota.add(
            bytes: -Int64(clamping: closed.usage.bytes),
            files: Int64(clamping: closed.inherited)
                .subtracting(clamping: Int64(clamping: closed.usage.files)))
    }

    package func stopCounting(_ workspace: Workspace) {
        workspace.withTreeSafely { $0.memory.noteCached(0, before: $0.inodes.cachedBytes) }
        quota.add(
            bytes: -Int64(clamping: workspace.quota.usedBytes),
            files: Int64(clamping: workspace.fork?.files ?? 0)
                .subtracting(clamping: Int64(clamping: workspace.quota.usedFiles)))
    }

    func reviewLimits() {
        let names = Dictionary(uniqueKeysWithValues: records.map { ($0.id, $0.name) })
        for workspace in opened {
            guard let name = names[workspace.id] else { continue }
            workspace.quota.review(workspace.events, of: "workspace \(name)")
        }
        quota.review(events, of: "the store")
    }
}
