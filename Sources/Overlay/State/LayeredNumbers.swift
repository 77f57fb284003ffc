// LayeredNumbers: a complete set of inode numbers, in which a fork shares what its parent has. Freezing a set
// takes no time that depends on its size, but for merges of small parts, so that few parts are searched.

package import Storage

package struct LayeredNumbers: Sendable {
    private let workspace: UInt16
    /// What differs from the frozen parts, as local numbers.
    private var added: Set<UInt64> = []
    private var removed: Set<UInt64> = []
    private var lower: Part?

    /// A frozen part: what differs from the parts below it.
    private final class Part: Sendable {
        let added: Set<UInt64>
        let removed: Set<UInt64>
        let lower: Part?

        init(_ added: Set<UInt64>, _ removed: Set<UInt64>, over lower: Part?) {
            self.added = added
            self.removed = removed
            self.lower = lower
        }

        var count: Int { added.count + removed.count }
    }

    /// Makes the set of a workspace.
    /// - Parameter other: a set that was just frozen, whose numbers this one has too.
    init(of workspace: UInt16, over other: LayeredNumbers? = nil) {
        self.workspace = workspace
        lower = other?.lower
    }

    package func contains(_ number: InodeNumber) -> Bool {
        let local = number.local
        if added.contains(local) { return true }
        if lower == nil || removed.contains(local) { return false }
        return isBelow(local)
    }

    private func isBelow(_ local: UInt64) -> Bool {
        var next = lower
        while let part = next {
            if part.added.contains(local) { return true }
            if part.removed.contains(local) { return false }
            next = part.lower
        }
        return false
    }

    mutating func insert(_ number: InodeNumber) {
        let local = number.local
        if lower != nil {
            removed.remove(local)
            if isBelow(local) { return }
        }
        added.insert(local)
    }

    /// Inserts a number also if a frozen part has it, so that this part tells what was changed above it.
    mutating func insertAbove(_ number: InodeNumber) { added.insert(number.local) }

    /// The numbers that were inserted since the last freeze, as local numbers.
    var ownNumbers: Set<UInt64> { added }

    /// - Returns: whether the set contained the number.
    @discardableResult
    mutating func remove(_ number: InodeNumber) -> Bool {
        let local = number.local
        if added.remove(local) != nil { return true }
        guard lower != nil, !removed.contains(local), isBelow(local) else { return false }
        removed.insert(local)
        return true
    }

    /// Freezes the present numbers. Sets that are made over this one share them.
    mutating func freeze() {
        guard !added.isEmpty || !removed.isEmpty else { return }
        var part = Part(added, removed, over: lower)
        // A part is merged with one below that is not much larger, so the parts grow like powers of two.
        while let below = part.lower, below.count <= 2 * part.count {
            part = Part(
                below.added.subtracting(part.removed).union(part.added),
                below.lower == nil ? [] : below.removed.subtracting(part.added).union(part.removed),
                over: below.lower)
        }
        (lower, added, removed) = (part, [], [])
    }

    /// The numbers that this set holds besides those it shares.
    var ownCount: Int { added.count + removed.count }

    package var isEmpty: Bool { added.isEmpty && (lower == nil || all.isEmpty) }

    package var count: Int { lower == nil ? added.count : all.count }

    /// All numbers, in no particular order.
    package var all: [InodeNumber] {
        var found = added
        var hidden = removed
        var next = lower
        while let part = next {
            found.formUnion(part.added.subtracting(hidden))
            hidden.formUnion(part.removed)
            next = part.lower
        }
        return found.map { $0.moved(to: workspace) }
    }
}
