// JobTests: tests the progress and the end of jobs, and their lines in the control file `progress`.

import Control
import Overlay
import Platform
import Synchronization
import Testing

@Suite("Jobs")
struct JobTests {
    /// A clock that the test advances.
    private final class Hands: Sendable {
        let time = Atomic<Int64>(1_000_000_000)

        var clock: Clock {
            Clock(
                realtime: { 0 }, monotonic: { [self] in time.load(ordering: .relaxed) })
        }

        func advance(seconds: Int64) { time.add(seconds * 1_000_000_000, ordering: .relaxed) }
    }

    @Test func `A job shows its rate and when it will be done`() {
        let hands = Hands()
        let jobs = JobList(clock: hands.clock)
        let job = jobs.start("verify", workspace: "one", unit: "bytes")
        #expect(
            text(StateTexts.progress(jobs.running)) == #"{"id":1,"verb":"verify","workspace":"one","#
                + #""done":0,"total":null,"unit":"bytes","rate":0,"eta_seconds":null}"# + "\n")
        job.setTotal(1000)
        job.advance(by: 250)
        hands.advance(seconds: 5)
        #expect(
            text(StateTexts.progress(jobs.running)) == #"{"id":1,"verb":"verify","workspace":"one","#
                + #""done":250,"total":1000,"unit":"bytes","rate":50,"eta_seconds":15}"# + "\n")
    }

    @Test func `An ended job is no longer in progress, and only its first end counts`() {
        let hands = Hands()
        let jobs = JobList(clock: hands.clock)
        let one = jobs.start("verify", workspace: "one", unit: "bytes", total: 10)
        let two = jobs.start("commit", workspace: "", unit: "files", isCancellable: false)
        #expect(jobs.running.map(\.id) == [1, 2])
        hands.advance(seconds: 3)
        one.end(.failed("the disk is gone"))
        one.end(.done)
        one.end(.running)
        hands.advance(seconds: 3)
        #expect(jobs.running.map(\.id) == [2])
        #expect(jobs.ended.map(\.state) == [.failed("the disk is gone")])
        #expect(one.report.elapsed == 3_000_000_000)
        #expect(one.report.remainingSeconds == nil)
        #expect(!jobs.cancel(1) && !jobs.cancel(2) && !jobs.cancel(3))
        #expect(!two.isCancelled)
    }

    @Test func `A job that can be cancelled learns of it`() {
        let jobs = JobList()
        let one = jobs.start("verify", workspace: "one", unit: "bytes")
        let two = jobs.start("commit", workspace: "one", unit: "bytes", isCancellable: false)
        jobs.cancelAll()
        #expect(one.isCancelled && !two.isCancelled)
        #expect(jobs.running.count == 2)
        one.end(.cancelled)
        #expect(jobs.ended.map(\.state) == [.cancelled])
    }

    @Test func `Figures at their bounds do not trap`() {
        let hands = Hands()
        let jobs = JobList(clock: hands.clock)
        let job = jobs.start("verify", workspace: "one", unit: "bytes", total: .max)
        job.advance(by: .max)
        job.advance(by: 1)
        hands.advance(seconds: 1)
        #expect(job.report.done == .max)
        #expect(job.report.rate == 1 << 63)
        #expect(job.report.remainingSeconds == 0)
        job.setTotal(1)
        #expect(job.report.remainingSeconds == 0)
        let slow = jobs.start("verify", workspace: "one", unit: "bytes", total: .max)
        slow.advance(by: 1)
        hands.advance(seconds: 9_000_000_000)
        #expect(slow.report.rate == 0)
        #expect(slow.report.remainingSeconds == 1 << 63)
    }

    @Test func `Only the last ended jobs are kept`() {
        let jobs = JobList()
        for _ in 0..<100 { jobs.start("verify", workspace: "", unit: "bytes").end() }
        #expect(jobs.ended.count == 64)
        #expect(jobs.ended.last?.id == 100)
        #expect(jobs.running.isEmpty)
    }
}
