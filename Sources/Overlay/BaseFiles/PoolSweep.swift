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
            set.events.post(.notice, "cannot sweep the pool: \(error)")
            return PinUsage()
        }
    }

    /// Returns the devices that ancestors recorded: a fork knows them, and does not record them again.
    private func devices(of ancestors: [LogAncestor]) throws(StorageError) -> [UInt32: [UInt8]] {
        var devices: [UInt32: [UInt8]] = [:]
        for ancestor in ancestors.reversed() {
            let treeLog = try TreeLog(
                reading: "\(LogDirectory.workspacePath(ancestor.workspace))/tree.log",
                id: UInt64(ancestor.workspace) << 48, key: set.store.logs.key, on: set.store.disk)
            try treeLog.allRecords(upTo: ancestor.last) { (header, payload) throws(StorageError) in
                guard Self.hasChanges(header) else { return }
                let changes = try treeLog.transaction(header, payload)?.changes ?? []
                for case .device(let index, let path) in changes { devices[index] = path }
            }
        }
        return devices
    }

    private static func hasChanges(_ header: RecordHeader) -> Bool {
        [.transaction, .state].contains(RecordKind(rawValue: header.kind))
    }

    private func visitPins(
        of record: WorkspaceRecord, _ name: (PinIdentity) -> Void
    ) throws(StorageError) {
        let path = "\(LogDirectory.workspacePath(record.id))/tree.log"
        guard set.store.disk.exists(path) else { return }
        let treeLog = try TreeLog(
            reading: path, id: UInt64(record.id) << 48, key: set.store.logs.key, on: set.store.disk)
        var devices = try devices(of: set.store.ancestors(of: record))
        try treeLog.allRecords { (header, payload) throws(StorageError) in
            // What a filler stands for may refer to anything.
            if header.kind == RecordKind.gap.rawValue {
                throw .damaged(path: path, what: "changes up to \(header.sequence) were lost")
            }
            guard Self.hasChanges(header) else { return }
            // The references of a lost transaction are not known.
            guard let transaction = try treeLog.transaction(header, payload) else {
                throw .damaged(path: path, what: "the changes of \(header.sequence) were lost")
            }
            for change in transaction.changes {
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
