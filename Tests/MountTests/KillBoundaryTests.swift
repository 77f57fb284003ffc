// The daemon is killed at each call in turn by which a command changes the base or the store: the first
// one, the second one, and so on, until the command ends before that. After the next mount a command is
// done completely or not at all, and it can be done then. DRAFTFS_TEST_FULL=1 takes each call, else some of
// them are taken.

import Glibc
import TestSupport
import Testing

/// strace(1).
private enum Tracer {
    /// Whether strace(1) can stop a process at a call.
    static var canKill: Bool {
        let run = try? ChildProcess.run(
            ["strace", "-qq", "-o", "/dev/null", "-e", "inject=sync:signal=KILL", "sync"], seconds: 20)
        return run.map { !$0.succeeded } ?? false
    }
}

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot && Tracer.canKill,
            "needs /dev/fuse, root, and strace"))
    struct KillBoundaries {
        typealias Commands = PowerCuts

        /// The calls that change files, without write(2), by which requests are answered too.
        private static let calls = [
            "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir", "mkdirat",
            "symlink", "symlinkat", "pwrite64", "pwritev", "ftruncate", "fallocate", "fsync", "fdatasync",
            "syncfs", "fchmodat", "fchownat", "utimensat", "copy_file_range", "setxattr", "fsetxattr",
        ].joined(separator: ",")

        private static let files = 16

        /// Kills the daemon at a call, counted by thread from now on.
        private static func trace(_ mount: TestMount, killAt call: Int) throws -> ChildProcess {
            let tracer = try ChildProcess([
                "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(calls)",
                "-e", "inject=\(calls):signal=KILL:when=\(call)", "-p", "\(mount.pid)",
            ])
            for _ in 0..<2_000 {
                if try isTraced(mount.pid) { return tracer }
                usleep(5_000)
            }
            tracer.kill()
            throw CheckFailure("strace does not begin")
        }

        /// Whether all threads of a process are traced.
        private static func isTraced(_ pid: Int32) throws -> Bool {
            for thread in try listing("/proc/\(pid)/task") {
                let status = try readText("/proc/\(pid)/task/\(thread)/status")
                if status.contains("TracerPid:\t0\n") { return false }
            }
            return true
        }

        @Test(
            "A command whose daemon is killed at any of its calls is done completely or not at all",
            arguments: Commands.Command.allCases)
        func killed(_ command: Commands.Command) throws {
            let seed = TestEnvironment.seed()
            let step = TestEnvironment.isFull ? 1 : 11
            var call = 1 + Int(seed % UInt64(step))
            var (done, undone, isEnded) = (0, 0, false)
            while !isEnded, call < 2_000 {
                let when = "\(command.rawValue), killed at call \(call)"
                try mounted(
                    workspace: nil, expectErrors: true,
                    prepare: { try Commands.prepare($0, files: Self.files) }
                ) { mount in
                    try Commands.begin(command, mount, files: Self.files)
                    let before = try Commands.Images(mount)
                    let tracer = try Self.trace(mount, killAt: call)
                    defer { tracer.kill() }
                    let process = try ChildProcess(
                        [TestEnvironment.binary] + command.words, directory: mount.root)
                    try expect(process.wait(seconds: 60) != nil, "\(when): the command hangs")
                    let isAcknowledged = process.poll() == 0
                    // A daemon that dies may answer before it is gone.
                    for _ in 0..<(isAcknowledged ? 20 : 2_000) where mount.isAlive { usleep(5_000) }
                    isEnded = mount.isAlive
                    try expect(isAcknowledged || !isEnded, "\(when): \(process.errors())")
                    tracer.kill()
                    try mount.kill9()
                    try mount.start()
                    let found = try Commands.Images(mount)
                    if found.differences(before).isEmpty, command != .gc {
                        try expect(!isAcknowledged, "\(when): what was reported done is lost")
                        undone += 1
                    } else {
                        try Commands.check(command, before, found, when)
                        done += 1
                    }
                    let isThere = command == .discard && !exists(mount("one"))
                        || command == .fork && exists(mount("new"))
                    if !isThere {
                        let again = try ChildProcess.run(
                            [TestEnvironment.binary] + command.words, seconds: 60, directory: mount.root)
                        try same(again.status, 0, "\(when), again: \(again.errorText)")
                    }
                    try Commands.check(command, before, try Commands.Images(mount), "\(when), again")
                    for name in ["one", "two"] where exists(mount(name)) {
                        let verified = try draftfs(["verify", "-C", mount(name)])
                        try same(verified.status, 0, "\(when): \(verified.text)")
                    }
                    let names = try listing(mount.base)
                    try expect(!names.contains { $0.hasPrefix(".draftfs") }, "\(when): \(names)")
                }
                call += step
            }
            print("kills at calls: \(command.rawValue): \(done) done, \(undone) not done, to call \(call)")
        }
    }
}
