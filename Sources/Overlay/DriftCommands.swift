// What people do about drift: accept the base's new content as the ground under the edits, or drop
// the edits. The edit log is changed first and the new origin recorded last, in one transaction: cut
// off between the two, the file is still drifted, and the command can be given again.

internal import Platform
internal import Storage
internal import Synchronization

extension Workspace {
    /// The base file as it is now becomes what a file stands on, where that changes no byte that the
    /// file shows: its attributes alone were changed, or the file was written anew and needs nothing
    /// of the base. Edits that were made over another content are never laid over this one: their
    /// offsets mean nothing there.
    /// - Throws: ENOENT where the file or its base is gone, EINVAL where nothing drifted, EBUSY where
    ///   edits depend on the content of then.
    package func acceptDrift(
        _ path: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let drifted = try findDrifted(path)
        guard let status = drifted.status, status.type == .regular else {
            throw CommandError(
                .noEntry, "\(Self.text(path)): there is no base file to accept, "
                    + "\(drifted.reason): drop the edits, or write the file anew")
        }
        let number = drifted.number
        // As git tells whether a file changed; its ctime goes with modes and links too.
        let isSameContent = drifted.origin.inode == status.inode
            && drifted.origin.size == status.size
            && drifted.origin.modificationTime == status.modificationTime
        return try commanding(path) { () throws(Errno) in
            // From the look at the pieces to the new origin no edit may come in between.
            try gate.alone { () throws(Errno) in
                if !isSameContent, try needsBase(number) { throw .busy }
                return try recordOrigin(drifted, status, as: .acceptDrift, caller: caller)
            }
        }
    }

    /// Whether a file was edited and still shows bytes of its base.
    private func needsBase(_ number: InodeNumber) throws(Errno) -> Bool {
        guard let log = try withTree({ (tree) throws(Errno) in
            try tree.log(of: tree.inode(number))
        }) else { return false }
        return try log.snapshot().allPieces.contains {
            if case .base(number, _) = $0.source { return true }
            return false
        }
    }

    /// The edits of a file go, and it shows the base again; where the base has none, its name goes.
    /// A backup of the state before is made first.
    /// - Throws: ENOENT where the file is gone, EINVAL where nothing drifted.
    package func dropDrift(
        _ path: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let drifted = try findDrifted(path)
        let backup = try backUp(before: "drift drop", caller: caller)
        var outcome = try commanding(path) { () throws(Errno) -> CommandOutcome in
            guard let status = drifted.status, status.type == .regular else {
                return try removeDrifted(drifted, caller: caller)
            }
            let number = drifted.number
            if withTreeSafely({ $0.recordWithoutLoading(number)?.flags.contains(.hasLog) }) == true {
                _ = try edit(number, isRelease: true, caller: caller) { (log, stamp) throws(Errno) in
                    try self.reset(log, to: status.size, stamp: stamp)
                }
            }
            return try recordOrigin(drifted, status, as: .dropDrift, caller: caller)
        }
        outcome.backup = backup
        return outcome
    }

    // MARK: Finding

    private struct Drifted {
        var number: InodeNumber
        var parent: InodeNumber
        var name: FileName?
        var origin: Origin
        /// Of the base file now; nil where there is none.
        var status: FileStatus?
        var reason: String
    }

    private static func text(_ path: [UInt8]) -> String { shown(path) }

    private func commanding<R>(
        _ path: [UInt8], _ body: () throws(Errno) -> R
    ) throws(CommandError) -> R {
        do throws(Errno) {
            return try body()
        } catch {
            let reason = error == .busy
                ? "its edits were made over another content of the base file, and over this one they "
                    + "would make wrong bytes: drop them (a backup keeps them), or write the file anew"
                : "\(error)"
            throw CommandError(error, "\(Self.text(path)): \(reason)")
        }
    }

    private func findDrifted(_ path: [UInt8]) throws(CommandError) -> Drifted {
        let (number, parent, name, found) = try commanding(path) { () throws(Errno) in
            try withTree {
                (tree) throws(Errno) -> (InodeNumber, InodeNumber, FileName?, Origin?) in
                let (inode, parent, name) = try tree.find(path: path)
                return (inode.number, parent.number, name, try tree.knownOrigin(inode.number))
            }
        }
        guard let origin = found, FileType(mode: origin.mode) == .regular,
            let reason = driftReason(origin)
        else {
            throw CommandError(
                .invalid, "\(Self.text(path)) has not drifted: the base under it is what it was")
        }
        let place = BasePlace(path: origin.path)
        base.forget(place)
        let status = try commanding(path) { () throws(Errno) in
            try base.status(ifPresent: place.name, in: place.directory)
        }
        return Drifted(
            number: number, parent: parent, name: name, origin: origin, status: status,
            reason: reason)
    }

    /// Names the moment before a command, as the other commands do.
    private func backUp(
        before command: String, caller: Caller
    ) throws(CommandError) -> FileName {
        do throws(Errno) {
            return try gate.alone { () throws(Errno) in
                try withTree { (tree) throws(Errno) in
                    var transaction = tree.begin(.backup, caller.stamp(clock.realtime()))
                    let name = tree.addAutomaticBackup("before \(command)", to: &transaction)
                    try tree.commit(&transaction)
                    return name
                }
            }
        } catch {
            throw CommandError(error, "the backup before it could not be recorded: \(error)")
        }
    }

    // MARK: Changing

    /// Makes a log's content all of the base's.
    private func reset(
        _ log: EditLog, to size: UInt64, stamp: Stamp
    ) throws(Errno) -> ContentVersion? {
        let old = log.version.size
        if size == 0 { return try log.truncate(to: 0, stamp: stamp, sequence: sequence) }
        let version = try log.share(
            [Piece(.base(file: log.id, offset: 0), length: size)], at: 0, stamp: stamp,
            sequence: sequence)
        return old > size ? try log.truncate(to: size, stamp: stamp, sequence: sequence) : version
    }

    /// The base file as it is now is what the inode stands on.
    private func recordOrigin(
        _ drifted: Drifted, _ status: FileStatus, as operation: TreeOperation, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        let number = drifted.number
        let last = try withTree { (tree) throws(Errno) in
            let inode = try tree.regular(number)
            var transaction = tree.begin(operation, caller.stamp(clock.realtime()))
            let time = transaction.stamp.time
            let origin = Origin(
                path: drifted.origin.path,
                device: tree.deviceIndex(status, at: BasePlace(path: drifted.origin.path)),
                status: status)
            transaction.update(inode) { record in
                if !record.flags.contains(.hasLog) {
                    record.size = status.size
                    record.allocated = status.allocatedBytes
                }
                record.modificationTime = time
                record.changeTime = time
            }
            transaction.changes.append(
                .origin(number, before: drifted.origin, after: origin))
            try tree.commit(&transaction)
            return transaction.sequence
        }
        driftMet.withLock { _ = $0.remove(number) }
        var outcome = CommandOutcome(sequence: last, changed: 1)
        outcome.stale.inodes[number] = true
        return outcome
    }

    private func removeDrifted(
        _ drifted: Drifted, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        guard let name = drifted.name else { throw .invalid }
        try unlink(name, in: drifted.parent, caller: caller)
        driftMet.withLock { _ = $0.remove(drifted.number) }
        var outcome = CommandOutcome(sequence: sequence.last, changed: 1)
        outcome.stale.inodes[drifted.number] = true
        outcome.stale.inodes[drifted.parent] = true
        outcome.stale.entries.append((drifted.parent, name))
        return outcome
    }
}
