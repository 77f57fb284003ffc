// Rollback: restores the whole workspace to its state after an earlier change, by one transaction that
// reverts all later changes. A rollback can be rolled back: the state before it is a backup.

package import Overlay
internal import Platform
internal import Storage

/// Commands that change many files at once, all or nothing.
package struct TreeCommands: Sendable {
    let workspace: Workspace
}

extension TreeCommands {
    /// Restores the whole workspace or some paths to `moment`, all or nothing.
    /// - Parameters:
    ///   - paths: paths below the workspace's root; empty for the whole workspace.
    ///   - keepsTimes: single paths get their old modification times; otherwise changed files get the
    ///     present time, so that make(1) sees them. A whole workspace always gets its old times.
    /// - Throws: ENOENT for an unknown moment or path, ENOSPC, EIO if a log is damaged.
    package func rollback(
        to moment: Moment, paths: [[UInt8]], keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        let target = try workspace.moments.sequence(of: moment)
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
        let outcome: CommandOutcome
        var reason: String?
        do throws(Errno) {
            outcome = try workspace.gate.alone { () throws(Errno) in
                // A rollback works on a full disk, so that changes which filled it can be reverted.
                try workspace.withReserve { () throws(Errno) in
                    try workspace.withTree { (tree) throws(Errno) in
                        let failures = tree.failures.count
                        defer { reason = tree.failures.last(since: failures) }
                        // No release moves the horizon while the gate is held alone.
                        guard workspace.horizon.shows(target) else { throw .stale }
                        var plan = try Rollback.plan(
                            tree, at: target, stamp: caller.stamp(workspace.clock.realtime()), paths: paths,
                            keepsTimes: keepsTimes)
                        return try plan.apply(as: operation, backupComment: comment)
                    }
                }
            }
        } catch {
            if error == .stale { try workspace.moments.refuseReleased(target) }
            throw CommandError(error, rollbackFailure(error, reason, operation, paths))
        }
        try workspace.moments.makeDurable(outcome, operation == .undo ? "the undo" : "the rollback")
        return outcome
    }

    private func rollbackFailure(
        _ error: Errno, _ reason: String?, _ operation: TreeOperation, _ paths: [[UInt8]]
    ) -> String {
        let verb = operation == .undo ? "undo" : "rollback"
        let subject = paths.count == 1 ? " of \(String(decoding: paths[0], as: UTF8.self))" : ""
        switch error {
        case .noEntry:
            return "the path exists neither now nor at that moment: the \(verb)\(subject) did nothing"
        case .noSpace:
            return "the store is full: the \(verb)\(subject) did nothing; make room and try again"
        case .inputOutput, .stale:
            return "the \(verb)\(subject) did nothing: "
                + (reason ?? "a log that it needs cannot be read or synced (\(error))")
                + "; verify and events have details; a rollback of single paths may still work"
        case .fileTooBig:
            return "a file to restore has more pieces than one record can hold: the "
                + "\(verb)\(subject) did nothing; name paths without that file"
        default:
            return "the \(verb)\(subject) did nothing: \(error)"
        }
    }
}

