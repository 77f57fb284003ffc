// TestMount: one daemon over one base with its own store, for one test. The daemon runs in the foreground
// as a child, so that its pid, exit status and output are known. The mount is removed in any case: by
// `finish`, by `deinit`, or by a watchdog process, which also handles a daemon that hangs and a test
// process that dies.
//
// With DRAFTFS_TEST_PLAIN=1 a copy of the base replaces the mount.

internal import CPlatform
import Glibc

package final class TestMount {
    package let directory: TemporaryDirectory
    package let base: String
    package let store: String
    /// The mount point. If a workspace is named, it is the root of that workspace.
    package let root: String
    private let arguments: [String]
    private let limit: Int
    private var daemon: ChildProcess?
    private var watchdog: ChildProcess?
    private var printed: [UInt8] = []
    private var problems: [String] = []

    /// Makes the base, then mounts it, by default with a store beside it.
    /// - Parameter limit: the life of the mount in seconds. At its end the watchdog kills the daemon,
    ///   which releases every process that waits for it.
    package init(
        workspace: String? = "ws", options: [String] = [], base: String? = nil, store: String? = nil,
        limit: Int = 300, prepare: (String) throws -> Void = { _ in }
    ) throws {
        directory = try TemporaryDirectory("mount")
        self.base = base ?? directory("base")
        self.store = store ?? directory("store")
        root = directory("mnt")
        arguments = (workspace.map { ["--workspace", $0] } ?? []) + options
        self.limit = limit
        try makeDirectory(self.base)
        try makeDirectory(root)
        try prepare(self.base)
        if TestEnvironment.isPlain {
            try ChildProcess.check(["cp", "-a", "\(self.base)/.", root], seconds: 120)
        } else {
            try start()
        }
    }

    deinit { discard() }

    package func callAsFunction(_ name: String) -> String { "\(root)/\(name)" }

    package var pid: Int32 { daemon?.pid ?? 0 }

    /// Whether the daemon runs; always true for a plain directory.
    package var isAlive: Bool {
        TestEnvironment.isPlain || (daemon.map { $0.poll() == nil } ?? false)
    }

    /// The exit status of a daemon that has ended; nil while it runs.
    package var exitStatus: Int32? { daemon?.poll() }

    /// Everything that the daemons of this mount have printed to stderr.
    package var log: String {
        String(decoding: printed + (daemon?.errors() ?? []), as: UTF8.self)
    }

    /// The command that mounts, as a user types it, but with --foreground.
    package var command: [String] {
        [TestEnvironment.binary, "mount", base, root, "--store", store, "--foreground"] + arguments
    }

    /// Starts the daemon and waits for the mount.
    package func start() throws {
        if TestEnvironment.isPlain { return }
        let child = try ChildProcess(command)
        daemon = child
        watchdog = try ChildProcess([
            "sh", "-c",
            "i=0; while [ $i -lt \(limit) ] && kill -0 \(getpid()) 2>/dev/null; do "
                + "sleep 1; i=$((i+1)); done; kill -9 \(child.pid); umount -l '\(root)'",
        ])
        for _ in 0..<12_000 {
            if let ended = child.poll() {
                let said = String(decoding: child.errors(), as: UTF8.self)
                discard()
                throw CheckFailure("mount ended with \(ended): \(said.suffix(600))")
            }
            if isMountPoint(root) { return }
            usleep(5_000)
        }
        discard()
        throw CheckFailure("no mount after a minute: \(log.suffix(600))")
    }

    /// Unmounts with the program's own verb. The daemon must end with status 0.
    package func unmount() throws {
        guard !TestEnvironment.isPlain, let child = daemon else { return }
        let verb = try ChildProcess.run([TestEnvironment.binary, "unmount", root], seconds: 30)
        if !verb.succeeded {
            discard()
            throw CheckFailure("unmount ended with \(verb.status): \(verb.errorText)")
        }
        try awaitCleanEnd(of: child)
    }

    /// Sends a signal that must end the daemon cleanly, and waits for its end.
    package func stop(with signal: Int32) throws {
        guard let child = daemon else { return }
        child.signal(signal)
        try awaitCleanEnd(of: child)
    }

    private func awaitCleanEnd(of child: ChildProcess) throws {
        let ended = child.wait(seconds: 30)
        let stays = isMountPoint(root)
        discard()
        if let ended {
            try same(ended, 0, "exit status of the daemon (\(log.suffix(400)))")
            try expect(!stays, "the mount stays after the daemon's end")
        } else {
            throw CheckFailure("the daemon runs 30 seconds after the unmount")
        }
    }

    /// Kills the daemon as a crash would, and detaches the dead mount. Does nothing for a plain
    /// directory.
    package func kill9() throws {
        guard !TestEnvironment.isPlain else { return }
        discard()
        try expect(!isMountPoint(root), "a dead mount stays")
    }

    /// Unmounts cleanly, if mounted, and mounts again.
    package func remount() throws {
        if daemon != nil { try unmount() }
        try start()
    }

    /// Ends the mount. Returns the problems at the end, and suspicious lines that the daemon printed.
    package func finish(expectErrors: Bool = false) -> [String] {
        if daemon != nil {
            if !isAlive { problems.append("the daemon died: \(log.suffix(1_500))") }
            do { try unmount() } catch { problems.append("\(error)") }
        }
        if !expectErrors { problems += suspiciousLines() }
        return problems
    }

    private func suspiciousLines() -> [String] {
        let signs = ["fatal", "crash", "error:", "overflow", "precondition", "sanitizer"]
        return log.split(separator: "\n")
            .filter { line in signs.contains { line.lowercased().contains($0) } }
            .prefix(5).map { "the daemon printed: \($0.prefix(300))" }
    }

    /// Kills the daemon and the watchdog and detaches the mount, ignoring errors. The daemon is killed
    /// first: a detach alone would leave it serving open files.
    private func discard() {
        if let child = daemon {
            child.kill()
            printed += child.errors()
            daemon = nil
        }
        watchdog?.kill()
        watchdog = nil
        if !TestEnvironment.isPlain, isMountPoint(root) { detach(root) }
    }
}

/// Returns whether a directory is on another device than its parent, or is a mount with a dead daemon.
package func isMountPoint(_ path: String) -> Bool {
    var inner = stat()
    var outer = stat()
    if stat(path, &inner) != 0 { return errno == ENOTCONN || errno == ECONNABORTED }
    let parent = path.split(separator: "/").dropLast().joined(separator: "/")
    if stat("/\(parent)", &outer) != 0 { return false }
    return inner.st_dev != outer.st_dev
}

/// Detaches a mount even if it is in use, with fusermount3 if this process is not root.
package func detach(_ path: String) {
    if cp_unmount_detach(path) != 0 && errno == EPERM {
        _ = try? ChildProcess.run(["fusermount3", "-u", "-z", path], seconds: 10)
    }
}
