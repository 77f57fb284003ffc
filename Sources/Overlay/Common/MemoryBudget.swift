// MemoryBudget: how much memory the daemon may take, shared by all workspaces of a process, and the
// bounds that follow from it. The numbers in Limits hold for a budget of 256 MiB and grow and shrink
// with it. Asking costs a load of an atomic or two.

internal import Platform
internal import Storage
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
