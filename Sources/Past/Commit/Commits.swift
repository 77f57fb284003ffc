// Commits: puts the changes of a workspace into the base. No workspace sees anything of it, also the
// committed one: what the base had is kept for them. New workspaces begin with the new base.
//
// 1. The changes are compared with the base of now. A conflict ends the commit before anything is written.
// 2. What will be put in place is prepared in a directory of the base, and synced.
// 3. The plan is recorded in the store, and synced. From here on the commit is completed, also after a crash.
// 4. All views look at the base through the plan. Then its steps are carried out.
// 5. Both file systems are synced, and the commit is marked as done.

package import Overlay
package import Platform
internal import Storage
internal import Synchronization

package struct CommitRequest: Equatable, Sendable {
    /// Files and directories that are committed. None stands for all.
    package var paths: [[UInt8]] = []
    /// Whether only conflicts are looked for.
    package var isDryRun = false
    package var choice = ConflictChoice.refuse
    /// The paths that the choice is for. None stands for all.
    var decides: [[UInt8]] = []

    package init(paths: [[UInt8]] = [], isDryRun: Bool = false, choice: ConflictChoice = .refuse) {
        self.paths = paths
        self.isDryRun = isDryRun
        self.choice = choice
    }
}

package struct CommitReport: Sendable {
    /// The number of the commit; nil if nothing was committed.
    package var number: UInt64?
    /// What was committed, or would be.
    package var changes: [Difference] = []
    /// The conflicts that are left: nothing was committed if there are any.
    package var conflicts: [CommitConflict] = []
    /// The paths of conflicts that the choice decided.
    package var decided: [CommitConflict] = []
}

/// Commits changes of workspaces to the base.
package struct Commits: Sendable {
    let set: WorkspaceSet
    /// Called before each step of a commit; a test throws here.
    var observer: (@Sendable (CommitStep) throws(Errno) -> Void)?
    /// Whether the base is taken for one on another file system, as a test may ask.
    var alwaysCopies = false

    package init(_ set: WorkspaceSet) { self.set = set }
}

extension Commits {
    /// Returns these commits with a test's observer.
    /// - Parameters:
    ///   - alwaysCopies: whether the base is taken for one on another file system than the store.
    ///   - observer: returns an error that ends the commit, or nil.
    package func observed(
        alwaysCopies: Bool = false, _ observer: @escaping @Sendable () -> Errno?
    ) -> Commits {
        let check: @Sendable (CommitStep) throws(Errno) -> Void = { (_) throws(Errno) in
            if let error = observer() { throw error }
        }
        var commits = self
        (commits.observer, commits.alwaysCopies) = (check, alwaysCopies)
        return commits
    }

