// CrashTests: tests the state after a failed call, a kill or a power cut at each call of the workload.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

/// The tests run with each transaction in one record, and with all but the shortest in several records.
@Suite("Crashes", .serialized)
struct CrashTests {
    private let base: CrashBase
    private let first: Model
    private let parted: (base: CrashBase, first: Model)
    private static let seeds = TestSeeds.list("crashes")

    init() throws {
        base = try CrashBase()
        first = try Session(base.newDisk(seed: 0), base).firstModel(base)
        let other = try CrashBase(transactionPart: 100)
        parted = (other, try Session(other.newDisk(seed: 0), other).firstModel(other))
    }

    /// Returns the base and the first model of a test, and the stride over the calls of the workload. A run
    /// with parts tests every fourth call unless all are tested.
    private func setUp(inParts: Bool) -> (base: CrashBase, first: Model, step: Int) {
        if inParts { return (parted.base, parted.first, TestEnvironment.isFull ? 1 : 4) }
        return (base, first, 1)
    }

    private func calls(_ count: Int, step: Int) -> StrideTo<Int> {
        stride(from: Int(Self.seeds[Self.seeds.count - 1].value % UInt64(step)), to: count, by: step)
    }

    /// Returns the number of changing calls and of all calls of the workload on a disk that never fails.
    private func counts(
        _ base: CrashBase, _ first: Model
    ) throws -> (changes: Int, calls: Int) {
        let disk = try base.newDisk(seed: 0)
        _ = History.untilStop(disk, base, first: first)
        return (disk.changes, disk.calls)
    }

    @Test("Without a failure the next process finds each byte", arguments: [false, true])
    func nothingFails(inParts: Bool) throws {
        let (base, first, _) = setUp(inParts: inParts)
        let disk = try base.newDisk(seed: 0)
        let history = History.untilStop(disk, base, first: first)
        #expect(history.states.count == Step.workload.count + 1)
        let found = try Session(disk.afterKill(), base).visible()
        #expect(throws: Never.self) { try history.checkKill(found) }
    }

    @Test("A failed call fails its operation and changes nothing", arguments: [1, 2], [false, true])
    func failures(times: Int, inParts: Bool) throws {
        let (base, first, more) = setUp(inParts: inParts)
        let calls = try counts(base, first).calls
        #expect(calls > 80)
        // All calls take minutes. The tested calls change from run to run.
        let step = TestEnvironment.isFull ? 1 : 4 * more
        let seed = Self.seeds[Self.seeds.count - 1]
        for call in stride(from: Int(seed.value % UInt64(step)), to: calls, by: step) {
            let disk = try base.newDisk(seed: UInt64(call))
            disk.set(
                SimulatedDisk.Plan(
                    callsBefore: call, errno: call % 2 == 0 ? .inputOutput : .noSpace,
                    times: times, countsReads: true))
            do {
                try runWithFailure(disk, base, first, isExact: times == 1)
            } catch {
                Issue.record("call \(call) fails \(times) times (\(seed)): \(error)")
            }
        }
    }

    /// If the file system of the store is mounted again after the kill, recovery works as after a power
    /// cut. It must remove nothing from a store that has lost nothing.
    @Test(
        "A killed process loses nothing that it acknowledged", arguments: [false, true],
        [false, true])
    func kills(inParts: Bool, remounted: Bool) throws {
        let (base, first, step) = setUp(inParts: inParts)
        for call in calls(try counts(base, first).changes, step: step) {
            let disk = try base.newDisk(seed: UInt64(call) &* 7919)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let history = History.untilStop(disk, base, first: first)
            do {
                guard disk.isStopped else { throw CheckFailure("it was not stopped") }
                let after = disk.afterKill(remounted: remounted)
                let session = try Session(after, base)
                try history.checkKill(session.visible())
                try checkThatAllIsWhole(session)
                if call % 3 == 0 { continue }
                try checkThatWorkGoesOn(session, after, base)
            } catch {
                Issue.record("stopped at call \(call): \(error)")
            }
        }
    }

    /// Checks that a check of each byte finds no damage after recovery.
    private func checkThatAllIsWhole(_ session: Session) throws {
        let report = try session.workspace.verify()
        guard report.isClean else {
            throw CheckFailure("verify: \(report.findings.map(\.sentence))")
        }
    }

    /// The number of outcomes that are tested for each power cut.
    private static let cuts =
        TestEnvironment.variable("DRAFTFS_TEST_CUTS").flatMap { Int($0) }
        ?? (TestEnvironment.isFull ? 40 : 4)

    /// Returns the seeds of the power cuts at one call. The seeds take turns over the calls. A replayed
    /// seed is used at each call.
    private static func seeds(at call: Int) -> [TestSeed] {
        let count = min(cuts, seeds.count)
        return (0..<count).map { seeds[(call * count + $0) % seeds.count] }
    }

    /// Makes the mark of use one of another boot, as after a restart of the machine. Without this call only
    /// the disk lost power, and its file system was mounted again.
    private static func boot(_ disk: SimulatedDisk) {
        let mark = "workspaces/0001/in-use"
        if disk.exists(mark) {
            disk.setContents(of: mark, to: ChecksummedText.encode(Array("another-boot".utf8)))
        }
    }

    @Test("A power cut loses nothing that was synced and gives no wrong bytes", arguments: [false, true])
    func powerCuts(inParts: Bool) throws {
        let (base, first, step) = setUp(inParts: inParts)
        for call in calls(try counts(base, first).changes, step: step) {
            let disk = try base.newDisk(seed: UInt64(call) &* 104_729)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let history = History.untilStop(disk, base, first: first)
            for (cut, seed) in Self.seeds(at: call).enumerated() {
                let after = disk.afterPowerCut(seed: seed.value &* 1009 &+ UInt64(call))
                do {
                    if cut % 2 == 0 { Self.boot(after) }
                    let session = try Session(after, base)
                    try history.checkPowerCut(session.look())
                    try checkThatAllIsWhole(session)
                    if cut > 0 { continue }
                    try checkThatWorkGoesOn(session, after, base)
                } catch {
                    Issue.record("power cut at call \(call), parts \(inParts) (\(seed)): \(error)")
                }
            }
        }
    }

    @Test("A store whose creation was interrupted can be made again")
    func makingAStore() throws {
        var call = 0
        while true {
            let disk = SimulatedDisk(seed: UInt64(call))
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let made = try? base.openStore(disk).createWorkspace(FileName("one"), now: 1)
            if !disk.isStopped { break }
            let cuts = (0..<3).map { disk.afterPowerCut(seed: $0) }
            for after in [disk.afterKill()] + cuts {
                do {
                    let store = try base.openStore(after)
                    if store.workspaces.isEmpty {
                        #expect(made == nil)
                        _ = try store.createWorkspace(FileName("one"), now: 1)
                    }
                    try checkThatWorkGoesOn(Session(after, base), after, base)
                } catch {
                    Issue.record("stopped at call \(call): \(error)")
                }
            }
            call += 1
        }
        #expect(call > 8)
    }
}
