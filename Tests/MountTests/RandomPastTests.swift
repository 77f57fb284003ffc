// Random operations on a plain directory and on a mount over an identical base. Between them come
// backups, rollbacks of everything and of single paths, undo, clones, edits, kills of the daemon and
// reads of earlier moments. The plain directory is copied at each backup and becomes that copy at a
// rollback. DRAFTFS_TEST_SEED replays a run, DRAFTFS_TEST_STEPS sets the number of steps.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct RandomPast {
        /// Seeds that once found bugs: rollbacks that restored wrong content.
        private static let memorable: [UInt64] = [
            649_834, 700_013, 700_026, 700_027, 700_042, 700_043, 700_053,
            472_068_648, 188_492_053,
        ]

        @Test(
            "Backups, rollbacks, undo, clones and edits leave a mount as copies leave a directory",
            arguments: TestSeeds.all(memorable: memorable))
        func randomPast(testSeed: TestSeed) throws {
            let seed = testSeed.value
            let asked = TestEnvironment.variable("DRAFTFS_TEST_STEPS").flatMap { Int($0) }
            let steps = asked ?? (TestEnvironment.isFull ? 20_000 : 2_500)
            try Self.run(seed: seed, steps: steps)
        }

        private static func run(seed: UInt64, steps: Int) throws {
            let plain = try TemporaryDirectory("plain")
            try mounted(limit: 1_800, prepare: { base in
                try Self.populate(base, seed: seed)
                try ChildProcess.check(["cp", "-a", base, plain("now")])
            }) { mount in
                let before = try TreeWalk(mount.base).entries
                let run = PastRun(seed: seed, plain: plain, mount: mount)
                do {
                    try run.run(chunks: max(1, steps / PastRun.chunk))
                } catch {
                    throw CheckFailure(
                        "seed \(seed): \(error)\nlast steps:\n"
                            + run.recent.suffix(15).joined(separator: "\n"))
                }
                try same(try TreeWalk(mount.base).entries, before, "the base of seed \(seed)")
            }
        }

        static func populate(_ base: String, seed: UInt64) throws {
            for top in PastRun.tops {
                for path in ["", "/a", "/b", "/c", "/a/a", "/a/b", "/b/c"] {
                    try makeDirectory("\(base)/\(top)\(path)")
                }
                try writeFile("\(base)/\(top)/base file", bytes(150_000, fill: seed))
                try must("link", link("\(base)/\(top)/base file", "\(base)/\(top)/b/linked"))
            }
            var generator = OperationGenerator(seed: seed &+ 1, tops: PastRun.tops)
            let target = OperationTarget(root: base)
            for _ in 0..<400 { _ = target.apply(generator.next()) }
        }
    }
}
