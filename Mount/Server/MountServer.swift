// MountServer: one mount from start to end. It checks the paths, opens base, store and workspaces,
// runs the session, background work and signal handling, and closes everything in order.

package import Fuse
internal import Glibc
package import Logging
package import Overlay
internal import Past
package import Platform
internal import Storage
internal import Synchronization

/// Why a mount failed: one sentence, and the matching errno.
package struct MountServerError: Error, CustomStringConvertible {
    package let description: String
    package let errno: Errno

    package init(_ description: String, _ errno: Errno) {
        self.description = description
        self.errno = errno
    }
}

package struct MountRequest: Sendable {
    package var base: String
    package var mountPoint: String
    package var store: String
    /// nil mounts the list of workspaces.
    package var workspace: String?
    package var options: MountOptions
    package var limits = Limits()
    package var clock = Clock.system
    package var version: String

    package init(
        base: String, mountPoint: String, store: String, workspace: String?,
        options: MountOptions, version: String
    ) {
        self.base = base
        self.mountPoint = mountPoint
        self.store = store
        self.workspace = workspace
        self.options = options
        self.version = version
    }
}

package final class MountServer: Sendable {
    private let session: Session
    private let operations: DraftOperations
    private let set: WorkspaceSet
    private let report: StatusReport
    private let logger: Logger
    private let notifier: Notifier
    private let control: ControlDirectory
    private let synchronizer: MountSynchronizer
    private let isStopping = Atomic<Bool>(false)
    /// Enough that a slow read or sync does not block other requests; few, so that wake-ups stay
    /// cheap.
    private static let workers = 8
    /// How long to wait for a running command at the end, in milliseconds.
    private static let commandLimit = 30_000
    /// The number of view nodes above which the kernel is asked to drop those that it does not use.
    private static let viewNodeLimit = 100_000
    /// The number of names that the kernel is asked to drop in one round.
    private static let pruneCount = 20_000

    /// Opens everything and mounts. Requests are answered only once `run` is called. The caller must block
    /// SIGTERM and SIGINT (`blockSignals`) before any other thread starts.
    package convenience init(
        _ request: MountRequest, logger: Logger,
        startThread: Thread.Starter = { Thread.start($0) }
    ) throws(MountServerError) {
        try self.init(request, logger: logger, startThread: startThread) {
            (operations, name, mountPoint) throws(MountFailure) in
            let session = try Session(
                operations, options: request.options, fsname: name, subtype: "draftfs")
            try session.mount(at: mountPoint)
            return session
        }
    }

    /// Opens everything. `connect` makes the session that requests come from.
    package init(
        _ request: MountRequest, logger: Logger, startThread: Thread.Starter,
        connect: (any Operations, _ name: String, _ mountPoint: String) throws(MountFailure) -> Session
    ) throws(MountServerError) {
        self.logger = logger
        let base = try Self.openBase(request)
        let basePath = Placement.resolve(request.base)
        let storePath = Placement.resolve(request.store)
        let mountPoint = Placement.resolve(request.mountPoint)
        do throws(PlacementError) {
            try Placement.check(base: basePath, store: storePath, mountPoint: mountPoint)
        } catch {
            throw MountServerError(error.description, error.errno)
        }
        let events = EventLog { event in
            switch event.severity {
            case .notice: logger.info("\(event.message)")
            case .warning: logger.warning("\(event.message)")
            case .error: logger.error("\(event.message)")
            }
        }
        do throws(StorageError) {
            let store = try Store.open(
                storePath, basePath: Array(basePath.utf8), baseInode: base.rootStatus.inode,
                holder: "pid \(getpid()), mounted on \(mountPoint)", now: Clock.system.realtime())
            set = WorkspaceSet(
                store: store, base: base, clock: request.clock, limits: request.limits, events: events)
        } catch {
            throw MountServerError(error.description, error.errno)
        }
        set.maintainReserve()
        let root = try Self.openRoot(request, set)
        let report = StatusReport(set, mountPoint: mountPoint, version: request.version)
        self.report = report
        var services = ControlServices()
        services.status = { workspace throws(CommandError) in
            report.render(workspace: workspace?.id ?? 0)
        }
        let negatives = NegativeNames()
        services.provide(set, report, negatives, clock: request.clock)
        services.verify(with: VerificationService(set, services.jobs))
        synchronizer = MountSynchronizer(
            mountPoint, barrier: "\(ControlFile.root.text)/\(ControlFile.barrier.text)")
        control = ControlDirectory(
            set, root: root, synchronizer: synchronizer, services: services)
        operations = DraftOperations(
            root: root, set: set, control: control, negatives: negatives)
        do throws(MountFailure) {
            session = try connect(operations, basePath, mountPoint)
        } catch {
            set.close()
            throw MountServerError(error.description, error.errno)
        }
        notifier = session.notifier
        operations.connect(notifier)
        report.connect(session, control)
        synchronizer.connect(session)
        try startThreads(startThread)
    }

    /// - Throws: If a thread cannot be started. Nothing is mounted then.
    private func startThreads(_ startThread: Thread.Starter) throws(MountServerError) {
        // Without them SIGTERM would have no effect, and no checkpoint would be written.
        guard startSignalThread(startThread), startMaintenanceThread(startThread),
            startRemovalThread(startThread)
        else {
            isStopping.store(true, ordering: .relaxed)
            session.unmount()
            report.connect(nil, nil)
            synchronizer.connect(nil)
            set.close()
            throw MountServerError(
                "cannot start the threads of a mount: this host or container has too many threads", .again)
        }
    }

    private static func openBase(_ request: MountRequest) throws(MountServerError) -> BaseTree {
        do throws(Errno) {
            return try BaseTree(Placement.resolve(request.base), limits: request.limits)
        } catch {
            switch error {
            case .noEntry:
                throw MountServerError("the base \(request.base) does not exist", error)
            case .notDirectory:
                throw MountServerError("the base \(request.base) is not a directory", error)
            default:
                throw MountServerError("cannot open the base \(request.base): \(error)", error)
            }
        }
    }

    private static func openRoot(
        _ request: MountRequest, _ set: WorkspaceSet
    ) throws(MountServerError) -> MountRoot {
        guard let text = request.workspace else { return .list(set) }
        // A new workspace of that name must not hide one whose record was lost.
        if let name = try? FileName(text), set.find(name) == nil,
            let lost = set.store.unreadable.values.first {
            throw MountServerError(
                "there is no workspace \(text) that can be read, and \(lost): "
                    + "run draftfs fsck --repair on the store", lost.errno)
        }
        let record: WorkspaceRecord
        do throws(Errno) {
            let name = try FileName(text)
            if let known = set.find(name) { record = known } else { record = try set.create(name) }
        } catch {
            throw MountServerError("cannot make the workspace \(text): \(error)", error)
        }
        do throws(StorageError) {
            return .workspace(try set.workspace(record))
        } catch {
            throw MountServerError(error.description, error.errno)
        }
    }

    /// Serves until the mount is gone, or until SIGTERM or SIGINT, then closes in order.
    package func run() throws(MountServerError) {
        let watcher = try? BaseWatcher(set, operations)
        watcher?.start()
        var failure: MountFailure?
        do throws(MountFailure) {
            try session.run(threads: Self.workers)
        } catch {
            failure = error
        }
        isStopping.store(true, ordering: .relaxed)
        watcher?.stop()
        if !control.stop(milliseconds: Self.commandLimit) {
            logger.warning("a command is still running; closing anyway")
        }
        Releases(set).stop()
        set.store.noteClosing()
        report.connect(nil, nil)
        synchronizer.connect(nil)
        if !set.close() { logger.warning("closed without a checkpoint; the next start replays more") }
        if let failure { throw MountServerError(failure.description, failure.errno) }
        logger.info("unmounted")
    }

    private static func stopSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        return signals
    }

    /// Blocks SIGTERM and SIGINT, for the signal thread. Ignores SIGPIPE and SIGHUP, so that they do not
    /// end the daemon.
    package static func blockSignals() {
        var signals = stopSignals()
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
    }

    private func startSignalThread(_ startThread: Thread.Starter) -> Bool {
        startThread { [session, logger, synchronizer] in
            var signals = Self.stopSignals()
            var caught: Int32 = 0
            while sigwait(&signals, &caught) != 0 {}
            logger.info("stopping on signal \(caught)")
            // Only the dirty pages of shared mappings are still held by the kernel.
            try? synchronizer.synchronize()
            session.exit()
        }
    }

    private func startMaintenanceThread(_ startThread: Thread.Starter) -> Bool {
        startThread { [self] in
            var rounds = 0
            while !isStopping.load(ordering: .relaxed) {
                usleep(250_000)
                if isStopping.load(ordering: .relaxed) { return }
                set.maintain(resident: Int(clamping: ProcessMemory.residentBytes))
                rounds += 1
                if rounds % 8 == 0 {
                    prune()
                    pruneViews()
                }
            }
        }
    }

    /// Removes discarded workspaces and history whose retention is over. It may take minutes, and checkpoints
    /// must not wait for it.
    private func startRemovalThread(_ startThread: Thread.Starter) -> Bool {
        startThread { [self] in
            while !isStopping.load(ordering: .relaxed) {
                usleep(500_000)
                if isStopping.load(ordering: .relaxed) { return }
                set.discards.removeExpired(Clock.system.monotonic())
                set.layerMerge.run()
                Releases(set).runIfDue(Clock.system.monotonic())
            }
        }
    }

    /// Asks the kernel to drop names not used for a long time, to bound the inodes in memory.
    private func prune() {
        for (workspace, parent, name) in set.namesToForget(atMost: Self.pruneCount) {
            notifier.invalidateEntry(
                parent: operations.root.nodeID(parent, in: workspace), name: name)
        }
    }

    /// Asks the kernel to drop the names of views, which drops the unused nodes below them. Such a
    /// name is looked up again at each use in any case.
    private func pruneViews() {
        guard control.numberedCount > Self.viewNodeLimit else { return }
        for (parent, name) in control.viewRoots {
            notifier.invalidateEntry(parent: parent, name: name)
        }
    }
}
