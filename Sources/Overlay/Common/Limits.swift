// Limits: every bound of the overlay in one place, with its reason. Those of memory hold for a budget of
// 256 MiB and are scaled with it (MemoryBudget).

internal import Storage

package struct Limits: Sendable {
    /// Descriptors kept for directories and for files of the base. With those of the edit logs they
    /// stay far below the usual limit of 1,024.
    package var openBaseDirectories = 128
    package var openBaseFiles = 256
    /// Changed keys that make a checkpoint due: they are pinned in memory until it is written.
    package var dirtyKeys = 20_000
    /// Nanoseconds after which changed keys are written even if they are few.
    package var checkpointInterval: Int64 = 5_000_000_000
    /// Bytes of piece trees and directory indexes in one process; the least recently used
    /// are written out and dropped above it.
    package var cacheBytes = 64 << 20
    /// Names in cached listings.
    package var listedNames = 100_000
    /// Inodes in memory, above which the kernel is asked to forget names.
    package var inodes = 200_000
    /// Numbers of untouched base inodes that are in memory only, of inodes that have left memory.
    package var passingAliases = 10_000
    /// Bytes up to which the content of a base file is kept when it gets another name: one read and one
    /// write of the store.
    package var pinWithoutEdit: UInt64 = 64 << 10
    /// Records after which a piece checkpoint is worth its write when a file goes out of use.
    package var replayRecords = 256
    /// An xattr's value and name, as the kernel bounds them (XATTR_SIZE_MAX, XATTR_NAME_MAX).
    package var xattrValueBytes = 64 << 10
    /// Hard links of one inode, as ext4 bounds them.
    package var links: UInt32 = 65_000
    /// Extents of a sparse base file that are looked up one by one; beyond, holes count as data.
    package var baseExtents = 100_000

    /// Bytes of changes in one record of the journal; a longer transaction has several.
    package var transactionPart = Format.partLength

    package init() {}
}
