// Removes names: unlink, rmdir, and what happens with the last link of an inode.

package import Platform
package import Storage

extension NameChanges {
    /// Serves unlink(2).
    /// - Throws: ENOENT, EISDIR.
    package func unlink(
        _ name: FileName, in parentNumber: InodeNumber, caller: Caller
    ) throws(Errno) -> InodeNumber {
        let parent = try tree.directory(parentNumber)
        guard let inode = try tree.child(name, of: parent) else { throw .noEntry }
        if inode.isDirectory { throw .isDirectory }
        var transaction = tree.begin(.unlink, caller.stamp(tree.clock.realtime()))
        try tree.update(parent, in: &transaction) { _ in }
        transaction.touchTimes(of: parent)
        let isLast = try dropLink(of: inode, in: &transaction)
        try tree.setEntry(name, of: parent, to: tree.emptyEntry(name, of: parent), in: &transaction)
        try tree.commit(&transaction)
        finishDrop(inode, isLast: isLast, time: transaction.stamp.time)
        return inode.number
    }

    /// Serves rmdir(2).
    /// - Throws: ENOENT, ENOTDIR, ENOTEMPTY.
    func removeDirectory(
        _ name: FileName, in parentNumber: InodeNumber, caller: Caller
    ) throws(Errno) -> InodeNumber {
        let parent = try tree.directory(parentNumber)
        guard let inode = try tree.child(name, of: parent) else { throw .noEntry }
        guard inode.isDirectory else { throw .notDirectory }
        guard try isEmpty(inode) else { throw .notEmpty }
        var transaction = tree.begin(.removeDirectory, caller.stamp(tree.clock.realtime()))
        try tree.update(parent, in: &transaction) { _ in }
        transaction.touchTimes(of: parent)
        adjustLinks(of: parent, by: -1, in: &transaction)
        let isLast = try dropLink(of: inode, in: &transaction)
        try tree.setEntry(name, of: parent, to: tree.emptyEntry(name, of: parent), in: &transaction)
        try tree.commit(&transaction)
        finishDrop(inode, isLast: isLast, time: transaction.stamp.time)
        return inode.number
    }

    /// Takes one link from an inode, and returns true if it was the last. An untouched base file with one
    /// name needs no row for this: the whiteout is enough.
    func dropLink(of inode: Inode, in transaction: inout Transaction) throws(Errno) -> Bool {
        let time = transaction.stamp.time
        let isLast = inode.isDirectory || transaction.record(of: inode).links <= 1
        if isLast, !inode.isPersistent { return true }
        try tree.update(inode, in: &transaction) { record in
            record.links = isLast ? 0 : record.links - 1
            record.changeTime = time
        }
        return isLast
    }

    /// Finishes a removal after the commit. An inode without names lives on while the kernel refers to it.
    func finishDrop(_ inode: Inode, isLast: Bool, time: Int64) {
        guard isLast else { return }
        inode.record.links = 0
        inode.record.changeTime = time
        // Processes that still have the file open can edit it; such an edit gets a content mark of its own.
        tree.openLogs.unmark(inode.number)
        tree.release(inode)
    }

    /// Returns whether a directory shows no names.
    func isEmpty(_ directory: Inode) throws(Errno) -> Bool {
        let index = try tree.index(of: directory)
        if index.hasVisibleEntry { return false }
        guard let basePath = directory.basePath else { return true }
        for entry in try tree.base.list(basePath) where index.entries[entry.name] == nil { return false }
        return true
    }
}
