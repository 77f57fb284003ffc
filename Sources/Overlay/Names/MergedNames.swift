// DirectoryReader: lists directories, with the names of workspace and base merged. Names are in the order
// of their hashes, so that a listing read in parts stays correct while names are made and removed.
// readdir(3) requires no more than that.

internal import Platform
internal import Storage

/// Lists directories.
package struct DirectoryReader: Sendable {
    let tree: Tree
}

extension DirectoryReader {
    func listing(of directory: Inode) throws(Errno) -> DirectoryListing {
        if let known = tree.caches.listing(of: directory.number) { return known }
        let baseTime = baseTime(of: directory)
        var names: [ListedName] = []
        let index = try tree.index(of: directory)
        for (name, entry) in index.entries where !entry.isWhiteout {
            names.append(
                ListedName(
                    cookie: 0, name: name, type: entry.type, inode: entry.inode,
                    isFromBase: false))
        }
        if let basePath = directory.basePath {
            for entry in try tree.base.list(basePath) where index.entries[entry.name] == nil {
                names.append(
                    ListedName(
                        cookie: 0, name: entry.name, type: entry.type, inode: entry.inode,
                        isFromBase: true))
            }
        }
        let listing = DirectoryListing(names, baseTime: baseTime)
        if tree.caches.listedNames + names.count > tree.memory.listedNames { tree.caches.dropListings() }
        tree.caches.setListing(listing, of: directory.number)
        return listing
    }

    /// Returns the mtime of the base directory below, or nil if there is none.
    private func baseTime(of directory: Inode) -> Int64? {
        guard let path = directory.basePath else { return nil }
        return (try? tree.base.status(BasePlace(path: path)))?.modificationTime
    }

    /// Calls `visit` for each name after `cookie` until it returns false. With `withInodes`, attributes are
    /// passed and one kernel reference is counted for each name that `visit` accepted.
    func list(
        _ number: InodeNumber, after cookie: UInt64, withInodes: Bool,
        visit: (ListedName, InodeNumber, InodeAttributes?) -> Bool
    ) throws(Errno) {
        let directory = try tree.directory(number)
        if cookie < 1 {
            let dot = ListedName(
                cookie: 1, name: FileName(trusted: [0x2e]), type: .directory, inode: number,
                isFromBase: false)
            guard visit(dot, number, nil) else { return }
        }
        if cookie < 2 {
            let parent = directory.parent == 0 ? number : directory.parent
            let dots = ListedName(
                cookie: 2, name: FileName(trusted: [0x2e, 0x2e]), type: .directory, inode: parent,
                isFromBase: false)
            guard visit(dots, parent, nil) else { return }
        }
        if directory.record.links == 0 { return }
        // A listing that starts again shows names that were added to the base since the cached one was made.
        if cookie < 1, let known = tree.caches.listing(of: number),
            known.baseTime != baseTime(of: directory) {
            tree.caches.dropListing(of: number)
        }
        let listing = try listing(of: directory)
        var position = listing.position(after: cookie)
        while position < listing.names.count {
            let listed = listing.names[position]
            position += 1
            guard listing.contains(listed) else { continue }
            if withInodes {
                // A name that was removed meanwhile is not an error of the listing.
                guard let inode = try tree.child(listed.name, of: directory) else { continue }
                guard visit(listed, inode.number, inode.attributes) else { return }
                inode.lookups += 1
            } else {
                let shown = listed.isFromBase
                    ? tree.numbers.natural(device: 0, inode: listed.inode) ?? listed.inode : listed.inode
                guard visit(listed, shown, nil) else { return }
            }
        }
    }
}
