// PoolSweep: removes contents from the pool that no workspace has ever referred to. Contents that a
// workspace once referred to stay as long as the workspace, since its past moments may need them. The
// references are read from the tree logs.

internal import Platform
package import Storage
internal import Synchronization

package struct PoolSweep {
    let set: WorkspaceSet

    package init(_ set: WorkspaceSet) { self.set = set }

    /// The time between two background sweeps in nanoseconds. Each sweep reads all tree logs.
    private static let sweepInterval: Int64 = 60_000_000_000

    func runIfDue(_ now: Int64) {
        guard set.wantsPoolSweep.load(ordering: .relaxed) else { return }
        let isTime = set.lastPoolSweep.withLock { last in
            if let last, now - last < Self.sweepInterval { return false }
            last = now
            return true
        }
        guard isTime else { return }
        set.wantsPoolSweep.store(false, ordering: .relaxed)
        run()
    }

    /// Removes the contents that no workspace refers to. If a tree log cannot be read, nothing is removed.
    /// - Returns: The removed space.
    @discardableResult
    package func run() -> PinUsage {
        do throws(StorageError) {
            return try set.store.logs.pool.sweep { (name) throws(StorageError) in
                // A repair may bring a workspace back whose record is unreadable.
                if let (_, error) = set.store.unreadable.first { throw error }
                // A discarded workspace may be restored.
                for record in set.store.allWorkspaces { try visitPins(of: record, name) }
            }
        } catch {
            if error.errno == .again {
                set.wantsPoolSweep.store(true, ordering: .relaxed)
            } else {
                set.events.post(.notice, "cannot sweep the pool: \(error)")
            }
            return PinUsage()
        }
    }

    /// Visits all changes of a tree log.
    /// - Throws: EAGAIN if a release took some of them meanwhile.
    private func visitChanges(
        of workspace: UInt16, upTo limit: UInt64 = .max,
        _ visit: ([TreeChange], TreeLog) throws(StorageError) -> Void
    ) throws(StorageError) {
        func open() throws(StorageError) -> TreeLog {
            try TreeLog(
                reading: "\(LogDirectory.workspacePath(workspace))/tree.log", id: UInt64(workspace) << 48,
                key: set.store.logs.key, on: set.store.disk)
        }
        let treeLog = try open()
        func hasMoved() throws(StorageError) -> Bool {
            try open().front.position != treeLog.front.position
        }
        do throws(StorageError) {
            try visitChanges(of: treeLog, upTo: limit, visit)
        } catch {
            guard try hasMoved() else { throw error }
            throw .system(.again, doing: "read", path: treeLog.path)
        }
        if try hasMoved() { throw .system(.again, doing: "read", path: treeLog.path) }
    }

    private func visitChanges(
        of treeLog: TreeLog, upTo limit: UInt64,
        _ visit: ([TreeChange], TreeLog) throws(StorageError) -> Void
    ) throws(StorageError) {
        try treeLog.allRecords(upTo: limit) { (header, payload) throws(StorageError) in
            let kind = RecordKind(rawValue: header.kind)
            guard [.transaction, .state, .gap].contains(kind) else { return }
            // What is lost may refer to anything.
            guard kind != .gap, let changes = try treeLog.transaction(header, payload)?.changes else {
                throw .damaged(
                    path: treeLog.path, what: "the changes of \(header.sequence) were lost")
            }
            try visit(changes, treeLog)
        }
    }

    /// Returns the devices that ancestors recorded: a fork knows them, and does not record them again.
    private func devices(of ancestors: [LogAncestor]) throws(StorageError) -> [UInt32: [UInt8]] {
        var devices: [UInt32: [UInt8]] = [:]
        for ancestor in ancestors.reversed() {
            try visitChanges(of: ancestor.workspace, upTo: ancestor.last) { (changes, _) in
                for case .device(let index, let path) in changes { devices[index] = path }
            }
        }
        return devices
    }

    private func visitPins(
        of record: WorkspaceRecord, _ name: (PinIdentity) -> Void
    ) throws(StorageError) {
        let path = "\(LogDirectory.workspacePath(record.id))/tree.log"
        guard set.store.disk.exists(path) else { return }
        var devices = try devices(of: set.store.ancestors(of: record))
        try visitChanges(of: record.id) { (changes, treeLog) throws(StorageError) in
            for change in changes {
                switch change {
                case .device(let index, let path): devices[index] = path
                case .origin(_, let before, let after):
                    for case let origin? in [before, after] where origin.isPinned {
                        let path = origin.device == 0 ? nil : devices[origin.device]
                        if path == nil, origin.device != 0 {
                            throw .damaged(path: treeLog.path, what: "device \(origin.device) is not known")
                        }
                        name(PinIdentity(origin, devicePath: path))
                    }
                default: break
                }
            }
        }
    }
}
