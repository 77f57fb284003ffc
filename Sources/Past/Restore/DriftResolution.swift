// DriftResolution: settles drift on a user's command. The name gets a new inode over the present base file;
// the old inode keeps its origin. So other files, the past and backups keep their parts of the old base,
// and a rollback brings all of it back. One transaction, all or nothing.

package import Overlay
internal import Platform
internal import Storage
internal import Synchronization

extension TreeCommands {
    /// Settles a file if nothing can be lost: it was not edited here, depends on nothing of the base, or
    /// the base has its old content. If that content is not in the pool, inode, size and mtime decide, as
    /// for git; the user has asked for it.
    /// - Throws: ENOENT if the file or its base is gone, EINVAL if nothing drifted, EBUSY if both sides
    ///   changed and a user must decide.
    package func acceptDrift(
        _ path: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let drifted = try findDrifted(path)
        guard let status = drifted.status, status.type == .regular else {
            throw CommandError(
                .noEntry, "\(pathInWords(path)): there is no base file to accept, \(drifted.reason): "
                    + "ours keeps the file, theirs removes it")
        }
        return try commanding(path) { () throws(Errno) in
            if !drifted.hasLog {
                return try replace(drifted, by: .theirs(status), as: .acceptDrift, caller: caller)
            }
            // If the old content is in the pool, both sides can be merged, which a user must do.
            var isClear = !workspace.baseFiles.dependsOnBase(drifted.number)
                && !workspace.baseFiles.hasPin(drifted.origin)
            if !isClear { isClear = try hasSameContent(drifted, status) }
            if isClear {
                return try replace(drifted, by: .ours(status), as: .acceptDrift, caller: caller)
            }
            guard !workspace.baseFiles.hasPin(drifted.origin), drifted.origin.isUnmodified(status)
            else { throw .busy }
            return try renewOrigin(drifted, status, caller: caller)
        }
    }

    /// Keeps the file's present content.
    /// - Parameter version: the base file it was compared with, as `drift` shows it; nil for any.
    /// - Throws: as `acceptDrift`; EBUSY if the base changed since; EIO if the old content of the base is
    ///   needed and not in the pool.
    package func keepOurs(
        _ path: [UInt8], over version: [UInt8]? = nil, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let drifted = try findDrifted(path)
        if let version, version != Array((drifted.status?.version ?? "").utf8) {
            throw CommandError(
                .busy, "the base file of \(pathInWords(path)) was changed again: read drift again")
        }
        guard drifted.hasLog else {
            throw CommandError(
                .invalid, "\(pathInWords(path)) was not edited here: theirs takes the base's content")
        }
        guard workspace.baseFiles.hasPin(drifted.origin)
            || !workspace.baseFiles.dependsOnBase(drifted.number)
        else {
            throw CommandError(
                .inputOutput,
                "\(pathInWords(path)) needs content of the base that is not kept: "
                    + "theirs takes the base's content, or rewrite the file")
        }
        let status = drifted.status?.type == .regular ? drifted.status : nil
        return try commanding(path) { () throws(Errno) in
            try replace(drifted, by: .ours(status), as: .acceptDrift, caller: caller)
        }
    }

    /// Discards the edits of a file, which shows the base again; if the base has no such file, the name is
    /// removed. The state before it becomes a backup.
    /// - Throws: ENOENT if the file is gone, EINVAL if nothing drifted.
    package func dropDrift(
        _ path: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let drifted = try findDrifted(path)
        if let status = drifted.status, status.type == .regular {
            return try commanding(path) { () throws(Errno) in
                try replace(drifted, by: .theirs(status), as: .dropDrift, caller: caller)
            }
        }
        let backup = try backUp(before: "drift drop", caller: caller)
        var outcome = try commanding(path) { () throws(Errno) in
            try removeDrifted(drifted, caller: caller)
        }
        outcome.backup = backup
        return outcome
    }

    // MARK: Finding

    fileprivate struct Drifted {
        var number: InodeNumber
        var parent: InodeNumber
        var name: FileName?
        var origin: Origin
        /// Whether the content is in a log.
        var hasLog: Bool
        /// The status of the present base file; nil if there is none.
        var status: FileStatus?
        var reason: String
    }

