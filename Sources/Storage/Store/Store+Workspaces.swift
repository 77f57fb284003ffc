// Store+Workspaces: the records of a store's workspaces. Workspaces are made, renamed, discarded, restored
// and removed here. A discarded workspace stays where it is, with all its data; only its record says that it
// is discarded, so that one sealed file decides.

package import Platform
internal import Synchronization

extension Store {
    static func readWorkspaces(
        _ disk: any Disk, _ path: String
    ) throws(StorageError) -> ([UInt16: WorkspaceRecord], [UInt16: StorageError]) {
        let names: [String]
        do throws(Errno) {
            names = try disk.list("workspaces")
        } catch {
            throw .system(error, doing: "list the workspaces of", path: path)
        }
        var found: [UInt16: WorkspaceRecord] = [:]
        var unreadable: [UInt16: StorageError] = [:]
        for name in names {
            if name.hasSuffix(".new") || name.hasSuffix(".dead") {
                // The making or removal of a workspace was interrupted, before it was reported as done.
                try? disk.removeTree("workspaces/\(name)")
                continue
            }
            guard let id = UInt16(name, radix: 16) else { continue }
            let record: WorkspaceRecord
            do throws(StorageError) {
                record = try WorkspaceRecord(
                    from: "\(LogDirectory.workspacePath(id))/workspace", on: disk)
            } catch {
                // One lost record must not make all the other workspaces unusable.
                switch error {
                case .newerVersion, .olderVersion: throw error
                default: break
                }
                unreadable[id] = error
                continue
            }
            guard record.id == id else {
                throw .damaged(path: "workspaces/\(name)", what: "it belongs to another workspace")
            }
            if record.isUnfinished {
                // The making of the fork was interrupted.
                do throws(Errno) {
                    try disk.rename("workspaces/\(name)", to: "workspaces/\(name).dead")
                    try? disk.removeTree("workspaces/\(name).dead")
                    continue
                } catch {
                    // On a read-only disk it stays, without a name.
                }
            }
            found[id] = record
        }
        return (found, unreadable)
    }

    /// The workspaces that are not discarded, in the order of their ids.
    package var workspaces: [WorkspaceRecord] {
        allWorkspaces.filter { $0.discarded == nil && !$0.isRemoved && !$0.isUnfinished }
    }

    /// The discarded workspaces, the last discarded first.
    package var discardedWorkspaces: [WorkspaceRecord] {
        allWorkspaces.filter { $0.discarded != nil && !$0.isRemoved }
            .sorted { ($0.discarded ?? 0, $0.id) > ($1.discarded ?? 0, $1.id) }
    }

    /// All workspaces with data in the store, in the order of their ids.
    package var allWorkspaces: [WorkspaceRecord] {
        registry.withLock { $0.values.sorted { $0.id < $1.id } }
    }

    /// Returns the workspace of that name that is not discarded. Discarded ones do not keep a name taken.
    package func workspace(named name: FileName) -> WorkspaceRecord? {
        registry.withLock { known in Self.live(name, in: known) }
    }

    private static func live(
        _ name: FileName, in known: [UInt16: WorkspaceRecord]
    ) -> WorkspaceRecord? {
        known.values.first { $0.name == name && $0.discarded == nil && !$0.isRemoved && !$0.isUnfinished }
    }

    /// Returns an id that no workspace has had since the store was opened, as long as there is one. The
    /// kernel may still know inodes of a removed workspace.
    private func nextID(_ known: [UInt16: WorkspaceRecord]) -> UInt16? {
        let last = max(
            lastID.load(ordering: .relaxed), known.keys.max() ?? 0, unreadable.keys.max() ?? 0)
        let id = last < WorkspaceRecord.maximumID
            ? last + 1
            : (1...WorkspaceRecord.maximumID).first { known[$0] == nil && unreadable[$0] == nil }
        if let id { lastID.max(id, ordering: .relaxed) }
        return id
    }

    /// Notes an id that is not given to a new workspace, as long as there is another one.
    package func noteUsed(_ id: UInt16) { lastID.max(id, ordering: .relaxed) }

