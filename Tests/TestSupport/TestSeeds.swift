// TestSeeds: which seeds a random test runs: twenty that are always the same, those that once found
// something, and twenty new ones each time. Each is printed, as the argument of its test or by `list`.
//
//   DRAFTFS_TEST_SEED=N    that one only: replays a failure
//   DRAFTFS_TEST_SEEDS=N   N new ones instead of twenty

/// A seed that says how to replay it.
package struct TestSeed: Sendable, Hashable, CustomStringConvertible {
    package let value: UInt64

    package init(_ value: UInt64) { self.value = value }

    package var description: String { "DRAFTFS_TEST_SEED=\(value)" }

    package var generator: SeededGenerator { SeededGenerator(seed: value) }
}

package enum TestSeeds {
    private static let fixedCount: UInt64 = 20
    private static let newCount = 20

    /// The seed asked for, or 1 to 20, `memorable` ones and new ones.
    package static func all(memorable: [UInt64] = []) -> [TestSeed] {
        if let asked { return [asked] }
        let fixed = (1...fixedCount).map { TestSeed($0) } + memorable.map { TestSeed($0) }
        return fixed + new
    }

    /// As `all`, printed: for a test that runs all of them in one go.
    package static func list(_ test: String) -> [TestSeed] {
        let seeds = all()
        let shown = asked == nil ? "1 to \(fixedCount), " + values(new) : values(seeds)
        print("\(test): seeds \(shown)")
        return seeds
    }

    private static func values(_ seeds: [TestSeed]) -> String {
        seeds.map { "\($0.value)" }.joined(separator: " ")
    }

    private static let asked = TestEnvironment.variable("DRAFTFS_TEST_SEED")
        .flatMap { UInt64($0) }.map { TestSeed($0) }

    /// Whether one seed was asked for.
    package static var isReplay: Bool { asked != nil }

    /// The same for all tests of one run. Not below 1,000, so that none is fixed too.
    private static let new: [TestSeed] = {
        let count = TestEnvironment.variable("DRAFTFS_TEST_SEEDS").flatMap { Int($0) } ?? newCount
        return (0..<max(0, count)).map { _ in TestSeed(.random(in: 1_000...999_999_999)) }
    }()
}
