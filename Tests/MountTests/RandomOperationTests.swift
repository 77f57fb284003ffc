// Random operations on a plain directory and on a mount over an identical base, by several threads, with
// remounts and kills of the daemon between phases. Every outcome must be equal, and after every phase the
// whole trees. DRAFTFS_TEST_SEED replays a run, DRAFTFS_TEST_STEPS sets its length.

import Synchronization
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(if: TestEnvironment.canRun && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct RandomOperations {
        static let threads = 4
        static let phases = TestEnvironment.isFull ? 6 : 2
        /// The trees of the serial steps. A link from here into a thread's tree would let two threads use
        /// one inode, and outcomes would depend on their order.
        static let serialTops = ["shared", "other"]

        @Test(
            "Random operations leave a mount as they leave a plain directory",
            arguments: TestSeeds.all())
        func randomOperations(testSeed: TestSeed) throws {
            let seed = testSeed.value
            let asked = TestEnvironment.variable("DRAFTFS_TEST_STEPS").flatMap { Int($0) }
            let steps = asked ?? (TestEnvironment.isFull ? 30_000 : 3_000)
            let plain = try TemporaryDirectory("plain")
            try mounted(limit: 1_800, prepare: { base in
                try Self.populate(base, seed: seed)
                try ChildProcess.check(["cp", "-a", "\(base)/.", plain.path])
            }) { mount in
                let before = try TreeWalk(mount.base).entries
                let trees = Trees(plain: plain.path, mount: mount.root)
                for phase in 0..<Self.phases {
                    let phaseSeed = seed &* 1_000 &+ UInt64(phase)
                    try trees.run(seed: phaseSeed, steps: steps / Self.phases) {
                        // The targets still hold files open here, as programs do when a daemon dies.
                        try trees.compare("phase \(phase) of seed \(seed)")
                        if phase % 2 == 0 { try mount.kill9() }
                    }
                    try mount.remount()
                    try trees.compare("phase \(phase) of seed \(seed), mounted again")
                }
                try same(try TreeWalk(mount.base).entries, before, "the base of seed \(seed)")
            }
        }

        /// Makes a base with every kind of name, and with hard links across directories.
        static func populate(_ base: String, seed: UInt64) throws {
            let tops = (0..<threads).map { "t\($0)" } + serialTops
            let target = OperationTarget(root: base)
            for top in tops {
                try makeDirectory("\(base)/\(top)")
                for path in ["a", "b", "c", "a/a", "a/b", "b/c"] {
                    try makeDirectory("\(base)/\(top)/\(path)")
                }
            }
            for (index, group) in (tops.prefix(threads).map { [$0] } + [serialTops]).enumerated() {
                var generator = OperationGenerator(seed: seed &+ UInt64(index), tops: group)
                for _ in 0..<500 { _ = target.apply(generator.next()) }
            }
            for top in tops {
                try writeFile("\(base)/\(top)/base file", bytes(150_000, fill: seed))
                _ = target.apply(
                    .link(from: Array("\(top)/base file".utf8), to: Array("\(top)/b/linked".utf8)))
            }
        }
    }
}

/// The two trees, and the methods that run steps on both.
private struct Trees: Sendable {
    let plain: String
    let mount: String

    /// Runs one phase: most steps by threads in their own trees, the rest serially across the serial
    /// trees. Calls `atEnd` while files of the serial part are still held open.
    func run(seed: UInt64, steps: Int, atEnd: () throws -> Void) throws {
        let threads = MountTests.RandomOperations.threads
        let share = steps * 4 / 5 / threads
        let failures = Mutex<[String]>([])
        try onThreads(threads) { index in
            let generator = OperationGenerator(
                seed: seed &* 10 &+ UInt64(index), tops: ["t\(index)"])
            let targets = (OperationTarget(root: plain), OperationTarget(root: mount))
            if let failure = follow(generator, share, targets) {
                failures.withLock { $0.append("thread \(index): \(failure)") }
            }
        }
        var found = failures.withLock { $0 }
        let targets = (OperationTarget(root: plain), OperationTarget(root: mount))
        let serial = OperationGenerator(
            seed: seed &* 10 &+ 9, tops: MountTests.RandomOperations.serialTops)
        if found.isEmpty, let failure = follow(serial, steps - share * threads, targets) {
            found.append("serial: \(failure)")
        }
        if !found.isEmpty {
            throw CheckFailure("phase seed \(seed): " + found.joined(separator: "\n"))
        }
        try withExtendedLifetime(targets) { try atEnd() }
    }

    private func follow(
        _ start: OperationGenerator, _ steps: Int, _ targets: (OperationTarget, OperationTarget)
    ) -> String? {
        var generator = start
        var history: [(operation: Operation, outcome: Outcome)] = []
        for _ in 0..<steps {
            let operation = generator.next()
            let expected = targets.0.apply(operation)
            let found = targets.1.apply(operation)
            history.append((operation, expected))
            if expected != found {
                return "the mount answered \(found) at the last of these:\n"
                    + Self.story(history).joined(separator: "\n")
            }
        }
        return nil
    }

    /// Returns the last step with the few before it, and earlier ones that name the same path.
    private static func story(_ history: [(operation: Operation, outcome: Outcome)]) -> [String] {
        let lines = history.enumerated().map { "\($0): \($1.operation): \($1.outcome)" }
        guard let subject = history.last?.operation.subject else { return lines.suffix(6) }
        let name = "=" + String(decoding: subject.prefix(100), as: UTF8.self) + " "
        return lines.dropLast(4).filter { $0.contains(name) }.suffix(20) + lines.suffix(4)
    }

    func compare(_ when: String) throws {
        let (one, two) = (try TreeWalk(plain), try TreeWalk(mount))
        let differences = one.differences(to: two)
        if !differences.isEmpty {
            let text = differences.joined(separator: "\n")
            throw CheckFailure("plain directory and mount differ after \(when):\n\(text)")
        }
    }
}
