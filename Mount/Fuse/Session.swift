// Session: one mounted file system, from mount to unmount. Its phases are new, mounted, running and
// ended, guarded by `lifecycle`. The connection is cut when `run` returns, so that no process hangs
// on a mount without a server. The structures of libfuse live as long as the session.

internal import CFuse
internal import Glibc
internal import Platform
internal import Synchronization

package final class Session: @unchecked Sendable {
    private struct Lifecycle {
        /// The mount point, absolute and without symlinks; nil unless mounted.
        var path: String?
        var device: MountedFileSystem?
        var workers: [Worker] = []
        var running = 0
        var ran = false
        var firstError: Errno?
    }

    let context: SessionContext
    let handle: OpaquePointer
    private let lifecycle = Mutex(Lifecycle())
    private let monitor = Monitor()
    package let notifier: Notifier

    /// - Parameters:
    ///   - fsname: the source column of the mount table.
    ///   - subtype: the type column of the mount table is `fuse.` and this.
    ///   - readAheadKibibytes: the maximum read-ahead. It is set only after the kernel has the reply to
    ///     FUSE_INIT, which would lower it again. The kernel's default is 128.
    package convenience init(
        _ operations: any Operations, options: MountOptions, fsname: String, subtype: String,
        capabilities: Capabilities = .wanted, readAheadKibibytes: Int = 1024
    ) throws(MountFailure) {
        try self.init(
            operations, options: options, fsname: fsname, subtype: subtype,
            capabilities: capabilities, transport: DeviceTransport())
        context.whenInitialized { [weak self] in
            self?.raiseReadAhead(kibibytes: readAheadKibibytes)
        }
    }

    init(
        _ operations: any Operations, options: MountOptions, fsname: String, subtype: String,
        capabilities: Capabilities, transport: any Transport
    ) throws(MountFailure) {
        let context = SessionContext(operations, transport, wanted: capabilities)
        var arguments = fuse_args()
        defer { fuse_opt_free_args(&arguments) }
        for word in [subtype] + options.arguments(fsname: fsname, subtype: subtype) {
            guard fuse_opt_add_arg(&arguments, word) == 0 else {
                throw MountFailure("out of memory", .noMemory)
            }
        }
        var table = Trampolines.table()
        let (made, words) = LibraryLog.capture {
            fuse_session_new(
                &arguments, &table, MemoryLayout<fuse_lowlevel_ops>.size,
                Unmanaged.passUnretained(context).toOpaque())
        }
        guard let made else {
            throw MountFailure("libfuse refused the options: \(words)", .invalid)
        }
        self.context = context
        handle = made
        notifier = Notifier(session: made)
    }

    deinit {
        unmount()
        // A notification that hangs in the kernel still uses the handle, so the handle is leaked
        // then.
        if notifier.stop(milliseconds: 1000) { fuse_session_destroy(handle) }
    }

    /// The flags that the kernel and the session agreed on; empty before the first request.
    package var capabilities: Capabilities { context.negotiated }

    /// The number of requests of each kind, by the kernel's names, without zeros.
    package var operationCounts: [(name: String, count: UInt64)] {
        let workers = lifecycle.withLock { $0.workers }
        return Opcode.names.enumerated().compactMap { opcode, name in
            let count = workers.reduce(0) { $0 + $1.count(of: opcode) }
            return count == 0 ? nil : (name.isEmpty ? "opcode \(opcode)" : name, count)
        }
    }
}

// Mount and unmount.
extension Session {
    /// Mounts on an existing directory. Requests are not answered until `run`. Call this while the
    /// process has one thread, because libfuse forks fusermount3 if not privileged.
    package func mount(at path: String) throws(MountFailure) {
        let resolved = try Session.resolve(path)
        errno = 0
        let (result, words) = LibraryLog.capture { fuse_session_mount(handle, resolved) }
        if result != 0 {
            let error = errno == 0 ? Errno.notPermitted : Errno.last
            let reason = words.isEmpty ? error.description : words
            throw MountFailure("cannot mount on \(resolved): \(reason)", error)
        }
        lifecycle.withLock {
            $0.path = resolved
            $0.device = MountedFileSystem.on(resolved)
        }
        do throws(MountFailure) {
            try hook(fuse_session_fd(handle))
        } catch {
            unmount()
            throw error
        }
    }

    /// Has messages come and go by the transport.
    func hook(_ descriptor: Int32) throws(MountFailure) {
        var hook = SessionContext.customIO
        let hooked = fuse_session_custom_io(handle, &hook, descriptor)
        if hooked != 0 { throw MountFailure("libfuse refused the I/O hook", Errno(-hooked)) }
    }

    /// Detaches the mount unless it is gone or covered by another mount. Idempotent.
    package func unmount() {
        let (path, device) = lifecycle.withLock {
            let taken = ($0.path, $0.device)
            $0.path = nil
            return taken
        }
        guard let path, device == nil || MountedFileSystem.on(path) == device else { return }
        try? Session.forceUnmount(path)
    }

