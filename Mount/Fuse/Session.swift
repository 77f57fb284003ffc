// Session: one mounted file system, from mount to unmount. Phases: new, mounted, running, ended;
// `lifecycle` guards them. The connection is cut when `run` returns, so that no process hangs
// on a mount that nobody serves; libfuse's structures live until the session itself goes.

internal import CFuse
internal import Glibc
internal import Platform
internal import Synchronization

package final class Session: @unchecked Sendable {
    private struct Lifecycle {
        /// Absolute, without symlinks; nil unless mounted.
        var path: String?
        var device: MountedFileSystem?
        var workers: [Worker] = []
        var running = 0
        var ran = false
        var firstError: Errno?
    }

    private let context: SessionContext
    private let handle: OpaquePointer
    private let lifecycle = Mutex(Lifecycle())
    private let monitor = Monitor()
    package let notifier: Notifier

    /// - Parameters:
    ///   - fsname: the source column of the mount table.
    ///   - subtype: the type column is `fuse.` and this.
    ///   - readAheadKibibytes: the longest read-ahead; tried once the kernel has our answer
    ///     to FUSE_INIT, which would lower it again. The kernel starts with 128.
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
        // A notifier that hangs in the kernel still uses the handle: leak it then.
        if notifier.stop(milliseconds: 1000) { fuse_session_destroy(handle) }
    }

    /// What kernel and session agreed on; empty before the first request.
    package var capabilities: Capabilities { context.negotiated }

    /// How many requests of each kind came, by the kernel's names, without zeros.
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
    /// Mounts on an existing directory. Nothing answers until `run`. Call it while the process
    /// has one thread, as libfuse forks fusermount3 when not privileged.
    package func mount(at path: String) throws(MountFailure) {
        let resolved = try Session.resolve(path)
        errno = 0
        let (result, words) = LibraryLog.capture { fuse_session_mount(handle, resolved) }
        if result != 0 {
            let error = errno == 0 ? Errno.notPermitted : Errno.last
            let reason = words.isEmpty ? error.description : words
            throw MountFailure("cannot mount on \(resolved): \(reason)", error)
        }
        var hook = SessionContext.customIO
        let hooked = fuse_session_custom_io(handle, &hook, fuse_session_fd(handle))
        lifecycle.withLock {
            $0.path = resolved
            $0.device = MountedFileSystem.on(resolved)
        }
        if hooked != 0 {
            unmount()
            throw MountFailure("libfuse refused the I/O hook", Errno(-hooked))
        }
    }

    /// Detaches the mount unless somebody else did, or mounted over it. Idempotent.
    package func unmount() {
        let (path, device) = lifecycle.withLock {
            let taken = ($0.path, $0.device)
            $0.path = nil
            return taken
        }
        guard let path, device == nil || MountedFileSystem.on(path) == device else { return }
        try? Session.forceUnmount(path)
    }

    /// The absolute path of a directory, without symlinks.
    private static func resolve(_ path: String) throws(MountFailure) -> String {
        var status = stat()
        if stat(path, &status) != 0 {
            let error = Errno.last
            if error.code == ENOTCONN {
                throw MountFailure(
                    "on \(path) is a dead mount, which must be unmounted first", error)
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

// Serving.
extension Session {
    /// Serves the mount with `threads` workers until it is unmounted or `exit` is called, then
    /// cuts the connection. Once for each session, after `mount`. Every request must have its
    /// answer, or be dropped, before the session itself goes.
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

    /// One worker that fails takes the others with it.
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

    /// Replaces the device by /dev/null under the same number: the kernel aborts the
    /// connection with its last file, and a late reply goes nowhere.
    private func cut() {
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard null >= 0 else { return }
        dup2(null, fuse_session_fd(handle))
        close(null)
    }

    /// Ends `run` from another thread (not a worker, not a signal handler): detaches the mount,
    /// serves on until the last user has gone or `grace` milliseconds have passed, then stops
    /// the workers between two requests. Returns when they have ended, or after 5 s more.
    package func exit(grace milliseconds: Int = 500) {
        _ = notifier.stop(milliseconds: 2000)
        unmount()
        let idle = waitForWorkers(milliseconds)
        // Also without workers: a `run` that is about to start shall end at once.
        fuse_session_exit(handle)
        if !idle { stopWorkers(milliseconds: 5000) }
    }

    /// Returns once each worker has done what it had in hand at the call; false if that takes longer.
    /// A worker may have a request before it knows, so each is woken and seen to wait anew. Never
    /// from a worker, nor under a lock that one may want.
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

    /// Asks for a longer read-ahead; needs root and a writable /sys. Answers whether it took.
    @discardableResult
    package func raiseReadAhead(kibibytes: Int = 1024) -> Bool {
        guard let device = lifecycle.withLock({ $0.device }) else { return false }
        let path = "/sys/class/bdi/\(device.major):\(device.minor)/read_ahead_kb"
        guard let file = fopen(path, "we") else { return false }
        let written = fputs("\(kibibytes)\n", file)
        return fclose(file) == 0 && written >= 0
    }
}
