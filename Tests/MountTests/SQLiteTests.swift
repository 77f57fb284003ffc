// SQLite in a workspace: concurrent writers in both journal modes, and kills of the daemon at random
// times. A row is acknowledged when its writer has printed it, after COMMIT returned.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canRun, "needs /dev/fuse"))
    struct SQLite {
        static let rounds = 20

        /// Arguments: database, journal mode, writer, round, rows (0 for no end).
        static let writer = """
            import sqlite3, sys
            path, mode, writer, first, rows = sys.argv[1:6]
            c = sqlite3.connect(path, timeout=60, isolation_level=None)
            c.execute("PRAGMA mmap_size=268435456")
            c.execute(f"PRAGMA journal_mode={mode}")
            c.execute("PRAGMA synchronous=%s" % ("NORMAL" if mode == "wal" else "FULL"))
            n = 0
            while n < int(rows) or int(rows) == 0:
                row = f"{writer}-{first}-{n}"
                c.execute("BEGIN IMMEDIATE")
                c.execute("INSERT INTO t VALUES (?, ?)", (row, "x" * (n * 37 % 3000)))
                c.execute("COMMIT")
                print(row, flush=True)
                n += 1
            """

        /// Arguments: database, file of acknowledged rows, maximum number of rows beyond them.
        static let checker = """
            import sqlite3, sys
            path, acknowledged, spare = sys.argv[1:4]
            c = sqlite3.connect(path, timeout=60)
            c.execute("PRAGMA mmap_size=268435456")
            found = c.execute("PRAGMA integrity_check").fetchall()
            assert found == [("ok",)], found
            rows = [r[0] for r in c.execute("SELECT id FROM t")]
            assert len(rows) == len(set(rows)), "a row is there twice"
            wanted = set(open(acknowledged).read().split())
            lost = wanted - set(rows)
            assert not lost, f"{len(lost)} acknowledged rows lost: {sorted(lost)[:5]}"
            more = len(rows) - len(wanted)
            assert 0 <= more <= int(spare), f"{more} rows more than acknowledged"
            """

        @Test("Four writers lose no row and none is there twice", arguments: ["wal", "delete"])
        func concurrentWriters(mode: String) throws {
            try mounted(prepare: { try Self.create($0, mode) }) { mount in
                let writers = try (0..<4).map { try Self.start(mount, mode, $0, "0", rows: 150) }
                var acknowledged = ""
                for writer in writers {
                    let result = writer.result(seconds: 120)
                    acknowledged += result.text
                    try expect(result.succeeded, "a writer failed: \(result.errorText)")
                }
                try same(acknowledged.split(separator: "\n").count, 600, "acknowledged rows")
                try Self.check(mount, acknowledged, spare: 0)
                try mount.remount()
                try Self.check(mount, acknowledged, spare: 0)
            }
        }

        @Test(
            "No acknowledged row is lost when the daemon is killed",
            .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"), arguments: ["wal", "delete"])
        func daemonKilled(mode: String) throws {
            let seed = TestEnvironment.seed()
            var random = SeededGenerator(seed: seed)
            print("sqlite \(mode): DRAFTFS_TEST_SEED=\(seed)")
            try mounted(limit: 600, prepare: { try Self.create($0, mode) }) { mount in
                var acknowledged = ""
                for round in 0..<(Self.rounds / 2) {
                    let writers = try (0..<4).map {
                        try Self.start(mount, mode, $0, "\(round)", rows: 0)
                    }
                    usleep(useconds_t.random(in: 150_000...700_000, using: &random))
                    try mount.kill9()
                    for writer in writers {
                        let result = writer.result(seconds: 30)
                        acknowledged += result.text
                        try expect(!result.timedOut, "a writer hangs after the daemon's death")
                    }
                    try mount.start()
                    // One row of each writer may be in flight in each round.
                    try Self.check(
                        mount, acknowledged, spare: 4 * (round + 1), "round \(round) of \(seed)")
                }
                let count = acknowledged.split(separator: "\n").count
                try expect(count > Self.rounds, "only \(count) rows were acknowledged")
            }
        }

        private static func create(_ base: String, _ mode: String) throws {
            let program = """
                import sqlite3
                c = sqlite3.connect("db")
                c.execute("PRAGMA journal_mode=\(mode)")
                c.execute("CREATE TABLE t (id TEXT PRIMARY KEY, body TEXT)")
                c.commit()
                """
            try ChildProcess.check([TestEnvironment.python, "-c", program], directory: base)
        }

        private static func start(
            _ mount: TestMount, _ mode: String, _ writer: Int, _ round: String, rows: Int
        ) throws -> ChildProcess {
            try ChildProcess([
                TestEnvironment.python, "-c", Self.writer, mount("db"), mode, "w\(writer)",
                round, "\(rows)",
            ])
        }

        private static func check(
            _ mount: TestMount, _ acknowledged: String, spare: Int, _ when: String = ""
        ) throws {
            // A line that is cut off by the end of its writer is not an acknowledgement.
            let whole = acknowledged.split(separator: "\n").joined(separator: "\n")
            let file = mount.directory("acknowledged")
            try writeFile(file, whole)
            let result = try ChildProcess.run(
                [TestEnvironment.python, "-c", checker, mount("db"), file, "\(spare)"])
            try expect(result.succeeded, "\(when): \(result.errorText.suffix(600))")
        }
    }
}
