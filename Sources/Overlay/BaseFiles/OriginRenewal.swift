// OriginRenewal: a base file of which only the name or the attributes were changed here shows the base's
// content, also after the base has changed: nobody edited it, and an untouched file does so too. What it
// stands on is recorded anew when somebody looks at it then. Its number must be its own: where others read
// the base by it (copies of ranges, logs of before), it keeps what it had, if that is kept, and is drift.

internal import Platform
internal import Storage

extension BaseFiles {
    /// Whether a file shows the base's content of now, as far as its row says.
    private func follows(_ inode: Inode) -> Bool {
        inode.isPersistent && inode.type == .regular && inode.record.links > 0
            && inode.record.flags.contains(.hasOrigin) && inode.record.flags.contains(.followsBase)
            && !inode.record.flags.contains(.hasLog)
    }

    /// The base file that a file is to show, if it is another one than on record.
    func newGround(
        _ inode: Inode
    ) throws(Errno) -> (known: Origin, place: BasePlace, status: FileStatus)? {
        guard follows(inode), let place = inode.place, let known = try tree.knownOrigin(inode.number),
            let status = try tree.base.status(ifPresent: place.name, in: place.directory),
            status.type == .regular, !known.fits(status),
            // Its other names may not have gone along.
            status.inode == known.inode || inode.record.links == 1,
            !EditLog.exists(inode.number, in: tree.logs)
        else { return nil }
        return (known, place, status)
    }

    /// Records the base file of now under a file that is to show it.
    /// - Returns: whether it is another one than before.
    @discardableResult
    func follow(_ inode: Inode) throws(Errno) -> Bool {
        guard let (known, place, found) = try newGround(inode) else { return false }
        // Of a file that the base's owner makes anew right now the next look finds the rest.
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

    /// The same where the caller only looks.
    func followQuietly(_ inode: Inode) {
        guard follows(inode) else { return }
        // What cannot be recorded (a full store) is told by the reads.
        _ = try? follow(inode)
    }

    /// Others read the base by a file's number from now on.
    func endFollowing(_ inode: Inode, in transaction: inout Transaction) {
        guard transaction.record(of: inode).flags.contains(.followsBase) else { return }
        transaction.update(inode) { $0.flags.remove(.followsBase) }
    }
}

extension WorkspaceBaseFiles {
    /// Whether a file shows another base file from now on.
    func follow(_ number: InodeNumber) throws(Errno) -> Bool {
        try workspace.withTree { (tree) throws(Errno) in try tree.baseFiles.follow(tree.inode(number)) }
    }
}