    private func commanding<R>(
        _ path: [UInt8], _ body: () throws(Errno) -> R
    ) throws(CommandError) -> R {
        do throws(Errno) {
            return try body()
        } catch {
            guard error == .busy else { throw CommandError(error, "\(pathInWords(path)): \(error)") }
            throw CommandError(
                .busy, "\(pathInWords(path)) was changed here and in the base: draftfs drift --merge "
                    + "merges both, ours keeps the file, theirs takes the base's content")
        }
    }

    private func findDrifted(_ path: [UInt8]) throws(CommandError) -> Drifted {
        let found = try commanding(path) { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) -> (Drifted?) in
                let (inode, parent, name) = try tree.paths.find(path: path)
                guard let origin = try tree.knownOrigin(inode.number),
                    FileType(mode: origin.mode) == .regular else { return nil }
                return Drifted(
                    number: inode.number, parent: parent.number, name: name, origin: origin,
                    hasLog: inode.record.flags.contains(.hasLog), reason: "")
            }
        }
        guard var drifted = found, let (reason, status) = workspace.baseFiles.drift(of: drifted.origin) else {
            throw CommandError(
                .invalid, "\(pathInWords(path)) has not drifted: its base file is unchanged")
        }
        let place = BasePlace(path: drifted.origin.path)
        workspace.base.forget(place)
        drifted.reason = reason
        // The status becomes an identity: a change within the same tick of the clock must show.
        drifted.status = try commanding(path) { () throws(Errno) in
            status?.type == .regular ? try workspace.base.settledStatus(place) : status
        }
        return drifted
    }

    /// The number of bytes up to which contents are compared; for larger files a user must decide.
    private static let mostCompared: UInt64 = 64 << 20

    /// Returns whether the base has its old content, which must be in the pool.
    private func hasSameContent(_ drifted: Drifted, _ status: FileStatus) throws(Errno) -> Bool {
        let size = drifted.origin.size
        guard status.size == size, size <= Self.mostCompared,
            workspace.baseFiles.hasPin(drifted.origin)
        else { return false }
        let place = BasePlace(path: drifted.origin.path)
        var at: UInt64 = 0
        while at < size {
            let range = at..<min(size, at + 1 << 20)
            let then = try workspace.content.bytes(range, of: drifted.number, drifted.origin)
            let now = try workspace.base.file(place).readBytes(then.count, at: at)
            if then != now { return false }
            at = range.upperBound
        }
        return try workspace.base.status(of: workspace.base.file(place), at: place) == status
    }

    /// Makes a backup of the moment before a command, as other commands do.
    private func backUp(
        before command: String, caller: Caller
    ) throws(CommandError) -> FileName {
        do throws(Errno) {
            return try workspace.gate.alone { () throws(Errno) in
                try workspace.withTree { (tree) throws(Errno) in
                    var transaction = tree.begin(.backup, caller.stamp(workspace.clock.realtime()))
                    let name = tree.addAutomaticBackup("before \(command)", to: &transaction)
                    try tree.commit(&transaction)
                    return name
                }
            }
        } catch {
            throw CommandError(error, "the automatic backup could not be recorded: \(error)")
        }
    }

    // MARK: Changing

    fileprivate enum Choice {
        /// The content of the present base file.
        case theirs(FileStatus)
        /// The file's present content over the present base file; nil if there is none.
        case ours(FileStatus?)

        /// The status of the present base file.
        var status: FileStatus? {
            switch self {
            case .theirs(let status): status
            case .ours(let status): status
            }
        }
    }

    private func replace(
        _ drifted: Drifted, by choice: Choice, as operation: TreeOperation, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        // The present content is pinned like that of a first edit: the base may change again.
        let wish = workspace.withTreeSafely { tree in
            choice.status.map { status in
                let origin = tree.baseFiles.makeOrigin(
                    at: BasePlace(path: drifted.origin.path), status, kept: [])
                return PinWish(
                    place: BasePlace(path: origin.path), identity: tree.baseFiles.pinIdentity(origin),
                    limit: tree.baseFiles.pinLimit)
            }
        }
        let outcome = try workspace.baseFiles.keeping(wish) { (kept) throws(Errno) in
            try workspace.gate.alone { () throws(Errno) in
                try workspace.withTree { (tree) throws(Errno) in
                    var plan = PlannedTree(tree, stamp: caller.stamp(workspace.clock.realtime()))
                    try plan.replace(drifted, choice, kept)
                    return try plan.apply(
                        as: operation, backupComment: operation == .dropDrift ? "before drift drop" : nil)
                }
            }
        }
        workspace.driftMet.withLock { _ = $0.remove(drifted.number) }
        return outcome
    }

    /// Gives a file the present base file as its origin, since that has the old content: all that refers to
    /// the old origin refers to the new one.
    private func renewOrigin(
        _ drifted: Drifted, _ status: FileStatus, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        let number = drifted.number
        let last = try workspace.withTree { (tree) throws(Errno) in
            guard try tree.knownOrigin(number) == drifted.origin else { throw .again }
            var transaction = tree.begin(.acceptDrift, caller.stamp(workspace.clock.realtime()))
            let time = transaction.stamp.time
            transaction.update(try tree.edits.regular(number)) { $0.changeTime = time }
            transaction.changes.append(
                .origin(number, before: drifted.origin, after: tree.baseFiles.makeOrigin(
                    at: BasePlace(path: drifted.origin.path), status, kept: [])))
            try tree.commit(&transaction)
            return transaction.sequence
        }
        workspace.driftMet.withLock { _ = $0.remove(number) }
        var outcome = CommandOutcome(sequence: last, changed: 1)
        outcome.stale.inodes[number] = true
        return outcome
    }

    private func removeDrifted(
        _ drifted: Drifted, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        guard let name = drifted.name else { throw .invalid }
        try workspace.withReserve { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) in
                // The name may lead to another file since it was found.
                guard try tree.entry(name, in: drifted.parent)?.inode == drifted.number else {
                    throw .again
                }
                _ = try tree.names.unlink(name, in: drifted.parent, caller: caller)
            }
        }
        workspace.driftMet.withLock { _ = $0.remove(drifted.number) }
        var outcome = CommandOutcome(sequence: workspace.sequence.last, changed: 1)
        outcome.stale.inodes[drifted.number] = true
        outcome.stale.inodes[drifted.parent] = true
        outcome.stale.entries.append((drifted.parent, name))
        return outcome
    }
}

