// WithdrawnRollbackTests: tests a rollback that fails on a disk on which the withdrawal of its records
// fails too. The written records never become visible: not after a checkpoint and a kill, and not after a
// close.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Failed rollbacks")
struct WithdrawnRollbackTests {
    private let base: CrashBase

    init() throws { base = try CrashBase() }

    private static let steps: [Step] = [
        .create("a"), .write("a", at: 0, count: 900), .create("b"), .write("b", at: 0, count: 50),
        .backup("one"), .write("a", at: 500, count: 9000), .write("b", at: 10, count: 7),
        .checkpoint,
    ]

    /// Makes a rollback of which `times` calls fail, from number `call` on.
    /// - Returns: the session, the disk and the state before the rollback, or nil if it succeeded.
    private func rollBack(
        failingAt call: Int, times: Int
    ) throws -> (session: Session, disk: SimulatedDisk, before: [String: [UInt8]])? {
        let disk = try base.newDisk(seed: UInt64(call))
        let session = try Session(disk, base)
        for (index, step) in Self.steps.enumerated() { _ = try session.run(step, index) }
        let before = try session.visible()
        disk.set(SimulatedDisk.Plan(callsBefore: call, errno: .noSpace, times: times))
        do {
            _ = try session.run(.rollback("one"), 99)
            return nil
        } catch is DoneButNotDurable {
            // Only the last sync failed.
            return nil
        } catch {
            disk.set(nil)
        }
        return (session, disk, before)
    }

    @Test("Nothing of it is there after a checkpoint and a kill", arguments: 1...4)
    func killed(times: Int) throws {
        var failures = 0
        for call in 0..<40 {
            guard let (session, disk, before) = try rollBack(failingAt: call, times: times) else {
                continue
            }
            failures += 1
            let isAsBefore = try session.visible() == before
            #expect(isAsBefore, "call \(call)")
            session.workspace.maintenance.maintain(checkpointNow: true)
            let isStill = try session.visible() == before
            #expect(isStill, "call \(call), after a checkpoint")
            let isFound = try Session(disk.afterKill(), base).visible() == before
            #expect(isFound, "call \(call), the next process")
        }
        #expect(failures > 3)
    }

    @Test("A failed rollback leaves no change after the workspace is closed", arguments: 1...4)
    func closed(times: Int) throws {
        var failures = 0
        for call in 0..<40 {
            guard let (session, disk, before) = try rollBack(failingAt: call, times: times) else {
                continue
            }
            failures += 1
            // The next cut of a log fails too.
            disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace))
            session.workspace.close()
            let isFound = try Session(disk.afterKill(), base).visible() == before
            #expect(isFound, "call \(call)")
        }
        #expect(failures > 3)
    }
}