    /// Returns the absolute path of a directory, without symlinks.
    private static func resolve(_ path: String) throws(MountFailure) -> String {
        var status = stat()
        if stat(path, &status) != 0 {
            let error = Errno.last
            if error.code == ENOTCONN {
                throw MountFailure(
                    "\(path) has a dead mount: unmount it first", error)
            }
            throw MountFailure("cannot use \(path) as mount point: \(error)", error)
        }
        guard FileType(mode: status.st_mode) == .directory, let raw = realpath(path, nil) else {
            throw MountFailure("the mount point \(path) is not a directory", .notDirectory)
        }
        defer { free(raw) }
        return String(cString: raw)
    }
}

// Serving requests.
extension Session {
    /// Serves the mount with `threads` workers until it is unmounted or `exit` is called, then cuts
    /// the connection. Call it once, after `mount`. Every request must be answered or dropped before
    /// the session is released.
    package func run(threads: Int) throws(MountFailure) {
        let first = lifecycle.withLock { state in
            defer { state.ran = true }
            return !state.ran
        }
        guard first else { throw MountFailure("the session ran already", .invalid) }
        startWorkers(Swift.max(1, threads))
        monitor.lock()
        while lifecycle.withLock({ $0.running }) > 0 { monitor.wait() }
        monitor.unlock()
        _ = notifier.stop(milliseconds: 2000)
        unmount()
        cut()
        context.operations.destroy()
        if let error = lifecycle.withLock({ $0.firstError }) {
            throw MountFailure("the connection to the kernel failed: \(error)", error)
        }
    }

    private func startWorkers(_ threads: Int) {
        for _ in 0..<threads {
            let worker = Worker(session: handle, context: context)
            lifecycle.withLock {
                $0.workers.append(worker)
                $0.running += 1
            }
            if !worker.start({ [self] in workerEnded($0) }) { workerEnded(.again) }
        }
    }

    /// Handles the end of a worker. A worker that fails ends the others too.
    private func workerEnded(_ error: Errno?) {
        let (running, failed) = lifecycle.withLock {
            $0.running -= 1
            if let error, $0.firstError == nil { $0.firstError = error }
            return ($0.running, error != nil)
        }
        if failed, running > 0 {
            _ = Thread.start { [self] in stopWorkers(milliseconds: 5000) }
        }
        monitor.lock()
        monitor.wakeAll()
        monitor.unlock()
    }

    /// Replaces the device by /dev/null under the same descriptor number. The kernel aborts the
    /// connection when its last descriptor is closed, and a late reply goes to /dev/null.
    private func cut() {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, fuse_session_fd(handle))
        close(null)
    }

    /// Ends `run` from another thread (not a worker, not a signal handler). Detaches the mount,
    /// serves until the last user has closed it or `grace` milliseconds have passed, then stops the
    /// workers between two requests. Returns when they have ended, or after 5 s more.
    package func exit(grace milliseconds: Int = 500) {
        _ = notifier.stop(milliseconds: 2000)
        unmount()
        let idle = waitForWorkers(milliseconds)
        // Also done without workers, so that a `run` that is about to start ends at once.
        fuse_session_exit(handle)
        if !idle { stopWorkers(milliseconds: 5000) }
    }

    /// Waits until each worker has finished the request that it had at the call. Returns false if
    /// that takes longer. A worker may have received a request that it has not yet noted, so each
    /// worker is woken until it waits again. Must not be called from a worker, nor while holding a
    /// lock that a worker may take.
    package func awaitWorkers(milliseconds: Int) -> Bool {
        var left = lifecycle.withLock { $0.workers }.map { ($0, $0.round) }
        var pause: UInt32 = 20
        var waited = 0
        while true {
            for (worker, _) in left { worker.kick() }
            left.removeAll { worker, round in worker.hasPassed(round) }
            if left.isEmpty { return true }
            if waited / 1000 >= milliseconds { return false }
            usleep(pause)
            waited += Int(pause)
            pause = min(pause * 2, 2_000)
        }
    }

    private func stopWorkers(milliseconds: Int) {
        fuse_session_exit(handle)
        let interval = 5
        for _ in 0..<Swift.max(1, milliseconds / interval) {
            for worker in lifecycle.withLock({ $0.workers }) { worker.kick() }
            if waitForWorkers(interval) { return }
        }
    }

    private func waitForWorkers(_ milliseconds: Int) -> Bool {
        monitor.lock()
        defer { monitor.unlock() }
        let deadline = monitor.deadline(milliseconds)
        while lifecycle.withLock({ $0.running }) > 0 {
            if !monitor.wait(until: deadline) { return lifecycle.withLock { $0.running } == 0 }
        }
        return true
    }

    /// Sets a longer read-ahead, which needs root and a writable /sys. Returns whether it succeeded.
    @discardableResult
    package func raiseReadAhead(kibibytes: Int = 1024) -> Bool {
        guard let device = lifecycle.withLock({ $0.device }) else { return false }
        let path = "/sys/class/bdi/\(device.major):\(device.minor)/read_ahead_kb"
        guard let file = fopen(path, "we") else { return false }
        let written = fputs("\(kibibytes)\n", file)
        return fclose(file) == 0 && written >= 0
    }
}
