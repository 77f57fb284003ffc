// DirectoryListing: the merged names of overlay and base in a stable order, so that readdir(3) can continue
// after any change.

package import Platform
internal import Storage

/// One name of a listing.
package struct ListedName: Sendable {
    /// The cookie at which a listing continues after this name: a hash of the name, so that changes of the
    /// directory do not change it.
    package var cookie: UInt64
    package var name: FileName
    package var type: FileType
    /// The overlay's inode number, or the base's own number.
    var inode: UInt64
    var isFromBase: Bool
}

final class DirectoryListing {
    private(set) var names: [ListedName]
    /// The mtime of the base directory when the listing was made.
    let baseTime: Int64?
    /// The names removed since the listing was made. This is cheaper than a new listing.
    private var removed: Set<FileName> = []

    init(_ unsorted: [ListedName], baseTime: Int64?) {
        self.baseTime = baseTime
        names = unsorted
        for index in names.indices { names[index].cookie = names[index].name.listingCookie }
        names.sort { ($0.cookie, $0.name.bytes.count) < ($1.cookie, $1.name.bytes.count) }
        // If two names have the same hash, the later one takes the next free number.
        for index in names.indices.dropFirst() where names[index].cookie <= names[index - 1].cookie {
            names[index].cookie = names[index - 1].cookie + 1
        }
    }

    func remove(_ name: FileName) { removed.insert(name) }

    /// Returns whether the name still exists.
    func contains(_ listed: ListedName) -> Bool { removed.isEmpty || !removed.contains(listed.name) }

    /// Returns the index of the first name after `cookie`.
    func position(after cookie: UInt64) -> Int {
        var low = 0
        var high = names.count
        while low < high {
            let middle = (low + high) / 2
            if names[middle].cookie <= cookie { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension FileName {
    /// The cookie at which a listing continues after this name: a hash of 62 bits. Cookies 1 and 2 are `.`
    /// and `..`, and 0 is the beginning.
    package var listingCookie: UInt64 { max(3, Checksum.xxh3(bytes) >> 2) }
}
