// Names of a workspace: look-ups, listings, and calls that make, rename and remove names.

package import Platform
package import Storage

extension Workspace {
    /// Looks up a name and counts one kernel reference to the inode.
    /// - Throws: ENOENT if the name does not exist.
    package func lookup(
        _ name: FileName, in parent: InodeNumber
    ) throws(Errno) -> InodeAttributes {
        let (attributes, isOver) = try withTree { (tree) throws(Errno) in
            let directory = try tree.directory(parent)
            guard let inode = try tree.child(name, of: directory) else { throw .noEntry }
            inode.lookups += 1
            return (inode.attributes, tree.bounds.isFarOverMemory)
        }
        if isOver { maintenance.relieve() }
        return attributes
    }

    /// Gives back kernel references.
    package func forget(_ number: InodeNumber, count: UInt64) {
        withTreeSafely { $0.forget(number, count: count) }
    }

    /// Makes a file, directory, fifo, socket, device or symlink (with a target), and counts one kernel
    /// reference to it.
    package func makeNode(
        _ name: FileName, in parent: InodeNumber, mode: UInt32, device: UInt64 = 0,
        symlinkTarget: [UInt8] = [], caller: Caller
    ) throws(Errno) -> InodeAttributes {
        let (attributes, isOver) = try withTree { (tree) throws(Errno) in
            let inode = try tree.names.makeNode(
                name, in: parent, mode: mode, device: device, symlinkTarget: symlinkTarget,
                caller: caller)
            inode.name = name
            inode.lookups += 1
            return (inode.attributes, tree.bounds.isFarOverMemory)
        }
        if isOver { maintenance.relieve() }
        return attributes
    }

    package func makeLink(
        to number: InodeNumber, name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(Errno) -> InodeAttributes {
        try baseFiles.withPin(touching: number) { (tree, kept) throws(Errno) in
            let inode = try tree.names.makeLink(
                to: number, name: name, in: parent, kept: kept, caller: caller)
            inode.lookups += 1
            return inode.attributes
        }
    }

    package func unlink(
        _ name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(Errno) {
        try withReserve { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                _ = try tree.names.unlink(name, in: parent, caller: caller)
            }
        }
    }

    package func removeDirectory(
        _ name: FileName, in parent: InodeNumber, caller: Caller
    ) throws(Errno) {
        try withReserve { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                _ = try tree.names.removeDirectory(name, in: parent, caller: caller)
            }
        }
    }

    package func rename(
        _ oldName: FileName, in oldParent: InodeNumber, to newName: FileName,
        in newParent: InodeNumber, flags: RenameFlags, caller: Caller
    ) throws(Errno) {
        var places = [NamePlace(parent: oldParent, name: oldName)]
        if flags.contains(.exchange) { places.append(NamePlace(parent: newParent, name: newName)) }
        try withReserve { () throws(Errno) in
            try baseFiles.withPins({ (tree, kept) throws(Errno) in
                try tree.baseFiles.missingPin(renaming: places, kept: kept)
            }) { (tree, kept) throws(Errno) in
                try tree.names.rename(
                    oldName, in: oldParent, to: newName, in: newParent, flags: flags, kept: kept,
                    caller: caller)
            }
        }
    }

    /// Calls `visit` for each name after `cookie` until it returns false. With `withInodes`, attributes are
    /// passed and one kernel reference is counted for each name that `visit` accepted.
    package func list(
        _ number: InodeNumber, after cookie: UInt64, withInodes: Bool,
        visit: (ListedName, InodeNumber, InodeAttributes?) -> Bool
    ) throws(Errno) {
        let isOver = try withTree { (tree) throws(Errno) in
            try tree.directories.list(number, after: cookie, withInodes: withInodes, visit: visit)
            return tree.bounds.isFarOverMemory
        }
        if isOver { maintenance.relieve() }
    }

    package func symlinkTarget(_ number: InodeNumber) throws(Errno) -> [UInt8] {
        try withTree { (tree) throws(Errno) in
            let inode = try tree.inode(number)
            guard inode.type == .symlink else { throw .invalid }
            if let place = inode.place { return try tree.base.symlinkTarget(place) }
            return inode.record.symlinkTarget
        }
    }

    /// Returns the inode at a path below the root; counts no reference.
    package func number(at path: [UInt8]) throws(Errno) -> InodeNumber {
        try withTree { (tree) throws(Errno) in try tree.paths.number(at: path) }
    }
}
