// InodeCaches: caches data of inodes beside their rows: entries and listings of directories, and extended
// attributes. Each value can be dropped at any time and is read again from the database and the base.
// Guarded by the tree's lock.

internal import Platform
internal import Storage

package struct InodeCaches {
    private var indexes: [InodeNumber: DirectoryIndex] = [:]
    private var listings: [InodeNumber: DirectoryListing] = [:]
    private var xattrs: [InodeNumber: [[UInt8]: XattrValue]] = [:]
    /// The default ACLs of directories. Empty if a directory has none.
    private var defaultACLs: [InodeNumber: [UInt8]] = [:]
    /// The number of names in all listings.
    private(set) var listedNames = 0

    init() {}

    /// Drops everything cached for an inode that left memory or now shows another base file.
    mutating func drop(_ number: InodeNumber) {
        dropNames(of: number)
        if !xattrs.isEmpty { xattrs[number] = nil }
    }

    /// Drops the names cached for a directory that now shows another base directory.
    mutating func dropNames(of number: InodeNumber) {
        if !indexes.isEmpty { indexes[number] = nil }
        if !defaultACLs.isEmpty { defaultACLs[number] = nil }
        dropListing(of: number)
    }
}

// MARK: Entries and listings

extension InodeCaches {
    func index(of directory: InodeNumber) -> DirectoryIndex? { indexes[directory] }
    mutating func setIndex(_ index: DirectoryIndex, of directory: InodeNumber) {
        indexes[directory] = index
    }

    /// The size of each loaded index in bytes.
    var indexSizes: [(directory: InodeNumber, bytes: Int)] {
        indexes.map { ($0.key, $0.value.memoryBytes) }
    }

    mutating func dropIndex(of directory: InodeNumber) {
        indexes[directory] = nil
        dropListing(of: directory)
    }

    func listing(of directory: InodeNumber) -> DirectoryListing? { listings[directory] }

    mutating func setListing(_ listing: DirectoryListing, of directory: InodeNumber) {
        dropListing(of: directory)
        listings[directory] = listing
        listedNames += listing.names.count
    }

    mutating func dropListing(of directory: InodeNumber) {
        guard !listings.isEmpty, let listing = listings.removeValue(forKey: directory) else { return }
        listedNames -= listing.names.count
    }

    mutating func dropListings() {
        listings = [:]
        listedNames = 0
    }

    /// Takes over a changed entry. Without an entry the base's name shows through, if there is one.
    /// - Parameter isOverBase: Whether the directory shows names of the base.
    mutating func setEntry(
        _ name: FileName, of directory: InodeNumber, to entry: Entry?, isOverBase: Bool
    ) {
        indexes[directory]?.entries[name] = entry
        if entry?.isWhiteout == true || (entry == nil && !isOverBase) {
            listings[directory]?.remove(name)
        } else {
            dropListing(of: directory)
        }
    }
}

// MARK: Extended attributes

extension InodeCaches {
    func xattrs(of number: InodeNumber) -> [[UInt8]: XattrValue]? { xattrs[number] }
    mutating func setXattrs(_ values: [[UInt8]: XattrValue], of number: InodeNumber) {
        xattrs[number] = values
    }

    mutating func setXattr(_ name: [UInt8], of number: InodeNumber, to value: XattrValue?) {
        if !xattrs.isEmpty { xattrs[number]?[name] = value }
        dropDefaultACL(of: number)
    }

    func defaultACL(of directory: InodeNumber) -> [UInt8]? { defaultACLs[directory] }
    mutating func setDefaultACL(_ acl: [UInt8], of directory: InodeNumber) { defaultACLs[directory] = acl }
    mutating func dropDefaultACL(of number: InodeNumber) {
        if !defaultACLs.isEmpty { defaultACLs[number] = nil }
    }
}
