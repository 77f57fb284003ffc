// Executor: executes what was written to a control file: reads the commands one by one and calls the
// engine for each. The first failure ends the write. Earlier commands stay done.

package import Overlay
package import Past
package import Platform
internal import Synchronization

/// The engine's interface for commands. `Workspace` implements it. Tests have another implementation.
package protocol CommandTarget: Sendable {
    /// The sequence number of the last change.
    var lastSequence: UInt64 { get }

    func backup(
        _ name: FileName, comment: [UInt8], caller: Caller
    ) throws(CommandError) -> Backup
    func removeBackup(_ name: FileName, caller: Caller) throws(CommandError)
    func renameBackup(
        _ name: FileName, to newName: FileName, caller: Caller
    ) throws(CommandError)
    func rollback(
        to moment: Moment, paths: [[UInt8]], keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome
    func undo(
        _ count: Int, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) -> CommandOutcome
    func clone(
        _ source: [UInt8], to target: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome
    func edit(
        _ path: [UInt8], _ splices: [Splice], caller: Caller
    ) throws(CommandError) -> CommandOutcome
    func noteRun(
        status: Int32, milliseconds: Int64, command: [UInt8], output: [UInt8]
    ) throws(CommandError)
}

extension Workspace: CommandTarget {
    package var lastSequence: UInt64 { accounts.statistics.sequence }

    package func backup(
        _ name: FileName, comment: [UInt8], caller: Caller
    ) throws(CommandError) -> Backup {
        try moments.backup(name, comment: comment, caller: caller)
    }

    package func removeBackup(_ name: FileName, caller: Caller) throws(CommandError) {
        try moments.removeBackup(name, caller: caller)
    }

    package func renameBackup(
        _ name: FileName, to newName: FileName, caller: Caller
    ) throws(CommandError) {
        try moments.renameBackup(name, to: newName, caller: caller)
    }

    package func rollback(
        to moment: Moment, paths: [[UInt8]], keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try commands.rollback(to: moment, paths: paths, keepsTimes: keepsTimes, caller: caller)
    }

    package func undo(
        _ count: Int, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try commands.undo(count, paths: paths, caller: caller)
    }

    package func clone(
        _ source: [UInt8], to target: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try commands.clone(source, to: target, caller: caller)
    }

    package func edit(
        _ path: [UInt8], _ splices: [Splice], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try content.edit(path, splices, caller: caller)
    }

    package func noteRun(
        status: Int32, milliseconds: Int64, command: [UInt8], output: [UInt8]
    ) throws(CommandError) {
        try runs.note(
            status: status, nanoseconds: milliseconds.multiplied(clamping: 1_000_000), command: command,
            output: output)
    }
}

/// The parts of commands that need more than one workspace. Paths are relative to the workspace's root.
package protocol CommandHandlers<Target>: Sendable {
    associatedtype Target: CommandTarget

    /// Starts the check and returns. Throws EBUSY if a check is running.
    func verify(_ target: Target, paths: [[UInt8]], caller: Caller) throws(CommandError)
    func setLimit(
        _ key: LimitKey, to value: LimitValue, of target: Target, caller: Caller
    ) throws(CommandError)
    /// Resolves drift of a file that needs no decision by the user.
    func acceptDrift(
        _ path: [UInt8], of target: Target, caller: Caller
    ) throws(CommandError) -> CommandOutcome
    /// Keeps the current content of a drifted file.
    func keepOurs(
        _ path: [UInt8], over version: [UInt8]?, of target: Target, caller: Caller
    ) throws(CommandError) -> CommandOutcome
    /// Discards the edits, after a backup.
    func dropDrift(
        _ path: [UInt8], of target: Target, caller: Caller
    ) throws(CommandError) -> CommandOutcome
    /// Makes a fork of the workspace.
    func fork(
        _ target: Target, as name: FileName, at moment: Moment?, caller: Caller
    ) throws(CommandError)
    /// Puts changes of the workspace into the base.
    /// - Throws: EBUSY if changes conflict with those of the base.
    func commit(_ target: Target, _ request: CommitRequest, caller: Caller) throws(CommandError)
    /// Makes commits and other changes of the base visible.
    /// - Throws: EBUSY if changes conflict with those of the base.
    func refresh(
        _ target: Target, _ request: RefreshRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome
    /// Puts changes of the workspace into another one.
    /// - Throws: EBUSY if changes conflict with those of the other one.
    func merge(
        _ target: Target, _ request: MergeRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome
    /// Releases history of the workspace, and of those that share logs with it.
    func release(_ target: Target, isDryRun: Bool, age: UInt64?) throws(CommandError)
}

package struct Executor<Handlers: CommandHandlers>: Sendable {
    private let handlers: Handlers
    private let clock: Clock

    package init(_ handlers: Handlers, clock: Clock = .system) {
        self.handlers = handlers
        self.clock = clock
    }

    /// Executes all commands in `bytes`.
    /// - Parameter done: Called after each command, so that caches can be invalidated before the next.
    /// - Throws: The error of the first command that fails. From the second line on, its sentence names
    ///   the line.
    package func write(
        _ bytes: [UInt8], to file: CommandFile, of target: Handlers.Target, caller: Caller,
        done: (CommandOutcome) -> Void = { _ in }
    ) throws(CommandError) {
        var reader = CommandReader(bytes, of: file, now: clock.realtime())
        do {
            while let command = try reader.next() {
                done(try run(command, on: target, caller: caller))
            }
        } catch {
            // The command was done but may not be durable. The caches are stale in any case.
            if let outcome = error.done { done(outcome) }
            throw reader.naming(error)
        }
    }

    package func run(
        _ command: Command, on target: Handlers.Target, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        switch command {
        case .backup(let name, let comment):
            let backup = try target.backup(name, comment: comment, caller: caller)
            return CommandOutcome(sequence: backup.sequence)
        case .deleteBackup(let name):
            try target.removeBackup(name, caller: caller)
        case .renameBackup(let name, let newName):
            try target.renameBackup(name, to: newName, caller: caller)
        case .rollback(let moment, let keepsTimes, let paths):
            return try target.rollback(
                to: moment, paths: paths, keepsTimes: keepsTimes, caller: caller)
        case .undo(let count, let paths):
            return try target.undo(count, paths: paths, caller: caller)
        case .clone(let source, let destination):
            return try target.clone(source, to: destination, caller: caller)
        case .edit(let path, let splices):
            return try target.edit(path, splices, caller: caller)
        case .verify(let paths):
            try handlers.verify(target, paths: paths, caller: caller)
        case .limit(let key, let value):
            try handlers.setLimit(key, to: value, of: target, caller: caller)
        case .acceptDrift(let path):
            return try handlers.acceptDrift(path, of: target, caller: caller)
        case .keepOurs(let path, let version):
            return try handlers.keepOurs(path, over: version, of: target, caller: caller)
        case .dropDrift(let path):
            return try handlers.dropDrift(path, of: target, caller: caller)
        case .refresh(let request):
            return try handlers.refresh(target, request, caller: caller)
        case .run(let status, let milliseconds, let command, let output):
            try target.noteRun(
                status: status, milliseconds: milliseconds, command: command, output: output)
        case .fork(let name, let moment):
            try handlers.fork(target, as: name, at: moment, caller: caller)
        case .commit(let request): try handlers.commit(target, request, caller: caller)
        case .merge(let request): return try handlers.merge(target, request, caller: caller)
        case .release(let isDryRun, let age):
            try handlers.release(target, isDryRun: isDryRun, age: age)
        case .discard, .remove, .discardClean, .restore:
            throw CommandError(
                .notSupported, "this command is for the list of workspaces: write it to its control files")
        }
        return CommandOutcome(sequence: target.lastSequence)
    }
}

/// The reason why the last command of each workspace failed.
package final class LastErrors: Sendable {
    private let sentences = Mutex<[UInt16: String]>([:])

    package init() {}

    /// Stores the result of a command.
    /// - Parameters:
    ///   - error: Nil for a command that succeeded.
    ///   - workspace: 0 for the list of workspaces.
    package func set(_ error: CommandError?, workspace: UInt16) {
        sentences.withLock { $0[workspace] = error?.description }
    }

    /// Returns the text of `last-error`: one line, or nothing.
    package func text(workspace: UInt16) -> [UInt8] {
        let sentence = sentences.withLock { $0[workspace] }
        // The engine's sentences may contain unquoted file names with line ends.
        guard let lines = sentence?.split(whereSeparator: \.isNewline) else { return [] }
        return Array((lines.joined(separator: " ") + "\n").utf8)
    }
}
