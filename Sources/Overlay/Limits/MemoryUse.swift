// MemoryUse: what the workspaces take of memory, and what keeps it within the budget.

package import Platform
package import Storage
internal import Synchronization

extension TreeBounds {
    /// Whether the kernel or a writer is faster than the maintenance thread.
    var isFarOverMemory: Bool {
        tree.pending.dirtyCount >= 2 * tree.memory.dirtyKeys + 64
            || tree.inodes.count >= 2 * tree.memory.inodes + 64
    }

    var memoryParts: MemoryParts {
        var parts = MemoryParts()
        parts.inodes = tree.inodes.count * MemoryParts.inodeBytes
        parts.caches = tree.inodes.cachedBytes
        parts.listings = tree.caches.listedNames * MemoryParts.listedNameBytes
        parts.pending = tree.pending.count * MemoryParts.pendingKeyBytes
        parts.numbers = (tree.identity.count + tree.directoriesWithEntries.count) * MemoryParts.numberBytes
        return parts
    }
}

extension Maintenance {
    package var memoryParts: MemoryParts { workspace.withTreeSafely { $0.bounds.memoryParts } }

    /// Calls that find memory far over the budget do one step of the maintenance thread's work, once
    /// in so many.
    private static let reliefInterval: UInt64 = 256

    /// After a call that took memory. Not under any lock.
    func relieve() {
        let count = workspace.reliefCount.wrappingAdd(1, ordering: .relaxed).newValue
        guard count % Self.reliefInterval == 1 else { return }
        checkpoint()
        sweep()
    }

    /// Gives back what can be had again.
    func shrink() {
        checkpoint()
        sweep()
        workspace.withTreeSafely { tree in
            tree.caches.dropListings()
            tree.reader.shrinkMemory()
        }
        workspace.checkpointWriter.withLock { $0?.shrinkMemory() }
    }
}

// MARK: The process

extension WorkspaceSet {
    /// What all open workspaces take.
    package var memoryParts: MemoryParts {
        var parts = opened.reduce(MemoryParts()) { $0 + $1.maintenance.memoryParts }
        parts.database = SQLiteConnection.memoryBytes
        return parts
    }

    /// The budget in force: the store's where it was set, else the largest of an open workspace.
    private func applyMemoryLimit() {
        let store = operatorLimits
        if store.isSet(.memory) {
            memory.set(store[.memory])
        } else {
            memory.set(opened.compactMap { $0.accounts.operatorLimits[.memory] }.max())
        }
        for workspace in opened { workspace.memory.set(workspace.accounts.operatorLimits[.memory]) }
        SQLiteConnection.setMemoryLimit(memory.databaseBytes)
    }

    /// Keeps memory within the budget. Called with the background work.
    /// - Parameter resident: bytes of the process; 0 where the process is not only ours.
    func maintainMemory(resident: Int) {
        applyMemoryLimit()
        let parts = memoryParts
        let budget = memory.bytes
        let used = max(parts.total, resident)
        warnOfMemory(used: used, budget: budget)
        let isTight = used > budget / 10 * 9
        memory.setTight(isTight)
        guard isTight else { return }
        // Seldom: what could go has gone then, and the rest is in use.
        let now = clock.monotonic()
        let isTime = lastShrink.withLock { last in
            guard now - last >= 2_000_000_000 else { return false }
            last = now
            return true
        }
        guard isTime else { return }
        for workspace in opened { workspace.maintenance.shrink() }
        if resident > 0 { ProcessMemory.trim() }
    }

    private func warnOfMemory(used: Int, budget: Int) {
        let isHigh = used >= budget / 10 * 8
        // Some distance between warning and calm, so that usage at the mark is one warning.
        let isLow = used < budget / 10 * 7
        let isNews = memoryWarned.withLock { warned in
            if isLow { warned = false }
            guard isHigh, !warned else { return false }
            warned = true
            return true
        }
        if isNews {
            events.post(
                .warning,
                "the daemon takes \(used) of \(budget) bytes of memory, more than 80 % of its limit; "
                    + "caches are kept small: raise the limit memory if it gets slow")
        }
    }

    /// Whether all pending changes together are worth a checkpoint.
    var isCheckpointDue: Bool {
        opened.reduce(0) { $0 + $1.maintenance.pendingKeys } >= memory.dirtyKeys
    }

    /// Names that the kernel could forget, so that inodes in memory stay bounded.
    package func namesToForget(
        atMost count: Int
    ) -> [(workspace: Workspace, parent: InodeNumber, name: FileName)] {
        let sizes = opened.map { ($0, $0.maintenance.inodeCount) }
        let all = sizes.reduce(0) { $0 + $1.1 }
        let limit = memory.inodes
        guard all > 0 else { return [] }
        var found: [(workspace: Workspace, parent: InodeNumber, name: FileName)] = []
        for (workspace, size) in sizes {
            let part = all <= limit ? size : Int(Double(limit) * Double(size) / Double(all))
            let names = workspace.accounts.pruneCandidates(
                above: min(part, workspace.memory.inodes), atMost: count - found.count)
            for (parent, name) in names { found.append((workspace, parent, name)) }
            if found.count >= count { break }
        }
        return found
    }
}

extension Maintenance {
    var pendingKeys: Int { workspace.withTreeSafely { $0.pending.dirtyCount } }
    var inodeCount: Int { workspace.withTreeSafely { $0.inodes.count } }
}
