// ThreadTests: tests several threads in one workspace during checkpoints and sweeps.

import Overlay
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct ThreadTests {
    private static let threads = 4
    private static let rounds = 150

    @Test("Four threads write, read and rename while a fifth checkpoints and sweeps")
    func threads() throws {
        var limits = Limits()
        limits.cacheBytes = 4_096
        limits.dirtyKeys = 20
        limits.replayRecords = 4
        let fixture = try WorkspaceFixture(limits: limits) { base in
            for thread in 0..<Self.threads {
                try makeDirectory("\(base)/t\(thread)")
                try writeFile("\(base)/t\(thread)/base", bytes(20_000, fill: UInt64(thread)))
            }
            try writeFile("\(base)/shared", "")
        }
        let workspace = fixture.workspace
        let running = Atomic<Int>(Self.threads)
        let sweeps = Atomic<Int>(0)
        let failures = Mutex<[String]>([])
        try onThreads(Self.threads + 1) { index in
            if index == Self.threads {
                sweeps.add(workspace.maintain(while: running), ordering: .relaxed)
                return
            }
            do {
                try Self.work(WorkspaceTree(workspace), index)
            } catch {
                failures.withLock { $0.append("thread \(index): \(error)") }
            }
            running.subtract(1, ordering: .relaxed)
        }
        #expect(failures.withLock { $0 } == [])
        let sweepCount = sweeps.load(ordering: .relaxed)
        #expect(sweepCount > 0)
        for kill in [true, false] {
            if kill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
            for thread in 0..<Self.threads { try Self.check(fixture.tree, thread) }
            let size = Self.threads * Self.rounds
            #expect(try fixture.tree.facts(fixture.tree.resolve("shared")).size == UInt64(size))
        }
        #expect(fixture.messages.filter { $0.contains("EIO") } == [])
    }

    /// Each thread has its own directory. All threads write to one shared file at different offsets.
    private static func work(_ tree: WorkspaceTree, _ thread: Int) throws {
        for round in 0..<rounds {
            let name = "t\(thread)/\(round % 7)"
            let content = bytes(500 + round, fill: UInt64(thread * 1_000 + round))
            if !tree.exists(name) { try tree.makeFile(name) }
            let file = try tree.resolve(name)
            try tree.write(file, content, at: 0)
            try tree.rename(name, to: "t\(thread)/moved")
            try same(try tree.read(file, at: 0, count: content.count), content, name)
            try tree.rename("t\(thread)/moved", to: name)
            let base = try tree.resolve("t\(thread)/base")
            try tree.write(base, [UInt8(truncatingIfNeeded: round)], at: UInt64(round * 100))
            try tree.write(
                try tree.resolve("shared"), [UInt8(thread + 1)],
                at: UInt64(round * threads + thread))
            _ = try tree.copyRange(from: base, at: 0, to: file, at: 10_000, length: 5_000)
            if round % 5 == 4 { try tree.unlink(name) }
            _ = try tree.list(try tree.resolve("t\(thread)"))
            tree.forget()
        }
    }

    private static func check(_ tree: WorkspaceTree, _ thread: Int) throws {
        var base = bytes(20_000, fill: UInt64(thread))
        for round in 0..<rounds { base[round * 100] = UInt8(truncatingIfNeeded: round) }
        try same(try tree.contents(tree.resolve("t\(thread)/base")), base, "the base file")
        let shared = try tree.contents(tree.resolve("shared"))
        for round in 0..<rounds {
            try same(shared[round * threads + thread], UInt8(thread + 1), "the shared file")
        }
        var last: [String: Int] = [:]
        for round in 0..<rounds { last["\(round % 7)"] = round % 5 == 4 ? nil : round }
        try same(try tree.names("t\(thread)"), last.keys.sorted() + ["base"], "the names")
        for (name, round) in last {
            let content = bytes(500 + round, fill: UInt64(thread * 1_000 + round))
            let file = try tree.resolve("t\(thread)/\(name)")
            try same(try tree.read(file, at: 0, count: content.count), content, name)
        }
    }
}
