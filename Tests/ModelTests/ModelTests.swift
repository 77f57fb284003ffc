// Random operations on a workspace and on a plain reference, without a mount. A failure prints its
// seed; DRAFTFS_TEST_SEED replays it.

import Overlay
import TestSupport
import Testing

@Suite struct ModelTests {
    /// The seed asked for, or new ones.
    private static let seeds: [UInt64] = {
        if TestEnvironment.variable("DRAFTFS_TEST_SEED") != nil { return [TestEnvironment.seed()] }
        return (0..<3).map { _ in TestEnvironment.seed() }
    }()

    private static var chunks: Int { TestEnvironment.isFull ? 200 : 16 }

    @Test("A workspace does what a plain tree does", arguments: seeds)
    func ordinaryLimits(seed: UInt64) throws { try Self.run(seed, Limits()) }

    @Test("A workspace that keeps nothing in memory does what a plain tree does", arguments: seeds)
    func tinyLimits(seed: UInt64) throws { try Self.run(seed, ModelRun.tinyLimits) }

    private static func run(_ seed: UInt64, _ limits: Limits) throws {
        print("model: DRAFTFS_TEST_SEED=\(seed)")
        let run = try ModelRun(seed: seed, limits: limits)
        try run.run(chunks: chunks, steps: 120)
        // Steps that all fail test nothing.
        #expect(run.succeeded > chunks * 20, "seed \(seed)")
        #expect(run.fixture.messages.filter { $0.contains("EIO") } == [], "seed \(seed)")
    }
}
