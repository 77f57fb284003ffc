// Random operations on a workspace and on a plain reference, without a mount. A failure prints its
// seed; DRAFTFS_TEST_SEED replays it.

import Overlay
import TestSupport
import Testing

@Suite struct ModelTests {
    private static let seeds = TestSeeds.all(memorable: [926_103_202])

    /// Few for each of many seeds.
    private static var chunks: Int { TestEnvironment.isFull ? 48 : 6 }

    @Test("A workspace does what a plain tree does", arguments: seeds)
    func ordinaryLimits(seed: TestSeed) throws { try Self.run(seed, Limits()) }

    @Test("A workspace that keeps nothing in memory does what a plain tree does", arguments: seeds)
    func tinyLimits(seed: TestSeed) throws { try Self.run(seed, ModelRun.tinyLimits) }

    private static func run(_ seed: TestSeed, _ limits: Limits) throws {
        let run = try ModelRun(seed: seed.value, limits: limits)
        try run.run(chunks: chunks, steps: 120)
        // Steps that all fail test nothing.
        #expect(run.succeeded > chunks * 20, "\(seed)")
        #expect(run.fixture.messages.filter { $0.contains("EIO") } == [], "\(seed)")
    }
}
