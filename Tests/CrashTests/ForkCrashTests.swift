// ForkCrashTests: a kill or a power cut at each call of a workload that goes on in a fork, again and again.
// The fork has all that its ancestors had, or it does not exist.

import Check
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Crashes of forks", .serialized)
struct ForkCrashTests {
    private let base: CrashBase
    private let first: Model
    private static let seeds = TestSeeds.list("fork crashes")
    /// The workload, with a fork behind each of these numbers of steps.
    private static let steps = Step.workload.enumerated().flatMap { index, step in
        [4, 7, 13, 22, 33, 45, 58].contains(index) ? [step, .fork] : [step]
    }

    init() throws {
        base = try CrashBase()
        first = try Session(base.newDisk(seed: 0), base).firstModel(base)
    }

    /// Returns the numbers of calls at which the workload is stopped. They change from run to run unless all
    /// are tested.
    private func calls() throws -> StrideTo<Int> {
        let disk = try base.newDisk(seed: 0)
        let history = History.untilStop(disk, base, first: first, steps: Self.steps)
        #expect(history.states.count == Self.steps.count + 1)
        #expect(disk.changes > 100)
        let step = TestEnvironment.isFull ? 1 : 3
        let start = Int(Self.seeds[Self.seeds.count - 1].value % UInt64(step))
        return stride(from: start, to: disk.changes, by: step)
    }

    private func stop(at call: Int) throws -> (disk: SimulatedDisk, history: History) {
        let disk = try base.newDisk(seed: UInt64(call) &* 7919)
        disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
        return (disk, History.untilStop(disk, base, first: first, steps: Self.steps))
    }

    @Test("A killed process loses nothing that it acknowledged, also in a fork", arguments: [false, true])
    func kills(remounted: Bool) throws {
        for call in try calls() {
            let (disk, history) = try stop(at: call)
            do {
                let after = disk.afterKill(remounted: remounted)
                let session = try Session(after, base)
                try history.checkKill(session.visible())
                let report = try session.workspace.verify()
                guard report.isClean else { throw CheckFailure("verify: \(report.findings.map(\.sentence))") }
                if call % 4 == 0 { try checkThatWorkGoesOn(session, after, base) }
            } catch {
                Issue.record("stopped at call \(call): \(error)")
            }
        }
    }

    @Test("A power cut takes nothing of a fork that was synced in it or in its ancestors")
    func powerCuts() throws {
        for call in try calls() {
            let (disk, history) = try stop(at: call)
            for seed in Self.seeds.shuffled().prefix(2) {
                let after = disk.afterPowerCut(seed: seed.value &* 1009 &+ UInt64(call))
                do {
                    let session = try Session(after, base)
                    try history.checkPowerCut(session.look())
                    if call % 4 == 0 { try checkThatWorkGoesOn(session, after, base) }
                } catch {
                    Issue.record("power cut at call \(call) (\(seed)): \(error)")
                }
            }
        }
    }

    @Test("A failed call fails its operation and changes nothing, also in a fork")
    func failures() throws {
        let disk = try base.newDisk(seed: 0)
        _ = History.untilStop(disk, base, first: first, steps: Self.steps)
        let seed = Self.seeds[Self.seeds.count - 1]
        let step = TestEnvironment.isFull ? 1 : 11
        for call in stride(from: Int(seed.value % UInt64(step)), to: disk.calls, by: step) {
            let disk = try base.newDisk(seed: UInt64(call))
            disk.set(
                SimulatedDisk.Plan(
                    callsBefore: call, errno: call % 2 == 0 ? .inputOutput : .noSpace, times: 1,
                    countsReads: true))
            do {
                try runWithFailure(disk, base, first, isExact: true, steps: Self.steps)
            } catch {
                Issue.record("call \(call) fails (\(seed)): \(error)")
            }
        }
    }
}
