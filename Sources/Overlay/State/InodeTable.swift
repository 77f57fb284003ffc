// InodeTable: the inodes in memory: those that the kernel refers to, dirty ones and recently used ones. It
// also keeps the time of each use and the last number that was given out. Guarded by the tree's lock.

internal import Platform
package import Storage

package struct InodeTable {
    private var table: [InodeNumber: Inode] = [:]
    /// A counter of uses, for the choice of what to drop.
    private(set) var tick: UInt64 = 0
    /// The size in bytes of loaded piece trees and directory indexes at the last sweep.
    var cachedBytes = 0
    /// The last number that was given out, without the bits of the workspace.
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
    /// Returns an inode that is in memory and marks it as just used.
    mutating func use(_ number: InodeNumber) -> Inode? {
        tick &+= 1
        guard let known = table[number] else { return nil }
        known.lastUse = tick
        return known
    }

    /// Adds an inode that was just made.
    mutating func insert(_ inode: Inode) {
        inode.lastUse = tick
        table[inode.number] = inode
    }
}

// MARK: Numbers

extension InodeTable {
    /// Sets the last number from the database.
    mutating func setLastNumber(_ number: UInt64) {
        lastNumber = min(number, InodeNumbering.lastGivenOut)
    }

    /// Notes a number that occurs in a change, so that it is not given out again.
    mutating func noteNumber(_ number: InodeNumber) {
        guard InodeNumbering.isGivenOut(number) else { return }
        lastNumber = max(lastNumber, number & InodeNumbering.lastGivenOut)
    }

    /// Returns the next number, without the bits of the workspace.
    /// - Throws: ENOSPC if all numbers were given out.
    mutating func nextNumber() throws(Errno) -> UInt64 {
        guard lastNumber < InodeNumbering.lastGivenOut else { throw .noSpace }
        lastNumber += 1
        return lastNumber
    }
}
