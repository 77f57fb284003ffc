// MemoryBudget: the memory that the daemon may use, shared by all workspaces of a process, and the bounds
// derived from it. The numbers in Limits are for a budget of 256 MiB and scale with it. A query costs one
// or two atomic loads.

internal import Platform
internal import Storage
internal import Synchronization

/// Bytes of memory by purpose: counts multiplied by the measured size of one item.
package struct MemoryParts: Equatable, Sendable {
    package var inodes = 0
    /// Piece trees and directory indexes, as counted at the last sweep.
    package var caches = 0
    package var listings = 0
    /// Changes that no checkpoint has written yet.
    package var pending = 0
    /// The numbers of touched files and of directories with entries.
    package var numbers = 0
    /// The memory of SQLite for all workspaces.
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

    /// One inode with its names, its paths and its place in the table.
    static let inodeBytes = 640
    static let listedNameBytes = 112
    static let pendingKeyBytes = 320
    static let numberBytes = 32
}

package final class MemoryBudget: Sendable {
    private let limits: Limits
    /// The budget of the process, for the budget of a workspace.
    private let whole: MemoryBudget?
    private let bytesInForce: Atomic<Int>
    /// The bytes of piece trees and indexes of all workspaces, each as of its last sweep.
    private let cached = Atomic<Int>(0)
    /// Set while the process uses more than nine tenths of the budget. All bounds are halved then.
    private let tight = Atomic<Bool>(false)

    static let standard = Int(OperatorLimits.defaultMemory)

    init(_ limits: Limits, in whole: MemoryBudget? = nil) {
        self.limits = limits
        self.whole = whole
        bytesInForce = Atomic(Self.standard)
    }

    /// The budget in bytes.
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

    /// Notes the bytes that the caches of a workspace use now, and returns the bytes that they may use: its
    /// whole bound while all workspaces together are within theirs, else its share of that.
    func allowance(_ bytes: Int, before: Int) -> Int {
        guard let whole else { return cacheBytes }
        let all = whole.cached.wrappingAdd(bytes - before, ordering: .relaxed).newValue
        let total = whole.cacheBytes
        let own = cacheBytes
        if all <= total || all <= 0 { return own }
        return min(own, Int(Double(total) * Double(bytes) / Double(all)))
    }

    /// Notes that the caches of a workspace shrank after `allowance`, or were dropped.
    func noteCached(_ bytes: Int, before: Int) {
        whole?.cached.wrappingAdd(bytes - before, ordering: .relaxed)
    }

    /// SQLite's part in bytes: the limit at which it reuses pages before it allocates more.
    var databaseBytes: Int { bytes / 8 }
}
