// SyncFailureTests: tests failed syncs on a simulated disk. A command that must be durable reports the
// failure and that it was done nevertheless. A call that needs no sync makes none.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct SyncFailureTests {
    private final class Bench {
        let directory: TemporaryDirectory
        let disk = SimulatedDisk(seed: 1)
        let events = EventLog()
        let set: WorkspaceSet
        let tree: WorkspaceTree
        var workspace: Workspace { tree.workspace }

        init() throws {
            directory = try TemporaryDirectory("syncs")
            try writeFile(directory("large"), bytes(70_000, fill: 4))
            let base = try BaseTree(directory.path)
            let store = try Store.open(on: disk, basePath: [0x2f], baseInode: 1, now: 1)
            set = WorkspaceSet(store: store, base: base, events: events)
            tree = WorkspaceTree(try set.workspace(try set.create(try FileName("w"))))
            tree.caller = Caller(user: getuid(), group: getgid(), pid: 1, umask: 0)
        }

        /// Runs a command while all syncs fail, and returns its error.
        func failure(_ body: () throws(CommandError) -> Void) -> CommandError? {
            disk.failSyncs(.inputOutput)
            defer { disk.failSyncs(nil) }
            do throws(CommandError) {
                try body()
                return nil
            } catch {
                return error
            }
        }
    }

    private func expectDone(_ error: CommandError?, _ word: String) {
        #expect(error?.errno == .inputOutput, "\(word)")
        #expect(error?.done != nil, "\(word)")
        let sentence = error?.description ?? ""
        #expect(
            sentence.contains(word) && sentence.contains("cannot be synced")
                && sentence.contains("was done"), "\(sentence)")
    }

    @Test("A rollback whose sync fails reports the failure, and is done")
    func rollback() throws {
        let bench = try Bench()
        try bench.tree.write(bench.tree.makeFile("a"), [1], at: 0)
        try bench.tree.makeFile("b")
        let error = bench.failure { () throws(CommandError) in
            _ = try bench.workspace.commands.rollback(
                to: .sequence(0), paths: [], keepsTimes: false, caller: bench.tree.caller)
        }
        expectDone(error, "rollback")
        #expect(try bench.tree.names("") == ["large"])
        #expect(error?.done?.sequence == bench.workspace.accounts.statistics.sequence)
        #expect(bench.events.events.contains { $0.severity == .error })
    }

    @Test("An undo whose sync fails reports the failure, and is done")
    func undo() throws {
        let bench = try Bench()
        try bench.tree.makeFile("a")
        let error = bench.failure { () throws(CommandError) in
            _ = try bench.workspace.commands.undo(1, paths: [], caller: bench.tree.caller)
        }
        expectDone(error, "undo")
        #expect(try bench.tree.names("") == ["large"])
        // The failed sync may have dropped data, so no later sync is trusted.
        let later = bench.failure { () throws(CommandError) in
            bench.disk.failSyncs(nil)
            _ = try bench.workspace.commands.undo(1, paths: [], caller: bench.tree.caller)
        }
        expectDone(later, "undo")
        #expect(throws: Errno.inputOutput) { try bench.workspace.synchronizeNames() }
    }

    @Test("Making, renaming and removing a backup report a failed sync", arguments: 0..<3)
    func backups(which: Int) throws {
        let bench = try Bench()
        let one = try FileName("one")
        let caller = bench.tree.caller
        if which > 0 { _ = try bench.workspace.moments.backup(one, comment: [], caller: caller) }
        let error = bench.failure { () throws(CommandError) in
            switch which {
            case 0: _ = try bench.workspace.moments.backup(one, comment: [], caller: caller)
            case 1:
                try bench.workspace.moments.renameBackup(one, to: FileName(trusted: [0x62]), caller: caller)
            default: try bench.workspace.moments.removeBackup(one, caller: caller)
            }
        }
        expectDone(error, "backup one")
        let names = bench.workspace.moments.backups.map { $0.name.description }
        #expect(names == [["one"], ["b"], []][which])
    }

    @Test("A checkpoint fails while restored content cannot be synced")
    func restoredContent() throws {
        let bench = try Bench()
        try bench.tree.write(bench.tree.makeFile("a"), bytes(900, fill: 1), at: 0)
        let caller = bench.tree.caller
        _ = try bench.workspace.moments.backup(try FileName("one"), comment: [], caller: caller)
        try bench.tree.write(bench.tree.resolve("a"), bytes(900, fill: 2), at: 0)
        #expect(bench.workspace.maintenance.checkpoint())
        _ = try bench.workspace.commands.rollback(
            to: .backup(try FileName("one")), paths: [], keepsTimes: false, caller: caller)
        bench.disk.failSyncs(.inputOutput)
        #expect(!bench.workspace.maintenance.checkpoint())
        bench.disk.failSyncs(nil)
        // A sync of the log has failed, and the next one would not report the loss.
        #expect(!bench.workspace.maintenance.checkpoint())
        #expect(bench.workspace.accounts.statistics.checkpointFailed)
    }

    @Test("The first edit of a large base file makes an automatic backup and no sync")
    func largeFile() throws {
        let bench = try Bench()
        try bench.workspace.accounts.setLimit(.largeFile, to: 60_000)
        let before = bench.disk.syncs
        try bench.tree.write(bench.tree.resolve("large"), [7], at: 100)
        #expect(bench.disk.syncs == before)
        #expect(bench.workspace.moments.backups.map(\.isAutomatic) == [true])
        bench.workspace.maintenance.maintain(checkpointNow: false)
        #expect(bench.disk.syncs == before, "not in the background either, before a checkpoint")
    }
}
