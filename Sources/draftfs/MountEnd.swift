// MountEnd: takes a mount away and sees its daemon end; or says who keeps it. A file system lives
// while anything uses it: unmounting here does not end it while another mount namespace has it, and
// a lazy unmount does not while a process stands in it.

import Fuse
import Glibc
import Platform
import Synchronization

struct MountEnd {
    private let path: String
    private let mount: MountedFileSystem
    /// Whether it is mounted in the namespace of this process.
    private let isHere: Bool
    /// Nil where it cannot be found: a crash left the mount, or it is another user's.
    private let daemon: MountDaemon?

    private static let type = "fuse.draftfs"
    /// How long the daemon may take to write its last checkpoint, in milliseconds.
    private static let patience = 60_000

    /// - Parameter path: absolute, without symlinks.
    init?(_ path: String) {
        self.path = path
        if let mount = MountedFileSystem.on(path), mount.type == Self.type {
            self.mount = mount
            isHere = true
            daemon = MountDaemon(serving: mount) ?? Self.statedDaemon(path)
        } else if let (mount, daemon) = Self.left(of: path) {
            self.mount = mount
            isHere = false
            self.daemon = daemon
        } else {
            return nil
        }
    }

    /// Where the kernel does not say who serves a mount, the mount does. One that hangs does not.
    private static func statedDaemon(_ path: String) -> MountDaemon? {
        let text = Bounded.run(milliseconds: 5_000) { StatusText.read(path) } ?? nil
        let pid = text.flatMap { JSONValue(parsing: $0.utf8) }?["daemon_pid"]?.unsigned
        return pid.flatMap(UInt32.init(exactly:)).flatMap { MountDaemon(pid: $0) }
    }

    /// A mount on `path` that only other mount namespaces still have, if its daemon is one of ours:
    /// a container may have a mount of its own there, which is none of our business.
    private static func left(of path: String) -> (MountedFileSystem, MountDaemon)? {
        for mount in MountedFileSystem.elsewhere(on: path, type: type) {
            if let daemon = MountDaemon(serving: mount), daemon.sharesMountNamespace {
                return (mount, daemon)
            }
        }
        return nil
    }

    var holders: MountHolders { MountHolders(of: mount, except: daemon?.pid) }
}

// MARK: Unmounting

extension MountEnd {
    /// Detaches it unless it is in use; the daemon then ends by itself.
    func unmount() throws(MountFailure) {
        if isHere {
            do throws(MountFailure) {
                try Session.forceUnmount(path, lazily: false)
            } catch {
                // fusermount3 does not say why.
                let left = holders
                guard error.errno == .busy || error.errno == .notPermitted && !left.isEmpty
                else { throw error }
                throw MountFailure(
                    "\(path) is in use by \(Self.named(left)): end that, or give --force", .busy)
            }
        }
        guard let daemon else {
            let left = holders
            if left.isEmpty { return }
            throw MountFailure(
                "\(path) is unmounted here, but the file system lives on with \(Self.named(left))",
                .busy)
        }
        // What was seen twice is no process on its way out.
        var wasHeld = false
        let hasEnded = try wait(for: daemon, Self.patience) { () throws(MountFailure) in
            let left = holders
            if wasHeld, !left.isEmpty {
                throw MountFailure(
                    "\(path) is unmounted here, but its daemon, process \(daemon.pid), goes on for "
                        + "\(Self.named(left)): end that, or give --force", .busy)
            }
            wasHeld = !left.isEmpty
        }
        if !hasEnded { throw hangs(daemon) }
    }

    /// Ends the daemon, whoever uses the mount. It detaches the mount only after it has had the
    /// kernel write what is dirty, so it is asked before anything is detached here.
    func force() throws(MountFailure) {
        guard let daemon else { return try forceWithoutDaemon() }
        if !isHere { synchronizeElsewhere() }
        do throws(Errno) {
            try daemon.askToEnd()
        } catch {
            // It may have ended by itself just now.
            if daemon.isRunning {
                throw MountFailure(
                    "cannot end the daemon of \(path), process \(daemon.pid): \(error)", error)
            }
        }
        var hasEnded = try wait(for: daemon, Self.patience) { () throws(MountFailure) in }
        // It sees its own mount namespace only, which need not be ours.
        detach()
        if !hasEnded, mount.abortConnection() {
            hasEnded = try wait(for: daemon, Self.patience / 4) { () throws(MountFailure) in }
        }
        if !hasEnded { throw hangs(daemon) }
    }

    private func forceWithoutDaemon() throws(MountFailure) {
        try Session.forceUnmount(path)
        let left = holders
        if left.isEmpty || mount.abortConnection() { return }
        throw MountFailure(
            "\(path) is unmounted here, but its daemon was not found, and the file system lives on "
                + "with \(Self.named(left))", .busy)
    }

    private func detach() {
        guard let found = MountedFileSystem.on(path), found.device == mount.device else { return }
        // The daemon is what counts: a mount that stays is dead, and the next mount clears it away.
        try? Session.forceUnmount(path)
    }

    /// The daemon cannot reach a mount that only other namespaces have, so their mapped pages are
    /// sent from here. It is a help, not a promise: nothing that returned to a program hangs on it.
    private func synchronizeElsewhere() {
        let names = holders.processes.filter { $0.uses.contains(.namespace) }
            .map { "/proc/\($0.pid)/root\(path)" }
        let device = mount.device
        _ = Bounded.run(milliseconds: 10_000) {
            for name in names where FileStatus.device(at: name) == device {
                try? File.open(name, flags: O_RDONLY | O_DIRECTORY).synchronizeFileSystem()
            }
        }
    }

    /// Answers whether the daemon has ended within the time; meanwhile looks around once a second.
    private func wait(
        for daemon: MountDaemon, _ milliseconds: Int, _ look: () throws(MountFailure) -> Void
    ) throws(MountFailure) -> Bool {
        let step = 20
        for waited in stride(from: 0, to: milliseconds, by: step) {
            if !daemon.isRunning { return true }
            if waited > 0, waited % 1_000 == 0 { try look() }
            usleep(UInt32(step) * 1_000)
        }
        return !daemon.isRunning
    }

    private func hangs(_ daemon: MountDaemon) -> MountFailure {
        MountFailure(
            "the daemon of \(path), process \(daemon.pid), has not ended after "
                + "\(Self.patience / 1_000) seconds: kill -9 ends it, and loses nothing that returned",
            .busy)
    }

    private static func named(_ holders: MountHolders) -> String {
        holders.isEmpty ? "processes that cannot be seen from here" : holders.sentence
    }
}

/// Work that may hang in the kernel: on a thread of its own, which is left behind then.
private enum Bounded {
    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// Nil if it has not ended in time.
    static func run<Value: Sendable>(
        milliseconds: Int, _ work: @escaping @Sendable () -> Value
    ) -> Value? {
        let box = Box<Value>()
        let isRunning = Thread.start {
            let value = work()
            box.value.withLock { $0 = value }
        }
        guard isRunning else { return nil }
        for _ in 0..<(milliseconds / 5) {
            if let value = box.value.withLock({ $0 }) { return value }
            usleep(5_000)
        }
        return nil
    }
}
