// Rollbacks every 300 ms while a compiler, git and SQLite work in the workspace and a writer rewrites
// whole files. A single run of these programs may fail, because a rollback removes files under it, but
// each must succeed between two rollbacks, and when the rollbacks have ended. Nothing may hang, no file
// may be a mixture of versions, and the first backup must be unchanged.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct RollbackUnderLoad {
        /// The size in bytes of a file of one generation: one write(2) and one read(2) transfer it.
        static let size = 128 << 10

        static let project = """
            mkdir project repo db gen
            cd project
            for i in 1 2 3 4 5 6; do echo "int f$i(int x) { return x + $i; }" > f$i.c; done
            { for i in 1 2 3 4 5 6; do echo "int f$i(int);"; done
              echo 'int main(void) { return f1(0) + f2(0) + f6(0) - 9; }'; } > main.c
            cat > Makefile <<'M'
            OBJECTS = $(patsubst %.c,%.o,$(wildcard *.c))
            program: $(OBJECTS)
            \t$(CC) -o $@ $(OBJECTS)
            %.o: %.c
            \t$(CC) -O0 -c -o $@ $<
            clean:
            \trm -f *.o program
            M
            cd ../repo; git init -q -b main
            for i in $(seq 20); do echo "line $i" > file$i; done
            git add -A; git commit -qm first
            """

        static let successes: Set<Substring> = ["built", "committed", "stored"]

        /// What each program does once, with no other program running.
        static let quiet = """
            (cd project && make clean && make -j2 program && ./program)
            cd repo; rm -f .git/index.lock .git/HEAD.lock
            git status --porcelain; echo quiet > file1; git add -A; git commit -qm quiet; git fsck
            cd ../db
            for mode in wal delete; do
              "$PYTHON" -c '
            import sqlite3, sys
            c = sqlite3.connect("db", isolation_level=None)
            c.execute("PRAGMA journal_mode=" + sys.argv[1])
            c.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT)")
            c.execute("INSERT INTO t (body) VALUES (?)", ("x" * 5000,))
            assert c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            ' $mode
            done
            """

        /// Runs as long as the file exists. Failures are permitted.
        static let compiler = """
            while [ -e "$GO" ]; do
              (cd project && make clean && make -j2 program && ./program && echo built)
              sleep 0.01
            done
            """
        static let git = """
            i=0
            while [ -e "$GO" ]; do
              i=$((i+1))
              (cd repo && rm -f .git/index.lock .git/HEAD.lock && echo $i > file$((i % 20)) \\
                && git add -A && git commit -qm "commit $i" && echo committed; git status --porcelain
                if [ $((i % 10)) = 0 ]; then git gc -q --prune=now; fi)
              sleep 0.01
            done
            """
        static let database = """
            while [ -e "$GO" ]; do
              for mode in wal delete; do
                timeout 20 "$PYTHON" -c '
            import os, sqlite3, sys
            c = sqlite3.connect("db/db", timeout=2, isolation_level=None)
            c.execute("PRAGMA journal_mode=" + sys.argv[1])
            c.execute("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, body TEXT)")
            for n in range(40):
                if not os.path.exists(os.environ["GO"]): break
                c.execute("INSERT INTO t (body) VALUES (?)", ("x" * (n * 97),))
            c.execute("SELECT sum(length(body)) FROM t").fetchall()
            print("stored")
            ' $mode
              done
              sleep 0.01
            done
            """
        /// Writes under a lock that readers take too, because the kernel lets a read(2) see half of a
        /// write(2). The lock is outside of the mount, and rollbacks do not take it.
        static let writer = """
            import fcntl, os, sys, time
            go, lock, size = os.environ["GO"], open(os.environ["LOCK"]), int(sys.argv[1])
            number, held = 0, {}
            while os.path.exists(go):
                number += 1
                name = "gen/g%d" % (number % 4)
                block = (b"%015d\\n" % number) * 256
                fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    # Through a descriptor that may be of a file which a rollback has removed.
                    if number % 3 or name not in held:
                        if name in held: os.close(held.pop(name))
                        held[name] = os.open(name, os.O_RDWR | os.O_CREAT, 0o644)
                    assert os.pwrite(held[name], block * (size // 4096), 0) == size
                finally:
                    fcntl.flock(lock, fcntl.LOCK_UN)
                time.sleep(0.002)
            """

        @Test("Rollbacks under load mix no versions, hang no program and restore the first tree")
        func underLoad() throws {
            let seed = TestEnvironment.seed()
            var random = SeededGenerator(seed: seed)
            let rounds = TestEnvironment.isFull ? 150 : 35
            print("rollback under load: DRAFTFS_TEST_SEED=\(seed)")
            try mounted(limit: 600, prepare: { base in
                try ChildProcess.shell(
                    Self.project, environment: Git.environment, directory: base)
            }) { mount in
                try ChildProcess.shell("make -C project", directory: mount.root)
                try mount.mustCommand("backup", "b0")
                let first = try Snapshot(mount.root)
                let pid = mount.pid
                let load = try Load(mount)
                var backups = ["b0"]
                for round in 0..<rounds {
                    usleep(300_000)
                    if round % 3 == 0 {
                        backups.append("b\(round + 1)")
                        try mount.mustCommand("backup", backups[backups.count - 1])
                    }
                    let word = backups.randomElement(using: &random) ?? "b0"
                    if round % 3 == 2 {
                        let paths = ["project", "repo/.git", "gen", "db", "gen/g1", "repo/file1"]
                        let path = paths.randomElement(using: &random) ?? "gen"
                        let failed = try mount.command("rollback", Array("\(word) \(path)".utf8))
                        try expect(
                            failed == 0 || failed == ENOENT,
                            "rollback of \(path): \(words(failed)): \(mount.lastError)")
                    } else {
                        try mount.mustCommand("rollback", word)
                    }
                    try load.check(mount.root, "round \(round) of seed \(seed)")
                    try load.check(mount(".draft/backups/\(word)"), "backup \(word)")
                }
                try load.stop()
                try mount.mustCommand("rollback", "b0")
                let last = try Snapshot(mount.root)
                let differences = exactDifferences(last.walk.entries, first.walk.entries)
                try expect(
                    differences.isEmpty, "the first tree:\n" + differences.joined(separator: "\n"))
                try expect(last.numbers == first.numbers, "inode numbers changed")
                let report = try mount.verified()
                try expect(report.contains("\"errors\": 0"), "verify: \(report.suffix(1_500))")
                try ChildProcess.shell(
                    Self.quiet, environment: Load.environment(mount), directory: mount.root)
                try expect(mount.isAlive && mount.pid == pid, "another daemon")
            }
        }
    }
}

