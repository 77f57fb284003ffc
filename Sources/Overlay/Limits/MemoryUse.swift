// MemoryUse: the memory used by the workspaces, and the measures that keep it within the budget.

package import Platform
package import Storage
internal import Synchronization

extension TreeBounds {
    /// Whether memory grows faster than the maintenance thread can release it.
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
        parts.numbers = (tree.identity.count + tree.directoriesWithEntries.ownCount) * MemoryParts.numberBytes
        return parts
    }
}

extension Maintenance {
    package var memoryParts: MemoryParts { workspace.withTreeSafely { $0.bounds.memoryParts } }

    /// Of this many calls that find memory far over the budget, one does a step of the maintenance thread's
    /// work.
    private static let reliefInterval: UInt64 = 256

    /// Called after a call that increased memory, with no lock held.
    func relieve() {
        let count = workspace.reliefCount.wrappingAdd(1, ordering: .relaxed).newValue
        guard count % Self.reliefInterval == 1 else { return }
        checkpoint()
        sweep()
    }

    /// Releases all memory whose content can be read or made again.
    func shrink() {
        checkpoint()
        sweep()
        workspace.withTreeSafely { tree in
            tree.caches.dropListings()
            tree.rows.top.shrinkMemory()
        }
        workspace.checkpointWriter.withLock { $0?.shrinkMemory() }
    }
}

// MARK: The process

extension WorkspaceSet {
    /// The memory of all open workspaces.
    package var memoryParts: MemoryParts {
        var parts = opened.reduce(MemoryParts()) { $0 + $1.maintenance.memoryParts }
        parts.database = SQLiteConnection.memoryBytes
        return parts
    }

    /// Sets the budget: the store's limit if it was set, else the largest limit of an open workspace.
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
    /// - Parameter resident: The resident bytes of the process. 0 if draftfs is only a part of the process.
    func maintainMemory(resident: Int) {
        applyMemoryLimit()
        let parts = memoryParts
        let budget = memory.bytes
        let used = max(parts.total, resident)
        warnOfMemory(used: used, budget: budget)
        let isTight = used > budget / 10 * 9
        memory.setTight(isTight)
        guard isTight else { return }
        // Done at most every 2 seconds: after one pass the remaining memory is in use.
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
        // The warning is reset only below 70 %, so that usage close to 80 % gives one warning.
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
                "the daemon uses \(used) of \(budget) bytes of memory, more than 80 % of its limit; "
                    + "caches are kept small: raise the limit memory if the mount gets slow")
        }
    }

    /// Whether the pending changes of all workspaces together are worth a checkpoint.
    var isCheckpointDue: Bool {
        opened.reduce(0) { $0 + $1.maintenance.pendingKeys } >= memory.dirtyKeys
    }

    /// Returns names that the kernel can forget, so that the number of inodes in memory stays bounded.
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
