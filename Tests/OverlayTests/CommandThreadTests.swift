// Commands beside writers: backups, views, clones, rollbacks, undo, history, differences and verify, while
// other threads write and rename, and a checkpoint runs.

import Check
import Overlay
import Past
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct CommandThreadTests {
    private static let writers = 2
    private static let rounds = 200
    private static let commands = 25

    private func text(_ round: Int) -> String { String(String(10_000_000 + round).suffix(8)) }

    private func fixture() throws -> WorkspaceFixture {
        var limits = Limits()
        limits.cacheBytes = 4_096
        limits.dirtyKeys = 20
        return try WorkspaceFixture(limits: limits) { base in
            for writer in 0..<Self.writers {
                try makeDirectory("\(base)/w\(writer)")
                for name in ["a", "b", "c"] { try writeFile("\(base)/w\(writer)/\(name)", text(0)) }
            }
            try makeDirectory("\(base)/own")
            try writeFile("\(base)/own/f", text(0))
        }
    }

    /// Runs these at once: writers, commands, and what maintains the workspace until they end.
    /// - Returns: what failed.
    private func together(
        _ workspace: Workspace, write: @Sendable (WorkspaceTree, Int) throws -> Void,
        command: @Sendable (WorkspaceTree) throws -> Void
    ) throws -> [String] {
        let running = Atomic<Int>(Self.writers + 1)
        let maintained = Atomic<Int>(0)
        let failures = Mutex<[String]>([])
        try onThreads(Self.writers + 2) { index in
            if index == Self.writers + 1 {
                maintained.add(workspace.maintain(while: running), ordering: .relaxed)
                return
            }
            let tree = WorkspaceTree(workspace)
            do {
                if index < Self.writers { try write(tree, index) } else { try command(tree) }
            } catch {
                failures.withLock { $0.append("thread \(index): \(error)") }
            }
            running.subtract(1, ordering: .relaxed)
        }
        let passes = maintained.load(ordering: .relaxed)
        #expect(passes > 0)
        return failures.withLock { $0 }
    }

    /// A moment cuts between two writes: the second file has the number of the first, or the one before.
    private func requireCut(_ first: String, _ second: String, _ place: String) throws {
        guard let a = Int(first), let b = Int(second), a == b || a == b + 1 else {
            throw CheckFailure("\(place): \(first) and \(second)")
        }
    }

    @Test("A backup, a clone and a rollback of paths are one moment of what others write meanwhile")
    func moments() throws {
        let fixture = try fixture()
        let workspace = fixture.workspace
        let set = fixture.set!
        let commanded = Shared(0)
        let failures = try together(workspace) { tree, writer in
            for round in 1...Self.rounds {
                try tree.write("w\(writer)/a", text(round))
                try tree.write("w\(writer)/b", text(round))
                try tree.rename("w\(writer)/c", to: "w\(writer)/d")
                try tree.rename("w\(writer)/d", to: "w\(writer)/c")
                tree.forget()
            }
        } command: { tree in
            for round in 1...Self.commands {
                let caller = tree.caller
                let name = try FileName("b\(round)")
                let backup = try workspace.moments.backup(name, comment: [], caller: caller)
                _ = try workspace.commands.clone(
                    Array("w0".utf8), to: Array("copy\(round)".utf8), caller: caller)
                try requireCut(tree.text("copy\(round)/a"), tree.text("copy\(round)/b"), "copy\(round)")

                try tree.write("own/f", text(round))
                let before = workspace.accounts.statistics.sequence
                try tree.write("own/f", text(0))
                let own = [Array("own".utf8)]
                _ = try workspace.commands.rollback(
                    to: .sequence(before), paths: own, keepsTimes: false, caller: caller)
                try same(try tree.text("own/f"), text(round), "own/f after the rollback")
                _ = try workspace.commands.undo(1, paths: own, caller: caller)
                try same(try tree.text("own/f"), text(0), "own/f after undo")

                let past = PastTree(try workspace.moments.view(at: backup.sequence))
                for writer in 0..<Self.writers {
                    try requireCut(past.text("w\(writer)/a"), past.text("w\(writer)/b"), "backup \(round)")
                }
                _ = try workspace.changes.history(backup.sequence...UInt64.max)
                _ = try workspace.changes.blame(try tree.resolve("w0/a"))
                _ = try set.differences(of: workspace, from: .base)
                _ = try set.differences(of: workspace, from: .moment(.backup(name)))
                _ = try workspace.baseFiles.driftedFiles()
                let report = try workspace.verify()
                guard report.isClean else {
                    throw CheckFailure("verify: \(report.findings.map(\.sentence))")
                }
                if round % 2 == 0 { try workspace.moments.removeBackup(name, caller: caller) }
                tree.forget()
                commanded.value += 1
            }
        }
        #expect(failures == [])
        #expect(commanded.value == Self.commands)
        for kill in [true, false] {
            if kill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
            let tree = fixture.tree!
            for writer in 0..<Self.writers {
                for name in ["a", "b"] { #expect(try tree.text("w\(writer)/\(name)") == text(Self.rounds)) }
                #expect(try tree.text("w\(writer)/c") == text(0))
            }
            #expect(try tree.text("own/f") == text(0))
        }
        #expect(fixture.messages.filter { $0.contains("EIO") } == [])
    }

    @Test("A rollback of the whole workspace beside writers leaves whole writes and a clean store")
    func rollbacks() throws {
        let fixture = try fixture()
        let workspace = fixture.workspace
        let commanded = Shared(0)
        let written = Mutex([Int](repeating: 0, count: Self.writers))
        let failures = try together(workspace) { tree, writer in
            for round in 1...Self.rounds {
                // A file is another one after a rollback to before it was replaced: look it up again.
                do throws(Errno) {
                    try tree.write("w\(writer)/a", text(round))
                    try tree.makeFile("w\(writer)/new")
                    try tree.write("w\(writer)/new", text(round))
                    try tree.rename("w\(writer)/new", to: "w\(writer)/b")
                    written.withLock { $0[writer] += 1 }
                } catch {
                    guard [.noEntry, .stale, .exists].contains(error) else { throw error }
                    try? tree.unlink("w\(writer)/new")
                }
                tree.forget()
            }
        } command: { tree in
            for round in 1...Self.commands {
                let now = workspace.accounts.statistics.sequence
                _ = try workspace.commands.rollback(
                    to: .sequence(now - min(now, UInt64(round))), paths: [], keepsTimes: false,
                    caller: tree.caller)
                do throws(CommandError) {
                    if round % 5 == 0 { _ = try workspace.commands.undo(1, paths: [], caller: tree.caller) }
                } catch {
                    // The writers may not have begun.
                    guard error.errno == .noEntry else { throw error }
                }
                tree.forget()
                commanded.value += 1
            }
        }
        #expect(failures == [])
        #expect(commanded.value == Self.commands)
        let rounds = written.withLock { $0 }
        #expect(rounds.allSatisfy { $0 > Self.rounds / 4 }, "\(rounds)")
        #expect(try workspace.verify().isClean)
        try fixture.reopenAfterKill()
        for writer in 0..<Self.writers {
            #expect(try fixture.tree.text("w\(writer)/a").count == 8)
            // A rollback to between the creation of `new` and its write may have come before the rename.
            #expect(try [0, 8].contains(fixture.tree.text("w\(writer)/b").count))
        }
        #expect(try fixture.repaired().outcome == .clean)
        #expect(fixture.messages.filter { $0.contains("EIO") } == [])
    }
}
