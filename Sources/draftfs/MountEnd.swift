// MountEnd: unmounts and waits until the daemon has ended, or reports what keeps the mount busy. A
// file system lives while anything uses it: an unmount does not end it while it is mounted in another
// mount namespace, and a lazy unmount does not end it while a process has its directory in it.

import Fuse
import Glibc
import Platform
import Synchronization

struct MountEnd {
    private let path: String
    private let mount: MountedFileSystem
    /// Whether it is mounted in the mount namespace of this process.
    private let isHere: Bool
    /// nil if the daemon cannot be found, for example after a crash or because another user runs it.
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

    /// Finds the daemon through the mount's status file, for kernels that do not name the server of a
    /// mount. Returns nil if the mount hangs.
    private static func statedDaemon(_ path: String) -> MountDaemon? {
        let text = Bounded.run(milliseconds: 5_000) { StatusText.read(path) } ?? nil
        let pid = text.flatMap { JSONValue(parsing: $0.utf8) }?["daemon_pid"]?.unsigned
        return pid.flatMap(UInt32.init(exactly:)).flatMap { MountDaemon(pid: $0) }
    }

    /// Finds a mount on `path` that only other mount namespaces still have. Its daemon must be in
    /// this mount namespace, because a container may have an unrelated mount on the same path.
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
    /// Detaches the mount unless it is in use. The daemon then ends by itself.
    /// - Throws: EBUSY if the mount is in use.
    func unmount() throws(MountFailure) {
        if isHere {
            do throws(MountFailure) {
                try Session.forceUnmount(path, lazily: false)
            } catch {
                // fusermount3 does not report the reason.
                let left = holders
                guard error.errno == .busy || error.errno == .notPermitted && !left.isEmpty
                else { throw error }
                throw MountFailure(
                    "\(path) is in use by \(Self.named(left)): end this use, or give --force", .busy)
            }
        }
        guard let daemon else {
            let left = holders
            if left.isEmpty { return }
            throw MountFailure(
                "\(path) is unmounted here, but the file system is still used by \(Self.named(left))",
                .busy)
        }
        // A holder that is seen twice is not about to exit.
        var wasHeld = false
        let hasEnded = try wait(for: daemon, Self.patience) { () throws(MountFailure) in
            let left = holders
            if wasHeld, !left.isEmpty {
                throw MountFailure(
                    "\(path) is unmounted here, but its daemon, process \(daemon.pid), is still used "
                        + "by \(Self.named(left)): end this use, or give --force", .busy)
            }
            wasHeld = !left.isEmpty
        }
        if !hasEnded { throw hangs(daemon) }
    }

    /// Ends the daemon even if the mount is in use. The daemon makes the kernel write dirty data
    /// before it detaches the mount, so it is signalled before anything is detached here.
    func force() throws(MountFailure) {
        guard let daemon else { return try forceWithoutDaemon() }
        if !isHere { synchronizeElsewhere() }
        do throws(Errno) {
            try daemon.askToEnd()
        } catch {
            // The daemon may have ended by itself meanwhile.
            if daemon.isRunning {
                throw MountFailure(
                    "cannot end the daemon of \(path), process \(daemon.pid): \(error)", error)
            }
        }
        var hasEnded = try wait(for: daemon, Self.patience) { () throws(MountFailure) in }
        // The daemon detaches only in its own mount namespace, which may be another one.
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
            "\(path) is unmounted here, but its daemon was not found, and the file system is still "
                + "used by \(Self.named(left))", .busy)
    }

    private func detach() {
        guard let found = MountedFileSystem.on(path), found.device == mount.device else { return }
        // Only the daemon matters: a mount that remains is dead, and the next mount detaches it.
        try? Session.forceUnmount(path)
    }

    /// Writes back the mapped pages of a mount that only other mount namespaces have, because the
    /// daemon cannot reach it. This is best effort: data whose write has returned does not depend on
    /// it.
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

    /// Waits for the daemon to end, and calls `look` once a second. Returns whether it has ended in
    /// time.
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
                + "\(Self.patience / 1_000) seconds: kill -9 ends it, and loses no finished change",
            .busy)
    }

    private static func named(_ holders: MountHolders) -> String {
        holders.isEmpty ? "processes that cannot be seen from here" : holders.sentence
    }
}

/// Runs work that may hang in the kernel on a separate thread, which is abandoned if it hangs.
private enum Bounded {
    private final class Box<Value: Sendable>: Sendable {
        let value = Mutex<Value?>(nil)
    }

    /// Returns nil if the work has not ended in time.
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
