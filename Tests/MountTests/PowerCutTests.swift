// The power goes at random times during commands that change many files: what only the kernel had cached of
// the base and of the store is lost. After the next mount a command is done completely or not at all, and one
// that was reported done is done. DRAFTFS_TEST_SEED replays the times approximately.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(if: LoopDisk.canMake("ext4"), "mkfs.ext4, root and /dev/fuse are needed"))
    struct PowerCuts {
        /// What is under way when the power goes.
        enum Command: String, CaseIterable, Sendable {
            case commit, refresh, discard, fork, merge, gc

            var words: [String] {
                switch self {
                case .commit: ["commit", "-C", "one"]
                case .refresh: ["refresh", "-C", "two"]
                case .discard: ["discard", "one", "-C", "."]
                case .fork: ["fork", "one", "new", "-C", "."]
                case .merge: ["merge", "one", "--into", "two", "-C", "."]
                case .gc: ["gc", "--older-than", "0s"]
                }
            }
        }

        static let files = 240

        /// What a directory shows, without the times of directories.
        private static func image(_ path: String) throws -> String {
            if !exists(path) { return "" }
            return try ChildProcess.check(
                ["sh", "-c", "cd '\(path)' && { find . -type d -printf '%P %m\\n'; "
                    + "find . ! -type d -printf '%P %y %m %s %n %l %T@\\n'; } | sort; "
                    + "find . -type f | sort | xargs md5sum"], seconds: 60)
        }

        static func prepare(_ base: String, files: Int = files) throws {
            for directory in 0..<8 { try makeDirectory("\(base)/d\(directory)") }
            for index in 0..<files {
                try writeFile("\(base)/d\(index % 8)/f\(index)", bytes(2_000 + index, fill: UInt64(index)))
            }
        }

        /// Changes most files, in different ways.
        private static func change(_ root: String, files: Int) throws {
            for index in 0..<files {
                let path = "\(root)/d\(index % 8)/f\(index)"
                switch index % 6 {
                case 0: try must("unlink", unlink(path))
                case 1: try withOpen(path, O_WRONLY) { try writeAll($0, bytes(900, fill: 1), at: 5) }
                case 2: try must("rename", rename(path, "\(root)/d0/moved\(index)"))
                case 3: try writeFile(path + "-new", bytes(5_000 + index, fill: 2))
                case 4: try must("chmod", chmod(path, 0o600))
                default: break
                }
            }
            try must("rename", rename("\(root)/d7", "\(root)/renamed"))
            try must("symlink", symlink("d1", "\(root)/link"))
            try must("link", link("\(root)/d5/f5", "\(root)/second"))
        }

        /// What the base and the workspaces show.
        struct Images: Equatable {
            var base, one, two, new: String

            init(_ mount: TestMount) throws {
                base = try image(mount.base)
                (one, two, new) = (
                    try image(mount("one")), try image(mount("two")), try image(mount("new")))
            }

            /// The names of those that differ.
            func differences(_ other: Images) -> [String] {
                [
                    ("base", base, other.base), ("one", one, other.one), ("two", two, other.two),
                    ("new", new, other.new),
                ].filter { $0.1 != $0.2 }.map(\.0)
            }
        }

        /// Makes the state in which a command begins, and syncs it.
        static func begin(_ command: Command, _ mount: TestMount, files: Int = files) throws {
            for name in ["one", "two"] {
                try makeDirectory(mount(name))
                // It shows the base of now from here on.
                try writeFile(mount("\(name)/\(name)"), name)
            }
            try change(mount("one"), files: files)
            if command == .refresh {
                try same(try draftfs(["commit", "-C", mount("one")]).status, 0, "commit")
            }
            if command == .gc {
                for name in ["one", "two"] {
                    for round in 0..<3 {
                        for index in 0..<20 {
                            let path = mount("\(name)/large\(index)")
                            try writeFile(path, bytes(40_000, fill: UInt64(round)))
                            if index % 3 == 0, round < 2 { try must("unlink", unlink(path)) }
                        }
                    }
                }
            }
            try ChildProcess.check(["sync", "-f", mount.root], seconds: 60)
            try ChildProcess.check(["sync", "-f", mount.base], seconds: 60)
        }

        @Test(
            "A command during which the power goes is done completely or not at all",
            arguments: Command.allCases)
        func cut(_ command: Command) throws {
            let seed = TestEnvironment.seed()
            var random = SeededGenerator(seed: seed)
            print("power cuts: DRAFTFS_TEST_SEED=\(seed)")
            let rounds = TestEnvironment.isFull ? 60 : 5
            var (done, undone) = (0, 0)
            var length: UInt64 = 1_000
            for round in 0...rounds {
                let when = "\(command.rawValue), round \(round) of seed \(seed)"
                let disk = try LoopDisk("ext4", megabytes: 96)
                try mounted(
                    workspace: nil, base: "\(disk.path)/base", store: "\(disk.path)/store",
                    expectErrors: true, prepare: { try Self.prepare($0) }
                ) { mount in
                    try Self.begin(command, mount)
                    let before = try Images(mount)
                    let started = KilledCommands.now()
                    let process = try ChildProcess(
                        [TestEnvironment.binary] + command.words, directory: mount.root)
                    if round == 0 {
                        try same(process.wait(seconds: 60), 0, "\(when): \(process.errors())")
                        length = max(length, KilledCommands.now() - started)
                    } else {
                        usleep(UInt32(clamping: UInt64.random(in: 0...(length * 5 / 4), using: &random)))
                    }
                    let isAcknowledged = process.poll() == 0
                    try mount.kill9()
                    try disk.loseUnsynced()
                    try expect(process.wait(seconds: 30) != nil, "\(when): the command hangs")
                    try mount.start()
                    let found = try Images(mount)
                    if found.differences(before).isEmpty, command != .gc {
                        try expect(!isAcknowledged, "\(when): what was reported done is lost")
                        undone += 1
                    } else {
                        try Self.check(command, before, found, when)
                        done += 1
                    }
                    // It can be done now.
                    let isThere = command == .discard && !exists(mount("one"))
                        || command == .fork && exists(mount("new"))
                    if !isThere {
                        let again = try ChildProcess.run(
                            [TestEnvironment.binary] + command.words, seconds: 60, directory: mount.root)
                        try same(again.status, 0, "\(when), again: \(again.errorText)")
                    }
                    try Self.check(command, before, try Images(mount), "\(when), again")
                    for name in ["one", "two"] where exists(mount(name)) {
                        let verified = try draftfs(["verify", "-C", mount(name)])
                        try same(verified.status, 0, "\(when): \(verified.text)")
                    }
                    let names = try listing(mount.base)
                    try expect(!names.contains { $0.hasPrefix(".draftfs") }, "\(when): \(names)")
                }
            }
            print("power cuts: \(command.rawValue): \(done) done, \(undone) not done")
        }

        /// Checks what a command does as a whole.
        static func check(
            _ command: Command, _ before: Images, _ found: Images, _ when: String
        ) throws {
            let expected: [String]
            switch command {
            case .commit: expected = ["base"]
            case .refresh, .merge: expected = ["two"]
            case .discard: expected = ["one"]
            case .fork: expected = ["new"]
            case .gc: expected = []
            }
            try same(found.differences(before), expected, "\(when): what has changed")
            switch command {
            case .commit: try same(found.base, before.one, "\(when): the base")
            case .refresh:
                // The base's changes and its own file.
                try expect(found.two.contains("link l 777"), "\(when): \(found.two)")
                try expect(found.two.contains("two f"), "\(when): \(found.two)")
            case .merge: try expect(found.two.contains("moved2"), "\(when): \(found.two)")
            case .discard: try same(found.one, "", "\(when): the discarded workspace")
            case .fork: try same(found.new, before.one, "\(when): the fork")
            case .gc: break
            }
        }
    }
}
