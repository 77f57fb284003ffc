// BaseWatcher: changes that others make in the base show at once, where fanotify is permitted: each
// directory of the base that is looked into is watched, and what its events name is refreshed in the
// open workspaces and dropped by the kernel. Where events are lost, everything is refreshed.

internal import Fuse
internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

final class BaseWatcher: Sendable {
    private let watch: DirectoryWatch
    private let set: WorkspaceSet
    private let operations: DraftOperations
    /// Paths of watched directories by their keys.
    private let paths = Mutex<[[UInt8]: [UInt8]]>([:])
    private let isIncomplete = Atomic<Bool>(false)
    private let isStopped = Atomic<Bool>(false)
    /// Watched directories; each pins an inode in the kernel.
    private static let most = 100_000
    /// Changes that are refreshed one by one; with more of them it is everything.
    private static let bound = 4_096

    /// - Throws: where fanotify is not there, not permitted, or does not know the base's file system.
    init(_ set: WorkspaceSet, _ operations: DraftOperations) throws(Errno) {
        self.set = set
        self.operations = operations
        watch = try DirectoryWatch()
        let root = try set.base.directory([])
        let key = try watch.watch(root)
        paths.withLock { $0[key] = [] }
    }

    func start() {
        set.base.observe { [weak self] directory, path in self?.add(directory, path) }
        // Directories that were opened before are opened again, and watched then.
        set.base.forgetAll()
        Thread.start { [self] in
            while !isStopped.load(ordering: .relaxed) {
                do throws(Errno) {
                    try step()
                } catch {
                    set.base.observe(nil)
                    set.events.post(.warning, "changes of the base show after a refresh only: \(error)")
                    return
                }
            }
        }
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
                "not all directories of the base can be watched (\(error)): changes that others make "
                    + "in them show after a refresh")
        }
    }

    /// Waits for events and does what they ask for.
    private func step() throws(Errno) {
        guard let events = try watch.read(milliseconds: 500) else { return refresh(nil) }
        if events.isEmpty { return }
        var changes: Set<BaseChange> = []
        var isAll = false
        for event in events {
            // Paths of what lies below a directory that moved are not known any more.
            isAll = isAll || event.movedDirectory
            guard let path = paths.withLock({ $0[event.key] }) else { continue }
            changes.insert(BaseChange(directory: path, name: event.name, isName: event.isName))
        }
        if changes.count > Self.bound { isAll = true }
        refresh(isAll ? nil : changes)
        // Names in the events are exact even where all is looked at.
        if isAll { refresh(changes.filter(\.isName)) }
    }

    private func refresh(_ changes: Set<BaseChange>?) {
        if changes?.isEmpty == true { return }
        for workspace in set.opened {
            let stale = workspace.refresh(changes)
            operations.notifier?.drop(stale, of: workspace, operations.root)
        }
    }
}
