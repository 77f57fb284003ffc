// ModelTests: compares random operations on a workspace with the same on a plain reference, without a
// mount. A failure prints its seed, which DRAFTFS_TEST_SEED replays.

import Overlay
import TestSupport
import Testing

@Suite struct ModelTests {
    private static let seeds = TestSeeds.all(memorable: [926_103_202])

    /// The number of chunks: few, because there are many seeds.
    private static var chunks: Int { TestEnvironment.isFull ? 48 : 6 }

    @Test("A workspace behaves as a plain tree does", arguments: seeds)
    func ordinaryLimits(seed: TestSeed) throws { try Self.run(seed, Limits()) }

    @Test("A workspace with minimal caches behaves as a plain tree does", arguments: seeds)
    func tinyLimits(seed: TestSeed) throws { try Self.run(seed, ModelRun.tinyLimits) }

    private static func run(_ seed: TestSeed, _ limits: Limits) throws {
        let run = try ModelRun(seed: seed.value, limits: limits)
        try run.run(chunks: chunks, steps: 120)
        // A run in which all steps fail tests nothing.
        #expect(run.succeeded > chunks * 20, "\(seed)")
        #expect(run.fixture.messages.filter { $0.contains("EIO") } == [], "\(seed)")
    }
}

@Suite struct CommitModelTests {
    private static let seeds = TestSeeds.all()

    @Test("Commits change the base as three whole trees say, and no workspace", arguments: seeds)
    func commits(seed: TestSeed) throws {
        let run = try CommitRun(seed: seed.value)
        try run.run(rounds: TestEnvironment.isFull ? 60 : 14)
        #expect(run.commits + run.conflicts + run.refreshes > 0 || !TestEnvironment.isFull, "\(seed)")
    }

    @Test("What is released was needed by nothing that can be seen", arguments: seeds)
    func releases(seed: TestSeed) throws {
        var limits = Limits()
        limits.releasePage = 1
        limits.leastShared = 1
        limits.leastTreeLog = 1
        let run = try CommitRun(seed: seed.value &+ 1, limits: limits)
        try run.run(rounds: TestEnvironment.isFull ? 60 : 9, releasesOften: true)
        #expect(run.released > 0 || !TestEnvironment.isFull, "\(seed)")
    }
}

@Suite struct MergeModelTests {
    private static let seeds = TestSeeds.all()

    @Test("A merge gives a workspace what another one has changed, and nothing else", arguments: seeds)
    func merges(seed: TestSeed) throws {
        var limits = Limits()
        limits.leastTreeLog = 1
        let run = try MergeRun(seed: seed.value, limits: limits)
        try run.run(rounds: TestEnvironment.isFull ? 60 : 14)
        #expect(run.merges > 1, "\(seed)")
    }
}
