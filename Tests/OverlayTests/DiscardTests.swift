// DiscardTests: tests discarded workspaces in the engine: they refuse calls, lose nothing, and are removed
// when their retention is over.

import Glibc
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct DiscardTests {
    /// A clock that a test moves.
    final class TestClock: Sendable {
        private let skipped = Mutex<Int64>(0)
        func skip(_ nanoseconds: Int64) { skipped.withLock { $0 += nanoseconds } }
        var clock: Clock {
            Clock(
                realtime: { [self] in Clock.system.realtime() + skipped.withLock { $0 } },
                monotonic: { [self] in Clock.system.monotonic() + skipped.withLock { $0 } })
        }
    }

    private static let day: Int64 = 24 * 3_600 * 1_000_000_000

    private func fixture(_ clock: Clock = .system) throws -> WorkspaceFixture {
        try WorkspaceFixture(clock: clock) { base in
            try makeDirectory("\(base)/d")
            for name in ["f", "d/g"] { try writeFile("\(base)/\(name)", "of the base") }
        }
    }

    private func open(
        _ fixture: WorkspaceFixture, _ name: String
    ) throws -> (record: WorkspaceRecord, tree: WorkspaceTree) {
        let record = try fixture.set.find(FileName(name)) ?? fixture.set.create(FileName(name))
        return (record, WorkspaceTree(try fixture.set.workspace(record)))
    }

    private func discarded(_ fixture: WorkspaceFixture, _ id: UInt16) throws -> WorkspaceRecord {
        try #require(fixture.set.discards.records.first { $0.id == id })
    }

    private func change(_ tree: WorkspaceTree) throws {
        try tree.write("f", "EDITED")
        try tree.makeFile("new")
        try tree.write("new", "new content")
        try tree.unlink("d/g")
    }

    private func checkChanged(_ tree: WorkspaceTree) throws {
        #expect(try tree.text("f") == "EDITED base")
        #expect(try tree.text("new") == "new content")
        #expect(try tree.names("d") == [])
    }

    enum After: CaseIterable { case nothing, reopening, kill }

    @Test("A restored workspace has all its changes, its backups and its history", arguments: After.allCases)
    func restored(after: After) throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        _ = try tree.workspace.moments.backup(FileName("kept"), comment: [], caller: tree.caller)
        try tree.write("new", "NEW")
        let last = tree.workspace.accounts.statistics.sequence
        try fixture.set.discards.discard(record)
        #expect(fixture.set.find(record.name) == nil)
        #expect(throws: Errno.noEntry) { try fixture.set.discards.discard(record) }
        if after == .reopening { try fixture.reopen() }
        if after == .kill { try fixture.reopenAfterKill() }
        #expect(fixture.set.discards.records.map(\.id) == [record.id])
        try fixture.set.discards.restore(discarded(fixture, record.id), as: FileName("again"))
        let (_, now) = try open(fixture, "again")
        #expect(try now.text("new").hasPrefix("NEW content"))
        #expect(now.workspace.id == record.id)
        #expect(now.workspace.accounts.statistics.sequence == last)
        _ = try now.workspace.commands.rollback(
            to: .backup(FileName("kept")), paths: [], keepsTimes: false, caller: now.caller)
        try checkChanged(now)
        let ops = try now.workspace.changes.history(1...last).map(\.path)
        #expect(ops.contains(Array("d/g".utf8)))
    }

    @Test("A discarded workspace answers ESTALE, also to edits through files that are open")
    func refuses() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        let file = try tree.resolve("new")
        try fixture.set.discards.discard(record)
        #expect(throws: Errno.stale) { try tree.write(file, [1], at: 0) }
        #expect(throws: Errno.stale) { try tree.read(file, at: 0, count: 1) }
        #expect(throws: Errno.stale) { try tree.lookup(FileName("f"), in: tree.root) }
        #expect(throws: Errno.stale) { try tree.makeFile("more") }
        #expect(throws: Errno.noEntry) { try fixture.set.remove(record) }
        try fixture.set.discards.restore(discarded(fixture, record.id), as: record.name)
        // The kernel may still refer to the file.
        try tree.write(file, Array("N".utf8), at: 0)
        #expect(try tree.text("new") == "New content")
    }

    @Test("Each acknowledged write is in the workspace when it is restored", arguments: 0..<12)
    func race(round: Int) throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        let workspace = tree.workspace
        let file = try tree.resolve("f")
        let set = fixture.set!
        let written = Mutex<[String]>([])
        let failed = Mutex<Errno?>(nil)
        try onThreads(2) { index in
            if index == 1 {
                usleep(UInt32(round * 200))
                failed.withLock { $0 = failure { () throws(Errno) in try set.discards.discard(record) } }
                return
            }
            writeUntilFailure(WorkspaceTree(workspace), file, steps: 400, round: round, written)
        }
        #expect(failed.withLock { $0 } == nil)
        if round % 2 == 0 { try fixture.reopenAfterKill() }
        try fixture.set.discards.restore(discarded(fixture, record.id), as: record.name)
        let (_, now) = try open(fixture, "second")
        try checkWritten(written.withLock { $0 }, now)
    }

    @Test("A discarded workspace is removed after the retention of the store, not before")
    func retention() throws {
        let time = TestClock()
        let fixture = try fixture(time.clock)
        let (first, tree) = try open(fixture, "first")
        try change(tree)
        try fixture.set.discards.discard(first)
        time.skip(Self.day)
        let (second, other) = try open(fixture, "second")
        try change(other)
        try fixture.set.discards.discard(second)
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.count == 2)
        // One is open, the other one is not.
        try fixture.reopen()
        time.skip(5 * Self.day)
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.count == 2)
        time.skip(Self.day + 1_000_000_000)
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.map(\.id) == [second.id])
        #expect(access("\(fixture.storePath)/workspaces/0002", F_OK) != 0)
        #expect(fixture.messages.contains { $0.contains("removed the workspace first") })
        try fixture.set.setLimit(.retention, to: nil)
        time.skip(1_000 * Self.day)
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.map(\.id) == [second.id])
        try fixture.set.setLimit(.retention, to: 1)
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.isEmpty)
        #expect(fixture.set.records.map(\.name.description) == ["main"])
    }

    @Test("The pool keeps what a discarded workspace needs, and drops it with the workspace")
    func pool() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try tree.write("f", "EDIT")
        try fixture.set.discards.discard(record)
        try writeFile(fixture.base("f"), "another content")
        try fixture.reopen()
        #expect(PoolSweep(fixture.set).run().files == 0)
        try fixture.set.discards.restore(discarded(fixture, record.id), as: record.name)
        let (_, now) = try open(fixture, "second")
        #expect(try now.text("f") == "EDIThe base")
        try fixture.set.discards.discard(record)
        try fixture.set.discards.remove(discarded(fixture, record.id))
        #expect(PoolSweep(fixture.set).run().files == 1)
    }

    @Test("A discarded workspace counts against the limits of the store until it is removed",
        arguments: [false, true])
    func quota(isOpen: Bool) throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        try fixture.set.setLimit(.files, to: 1_000)
        let used = fixture.set.quota.usedFiles
        #expect(used >= 4)
        try fixture.set.discards.discard(record)
        if !isOpen { try fixture.reopen() }
        #expect(fixture.set.quota.usedFiles == used)
        #expect(fixture.set.usage(of: record.id)?.files == used)
        try fixture.set.discards.remove(discarded(fixture, record.id))
        #expect(fixture.set.quota.usedFiles == 0)
        #expect(fixture.set.usage(of: record.id) == nil)
    }

    @Test("The list knows the time of the last change, also after a kill", arguments: After.allCases)
    func lastChange(after: After) throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        #expect(fixture.set.usage(of: record.id)?.lastChange == nil)
        try tree.makeFile("new")
        let first = try #require(fixture.set.usage(of: record.id)?.lastChange)
        try tree.write("new", "content")
        let second = try #require(fixture.set.usage(of: record.id)?.lastChange)
        #expect(second > first)
        if after == .reopening {
            try fixture.reopen()
            #expect(fixture.set.usage(of: record.id)?.lastChange == second)
            #expect(fixture.set.opened(record.id) == nil)
        }
        if after == .kill {
            // The change is in the database then, and its record is not replayed.
            #expect(tree.workspace.maintenance.checkpoint())
            try fixture.reopenAfterKill()
            #expect(fixture.set.usage(of: record.id) == nil)
        }
        _ = try open(fixture, "second")
        #expect(fixture.set.usage(of: record.id)?.lastChange == second)
        // One without a checkpoint.
        _ = try WorkspaceTree(fixture.set.workspace(record)).makeFile("newer")
        let third = try #require(fixture.set.usage(of: record.id)?.lastChange)
        #expect(third > second)
        try fixture.reopenAfterKill()
        _ = try open(fixture, "second")
        #expect(fixture.set.usage(of: record.id)?.lastChange == third)
    }

    @Test("A discarded workspace that the kernel does not use is closed, and keeps all")
    func closing() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        try fixture.set.setLimit(.files, to: 1_000)
        let used = fixture.set.quota.usedFiles
        let bytes = fixture.set.quota.usedBytes
        let changed = fixture.set.usage(of: record.id)?.lastChange
        let held = try tree.resolve("new")
        try fixture.set.discards.discard(record)
        fixture.set.maintain()
        #expect(fixture.set.opened(record.id) != nil)
        tree.forget()
        fixture.set.maintain()
        // The next round is due after the time between two checkpoints.
        var rounds = 0
        while fixture.set.opened(record.id) != nil, rounds < 200 {
            usleep(100_000)
            fixture.set.maintain()
            rounds += 1
        }
        #expect(fixture.set.opened(record.id) == nil)
        #expect(fixture.set.quota.usedFiles == used)
        #expect(throws: Errno.stale) { try tree.write(held, [1], at: 0) }
        try fixture.set.discards.restore(discarded(fixture, record.id), as: record.name)
        try checkChanged(try open(fixture, "second").tree)
        #expect(fixture.set.quota.usedFiles == used)
        // A checkpoint may write a content mark.
        #expect(fixture.set.quota.usedBytes >= bytes && fixture.set.quota.usedBytes < bytes + 1_000)
        #expect(changed != nil && fixture.set.usage(of: record.id)?.lastChange == changed)
    }

    @Test("A command that looked a workspace up before others changed it takes no other one")
    func lateCommands() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        try fixture.set.discards.discard(record)
        let old = try discarded(fixture, record.id)
        try fixture.set.discards.restore(old, as: record.name)
        #expect(throws: Errno.noEntry) { try fixture.set.discards.remove(old) }
        #expect(throws: Errno.noEntry) { try fixture.set.discards.restore(old, as: record.name) }
        try fixture.set.discards.discard(record)
        #expect(throws: Errno.noEntry) { try fixture.set.discards.remove(old) }
        #expect(throws: Errno.noEntry) { try fixture.set.discards.remove(record) }
        try fixture.set.discards.restore(discarded(fixture, record.id), as: record.name)
        try fixture.set.rename(record.id, to: FileName("third"))
        #expect(throws: Errno.noEntry) { try fixture.set.discards.discard(record) }
        try checkChanged(try open(fixture, "third").tree)
    }

    @Test("Discarded workspaces are kept while the limits of the store cannot be read")
    func lostLimits() throws {
        let time = TestClock()
        let fixture = try fixture(time.clock)
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        try fixture.set.setLimit(.retention, to: nil)
        try fixture.set.discards.discard(record)
        try writeFile("\(fixture.storePath)/limits", "damaged")
        try fixture.reopen()
        time.skip(30 * Self.day)
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.count == 1)
        #expect(fixture.set.discards.retention == nil)
        #expect(fixture.messages.contains { $0.contains("discarded workspaces are kept until then") })
        // Another limit makes the file readable again, and still nothing is known of the retention.
        try fixture.set.setLimit(.bytes, to: 10 << 30)
        try fixture.reopen()
        #expect(fixture.set.discards.retention == nil)
        try fixture.set.setLimit(.retention, to: UInt64(Self.day))
        fixture.set.discards.removeExpired(time.clock.monotonic())
        #expect(fixture.set.discards.records.isEmpty)
    }

    // MARK: Random

    /// What a workspace must hold: its name while it is not discarded, and its files.
    private struct Reference {
        var name: String
        var isDiscarded = false
        var files: [String: String]
    }

    @Test("Random discards, restores and removals change nothing else", arguments: TestSeeds.all())
    func random(seed: TestSeed) throws {
        var random = seed.generator
        let fixture = try fixture()
        var reference: [UInt16: Reference] = [:]
        let names = ["a", "b", "c"]
        for step in 0..<60 {
            let name = names[Int.random(in: 0..<names.count, using: &random)]
            let live = reference.first { $0.value.name == name && !$0.value.isDiscarded }
            let gone = reference.filter { $0.value.isDiscarded }.keys.sorted()
            switch Int.random(in: 0..<12, using: &random) {
            case 0..<5:
                let (record, tree) = try open(fixture, name)
                var known = live?.value ?? Reference(name: name, files: ["f": "of the base"])
                let file = "n\(Int.random(in: 0..<4, using: &random))"
                if known.files[file] == nil { try tree.makeFile(file) }
                let text = "step \(step)"
                try tree.truncate(file, to: 0)
                try tree.write(file, text)
                known.files[file] = text
                reference[record.id] = known
            case 5..<7:
                guard let live else {
                    #expect(fixture.set.find(try FileName(name)) == nil)
                    continue
                }
                try fixture.set.discards.discard(try #require(fixture.set.find(try FileName(name))))
                reference[live.key]?.isDiscarded = true
            case 7..<9:
                guard let id = gone.randomElement(using: &random) else { continue }
                let found = try discarded(fixture, id)
                let newName = try FileName(name)
                let outcome = failure { () throws(Errno) in
                    try fixture.set.discards.restore(found, as: newName)
                }
                #expect(outcome == (live == nil ? nil : .exists))
                if live == nil {
                    reference[id]?.isDiscarded = false
                    reference[id]?.name = name
                }
            case 9:
                guard let id = gone.randomElement(using: &random) else { continue }
                try fixture.set.discards.remove(discarded(fixture, id))
                reference[id] = nil
            case 10: fixture.set.maintain()
            default:
                if Bool.random(using: &random) { try fixture.reopen() } else { try fixture.reopenAfterKill() }
            }
        }
        for (id, known) in reference.sorted(by: { $0.key < $1.key }) {
            if known.isDiscarded {
                try fixture.set.discards.restore(
                    discarded(fixture, id), as: FileName("restored-\(id)"))
            } else {
                #expect(fixture.set.find(try FileName(known.name))?.id == id)
            }
            let record = try #require(fixture.set.records.first { $0.id == id })
            let tree = WorkspaceTree(try fixture.set.workspace(record))
            #expect(try tree.names("").filter { $0 != "d" } == known.files.keys.sorted())
            for (file, text) in known.files { #expect(try tree.text(file) == text) }
        }
        #expect(fixture.set.records.count == reference.count + 1)
    }
}
