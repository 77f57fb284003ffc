// PathLookup: resolves paths of a workspace to inodes, and finds a path for an inode.

package import Platform
package import Storage

/// Resolves paths, and finds paths of inodes.
package struct PathLookup: Sendable {
    let tree: Tree
}

extension PathLookup {
    /// Returns an inode's record without loading the inode into memory.
    func recordWithoutLoading(_ number: InodeNumber) -> InodeRecord? {
        if let inode = tree.inodes[number] { return inode.record }
        if let known = tree.pending.row(number) { return known }
        return (try? tree.rows.inode(number)).flatMap { $0 }
    }

    /// Returns one path of an inode in the workspace, or nil if it has no name.
    /// - Parameter hint: the file's path in the base; most files are still there.
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
        var found = (try? tree.rows.names(of: number)) ?? []
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

    /// Resolves a path below the root.
    /// - Throws: ENOENT, ENOTDIR, and the errors of invalid names.
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
