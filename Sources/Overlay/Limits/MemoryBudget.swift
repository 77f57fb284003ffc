// MemoryBudget: how much memory the daemon may take, shared by all workspaces of a process, and the
// bounds that follow from it. The numbers in Limits hold for a budget of 256 MiB and grow and shrink
// with it. Asking costs a load of an atomic or two.

package import Platform
package import Storage
internal import Synchronization

/// Bytes of memory by what they are for: counts times what one costs, as measured.
package struct MemoryParts: Equatable, Sendable {
    package var inodes = 0
    /// Piece trees and directory indexes, as counted at the last sweep.
    package var caches = 0
    package var listings = 0
    /// Changes that the next checkpoint will write.
    package var pending = 0
    /// Numbers of touched files and of directories with entries.
    package var numbers = 0
    /// SQLite's, of all workspaces.
    package var database = 0

    package init() {}

    package var total: Int { inodes + caches + listings + pending + numbers + database }

    package static func + (left: MemoryParts, right: MemoryParts) -> MemoryParts {
        var sum = left
        sum.inodes += right.inodes
        sum.caches += right.caches
        sum.listings += right.listings
        sum.pending += right.pending
        sum.numbers += right.numbers
        sum.database += right.database
        return sum
    }

    /// With its names, its paths and its place in the table.
    static let inodeBytes = 640
    static let listedNameBytes = 112
    static let pendingKeyBytes = 320
    static let numberBytes = 32
}

package final class MemoryBudget: Sendable {
    private let limits: Limits
    /// The budget of the process, for that of a workspace.
    private let whole: MemoryBudget?
    private let bytesInForce: Atomic<Int>
    /// Piece trees and indexes of all workspaces, each as of its last sweep.
    private let cached = Atomic<Int>(0)
    /// Set while the process takes more than nine tenths of the budget: caches then keep half.
    private let tight = Atomic<Bool>(false)

    static let standard = Int(OperatorLimits.defaultMemory)

    init(_ limits: Limits, in whole: MemoryBudget? = nil) {
        self.limits = limits
        self.whole = whole
        bytesInForce = Atomic(Self.standard)
    }

    /// Bytes.
    package var bytes: Int {
        min(bytesInForce.load(ordering: .relaxed), whole?.bytes ?? .max)
    }

    func set(_ limit: UInt64?) {
        bytesInForce.store(limit.map { Int(clamping: $0) } ?? Self.standard, ordering: .relaxed)
    }

    var isTight: Bool { whole?.isTight ?? tight.load(ordering: .relaxed) }

    func setTight(_ value: Bool) { tight.store(value, ordering: .relaxed) }

    private func scaled(_ number: Int) -> Int {
        let share = number.multipliedFullWidth(by: bytes)
        let scaled = share.high == 0 ? Self.standard.dividingFullWidth(share).quotient : .max
        return isTight ? scaled / 2 : scaled
    }

    var dirtyKeys: Int { scaled(limits.dirtyKeys) }
    var listedNames: Int { scaled(limits.listedNames) }
    var inodes: Int { scaled(limits.inodes) }
    private var cacheBytes: Int { scaled(limits.cacheBytes) }

    /// Notes what the caches of a workspace take now, and answers what they may take: all of it while
    /// all workspaces together are within the budget, else their part of what there is.
    func allowance(_ bytes: Int, before: Int) -> Int {
        guard let whole else { return cacheBytes }
        let all = whole.cached.wrappingAdd(bytes - before, ordering: .relaxed).newValue
        let total = whole.cacheBytes
        let own = cacheBytes
        if all <= total || all <= 0 { return own }
        return min(own, Int(Double(total) * Double(bytes) / Double(all)))
    }

    /// The caches of a workspace shrank after `allowance`, or went.
    func noteCached(_ bytes: Int, before: Int) {
        whole?.cached.wrappingAdd(bytes - before, ordering: .relaxed)
    }

    /// SQLite's part, as a limit at which it reuses pages before it takes more.
    var databaseBytes: Int { bytes / 8 }
}

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
