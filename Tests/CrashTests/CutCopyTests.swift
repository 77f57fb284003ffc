// Commands that take content from logs which nobody synced: after a power cut they are done whole or
// not at all.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Copies after a power cut")
struct CutCopyTests {
    private let base: CrashBase

    init() throws { base = try CrashBase() }

    /// The disk after the steps, of which the last made or changed `name`, and what is there then.
    private func look(
        after steps: [Step], seed: UInt64
    ) throws -> [String: (number: InodeNumber, bytes: [UInt8]?)] {
        let disk = try base.newDisk(seed: 1)
        let session = try Session(disk, base)
        for (index, step) in steps.enumerated() { _ = try session.run(step, index) }
        let after = disk.afterPowerCut(seed: seed)
        after.setContents(
            of: "workspaces/0001/in-use", to: ChecksummedText.encode(Array("another-boot".utf8)))
        return try Session(after, base).look()
    }

    @Test("A clone has all of its source, or is not there")
    func clone() throws {
        let steps: [Step] = [
            .write("old", at: 90_000, count: 700), .create("x"), .clone("old", to: "e"),
            // It makes the tree log durable, and neither of the two.
            .sync("x"),
        ]
        for seed in 0..<UInt64(40) {
            let found = try look(after: steps, seed: seed)
            #expect(found["e"]?.bytes?.count == 90_700, "seed \(seed)")
        }
    }

    @Test("A rollback leaves the content of its moment")
    func rollback() throws {
        let steps: [Step] = [
            .create("a"), .write("a", at: 0, count: 900), .backup("one"),
            .write("a", at: 500, count: 9000), .rollback("one"),
        ]
        for seed in 0..<UInt64(40) {
            let found = try look(after: steps, seed: seed)
            #expect(found["a"]?.bytes == Model.data(1, 900), "seed \(seed)")
        }
    }
}