/// Plans a rollback of the whole tree; PathRollback plans that of single paths.
package struct Rollback {
    var plan: PlannedTree
    let past: TreeAtMoment
    var copies: TreeCopy
    /// Maps inodes of the moment to the inodes that stand for them in the plan, so that hard links stay
    /// links.
    var placed: [InodeNumber: InodeNumber] {
        get { copies.made }
        set { copies.made = newValue }
    }
    /// The inverse of `placed`.
    var claimed: [InodeNumber: InodeNumber] = [:]
    /// How many names this rollback took from files that still have other names.
    var unlinked: [InodeNumber: Int] = [:]
    /// Files and trees that are placed once all files that stay are known, so that each can become a link
    /// to one of them.
    var deferred: [(old: ViewNode, name: FileName, directory: ViewNode)] = []

    /// Names in untouched directories that lead to changed files; found at first use.
    private var links: ChangedLinks?

    var tree: Tree { plan.tree }
    var keepsTimes: Bool { plan.keepsTimes }

    static func plan(
        _ tree: Tree, at target: UInt64, stamp: Stamp, paths: [[UInt8]], keepsTimes: Bool
    ) throws(Errno) -> PlannedTree {
        let past = try TreeAtMoment(tree, after: target)
        var rollback = Rollback(
            plan: PlannedTree(
                tree, stamp: stamp, keepsTimes: keepsTimes, pastOrigins: past.delta.origins),
            past: past, copies: TreeCopy(past))
        if paths.isEmpty { try rollback.restoreAll() }
        for path in paths { try rollback.restore(path) }
        try rollback.placeDeferred()
        return rollback.plan
    }

    /// Returns the names that the base has for changed files. A rollback of the whole workspace or of
    /// single files does not need them.
    mutating func changedLinks() throws(Errno) -> ChangedLinks {
        if let links { return links }
        let found = try ChangedLinks(since: past)
        links = found
        return found
    }

    /// Gives every changed key its old value.
    mutating func restoreAll() throws(Errno) {
        var numbers = Set(past.delta.inodes.keys)
        numbers.formUnion(try tree.editedInodes(after: past.sequence))
        for number in numbers { try restoreRow(number) }
        for (directory, names) in past.delta.entries {
            for (name, old) in names { plan.setEntry(name, in: directory, old) }
        }
        for (number, names) in past.delta.xattrs {
            for (name, old) in names { plan.setXattr(name, of: number, old) }
        }
        // The state of the base that was seen then.
        for (number, old) in past.delta.origins {
            guard let now = try tree.knownOrigin(number),
                EpochPath.top(now.path) != EpochPath.top(old.path) else { continue }
            plan.setOrigin(number, old)
        }
        try leaveOutUnfinished()
    }

    /// Leaves out working files and directories that existed at the moment and are gone now: no call uses
    /// them. Those that still exist may be in use, and are restored.
    private mutating func leaveOutUnfinished() throws(Errno) {
        guard past.delta.entries.values.contains(where: { $0.keys.contains(where: WorkingName.isPassing) })
        else { return }
        for (directory, names) in past.delta.entries {
            for name in names.keys where WorkingName.isPassing(name) {
                guard try tree.entry(name, in: directory) == nil,
                    let before = try plan.row(directory)
                else { continue }
                let parent = try plan.node(directory)
                guard let node = try nowChild(name, of: parent) else { continue }
                try remove(node, name, from: parent)
                guard var record = try plan.row(directory) else { continue }
                record.modificationTime = before.modificationTime
                record.changeTime = before.changeTime
                plan.setRow(directory, record)
            }
        }
        for (number, names) in past.delta.xattrs where !number.isOfMarks {
            if try plan.row(number) != nil { continue }
            for name in names.keys { plan.setXattr(name, of: number, nil) }
        }
    }

    /// Restores the row and the content of an inode.
    private mutating func restoreRow(_ number: InodeNumber) throws(Errno) {
        guard let old = try past.stateRow(number) else {
            return plan.setRow(number, nil)
        }
        plan.setRow(number, try restoreContent(old, of: number))
    }

    /// Plans to restore the content of a file if it was edited since.
    /// - Returns: the row that goes with the content.
    mutating func restoreContent(
        _ old: PastRow, of number: InodeNumber
    ) throws(Errno) -> InodeRecord {
        var record = old.record
        let now = try tree.row(number)
        let isSameContent = hasContent(now, old)
        if let now, isSameContent {
            record.contentSequence = now.contentSequence
            // The log that has the content now.
            if now.flags.contains(.inheritsLog) {
                record.flags.insert(.inheritsLog)
            } else {
                record.flags.remove(.inheritsLog)
            }
            var same = record
            (same.sequence, same.changeTime) = (now.sequence, now.changeTime)
            // The file is as it was, whatever happened in between.
            if same == now { return now }
        }
        if now != record { record.changeTime = plan.stamp.time }
        guard record.type == .regular, !isSameContent else { return record }
        if !record.flags.contains(.hasLog) {
            guard !record.flags.contains(.hasOrigin), EditLog.exists(number, in: tree.logs) else {
                return record
            }
            // The first edit came after the moment. A file made here keeps its log: recovery takes a log
            // that it finds for the content.
            record.flags.insert(.hasLog)
            plan.setContent(of: number, PieceTree(), source: number, at: past.sequence)
        } else if let pieces = old.pieces,
            try tree.historicLog(number).lastSequence > past.sequence {
            plan.setContent(
                of: number, pieces, source: number,
                at: old.record.contentMoment(at: past.sequence, in: tree.logs))
        } else {
            return record
        }
        record.changeTime = plan.stamp.time
        return record
    }

    /// Returns whether a file's log now holds the same content as at the moment.
    /// - Parameter row: the present row of the file.
    private func hasContent(_ row: InodeRecord?, _ old: PastRow) -> Bool {
        guard old.record.type == .regular, let row, row.links > 0,
            row.flags.contains(.hasLog), old.record.flags.contains(.hasLog)
        else { return false }
        guard let pieces = old.pieces else { return false }
        guard let now = try? tree.historicLog(row.number).snapshot() else { return false }
        return now.pieceCount == pieces.pieceCount && now.length == pieces.length
            && now.allPieces.elementsEqual(pieces.allPieces)
    }
}
