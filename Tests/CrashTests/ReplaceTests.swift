// ReplaceTests: tests files that replace another file by a rename without a sync. After a power cut the
// name leads to the old content or to the whole new content, never to an empty or torn file. A rename
// syncs nothing.

import Check
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Files replaced by rename")
struct ReplaceTests {
    private let base: CrashBase
    private let first: Model
    private let runSeed = TestEnvironment.seed()

    init() throws {
        base = try CrashBase()
        first = try Session(base.newDisk(seed: 0), base).firstModel(base)
    }

    private static let steps: [Step] = [
        .create("x"), .sync("x"),
        // Replaces a base file; then the sync of another file makes the tree log durable.
        .create("t1"), .write("t1", at: 0, count: 700), .write("t1", at: 700, count: 70_000),
        .rename("t1", to: "old"), .create("p"), .sync("x"),
        // Replaces a file that was never synced, twice; then a checkpoint.
        .create("t2"), .write("t2", at: 0, count: 900), .rename("t2", to: "old"),
        .create("t3"), .write("t3", at: 0, count: 9_000), .rename("t3", to: "old"), .checkpoint,
        // Replaces an edited base file; then a backup.
        .write("base", at: 10, count: 50), .create("t4"), .write("t4", at: 0, count: 5_000),
        .rename("t4", to: "base"), .backup("one"),
        // The file is written after the rename, moved, and replaced by a base file.
        .create("t5"), .write("t5", at: 0, count: 600), .rename("t5", to: "base"),
        .write("base", at: 100, count: 3_000), .rename("base", to: "p"), .create("q"),
        .write("gone", at: 4_000, count: 2_000), .rename("gone", to: "old"), .write("x", at: 0, count: 9),
        .create("t6"), .write("t6", at: 0, count: 40), .rename("t6", to: "x"), .rollback("one"),
        .create("t7"), .write("t7", at: 0, count: 400), .rename("t7", to: "base"), .sync("p"),
        .create("t8"), .write("t8", at: 0, count: 4_000), .rename("t8", to: "base"),
        .create("t9"), .write("t9", at: 0, count: 80), .rename("t9", to: "x"),
    ]

    private func calls() throws -> Int {
        let disk = try base.newDisk(seed: 0)
        let history = History.untilStop(disk, base, first: first, steps: Self.steps)
        #expect(history.states.count == Self.steps.count + 1)
        return disk.changes
    }

    @Test("After a power cut the name leads to the old content or to the whole new one")
    func powerCuts() throws {
        // The last cut comes after all steps, with the latest renames not synced.
        for call in 0...(try calls()) {
            let disk = try base.newDisk(seed: UInt64(call) &* 104_729)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let history = History.untilStop(disk, base, first: first, steps: Self.steps)
            for cut in 0..<UInt64(TestEnvironment.isFull ? 60 : 8) {
                let seed = (runSeed &* 1009 &+ UInt64(call)) &* 97 &+ cut
                let after = disk.afterPowerCut(seed: seed)
                do {
                    let session = try Session(after, base)
                    let found = try session.look()
                    try history.checkPowerCut(found)
                    for (name, file) in found where file.bytes == nil {
                        throw CheckFailure("\(name) answers EIO")
                    }
                    let report = try session.workspace.verify()
                    guard report.isClean else {
                        throw CheckFailure("verify: \(report.findings.map(\.sentence))")
                    }
                    if cut == 0 { try checkThatWorkGoesOn(session, after, base) }
                } catch {
                    Issue.record(
                        "call \(call), outcome \(cut) (DRAFTFS_TEST_SEED=\(runSeed)): \(error)")
                }
            }
        }
    }

    @Test("A kill loses nothing, also if the file system of the store is mounted again")
    func kills() throws {
        for call in 0..<(try calls()) {
            let disk = try base.newDisk(seed: UInt64(call) &* 7919)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let history = History.untilStop(disk, base, first: first, steps: Self.steps)
            for remounted in [false, true] {
                do {
                    let session = try Session(disk.afterKill(remounted: remounted), base)
                    try history.checkKill(session.visible())
                } catch {
                    Issue.record("stopped at call \(call), remounted \(remounted): \(error)")
                }
            }
        }
    }

    @Test("A rename makes no sync, and the next maintenance syncs once")
    func cost() throws {
        let disk = try base.newDisk(seed: 1)
        let session = try Session(disk, base)
        func run(_ steps: [Step]) throws {
            for (index, step) in steps.enumerated() { _ = try session.run(step, index) }
        }
        try run([.create("a"), .create("t"), .write("t", at: 0, count: 50)])
        let before = disk.syncs
        try run([.rename("t", to: "a")])
        #expect(disk.syncs == before)
        session.workspace.maintenance.maintain(checkpointNow: false)
        let after = disk.syncs
        #expect(after > before)
        session.workspace.maintenance.maintain(checkpointNow: false)
        #expect(disk.syncs == after)
        // A rename to a new name needs no sync, and neither does a file that is durable.
        try run([.create("t"), .write("t", at: 0, count: 50), .rename("t", to: "b")])
        try run([.create("t"), .write("t", at: 0, count: 50), .sync("t")])
        let synced = disk.syncs
        try run([.rename("t", to: "a")])
        session.workspace.maintenance.maintain(checkpointNow: false)
        #expect(disk.syncs == synced)
    }

    @Test("A file that was emptied and written is synced by the second maintenance")
    func emptied() throws {
        let disk = try base.newDisk(seed: 1)
        let session = try Session(disk, base)
        let steps: [Step] = [
            .create("a"), .write("a", at: 0, count: 50), .truncate("a", to: 0),
            .write("a", at: 0, count: 900),
        ]
        for (index, step) in steps.enumerated() { _ = try session.run(step, index) }
        let before = disk.syncs
        session.workspace.maintenance.maintain(checkpointNow: false)
        #expect(disk.syncs == before, "it may be written on")
        session.workspace.maintenance.maintain(checkpointNow: false)
        let after = disk.syncs
        #expect(after > before)
        for _ in 0..<3 { session.workspace.maintenance.maintain(checkpointNow: false) }
        #expect(disk.syncs == after)
    }

    @Test("After a failed sync of a content each sync of the names fails")
    func failure() throws {
        let disk = try base.newDisk(seed: 1)
        let session = try Session(disk, base)
        let steps: [Step] = [
            .create("a"), .create("t"), .write("t", at: 0, count: 50), .rename("t", to: "a"),
        ]
        for (index, step) in steps.enumerated() { _ = try session.run(step, index) }
        disk.failSyncs(.inputOutput)
        for _ in 0..<3 { session.workspace.maintenance.maintain(checkpointNow: false) }
        #expect(session.events.events.filter { $0.severity == .error }.count == 1)
        disk.failSyncs(nil)
        #expect(throws: Errno.inputOutput) { try session.workspace.synchronizeNames() }
    }
}
