// The daemon is killed at random times during commands that change thousands of files. After the next
// mount a command is done completely or not at all. DRAFTFS_TEST_SEED replays the times approximately.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct KilledCommands {
        static let files = 1_500

        static func prepare(_ base: String) throws {
            for directory in 0..<10 { try makeDirectory("\(base)/d\(directory)") }
            for index in 0..<files {
                try writeFile("\(base)/d\(index % 10)/f\(index)", "\(index) of the base")
            }
        }

        /// Changes most files, in five different ways.
        static func change(_ mount: TestMount) throws {
            for index in 0..<files {
                let path = mount("d\(index % 10)/f\(index)")
                switch index % 5 {
                case 0: try must("unlink", unlink(path))
                case 1:
                    try withOpen(path, O_WRONLY) { try writeAll($0, bytes(900, fill: 1), at: 5) }
                case 2: try must("rename", rename(path, mount("d0/moved\(index)")))
                case 3: try writeFile(path + "-new", bytes(700, fill: 2))
                default: try must("chmod", chmod(path, 0o600))
                }
            }
        }

        @Test("A command during which the daemon is killed is done completely or not at all")
        func killed() throws {
            let seed = TestEnvironment.seed()
            var random = SeededGenerator(seed: seed)
            print("killed commands: DRAFTFS_TEST_SEED=\(seed)")
            let rounds = TestEnvironment.isFull ? 120 : 12
            try mounted(limit: 900, prepare: Self.prepare) { mount in
                try mount.mustCommand("backup", "a")
                let first = try TreeWalk(mount.root).entries
                try Self.change(mount)
                try mount.mustCommand("backup", "b")
                let second = try TreeWalk(mount.root).entries
                var isFirst = false
                var longest: UInt64 = 1_000
                var (undone, done) = (0, 0)
                var round = 0
                // Until the kills have met both sides of the moment when a rollback takes effect. The
                // first one is not killed before its end.
                while round < rounds || (done < 2 || undone == 0) && round < rounds * 5 {
                    defer { round += 1 }
                    let when = "round \(round) of seed \(seed)"
                    let (word, target, other) =
                        isFirst ? ("b", second, first) : ("a", first, second)
                    let isLearning = round == 0
                    let started = Self.now()
                    let command = try ChildProcess(
                        ["sh", "-c", "echo \(word) > .draft/rollback"], directory: mount.root)
                    if isLearning {
                        try same(command.wait(seconds: 60), 0, "the first rollback")
                        longest = max(longest, Self.now() - started)
                    } else {
                        usleep(UInt32(UInt64.random(in: 0...longest, using: &random)))
                    }
                    try mount.kill9()
                    let status = command.wait(seconds: 30)
                    try expect(status != nil, "\(when): the shell hangs")
                    try mount.start()
                    let found = try TreeWalk(mount.root).entries
                    if found == target {
                        isFirst.toggle()
                        done += 1
                        // So that most kills happen near the time when the command takes effect.
                        longest = longest * 4 / 5
                    } else {
                        longest = longest * 5 / 4
                        let differences = exactDifferences(found, other)
                        try expect(
                            differences.isEmpty,
                            "\(when): neither before nor after a rollback to \(word):\n"
                                + differences.joined(separator: "\n"))
                        try expect(status != 0, "\(when): a rollback that was done is lost")
                        undone += 1
                    }
                }
                print("killed commands: \(done) done, \(undone) not done")
                try expect(done > 1 && undone > 0, "seed \(seed): all kills were early, or all late")
                try Self.others(mount, rounds, longest, &random, "seed \(seed)")
                let report = try mount.verified()
                try expect(report.contains("\"errors\": 0"), "verify: \(report.suffix(1_500))")
            }
        }

        /// Tests backups, clones and undo.
        private static func others(
            _ mount: TestMount, _ rounds: Int, _ longest: UInt64,
            _ random: inout SeededGenerator, _ seed: String
        ) throws {
            try mount.mustCommand("rollback", "b")
            var tree = try TreeWalk(mount.root).entries
            for round in 0..<rounds / 2 {
                let when = "\(seed), round \(round)"
                let line =
                    switch round % 3 {
                    case 0: "echo d\(round % 10) c\(round) > .draft/clone"
                    case 1: "echo b\(round) > .draft/backup"
                    default: "echo 1 > .draft/undo"
                    }
                // The state that undo leads to: that before the last rollback.
                var undone = tree
                if round % 3 == 2 {
                    undone = tree
                    for word in ["a", "b"] where undone == tree {
                        try mount.mustCommand("rollback", word)
                        tree = try TreeWalk(mount.root).entries
                    }
                }
                let command = try ChildProcess(["sh", "-c", line], directory: mount.root)
                usleep(UInt32(UInt64.random(in: 0...longest, using: &random)))
                try mount.kill9()
                let status = command.wait(seconds: 30)
                try expect(status != nil, "\(when): the shell hangs")
                try mount.start()
                let found = try TreeWalk(mount.root).entries
                switch round % 3 {
                case 0:
                    let isThere = try checkClone("c\(round)", of: "d\(round % 10)", tree, found, when)
                    try expect(isThere || status != 0, "\(when): a clone that was made is lost")
                case 1:
                    try expect(found == tree, "\(when): a backup changed the tree")
                    let view = mount(".draft/backups/b\(round)")
                    if exists(view) {
                        let backup = try TreeWalk(view).entries
                        try expect(backup == tree, "\(when): backup")
                    } else {
                        try expect(status != 0, "\(when): a backup that was made is lost")
                    }
                default:
                    let differences = exactDifferences(found, tree)
                    try expect(
                        found == undone || differences.isEmpty,
                        "\(when): undo: \(differences.joined(separator: "\n"))")
                    try expect(found == undone || status != 0, "\(when): an undo that was done is lost")
                }
                tree = found
            }
        }

        /// - Returns: whether the clone is there.
        private static func checkClone(
            _ clone: String, of source: String, _ before: [[UInt8]: TreeEntry],
            _ found: [[UInt8]: TreeEntry], _ when: String
        ) throws -> Bool {
            let (clone, source) = (Array(clone.utf8), Array(source.utf8))
            let rest = found.filter { !$0.key.isEmpty && !isInside($0.key, clone) }
            try expect(rest == before.filter { !$0.key.isEmpty }, "\(when): clone: the rest")
            var (copied, original) = ([[UInt8]: TreeEntry](), [[UInt8]: TreeEntry]())
            for (path, entry) in found {
                var entry = entry
                entry.linkedTo = []
                if isInside(path, clone) { copied[Array(path.dropFirst(clone.count))] = entry }
                if isInside(path, source) { original[Array(path.dropFirst(source.count))] = entry }
            }
            if copied.isEmpty { return false }
            let differences = exactDifferences(copied, original)
            try expect(
                differences.isEmpty, "\(when): half a clone:\n" + differences.joined(separator: "\n"))
            return true
        }

        static func now() -> UInt64 {
            var time = timespec()
            clock_gettime(CLOCK_MONOTONIC, &time)
            return UInt64(time.tv_sec) * 1_000_000 + UInt64(time.tv_nsec) / 1_000
        }
    }
}
