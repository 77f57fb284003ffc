// Undo: reverts the last steps. A step is what one command did to one file, as far as the logs show it.

package import Overlay
internal import Platform
internal import Storage

extension TreeCommands {
    /// Reverts the last `count` steps, of the whole workspace or of paths and all below them. It is a
    /// rollback to before the first of these steps, which can be undone in turn.
    ///
    /// A step is one change, or a run of consecutive changes of one process to one file. Each change of a
    /// run is a write that starts where the previous one ended, or the first write after the file was made
    /// or emptied. So `echo x > f`, `cp a b` and a long download are one step each. A rollback and an undo
    /// are steps too; backups are not. A file that is written under a working name and then renamed to its
    /// own is one step. So are all changes made while a stage existed, by any process.
    ///
    /// - Parameter paths: a file renamed in a reverted step moves back as well.
    /// - Throws: EINVAL for a count below 1, ENOENT if there are fewer steps; otherwise as `rollback`.
    package func undo(
        _ count: Int, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        guard count >= 1 else {
            throw CommandError(.invalid, "undo takes back 1 step or more, not \(count)")
        }
        let scoped = paths.map(Self.normalized)
        let isWhole = scoped.isEmpty || scoped.contains([])
        let steps: UndoSteps
        do throws(Errno) {
            steps = try findSteps(count, isWhole ? [] : scoped)
        } catch {
            throw CommandError(
                error, "the history cannot be read, so nothing was undone: \(error)")
        }
        let horizon = workspace.horizon.record.first
        // Records before it may be gone, so that an earlier step seems to be the one before.
        let released = CommandError(
            .stale,
            "the history before @\(horizon) was released, so fewer than \(count) steps can be undone: "
                + "nothing was undone")
        guard let first = steps.first, steps.count == count else {
            if horizon > 0 { throw released }
            let place = isWhole ? "this workspace"
                : scoped.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
            throw CommandError(
                .noEntry,
                steps.count == 0
                    ? "nothing was changed in \(place): there is nothing to undo"
                    : "\(place) has only \(steps.count) steps to undo, not \(count)")
        }
        if horizon > 0, first <= horizon { throw released }
        if steps.metCutName {
            throw CommandError(
                .nameTooLong,
                "a file was renamed from or to a path of more than \(PathFinder.longestPath) bytes: "
                    + "nothing was undone; undo without a path")
        }
        return try rollback(
            to: first.subtracting(clamping: 1), as: .undo,
            comment: "before \(count) step\(count == 1 ? " was" : "s were") undone",
            paths: isWhole ? [] : scoped + steps.otherNames, keepsTimes: false, caller: caller)
    }

    private static func normalized(_ path: [UInt8]) -> [UInt8] {
        Array(path.split(separator: 0x2f).filter { $0 != [0x2e] }.joined(separator: [0x2f]))
    }

    /// How many sequence numbers a walk covers at once, at first and at most.
    private static let firstBlock: UInt64 = 1_000
    private static let largestBlock: UInt64 = 1 << 16

    private func findSteps(_ count: Int, _ paths: [[UInt8]]) throws(Errno) -> UndoSteps {
        var steps = UndoSteps(wanted: count, paths: paths)
        var walk = try workspace.withTree { (tree) throws(Errno) in
            var scope: ChangeScope?
            if !paths.isEmpty {
                scope = ChangeScope(paths: paths, numbers: [])
                for path in paths {
                    // A directory's own number counts too: its mode or owner may have changed.
                    if let number = try? tree.paths.number(at: path) { scope?.numbers.insert(number) }
                }
            }
            return try HistoryWalk(
                tree, from: workspace.sequence.last, scope: scope, wantsPaths: scope != nil)
        }
        var block = Self.firstBlock
        while !walk.isAtStart, !steps.isComplete {
            var lower = walk.upper > block ? walk.upper - block + 1 : 1
            if walk.metNothing { lower = try min(lower, lastInTreeLog(before: walk.upper)) }
            // Without the changes of one log another step would be taken for the last one.
            let changes = try workspace.changes.walk(&walk, to: lower, mustBeWhole: true)
            for change in changes where !steps.isComplete {
                steps.add(change)
            }
            block = min(block * 2, Self.largestBlock)
        }
        return steps
    }

    /// Returns where a walk continues below numbers that no record has: a damaged checkpoint may claim any
    /// number of them. Edits have numbers close after a record of the tree log, which has a mark for each
    /// file.
    private func lastInTreeLog(before upper: UInt64) throws(Errno) -> UInt64 {
        do throws(StorageError) {
            return max(1, try workspace.treeLog.lastRecord(upTo: upper))
        } catch {
            workspace.events.post(.warning, "\(error)")
            throw error.errno
        }
    }
}
