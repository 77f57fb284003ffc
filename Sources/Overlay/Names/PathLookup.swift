// PathLookup: paths of a workspace: what one leads to, and by which an inode is shown.

package import Platform
package import Storage

/// Finds what paths lead to, and paths of inodes.
package struct PathLookup: Sendable {
    let tree: Tree
}

extension PathLookup {
    /// An inode's record, without putting the inode in memory.
    func recordWithoutLoading(_ number: InodeNumber) -> InodeRecord? {
        if let inode = tree.inodes[number] { return inode.record }
        if let known = tree.pending.row(number) { return known }
        return (try? tree.reader.inode(number)).flatMap { $0 }
    }

    /// One path by which the workspace shows an inode; nil where it has no name.
    /// - Parameter hint: where it lay in the base, which is where most files still are.
    func path(of number: InodeNumber, hint: [UInt8]) -> [UInt8]? {
        if let found = try? find(path: hint), found.inode.number == number { return hint }
        var parts: [[UInt8]] = []
        var next = number
        while next != tree.rootNumber {
            guard parts.count < 4_096, let (parent, name) = name(of: next) else { return nil }
            parts.append(name.bytes)
            next = parent
        }
        return Array(parts.reversed().joined(separator: [0x2f]))
    }

    private func name(of number: InodeNumber) -> (parent: InodeNumber, name: FileName)? {
        var found = (try? tree.reader.names(of: number)) ?? []
        for batch in tree.pending.batches {
            for (parent, names) in batch.entries {
                for (name, entry) in names {
                    let isHere = entry?.inode == number
                    found.removeAll { $0.parent == parent && $0.name == name && !isHere }
                    if isHere { found.append((parent, name)) }
                }
            }
        }
        return found.first
    }

    /// What a path below the root leads to.
    package func find(
        path: [UInt8]
    ) throws(Errno) -> (inode: Inode, parent: Inode, name: FileName?) {
        var parent = try tree.directory(tree.rootNumber)
        var inode = parent
        var name: FileName?
        for part in path.split(separator: 0x2f) {
            if part.elementsEqual([0x2e]) { continue }
            guard inode.isDirectory else { throw .notDirectory }
            let next = try FileName(Array(part))
            parent = inode
            guard let child = try tree.child(next, of: parent) else { throw .noEntry }
            (inode, name) = (child, next)
        }
        return (inode, parent, name)
    }

    package func number(at path: [UInt8]) throws(Errno) -> InodeNumber {
        try find(path: path).inode.number
    }
}
