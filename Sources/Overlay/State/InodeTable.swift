// InodeTable: the inodes that are in memory: what the kernel holds, what is dirty and what was used lately.
// It says which were used when, and which numbers were given out.
// Guarded by the tree's lock.

internal import Platform
package import Storage

package struct InodeTable {
    private var table: [InodeNumber: Inode] = [:]
    /// Advances with each use, for choosing what to drop.
    private(set) var tick: UInt64 = 0
    /// Bytes of loaded logs and indexes, as counted at the last sweep.
    var cachedBytes = 0
    /// The last number that was given out, without the workspace's.
    private(set) var lastNumber: UInt64 = 0

    init() {}

    package subscript(_ number: InodeNumber) -> Inode? {
        get { table[number] }
        set { table[number] = newValue }
    }

    package var values: Dictionary<InodeNumber, Inode>.Values { table.values }
    package var count: Int { table.count }

    mutating func removeAll() { table = [:] }
}

// MARK: Uses

extension InodeTable {
    /// An inode that is in memory, as one that was used just now.
    mutating func use(_ number: InodeNumber) -> Inode? {
        tick &+= 1
        guard let known = table[number] else { return nil }
        known.lastUse = tick
        return known
    }

    /// Takes one that was just made.
    mutating func insert(_ inode: Inode) {
        inode.lastUse = tick
        table[inode.number] = inode
    }
}

// MARK: Numbers

extension InodeTable {
    /// As the database has it.
    mutating func setLastNumber(_ number: UInt64) {
        lastNumber = min(number, InodeNumbering.lastGivenOut)
    }

    /// Takes a number that a change speaks of.
    mutating func noteNumber(_ number: InodeNumber) {
        guard InodeNumbering.isGivenOut(number) else { return }
        lastNumber = max(lastNumber, number & InodeNumbering.lastGivenOut)
    }

    /// - Throws: ENOSPC once all are given out.
    mutating func nextNumber() throws(Errno) -> UInt64 {
        guard lastNumber < InodeNumbering.lastGivenOut else { throw .noSpace }
        lastNumber += 1
        return lastNumber
    }
}