/// The programs that run beside the rollbacks.
private final class Load {
    private let go: String
    private let lock: String
    private var checked = 0
    private var programs: [(name: String, child: ChildProcess)] = []

    init(_ mount: TestMount) throws {
        typealias Test = MountTests.RollbackUnderLoad
        go = mount.directory("go")
        lock = mount.directory("lock")
        try writeFile(go, "")
        try writeFile(lock, "")
        let environment = Self.environment(mount)
        let commands: [(String, [String])] = [
            ("the compiler", ["bash", "-c", Test.compiler]), ("git", ["bash", "-c", Test.git]),
            ("the database", ["bash", "-c", Test.database]),
            ("the writer", [TestEnvironment.python, "-c", Test.writer, "\(Test.size)"]),
        ]
        for (name, command) in commands {
            programs.append(
                (name, try ChildProcess(command, environment: environment, directory: mount.root)))
        }
    }

    static func environment(_ mount: TestMount) -> [String: String] {
        var environment = MountTests.Git.environment
        environment["GO"] = mount.directory("go")
        environment["LOCK"] = mount.directory("lock")
        environment["PYTHON"] = TestEnvironment.python
        return environment
    }

    /// Fails if a file of the writer is a mixture of versions.
    func check(_ root: String, _ when: String) throws {
        let held = try must("open the lock", open(lock, O_RDONLY | O_CLOEXEC))
        defer { close(held) }
        for index in 0..<4 {
            let path = "\(root)/gen/g\(index)"
            var buffer = [UInt8](repeating: 0, count: MountTests.RollbackUnderLoad.size)
            try must("flock", flock(held, LOCK_EX))
            let file = open(path, O_RDONLY | O_CLOEXEC)
            let count = file < 0 ? 0 : read(file, &buffer, buffer.count)
            let failed = errno
            if file >= 0 { close(file) }
            flock(held, LOCK_UN)
            if file < 0, failed == ENOENT { continue }
            try expect(file >= 0 && count >= 0, "\(when): g\(index): \(words(failed))")
            let blocks = Set(
                stride(from: 0, to: count, by: 4_096).map { Array(buffer[$0..<($0 + 16)]) })
            let shown = blocks.map { String(decoding: $0, as: UTF8.self) }
            try expect(blocks.count <= 1, "\(when): g\(index) is a mixture: \(shown)")
            if count > 0 { checked += 1 }
            try expect(
                count == 0 || count == buffer.count, "\(when): g\(index) has \(count) bytes")
        }
    }

    /// Ends the programs. All must end by themselves, the writer without an error, and the others must
    /// have succeeded meanwhile.
    func stop() throws {
        typealias Test = MountTests.RollbackUnderLoad
        try must("unlink", unlink(go))
        try expect(checked > 10, "only \(checked) files were checked")
        for (name, child) in programs {
            let status = child.wait(seconds: 60)
            let said = String(decoding: child.errors().suffix(600), as: UTF8.self)
            try expect(status != nil, "\(name) hangs: \(said)")
            let output = String(decoding: child.output(), as: UTF8.self)
            let successes = output.split(separator: "\n").count { Test.successes.contains($0) }
            if name == "the writer" {
                try same(status, 0, "\(name): \(said)")
            } else {
                print("\(name) succeeded \(successes) times")
                try expect(successes > 0, "\(name) never succeeded: \(said)")
            }
        }
    }
}
