// CutCopyTests: tests commands that use content of logs that were not synced. After a power cut such a
// command is complete or absent.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Copies after a power cut")
struct CutCopyTests {
    private let base: CrashBase

    init() throws { base = try CrashBase() }

    /// Runs the steps, cuts the power, and returns the state that the next boot finds.
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

    @Test("A clone has all of its source or is absent, and is there once the tree log is durable")
    func clone() throws {
        let steps: [Step] = [
            .write("old", at: 90_000, count: 700), .create("x"), .clone("old", to: "e"),
        ]
        let old = try #require(base.files["old"])
        let gap = [UInt8](repeating: 0, count: 90_000 - old.count)
        let source = old + gap + Model.data(0, 700)
        for seed in 0..<UInt64(40) {
            if let clone = try look(after: steps, seed: seed)["e"] {
                #expect(clone.bytes == source, "seed \(seed)")
            }
            // This sync makes the tree log durable, but neither of the two files.
            let found = try look(after: steps + [.sync("x")], seed: seed)
            #expect(found["e"]?.bytes == source, "seed \(seed), with a durable tree log")
        }
    }

    @Test("After a rollback the file has the content of the moment")
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
