// WorkspaceFixture: a base, a store over it and one workspace in a temporary directory, without a mount.
// It can be opened again as after a clean end and as after a kill.

package import Check
import Glibc
package import Overlay
package import Platform
package import Storage

package final class WorkspaceFixture {
    package let directory: TemporaryDirectory
    package let basePath: String
    package private(set) var storePath: String
    package let events = EventLog()
    package let limits: Limits
    fileprivate let clock: Clock
    fileprivate let probe: BaseProbe
    package fileprivate(set) var set: WorkspaceSet!
    package fileprivate(set) var tree: WorkspaceTree!
    /// The name of the workspace that is the fixture's.
    private var current = "main"
    private var copies = 0

    /// - Parameter prepare: fills the base; its argument is the path of the base.
    package init(
        limits: Limits = Limits(), clock: Clock = .system, probe: BaseProbe = BaseProbe(),
        prepare: (String) throws -> Void = { _ in }
    ) throws {
        directory = try TemporaryDirectory("overlay")
        basePath = directory("base")
        storePath = directory("store")
        self.limits = limits
        self.clock = clock
        self.probe = probe
        try TestSupport.makeDirectory(basePath)
        try prepare(basePath)
        set = try Self.openSet(storePath, basePath, limits, clock, probe, events)
        tree = try Self.openTree(set)
    }

    package var workspace: Workspace { tree.workspace }
    package var name: String { current }
    package func base(_ path: String) -> String { "\(basePath)/\(path)" }

    fileprivate static func openSet(
        _ store: String, _ base: String, _ limits: Limits, _ clock: Clock, _ probe: BaseProbe,
        _ events: EventLog
    ) throws -> WorkspaceSet {
        let tree = try BaseTree(base, limits: limits, probe: probe)
        return WorkspaceSet(
            store: try openStore(store, base, tree, clock), base: tree, clock: clock,
            limits: limits, events: events)
    }

    /// Opens the store. Waits for the store's lock, since a program that another test starts holds it
    /// from its fork to its exec.
    private static func openStore(
        _ path: String, _ base: String, _ tree: BaseTree, _ clock: Clock
    ) throws -> Store {
        var attempts = 0
        while true {
            do throws(StorageError) {
                return try Store.open(
                    path, basePath: Array(base.utf8), baseInode: tree.rootStatus.inode,
                    holder: "test", now: clock.realtime())
            } catch {
                guard case .locked = error, attempts < 500 else { throw error }
                attempts += 1
                usleep(10_000)
            }
        }
    }

    fileprivate static func openTree(
        _ set: WorkspaceSet, _ name: String = "main"
    ) throws -> WorkspaceTree {
        let name = try FileName(name)
        let record = try set.find(name) ?? set.create(name)
        return WorkspaceTree(try set.workspace(record))
    }

    /// Closes cleanly and opens again.
    package func reopen() throws {
        guard set.close() else { throw CheckFailure("the workspaces did not close") }
        try openAnew()
    }

    /// Opens a copy of the store as its files are now: the state that a kill leaves.
    package func reopenAfterKill(damage: (String) throws -> Void = { _ in }) throws {
        copies += 1
        let copy = directory("store-\(copies)")
        try ChildProcess.check(["cp", "-a", storePath, copy], seconds: 60)
        // Views refer to their workspaces: without this the descriptors of the killed process stay.
        set.close()
        storePath = copy
        try damage("\(copy)/workspaces/0001")
        try openAnew()
    }

    fileprivate func openAnew() throws {
        let caller = tree.caller
        // The store's lock is released with the last reference to it.
        tree = nil
        set = nil
        set = try Self.openSet(storePath, basePath, limits, clock, probe, events)
        tree = try Self.openTree(set, current)
        tree.caller = caller
    }

    /// Makes a fork of the workspace.
    /// - Parameter follows: whether the fork becomes the fixture's workspace.
    @discardableResult
    package func fork(_ name: String, follows: Bool = false) throws -> WorkspaceTree {
        guard let record = set.find(try FileName(current)) else {
            throw CheckFailure("no workspace \(current)")
        }
        let made = try set.forks.fork(record, as: try FileName(name), caller: tree.caller)
        let fork = WorkspaceTree(try set.workspace(made))
        fork.caller = tree.caller
        if follows { (tree, current) = (fork, name) }
        return fork
    }

    /// Returns the tree of a workspace.
    package func open(_ name: String) throws -> WorkspaceTree { try Self.openTree(set, name) }

    /// Opens the workspace in a copy of the store without the set, and returns the recovery report. The
    /// set of the copy must not have it open.
    package func recover(
        damage: (String) throws -> Void
    ) throws -> (tree: WorkspaceTree, report: RecoveryReport) {
        copies += 1
        let copy = directory("store-\(copies)")
        try ChildProcess.check(["cp", "-a", storePath, copy], seconds: 60)
        try damage("\(copy)/workspaces/0001")
        let other = try Self.openSet(copy, basePath, limits, clock, probe, events)
        let name = try FileName("main")
        guard let record = other.find(name) else { throw CheckFailure("no workspace in the copy") }
        let (workspace, report) = try Recovery.open(
            record, in: other.store, base: other.base, clock: clock, limits: limits,
            events: events)
        return (WorkspaceTree(workspace), report)
    }

    /// The bytes of all edit logs.
    package var logBytes: UInt64 { workspace.accounts.usage.logBytes }
    package var treeLogBytes: UInt64 { workspace.accounts.statistics.treeLogBytes }
    package var messages: [String] { events.events.map(\.message) }
}

extension WorkspaceFixture {
    /// Closes cleanly, changes rows directly in the database, with correct checksums, and opens again.
    /// - Parameters:
    ///   - position: the checkpoint position to write; nil keeps the current one.
    ///   - change: receives the batch to fill and a function that reads a row.
    package func damageRows(
        at position: CheckpointPosition? = nil,
        _ change: (inout CheckpointBatch, (InodeNumber) throws -> InodeRecord?) throws -> Void
    ) throws {
        guard set.close() else { throw CheckFailure("the workspaces did not close") }
        let path = "\(storePath)/workspaces/0001/tree.db"
        let database = try TreeDatabase(path)
        var batch = CheckpointBatch()
        try change(&batch) { number in try database.inode(number) }
        try database.apply(batch, at: position ?? database.position())
        try database.flushLog()
        database.close()
        // Without this file the rows are read one by one.
        unlink(path + ".sum")
        try openAnew()
    }

    /// Closes cleanly, repairs the store and opens it again.
    package func repaired() throws -> Fsck.Report {
        guard set.close() else { throw CheckFailure("the workspaces did not close") }
        let caller = tree.caller
        tree = nil
        set = nil
        var options = Fsck.Options()
        options.repairs = true
        let report = try Fsck(storePath, options, clock: clock).run()
        set = try Self.openSet(storePath, basePath, limits, clock, probe, events)
        tree = try Self.openTree(set, current)
        tree.caller = caller
        return report
    }
}
