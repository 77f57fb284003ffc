// LongRecordTests: tests that a rollback that needs a record above the maximum length is refused before
// anything is written.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Too long records")
struct LongRecordTests {
    @Test("A rollback of a file in too many pieces is refused, and nothing has changed")
    func rollback() throws {
        let base = try CrashBase(maximumPayload: 1000)
        let disk = try base.newDisk(seed: 1)
        let session = try Session(disk, base)
        var steps: [Step] = [.create("a"), .create("b"), .write("b", at: 0, count: 40)]
        for index in 0..<40 { steps.append(.write("a", at: index * 10, count: 5)) }
        steps += [.backup("one"), .truncate("a", to: 0), .write("a", at: 0, count: 9), .unlink("b")]
        for (index, step) in steps.enumerated() { _ = try session.run(step, index) }
        let before = try session.visible()
        let length = disk.contents(of: "workspaces/0001/tree.log")?.count ?? 0
        #expect(throws: Errno.fileTooBig) { try session.run(.rollback("one"), 90) }
        #expect(try session.visible() == before)
        // Marks and the process may be logged, but no transaction.
        #expect((disk.contents(of: "workspaces/0001/tree.log")?.count ?? 0) < length + 300)
        _ = try session.run(.rollbackPath("one", "b"), 91)
        #expect(try session.visible()["b"] == Model.data(2, 40))
        let found = try Session(disk.afterKill(), base).visible()
        #expect(found["a"] == before["a"] && found["b"] == Model.data(2, 40))
    }
}
