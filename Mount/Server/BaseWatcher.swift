// BaseWatcher: makes changes that other processes make in the base visible at once, where fanotify is
// permitted. It watches each directory of the base that is opened. For each event it refreshes the
// named files in the open workspaces and tells the kernel to drop them. If events are lost, it
// refreshes everything.

internal import Fuse
internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

final class BaseWatcher: Sendable {
    private let watch: DirectoryWatch
    private let set: WorkspaceSet
    private let operations: DraftOperations
    /// The paths of watched directories, by key.
    private let paths = Mutex<[[UInt8]: [UInt8]]>([:])
    private let isIncomplete = Atomic<Bool>(false)
    private let isStopped = Atomic<Bool>(false)
    /// The maximum number of watched directories; each pins an inode in the kernel.
    private static let most = 100_000
    /// The maximum number of changes that are refreshed one by one; above it, everything is
    /// refreshed.
    private static let bound = 4_096

    /// - Throws: an error if fanotify is missing, not permitted, or does not support the base's file
    ///   system.
    init(_ set: WorkspaceSet, _ operations: DraftOperations) throws(Errno) {
        self.set = set
        self.operations = operations
        watch = try DirectoryWatch()
        let root = try set.base.host.directory([])
        let key = try watch.watch(root)
        paths.withLock { $0[key] = [] }
    }

    /// If no thread can be started, an event says so, and the base is not watched.
    func start(_ startThread: Thread.Starter = { Thread.start($0) }) {
        set.base.observe { [weak self] directory, path in self?.add(directory, path) }
        // Drops the directories that are open already, so that they are opened again and then
        // watched.
        set.base.forgetAll()
        let isStarted = startThread { [self] in
            while !isStopped.load(ordering: .relaxed) {
                do throws(Errno) {
                    try step()
                } catch {
                    return giveUp(error)
                }
            }
        }
        if !isStarted { giveUp(.again) }
    }

    private func giveUp(_ error: Errno) {
        set.base.observe(nil)
        set.events.post(.warning, "changes of the base are visible only after a refresh: \(error)")
    }

    func stop() {
        set.base.observe(nil)
        isStopped.store(true, ordering: .relaxed)
    }

    private func add(_ directory: File, _ path: [UInt8]) {
        let isFull = paths.withLock { $0.count >= Self.most }
        do throws(Errno) {
            if isFull { throw .noSpace }
            let key = try watch.watch(directory)
            paths.withLock { $0[key] = path }
        } catch {
            guard !isIncomplete.exchange(true, ordering: .relaxed) else { return }
            set.events.post(
                .notice,
                "some directories of the base cannot be watched (\(error)): changes in them are visible "
                    + "only after a refresh")
        }
    }

    /// Waits for events and refreshes what they name.
    private func step() throws(Errno) {
        guard let events = try watch.read(milliseconds: 500) else { return refresh(nil) }
        if events.isEmpty { return }
        var changes: Set<BaseChange> = []
        var isAll = false
        for event in events {
            // The paths of everything below a moved directory are no longer known.
            isAll = isAll || event.movedDirectory
            guard let path = paths.withLock({ $0[event.key] }) else { continue }
            changes.insert(BaseChange(directory: path, name: event.name, isName: event.isName))
        }
        if changes.count > Self.bound { isAll = true }
        refresh(isAll ? nil : changes)
        // The names in the events are exact, so they are refreshed separately even after a full
        // refresh.
        if isAll { refresh(changes.filter(\.isName)) }
    }

    private func refresh(_ changes: Set<BaseChange>?) {
        if changes?.isEmpty == true { return }
        for workspace in set.opened {
            let stale = workspace.baseFiles.refresh(changes)
            operations.notifier?.drop(stale, of: workspace, operations.root)
        }
    }
}
