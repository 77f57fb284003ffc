// ControlCommands: handles writes to control files. Commands run one after the other in each
// workspace, on a separate thread: a command needs the workers, for syncfs before it and for the
// notifications after it. The engine's locks are held only during the engine's call, never while
// syncing or draining. See MountServer.docc/KernelCaching.md.

internal import Control
internal import Fuse
internal import Glibc
internal import Overlay
internal import Past
internal import Platform
internal import Storage

extension ControlDirectory {
    /// How long a command waits for the kernel to drop its caches, in milliseconds.
    private static let drainLimit = 30_000

    /// Handles a write to a control file.
    /// - Parameter isMapped: the kernel writes back a page of a mapping. The time of that change is
    ///   unknown, and the page may be part of a text, so it is not a command.
    /// - Parameter offset: the pieces of a command must follow each other without a gap.
    func write(
        _ request: consuming Request, _ place: ControlPlace, _ piece: [UInt8], at offset: UInt64,
        isMapped: Bool, appends: Bool
    ) {
        if case .view = place.node { return request.fail(.readOnly) }
        guard case .fixed(let file) = place.node, let command = file.command, !isMapped else {
            return request.fail(.notPermitted)
        }
        let caller = Overlay.Caller(request.context)
        let bytes: [UInt8]
        switch unfinished.join(
            piece, at: appends ? nil : offset, of: place.workspace, file, by: caller.pid) {
        case .command(let whole): bytes = whole
        case .blank: return request.written(piece.count)
        case .unfinished(let error):
            errors.set(error, workspace: place.workspace)
            return request.written(piece.count)
        case .tooLong(let error):
            errors.set(error, workspace: place.workspace)
            return request.fail(error.errno)
        }
        commands.submit(request, lane: UInt64(place.workspace)) { [self] request in
            let failure = run(bytes, command, file, place.workspace, caller)
            errors.set(failure, workspace: place.workspace)
            if let failure { return request.fail(failure.errno.forKernel) }
            request.written(piece.count)
        }
    }

    /// Runs a command.
    /// - Returns: the error, or nil.
    private func run(
        _ bytes: [UInt8], _ command: CommandFile, _ file: ControlFile, _ id: UInt16,
        _ caller: Overlay.Caller
    ) -> CommandError? {
        var hasStale = false
        var failure: CommandError?
        do throws(CommandError) {
            let workspace = try opened(id)
            if file.readsContent { synchronizeMount() }
            if let workspace {
                let notifier = notifier
                let handlers = ServiceHandlers(services: services) { name in
                    notifier?.invalidateEntry(parent: DraftOperations.rootNode, name: name)
                }
                if command == .fork { hasStale = true }
                let executor = Executor(handlers, clock: clock)
                try executor.write(bytes, to: command, of: workspace, caller: caller) {
                    hasStale = invalidate($0, in: workspace) || hasStale
                }
            } else {
                let executor = StoreExecutor(set, clock: clock) {
                    [services] key, value throws(CommandError) in
                    try services.setLimit(key, value, nil, caller)
                } release: { [services] isDryRun, age throws(CommandError) in
                    try services.release(nil, isDryRun, age)
                }
                try executor.write(bytes, to: command) { name, id, held in
                    drop(name, of: id, held)
                    hasStale = true
                }
            }
        } catch {
            failure = error
        }
        // Also after an error half-way, because the first commands of the text took effect.
        if hasStale, let notifier, !notifier.drain(milliseconds: Self.drainLimit) {
            EventLog(of: id, in: set.events).post(
                .warning, "the kernel did not drop its caches within \(Self.drainLimit / 1000) s: "
                    + "programs may see the state before \(command.rawValue)")
        }
        return failure
    }

    private func opened(_ id: UInt16) throws(CommandError) -> Workspace? {
        do throws(Errno) {
            return try workspace(id)
        } catch {
            throw CommandError(error, "the workspace is gone")
        }
    }

