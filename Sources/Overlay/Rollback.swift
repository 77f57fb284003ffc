// Rollback: the whole workspace becomes what it was after an earlier change, by one transaction that
// takes back what changed since. It can be rolled back itself: the state before is a backup.

internal import Platform
internal import Storage

extension Workspace {
    /// Brings back the moment `moment`, for all of the workspace or for paths. Whole or not at all.
    /// - Parameters:
    ///   - paths: below the workspace's root; none means all of it.
    ///   - keepsTimes: single paths get the modification times they had; otherwise files that change
    ///     get the present one, so that make(1) sees them. A whole workspace always gets its times.
    /// - Throws: ENOENT for an unknown moment or path, ENOSPC, EIO where a log is damaged.
    package func rollback(
        to moment: Moment, paths: [[UInt8]], keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let target = try sequence(of: moment)
        return try rollback(
            to: target, as: .rollback, comment: "before the rollback to \(text(moment))",
            paths: paths, keepsTimes: keepsTimes, caller: caller)
    }

    private func text(_ moment: Moment) -> String {
        switch moment {
        case .backup(let name): "\(name)"
        case .sequence(let number): "@\(number)"
        case .time(let time): "the time \(time / 1_000_000_000) s after 1970"
        }
    }

    func rollback(
        to target: UInt64, as operation: TreeOperation, comment: String, paths: [[UInt8]],
        keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        do throws(Errno) {
            let outcome = try gate.alone { () throws(Errno) in
                try withTree { (tree) throws(Errno) in
                    let past = try tree.past(after: target)
                    var plan = RollbackPlan(
                        tree, past, at: target, stamp: caller.stamp(clock.realtime()))
                    try plan.takeBackEverything()
                    return try plan.commit(operation, comment)
                }
            }
            try journal.synchronize()
            return outcome
        } catch {
            throw CommandError(error, rollbackFailure(error, operation, paths))
        }
    }

    private func rollbackFailure(
        _ error: Errno, _ operation: TreeOperation, _ paths: [[UInt8]]
    ) -> String {
        let verb = operation == .undo ? "undo" : "rollback"
        let subject = paths.count == 1 ? " of \(String(decoding: paths[0], as: UTF8.self))" : ""
        switch error {
        case .noEntry:
            return "nothing of that name is there, now or then: the \(verb)\(subject) did nothing"
        case .noSpace:
            return "the store is full: the \(verb)\(subject) did nothing; make room and try again"
        case .inputOutput:
            return "a log that the \(verb)\(subject) needs is damaged, so it did nothing: "
                + "verify names it; rolling back single paths may still work"
        default:
            return "the \(verb)\(subject) did nothing: \(error)"
        }
    }
}

/// What a rollback is going to do: the values that keys are to have.
struct RollbackPlan {
    let tree: Tree
    let past: PastValues
    let target: UInt64
    let stamp: Stamp
    /// In order of their making; rows without the number of the transaction, which is not known yet.
    var changes: [TreeChange] = []
    var contents: [NewContent] = []
    /// Rows whose content the transaction sets.
    var restored: Set<InodeNumber> = []
    var changed: Set<InodeNumber> = []
    var stale = StaleCaches()

    init(_ tree: Tree, _ past: PastValues, at target: UInt64, stamp: Stamp) {
        self.tree = tree
        self.past = past
        self.target = target
        self.stamp = stamp
    }

    /// Every key that changed gets the value that it had.
    mutating func takeBackEverything() throws(Errno) {
        var numbers = Set(past.inodes.keys)
        numbers.formUnion(try tree.editedInodes(after: target))
        for number in numbers.sorted() { try takeBackInode(number) }
        for (directory, names) in past.entries {
            for (name, old) in names {
                try setEntry(name, in: directory, to: old)
            }
        }
        for (number, names) in past.xattrs {
            let now = try tree.xattrs(of: number)
            for (name, old) in names where now[name] != old {
                changes.append(.xattr(number, name, before: now[name], after: old))
                note(number, content: false)
            }
        }
    }