    /// Commits the changes of a workspace.
    /// - Parameter progress: called with the number of done steps and of all.
    /// - Throws: EROFS on a read-only base, EACCES, ENOSPC, EIO; EBUSY if the base changes meanwhile.
    ///   Conflicts are in the report, and are no error.
    package func commit(
        _ workspace: Workspace, _ request: CommitRequest, time: Int64,
        progress: @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
    ) throws(CommandError) -> CommitReport {
        guard set.epochs.directory != nil else {
            throw CommandError(.notSupported, "this store is in memory: nothing can be committed")
        }
        if let fault = set.epochs.fault { throw CommandError(fault.errno, "nothing was committed: \(fault)") }
        let result = set.epochs.committing.withLock { _ -> Result<CommitReport, CommandError> in
            do throws(CommandError) {
                if !request.isDryRun { try finishUnderWay(progress) }
                return .success(try run(workspace, request, time, progress))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Completes a commit that a crash or an error ended.
    /// - Returns: whether there was one.
    @discardableResult
    package func finishInterrupted() throws(CommandError) -> Bool {
        if set.epochs.fault != nil { return false }
        let result = set.epochs.committing.withLock { _ -> Result<Bool, CommandError> in
            do throws(CommandError) {
                let wasUnderWay = try finishUnderWay { _, _ in }
                removeStages()
                return .success(wasUnderWay)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Removes what commits have kept of the base that no workspace sees any more.
    package func removeUnneeded() {
        // A workspace whose record is lost may need them.
        guard set.store.unreadable.isEmpty, set.epochs.fault == nil else { return }
        let oldest = set.store.allWorkspaces.map(\.epoch).min() ?? set.epochs.newest
        set.epochs.removeAll(upTo: oldest)
    }

    /// Removes what commits prepared that never began to change the base.
    private func removeStages() {
        let prefix = Array(set.epochs.stagePrefix.utf8)
        // A base that cannot be listed or written to keeps them. Workspaces do not show them.
        guard set.epochs.hasDirectory,
            let names = try? set.base.host.stages().filter({ $0.bytes.starts(with: prefix) }),
            !names.isEmpty, let base = try? CommitBase(set.base.host) else { return }
        for name in names {
            do throws(Errno) {
                try base.removeStage("\(name)")
            } catch {
                set.events.post(
                    .warning,
                    "\(base.host.path)/\(name), which a commit prepared, is left in the base: "
                        + "\(error); what is in it whose name begins with m was moved out of the base")
            }
        }
    }

    @discardableResult
    private func finishUnderWay(_ progress: (Int, Int) -> Void) throws(CommandError) -> Bool {
        guard let table = set.epochs.after(0).last, table.isApplying else { return false }
        try apply(table, try open(), progress)
        return true
    }

    private func open() throws(CommandError) -> CommitBase {
        do throws(Errno) {
            return try CommitBase(set.base.host)
        } catch {
            throw Self.failure(error, set.base.path)
        }
    }

    private static func failure(_ error: Errno, _ base: String) -> CommandError {
        switch error {
        case .readOnly:
            CommandError(error, "nothing was committed: the base \(base) is mounted read-only")
        case .accessDenied, .notPermitted:
            CommandError(
                error, "nothing was committed: this user may not change the base \(base): mount as its owner "
                    + "or as root")
        case .stale:
            CommandError(
                error, "nothing was committed: another directory has the path \(base) now: mount again")
        case .noSpace, .quota:
            CommandError(error, "nothing was committed: the file system of the base or the store is full")
        case .notSupported:
            CommandError(
                error, "nothing was committed: the file system of the base \(base) has no rename without "
                    + "replacement (RENAME_NOREPLACE)")
        case .crossDevice:
            CommandError(
                error, "nothing was committed: another file system is mounted in the base where files change")
        case .busy:
            CommandError(
                error, "nothing was committed: the base is being changed by another program: try again")
        default: CommandError(error, "nothing was committed: \(error)")
        }
    }

    private func apply(
        _ table: EpochTable, _ base: CommitBase, _ progress: (Int, Int) -> Void
    ) throws(CommandError) {
        let run: CommitRun
        do throws(Errno) {
            run = try CommitRun(base: base, table: table, observer: observer)
        } catch {
            throw CommandError(error, "commit \(table.number) cannot go on: \(error)")
        }
        try run.run(progress: progress)
        removeUnneeded()
    }

    // MARK: One commit

    private func run(
        _ workspace: Workspace, _ request: CommitRequest, _ time: Int64, _ progress: (Int, Int) -> Void
    ) throws(CommandError) -> CommitReport {
        let base = try open()
        let proposal: CommitProposal
        do throws(Errno) {
            proposal = try CommitProposal(workspace, base, request)
        } catch {
            throw CommandError(error, "the changes cannot be compared with the base: \(error)")
        }
        if let path = proposal.unknownPath(request.paths) {
            throw CommandError(.noEntry, "there is nothing to commit at \(pathInWords(path))")
        }
        var report = CommitReport()
        report.changes = proposal.changes.map(\.difference)
        report.conflicts = proposal.conflicts
        report.decided = proposal.decided
        if request.isDryRun || !proposal.conflicts.isEmpty || proposal.changes.isEmpty { return report }
        let number = set.epochs.newest + 1
        let table = try makeTable(number)
        do throws(Errno) {
            try prepare(table, base, proposal, workspace, time)
        } catch {
            table.close()
            // In this order: a plan without its stage would remove and put nothing in place.
            Epochs.remove(table.directory)
            try? base.removeStage(table.stageName)
            if error == .notEmpty, let path = proposal.closedPath.withLock({ $0 }) {
                throw CommandError(
                    .accessDenied, "nothing was committed: this user may not change "
                        + "\(pathInWords(path)) of the base")
            }
            throw Self.failure(error, set.base.path)
        }
        set.epochs.add(table)
        try apply(table, base, progress)
        report.number = number
        return report
    }

    private func makeTable(_ number: UInt64) throws(CommandError) -> EpochTable {
        do throws(StorageError) {
            return try set.epochs.make(number)
        } catch {
            throw CommandError(error.errno, "nothing was committed: \(error)")
        }
    }

    /// Prepares everything and records the plan.
    private func prepare(
        _ table: EpochTable, _ base: CommitBase, _ proposal: CommitProposal, _ workspace: Workspace,
        _ time: Int64
    ) throws(Errno) {
        let stage = CommitStage(base: base, table: table, view: proposal.view)
        let canMove = try stage.begin() && !alwaysCopies
        let plan = try proposal.plan(base, canMove: canMove)
        for path in plan.directories where !base.root.mayChangeNames(in: path) {
            proposal.closedPath.withLock { $0 = path }
            throw .notEmpty
        }
        if let path = try stage.closedPath(plan) {
            proposal.closedPath.withLock { $0 = path }
            throw .notEmpty
        }
        try stage.prepare(plan)
        do throws(StorageError) {
            try table.begin(
                EpochTable.Commit(workspace: workspace.id, sequence: proposal.view.sequence, time: time),
                rows: plan.rows, inodes: plan.inodes, steps: plan.steps.map(\.encoded),
                committed: plan.committed)
        } catch {
            throw error.errno
        }
    }
}