    /// Makes a workspace on top of the base, or on top of a layer. Its cost does not depend on the size of
    /// the base, nor on that of the layer.
    /// - Parameters:
    ///   - limits: the limits of the workspace; nil if none were set.
    ///   - horizon: how far back the history of a fork can be seen; nil for all of it.
    ///   - epoch: the last commit to the base that it knows.
    /// - Throws: `Errno.exists` if a workspace has that name, `Errno.noSpace` if no id is free.
    package func createWorkspace(
        _ name: FileName, fork: WorkspaceRecord.Fork? = nil, limits: OperatorLimits? = nil,
        horizon: HorizonRecord? = nil, isUnfinished: Bool = false, epoch: UInt64 = 0, now: Int64
    ) throws(Errno) -> WorkspaceRecord {
        let result: Result<WorkspaceRecord, Errno> = registry.withLock { known in
            if Self.live(name, in: known) != nil { return .failure(.exists) }
            guard let id = nextID(known) else { return .failure(.noSpace) }
            // The workspace may have been removed meanwhile.
            if let fork, known[fork.workspace] == nil { return .failure(.noEntry) }
            var record = WorkspaceRecord(id: id, name: name, created: now, fork: fork, epoch: epoch)
            record.isUnfinished = isUnfinished
            let path = LogDirectory.workspacePath(id)
            let temporary = path + ".new"
            do throws(Errno) {
                if disk.exists(temporary) { try disk.removeTree(temporary) }
                try disk.makeDirectory(temporary)
                try disk.makeDirectory(temporary + "/logs")
                do throws(StorageError) {
                    // Syncs the new directory, with the name of `logs`.
                    try record.write(to: temporary + "/workspace", on: disk)
                    // A second record of what it was forked from: without that its content is lost.
                    if fork != nil { try record.write(to: temporary + "/fork", on: disk) }
                    try limits?.write(to: temporary, on: disk)
                    try horizon?.write(to: temporary, on: disk)
                } catch {
                    try? disk.removeTree(temporary)
                    return .failure(error.errno)
                }
                try disk.rename(temporary, to: path)
            } catch {
                try? disk.removeTree(temporary)
                return .failure(error)
            }
            do throws(Errno) {
                try disk.synchronizeDirectory("workspaces")
            } catch {
                // The next start would find the workspace, beside another one that got its name
                // meanwhile. If its directory cannot be renamed back, the workspace exists.
                if (try? disk.rename(path, to: temporary)) == nil {
                    known[id] = record
                } else {
                    try? disk.removeTree(temporary)
                }
                return .failure(error)
            }
            known[id] = record
            return .success(record)
        }
        return try result.get()
    }

    /// Takes a workspace out of the store. The caller must make sure that it is not in use, and call
    /// `removeData` afterwards.
    package func removeRecord(_ id: UInt16) throws(Errno) {
        let failure: Errno? = registry.withLock { known in
            do throws(Errno) {
                // One rename, so that the workspace disappears as a whole even if the removal is interrupted.
                try disk.rename(LogDirectory.workspacePath(id), to: Self.deadPath(id))
                known[id] = nil
                try disk.synchronizeDirectory("workspaces")
            } catch {
                // The workspace is already gone for readers. A power cut may bring it back, unchanged.
                return known[id] == nil ? nil : error
            }
            return nil
        }
        if let failure { throw failure }
    }

    /// Removes the data of a workspace that was taken out. It takes long for many files, so no lock may be
    /// held. What is left after a failure is removed by the next start.
    package func removeData(_ id: UInt16) throws(Errno) {
        // Descriptors of removed files would keep their space.
        logs.forget(workspace: id)
        try disk.removeTree(Self.deadPath(id))
    }

    /// Removes a workspace with all its data. The caller must make sure that it is not in use.
    package func removeWorkspace(_ id: UInt16) throws(Errno) {
        try removeRecord(id)
        // The workspace is gone; the next start removes what is left.
        try? removeData(id)
    }

    private static func deadPath(_ id: UInt16) -> String { LogDirectory.workspacePath(id) + ".dead" }

    package func renameWorkspace(_ id: UInt16, to name: FileName) throws(Errno) {
        _ = try change(id) { (record, known) in
            guard record.discarded == nil, !record.isRemoved else { return .noEntry }
            if let other = Self.live(name, in: known), other.id != id { return .exists }
            record.name = name
            return nil
        }
    }

    /// Marks a workspace as discarded, durably. Its data stays.
    /// - Throws: ENOENT if there is no such workspace, or if it is discarded already.
    package func discardWorkspace(_ id: UInt16, now: Int64) throws(Errno) -> WorkspaceRecord {
        try change(id) { (record, _) in
            guard record.discarded == nil, !record.isRemoved else { return .noEntry }
            record.discarded = max(1, now)
            return nil
        }
    }

    /// Takes the mark back, durably.
    /// - Throws: ENOENT if there is no such discarded workspace, EEXIST if the name is taken.
    package func restoreWorkspace(_ id: UInt16, as name: FileName) throws(Errno) -> WorkspaceRecord {
        try change(id) { (record, known) in
            guard record.discarded != nil, !record.isRemoved else { return .noEntry }
            if Self.live(name, in: known) != nil { return .exists }
            record.discarded = nil
            record.name = name
            return nil
        }
    }

    /// Changes a record on disk, then in memory.
    /// - Parameter body: changes the record, or returns why it cannot be changed.
    func change(
        _ id: UInt16, _ body: (inout WorkspaceRecord, [UInt16: WorkspaceRecord]) -> Errno?
    ) throws(Errno) -> WorkspaceRecord {
        let result: Result<WorkspaceRecord, Errno> = registry.withLock { known in
            guard let old = known[id] else { return .failure(.noEntry) }
            var record = old
            if let failure = body(&record, known) { return .failure(failure) }
            let path = LogDirectory.workspacePath(id) + "/workspace"
            do throws(StorageError) {
                try record.write(to: path, on: disk)
            } catch {
                // rename(2) does not promise durability. If only the sync of the directory failed, the
                // old record may come back after a power cut.
                guard (try? WorkspaceRecord(from: path, on: disk)) == record else {
                    return .failure(error.errno)
                }
                // The name of a discarded workspace can be taken at once. If the old record came back, two
                // workspaces would have it.
                if record.discarded != nil {
                    try? old.write(to: path, on: disk)
                    if (try? WorkspaceRecord(from: path, on: disk)) == old { return .failure(error.errno) }
                }
            }
            known[id] = record
            return .success(record)
        }
        return try result.get()
    }
}
