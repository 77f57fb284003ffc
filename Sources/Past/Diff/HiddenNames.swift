// HiddenNames: finds names in the base of files that were changed under another name, which was removed
// since. Nothing that is recorded tells of them, so the directories of the base are listed. That is seldom:
// only if a file has several names in the base, was changed, and has no name left that is known.

internal import Overlay
internal import Platform
internal import Storage

extension DiffNames {
    /// The number of names of the base that are looked at: the tree is locked meanwhile.
    private static let mostListed = 200_000

    /// Returns the inode in the base of a file that may have names there that nothing tells of.
    func hiddenInode(of was: ViewNode, _ now: ViewNode) throws(Errno) -> UInt64? {
        guard was.type != .directory, let origin = try new.tree.knownOrigin(now.number) else { return nil }
        if old.isBase { return was.record.links > 1 ? origin.inode : nil }
        let place = BasePlace(path: origin.path)
        guard let status = try new.tree.base.status(ifPresent: place.name, in: place.directory),
            status.links > 1 else { return nil }
        return origin.inode
    }

    /// Returns paths of the new side at which it shows these files of the base.
    /// - Parameter keys: the files, by their inode in the base.
    mutating func hiddenPaths(
        of keys: [UInt64: InodeNumber]
    ) throws(Errno) -> [InodeNumber: [[UInt8]]] {
        var found: [InodeNumber: [[UInt8]]] = [:]
        let tree = new.tree
        /// Directories: the path, that in the base if it shows one there, and the number. One without a
        /// number has no entry: nothing below it was touched.
        var open: [(path: [UInt8], base: [UInt8]?, number: InodeNumber?)] = [
            ([], try new.finder.basePath(of: tree.rootNumber, tree), tree.rootNumber),
        ]
        var listed = 0
        while let directory = open.popLast(), listed < Self.mostListed {
            if directory.path.count > PathFinder.longestPath { continue }
            var entries: [FileName: Entry] = [:]
            if let number = directory.number { entries = try new.state.entries(in: number) }
            for (name, entry) in entries where !entry.isWhiteout && entry.type == .directory {
                let base = try new.finder.basePath(of: entry.inode, tree)
                open.append((Self.join(directory.path, name), base, entry.inode))
            }
            guard let base = directory.base else { continue }
            let names = try tree.base.list(base)
            listed += names.count
            for entry in names where entries[entry.name] == nil {
                let place = BasePlace(directory: base, name: entry.name.bytes)
                let path = Self.join(directory.path, entry.name)
                if entry.type == .directory {
                    open.append((path, place.path, nil))
                } else if let key = keys[entry.inode],
                    let status = try tree.base.status(ifPresent: place.name, in: place.directory),
                    new.key(try tree.number(of: status, at: place, isPast: true)) == key {
                    found[key, default: []].append(path)
                }
            }
        }
        return found
    }
}