    /// Tells the kernel that a name in the list of workspaces leads to another one or to none, and to drop
    /// the pages of the files that are open in a workspace: while it is discarded, reads must fail, and a
    /// page that could not be written back must not be seen after a restore.
    private func drop(_ name: FileName, of id: UInt16, _ held: [InodeNumber]) {
        guard let notifier else { return }
        // The kernel also keeps names that lead to nothing.
        notifier.invalidateEntry(parent: DraftOperations.rootNode, name: name)
        guard notifier.drain(milliseconds: Self.drainLimit) else { return }
        // What is left in use now is open, or is a current directory.
        for number in set.opened(id)?.accounts.kernelInodes ?? held { notifier.invalidateInode(number) }
    }

    /// Writes back the dirty pages of shared mappings; only these are still held by the kernel.
    private func synchronizeMount() {
        do throws(Errno) {
            try synchronizer.synchronize()
        } catch {
            set.events.post(.warning, "mapped pages could not be written back before the command: \(error)")
        }
    }

    /// Tells the kernel to drop what a command changed.
    /// - Returns: whether there was anything to drop.
    private func invalidate(_ outcome: CommandOutcome, in workspace: Workspace) -> Bool {
        guard let notifier else { return false }
        // A workspace that was closed since has nothing in the kernel.
        guard let workspace = outcome.workspace.map({ set.opened($0) }) ?? workspace else { return false }
        var all = outcome.stale
        if outcome.showsOtherBase { all.entries += services.missingNames(workspace) }
        // The listing of a directory is cached in the directory's own pages, so those are dropped
        // too.
        for (directory, _) in all.entries { all.inodes[directory] = true }
        notifier.drop(all, of: workspace, root)
        return !all.inodes.isEmpty
    }

    // MARK: Names in `backups`

    /// Removes a backup on the worker itself. A removal is one record. The kernel holds the
    /// directory's lock, which the notifications of a queued command may need.
    func removeBackup(
        _ name: FileName, in place: ControlPlace, caller: Overlay.Caller
    ) throws(Errno) {
        try changeBackups(place) { (workspace) throws(CommandError) in
            try workspace.removeBackup(name, caller: caller)
        } then: {
            table.retire(name, workspace: place.workspace)
        }
    }

    /// Renames a backup.
    /// - Parameter flags: the flags of renameat2(2); a backup never replaces another.
    func renameBackup(
        _ name: FileName, in place: ControlPlace, to newName: FileName, flags: RenameFlags,
        caller: Overlay.Caller
    ) throws(Errno) {
        guard flags.isSubset(of: [.noReplace]) else { throw .invalid }
        if name == newName { return }
        try changeBackups(place) { (workspace) throws(CommandError) in
            let checked = try FileName(backup: newName.bytes)
            if workspace.moments.backups.contains(where: { $0.name == checked }) {
                throw CommandError(.exists, "there is a backup named \(checked) already")
            }
            try workspace.renameBackup(name, to: checked, caller: caller)
        } then: {
            table.rename(name, to: newName, workspace: place.workspace)
        }
    }

    /// - Parameter then: called if the change was made, durable or not.
    private func changeBackups(
        _ place: ControlPlace, _ change: (Workspace) throws(CommandError) -> Void, then: () -> Void
    ) throws(Errno) {
        guard let workspace = try workspace(place.workspace) else { throw .noEntry }
        do throws(CommandError) {
            try change(workspace)
            then()
            errors.set(nil, workspace: place.workspace)
        } catch {
            if error.done != nil { then() }
            errors.set(error, workspace: place.workspace)
            throw error.errno.forKernel
        }
    }

    // MARK: The end

    /// Refuses further requests, and waits for the running request of each lane.
    /// - Returns: false if a request still runs after `milliseconds`.
    func stop(milliseconds: Int) -> Bool {
        commands.stop()
        readers.stop()
        services.jobs.cancelAll()
        for _ in 0..<max(1, milliseconds / 10) {
            if commands.isIdle, readers.isIdle { return true }
            usleep(10_000)
        }
        return false
    }
}
