// Limits: every bound of the overlay in one place, with its reason. Bounds of memory are for a budget of
// 256 MiB and are scaled with it (MemoryBudget).

internal import Storage

package struct Limits: Sendable {
    /// The number of cached descriptors for directories and for files of the base. With those of the edit
    /// logs they stay far below the usual limit of 1,024.
    package var openBaseDirectories = 128
    package var openBaseFiles = 256
    /// The number of changed keys that makes a checkpoint due. They stay in memory until it is written.
    package var dirtyKeys = 20_000
    /// The time in nanoseconds after which changed keys are written even if they are few.
    package var checkpointInterval: Int64 = 5_000_000_000
    /// The bytes of piece trees and directory indexes in one process. Above it, the least recently used are
    /// written out and dropped.
    package var cacheBytes = 64 << 20
    /// The number of names in cached listings.
    package var listedNames = 100_000
    /// The number of inodes in memory above which the kernel is asked to forget names.
    package var inodes = 200_000
    /// The number of unrecorded aliases of untouched base inodes that may be added before those whose
    /// inodes have left memory are dropped.
    package var passingAliases = 10_000
    /// The largest base file in bytes whose content is kept when it gets another name: one read and one
    /// write of the store.
    package var pinWithoutEdit: UInt64 = 64 << 10
    /// The number of records above which a piece checkpoint is worth its write when a file goes out of use.
    package var replayRecords = 256
    /// The largest value of an extended attribute in bytes, as the kernel bounds it (XATTR_SIZE_MAX).
    package var xattrValueBytes = 64 << 10
    /// The number of hard links of one inode, as ext4 bounds it.
    package var links: UInt32 = 65_000
    /// The number of extents of a sparse base file that are looked up. If it has more, its holes count as
    /// data.
    package var baseExtents = 100_000

    /// The number of layers of one workspace above which they are merged: a look-up searches each of them.
    package var layers = 8
    /// The bytes of changes in one record of the tree log. A longer transaction has several records.
    package var transactionPart = Format.partLength
    /// The least number of bytes of a log that are released: what the file system gives back at once.
    package var releasePage = Format.pageLength
    /// How large a file and the one that took its place must be to share what both have, and how much of it
    /// they must share, in bytes.
    package var leastShared: UInt64 = 128 << 10
    /// The records of a tree log are released if they take this many bytes at least.
    package var leastTreeLog: UInt64 = 1 << 20

    package init() {}
}