extension PlannedTree {
    /// Puts another inode in the place of a drifted one.
    fileprivate mutating func replace(
        _ drifted: TreeCommands.Drifted, _ choice: TreeCommands.Choice, _ kept: Set<PinIdentity>
    ) throws(Errno) {
        guard let name = drifted.name,
            try tree.entry(name, in: drifted.parent)?.inode == drifted.number,
            let old = try row(drifted.number),
            // An edit made meanwhile must not be lost with the state that was examined.
            old.flags.contains(.hasLog) == drifted.hasLog
        else { throw .again }
        var record = old
        record.number = try tree.nextNumber()
        record.links = 1
        record.contentSequence = 0
        record.birthTime = stamp.time
        record.changeTime = stamp.time
        record.flags = old.flags.intersection([.hasCapability])
        switch choice {
        case .theirs(let now):
            record.flags.insert(.followsBase)
            record.size = now.size
            record.allocated = now.allocatedBytes
            record.modificationTime = stamp.time
        case .ours:
            guard let log = try tree.edits.log(of: tree.inode(drifted.number)) else { throw .again }
            let pieces = try log.snapshot()
            record.size = pieces.length
            record.allocated = pieces.allocatedBytes
            record.flags.insert(.hasLog)
            setContent(
                of: record.number, pieces, source: drifted.number,
                at: old.contentMoment(at: tree.sequence.last, in: tree.logs))
        }
        if let status = choice.status {
            setOrigin(record.number, tree.baseFiles.makeOrigin(
                    at: BasePlace(path: drifted.origin.path), status, kept: kept))
            record.flags.insert(.hasOrigin)
        }
        for (key, value) in try tree.xattrs(of: drifted.number) {
            setXattr(key, of: record.number, value)
            record.flags.insert(.hasXattrs)
        }
        setRow(record.number, record)
        setEntry(name, in: drifted.parent, Entry(inode: record.number, type: .regular))
        if old.links > 1 {
            var rest = old
            rest.links -= 1
            rest.changeTime = stamp.time
            setRow(drifted.number, rest)
        } else {
            setRow(drifted.number, nil)
        }
    }
}
