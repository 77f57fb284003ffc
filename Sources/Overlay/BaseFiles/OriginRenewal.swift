// OriginRenewal: updates the origin of a base file of which only the name or the attributes were changed
// here. It has no edits, so it shows the present content of the base, as an untouched file does. The origin
// is recorded again when the file is looked up or read after the base changed. This requires that only the
// file itself uses its number. If copies of ranges or older logs read the base by the number, the origin
// stays, its content is read from the pool if it is kept, and the file counts as drifted.

package import Platform
package import Storage

extension BaseFiles {
    /// Returns whether a file's row says that it shows the present content of the base.
    private func follows(_ inode: Inode) -> Bool {
        inode.isPersistent && inode.type == .regular && inode.record.links > 0
            && inode.record.flags.contains(.hasOrigin) && inode.record.flags.contains(.followsBase)
            && !inode.record.flags.contains(.hasLog)
    }

    /// Returns the base file that a file should show, if that is not the recorded one.
    func newGround(
        _ inode: Inode
    ) throws(Errno) -> (known: Origin, place: BasePlace, status: FileStatus)? {
        guard follows(inode), let place = inode.place, let known = try tree.knownOrigin(inode.number),
            let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            status.type == .regular, !known.fits(status),
            // The file was replaced: its other names may still lead to the old one.
            status.inode == known.inode || inode.record.links == 1,
            !EditLog.exists(inode.number, in: tree.logs),
            try !AncestorLogs(inode.number, in: tree.logs).isThere()
        else { return nil }
        return (known, place, status)
    }

    /// Records the present base file as the origin of a file that should show it.
    /// - Returns: Whether the origin changed.
    @discardableResult
    func follow(_ inode: Inode) throws(Errno) -> Bool {
        guard let (known, place, found) = try newGround(inode) else { return false }
        // If the base file is being replaced at this moment, the next look-up takes it over.
        let status = try tree.base.settledStatus(place)
        guard status.type == .regular, status.inode == found.inode else { return false }
        tree.base.forget(place)
        var transaction = tree.begin(.touch, Stamp(time: tree.clock.realtime(), pid: 0, uid: 0))
        let time = transaction.stamp.time
        let origin = Origin(
            path: known.path, device: tree.deviceIndex(status, at: place), status: status)
        if let path = tree.identity.passingDevices[origin.device] {
            transaction.changes.append(.device(origin.device, path: path))
        }
        transaction.changes.append(.origin(inode.number, before: known, after: origin))
        transaction.update(inode) { record in
            record.size = origin.size
            record.allocated = status.allocatedBytes
            if !known.isUnmodified(status) { record.modificationTime = status.modificationTime }
            record.changeTime = time
        }
        try tree.commit(&transaction)
        return true
    }

    /// Does the same for a look-up, and ignores errors.
    func followQuietly(_ inode: Inode) {
        guard follows(inode) else { return }
        // If it cannot be recorded (a full store), reads report the error.
        _ = try? follow(inode)
    }

    /// Ends the updates of the origin: other files read the base by this file's number from now on.
    func endFollowing(_ inode: Inode, in transaction: inout Transaction) {
        guard transaction.record(of: inode).flags.contains(.followsBase) else { return }
        transaction.update(inode) { $0.flags.remove(.followsBase) }
    }
}

extension WorkspaceBaseFiles {
    /// Updates the origin of a file.
    /// - Returns: Whether the file shows another base file from now on.
    package func follow(_ number: InodeNumber) throws(Errno) -> Bool {
        try workspace.withTree { (tree) throws(Errno) in try tree.baseFiles.follow(tree.inode(number)) }
    }
}
