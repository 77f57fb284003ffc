// DirectoryListing: the merged names of overlay and base in a stable order, so that a listing can go on after
// any change.

package import Platform
internal import Storage

/// One name as a listing shows it.
package struct ListedName: Sendable {
    /// Where a listing goes on after this name: a hash of the name, so it survives changes.
    package var cookie: UInt64
    package var name: FileName
    package var type: FileType
    /// The overlay's inode, or the base's own number.
    var inode: UInt64
    var isFromBase: Bool
}

final class DirectoryListing {
    private(set) var names: [ListedName]
    /// When the base directory's names had changed last, as the listing was made.
    let baseTime: Int64?
    /// Removed since the listing was made; cheaper than making it anew.
    private var removed: Set<FileName> = []

    init(_ unsorted: [ListedName], baseTime: Int64?) {
        self.baseTime = baseTime
        names = unsorted
        for index in names.indices { names[index].cookie = names[index].name.listingCookie }
        names.sort { ($0.cookie, $0.name.bytes.count) < ($1.cookie, $1.name.bytes.count) }
        // Two names with one hash: the later one takes the next free number.
        for index in names.indices.dropFirst() where names[index].cookie <= names[index - 1].cookie {
            names[index].cookie = names[index - 1].cookie + 1
        }
    }

    func remove(_ name: FileName) { removed.insert(name) }

    /// Whether the name is still there.
    func contains(_ listed: ListedName) -> Bool { removed.isEmpty || !removed.contains(listed.name) }

    /// The index of the first name after `cookie`.
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
    /// Where a listing goes on after this name: a hash of 62 bits. Cookies 1 and 2 are `.` and `..`,
    /// 0 is the beginning.
    package var listingCookie: UInt64 { max(3, Checksum.xxh3(bytes) >> 2) }
}
