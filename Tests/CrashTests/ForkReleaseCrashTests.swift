// ForkReleaseCrashTests: a kill or a power cut at each call of a workload that goes on in a fork, again and
// again, or in which old history is released. The fork has all that its ancestors had, or it does not exist;
// a release takes nothing of the present content, nor of backups.

import Check
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Crashes of forks, merges and releases", .serialized)
struct ForkReleaseCrashTests {
    /// What happens between the steps of the workload.
    enum Kind: String, CaseIterable, Sendable {
        case forks, releases, both, merges

        /// The workload, with a fork or a release behind some steps. No undo goes back over a release.
        var steps: [Step] {
            Step.workload.enumerated().flatMap { index, step in
                var steps = [step]
                if self == .merges {
                    // The workload undoes some steps, each of which must have the one before it.
                    if [5, 14, 22, 33, 45, 49].contains(index) {
                        steps.append(.merge("a", new: "new \(index)"))
                    }
                    if [14, 45].contains(index) { steps.append(.undo) }
                    return steps
                }
                if self != .releases, [4, 7, 13, 22, 33, 45, 58].contains(index) { steps.append(.fork) }
                if self != .forks, [5, 11, 17, 26, 31, 39, 44, 49, 53, 59].contains(index) {
                    steps.append(.release)
                }
                return steps
            }
        }
    }

    private let base: CrashBase
    private let first: Model
    private static let seeds = TestSeeds.list("fork crashes")

    init() throws {
        base = try CrashBase(releasePage: 1)
        first = try Session(base.newDisk(seed: 0), base).firstModel(base)
    }

    /// Returns the numbers of calls at which the workload is stopped. They change from run to run unless all
    /// are tested.
    private func calls(_ kind: Kind) throws -> StrideTo<Int> {
        let disk = try base.newDisk(seed: 0)
        let history = History.untilStop(disk, base, first: first, steps: kind.steps)
        #expect(history.states.count == kind.steps.count + 1)
        #expect(disk.changes > 100)
        let step = TestEnvironment.isFull ? 1 : kind == .both || kind == .merges ? 19 : 7
        let start = Int(Self.seeds[Self.seeds.count - 1].value % UInt64(step))
        return stride(from: start, to: disk.changes, by: step)
    }

    private func stop(at call: Int, _ kind: Kind) throws -> (disk: SimulatedDisk, history: History) {
        let disk = try base.newDisk(seed: UInt64(call) &* 7919)
        disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
        return (disk, History.untilStop(disk, base, first: first, steps: kind.steps))
    }

    @Test(
        "A killed process loses nothing that it acknowledged, also in a fork and after a release",
        arguments: Kind.allCases, [false, true])
    func kills(kind: Kind, remounted: Bool) throws {
        for call in try calls(kind) {
            let (disk, history) = try stop(at: call, kind)
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

    @Test(
        "A power cut takes nothing of a fork that was synced in it or in its ancestors",
        arguments: Kind.allCases)
    func powerCuts(kind: Kind) throws {
        for call in try calls(kind) {
            let (disk, history) = try stop(at: call, kind)
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

    @Test(
        "A failed call fails its operation and changes nothing, also in a fork and in a release",
        arguments: Kind.allCases)
    func failures(kind: Kind) throws {
        let disk = try base.newDisk(seed: 0)
        _ = History.untilStop(disk, base, first: first, steps: kind.steps)
        let seed = Self.seeds[Self.seeds.count - 1]
        let step = TestEnvironment.isFull ? 1 : 17
        for call in stride(from: Int(seed.value % UInt64(step)), to: disk.calls, by: step) {
            let disk = try base.newDisk(seed: UInt64(call))
            disk.set(
                SimulatedDisk.Plan(
                    callsBefore: call, errno: call % 2 == 0 ? .inputOutput : .noSpace, times: 1,
                    countsReads: true))
            do {
                try runWithFailure(disk, base, first, isExact: true, steps: kind.steps)
            } catch {
                Issue.record("call \(call) fails (\(seed)): \(error)")
            }
        }
    }
}
