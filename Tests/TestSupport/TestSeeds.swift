// TestSeeds: the seeds of a random test: twenty fixed ones, those that once found a bug, and twenty new
// ones for each run. Each seed is printed, as an argument of its test or by `list`.
//
//   DRAFTFS_TEST_SEED=N    only this seed: replays a failure
//   DRAFTFS_TEST_SEEDS=N   N new seeds instead of twenty

/// A seed whose description tells how to replay it.
package struct TestSeed: Sendable, Hashable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package var description: String { "DRAFTFS_TEST_SEED=\(value)" }

    package var generator: SeededGenerator { SeededGenerator(seed: value) }
}

package enum TestSeeds {
    private static let fixedCount: UInt64 = 20
    private static let newCount = 20

    /// Returns the requested seed, or 1 to 20, the `memorable` ones and new ones.
    package static func all(memorable: [UInt64] = []) -> [TestSeed] {
        if let asked { return [asked] }
        let fixed = (1...fixedCount).map { TestSeed($0) } + memorable.map { TestSeed($0) }
        return fixed + new
    }

    /// Returns fixed and new seeds and prints them, for a test that runs all of them in one call.
    package static func list(_ test: String, memorable: [UInt64] = []) -> [TestSeed] {
        let seeds = all(memorable: memorable)
        let shown = asked == nil ? "1 to \(fixedCount), " + values(new) : values(seeds)
        print("\(test): seeds \(shown)")
        return seeds
    }

    private static func values(_ seeds: [TestSeed]) -> String {
        seeds.map { "\($0.value)" }.joined(separator: " ")
    }

    private static let asked = TestEnvironment.variable("DRAFTFS_TEST_SEED")
        .flatMap { UInt64($0) }.map { TestSeed($0) }

    /// Whether one seed was requested.
    package static var isReplay: Bool { asked != nil }

    /// The new seeds, the same for all tests of a run. They are at least 1,000, so that none equals a
    /// fixed one.
    private static let new: [TestSeed] = {
        let count = TestEnvironment.variable("DRAFTFS_TEST_SEEDS").flatMap { Int($0) } ?? newCount
        return (0..<max(0, count)).map { _ in TestSeed(.random(in: 1_000...999_999_999)) }
    }()
}