    mutating func note(_ number: InodeNumber, content: Bool) {
        changed.insert(number)
        stale.inodes[number] = content || stale.inodes[number] == true
    }

    mutating func setEntry(
        _ name: FileName, in directory: InodeNumber, to entry: Entry?
    ) throws(Errno) {
        let now = try tree.entry(name, in: directory)
        if now == entry { return }
        changes.append(.entry(directory, name, before: now, after: entry))
        stale.entries.append((directory, name))
        stale.inodes[directory] = true
        for number in [now?.inode, entry?.inode] {
            if let number, number != 0 { changed.insert(number) }
        }
    }

    private mutating func takeBackInode(_ number: InodeNumber) throws(Errno) {
        let now = try tree.row(number).flatMap { $0.links > 0 ? $0 : nil }
        guard let old = try tree.pastRow(number, past, at: target) else {
            guard let now else {
                if tree.touched.contains(number) {
                    changes.append(.inode(number, before: nil, after: nil))
                }
                return
            }
            changes.append(.inode(number, before: now, after: nil))
            note(number, content: true)
            return
        }
        var record = old.record
        var isContentNew = now == nil || record.flags.contains(.hasLog) != now?.flags.contains(.hasLog)
        if record.type == .regular, !record.flags.contains(.hasOrigin),
            !record.flags.contains(.hasLog), EditLog.exists(number, in: tree.logs) {
            // Its first edit came later. A file made here that has a log keeps it: recovery takes a
            // log that it finds for the content.
            record.flags.insert(.hasLog)
            contents.append(
                NewContent(
                    number: number, source: number, sequence: target, pieces: PieceTree()))
            restored.insert(number)
            isContentNew = true
        } else if record.flags.contains(.hasLog), let pieces = old.pieces {
            let log = try tree.historicLog(number).log
            if log.lastSequence > target {
                contents.append(
                    NewContent(number: number, source: number, sequence: target, pieces: pieces))
                restored.insert(number)
                isContentNew = true
            }
        }
        if record == now, !isContentNew { return }
        record.changeTime = stamp.time
        changes.append(.inode(number, before: now, after: record))
        note(number, content: isContentNew)
    }

    /// - Returns: what was done; a rollback that changes nothing is no change, but still an answer.
    mutating func commit(
        _ operation: TreeOperation, _ comment: String
    ) throws(Errno) -> CommandOutcome {
        guard !changes.isEmpty || !contents.isEmpty else {
            return CommandOutcome(sequence: tree.sequence.last)
        }
        try tree.markContents(contents, stamp: stamp)
        var transaction = tree.begin(operation, stamp)
        let number = transaction.sequence
        transaction.changes = changes.map { change in
            guard case .inode(let inode, let before, var after?) = change else { return change }
            after.sequence = number
            if restored.contains(inode) { after.contentSequence = number }
            return .inode(inode, before: before, after: after)
        }
        let name = tree.addAutomaticBackup(comment, to: &transaction)
        try tree.commit(&transaction, restoring: contents)
        for change in transaction.changes {
            if case .entry(let parent, let name, _, let after?) = change, !after.isWhiteout,
                let inode = tree.inodes[after.inode] {
                inode.parent = parent
                inode.name = name
            }
        }
        var outcome = CommandOutcome(sequence: number, backup: name, changed: changed.count)
        outcome.stale = tree.known(stale)
        return outcome
    }
}

extension Tree {
    /// What of `stale` the kernel can have.
    func known(_ stale: StaleCaches) -> StaleCaches {
        func isHeld(_ number: InodeNumber) -> Bool {
            number == rootNumber || (inodes[number]?.lookups ?? 0) > 0
        }
        var held = StaleCaches()
        held.inodes = stale.inodes.filter { isHeld($0.key) }
        held.entries = stale.entries.filter { isHeld($0.parent) }
        return held
    }
}
