// WorkspaceRemoval: rmdir of a workspace. A workspace without content of its own may be removed:
// differences from the base count as content, and so do backups that a user named. No acknowledged write is
// lost: the check and the mark that refuses further calls are one step to all writers.

package import Overlay
package import Platform
package import Storage
internal import Synchronization

extension WorkspaceSet {
    /// How often a workspace is examined that is being changed meanwhile.
    private static let looks = 5

    /// Returns whether a workspace holds anything that would be lost with it. A fork that was not changed
    /// since holds nothing, as long as its parent is there.
    package func hasChanges(_ workspace: Workspace) throws(Errno) -> Bool {
        let hasParent = workspace.fork.map { fork in records.contains { $0.id == fork.workspace } } ?? false
        if hasParent, try !workspace.removal.hasChangesSinceFork() { return false }
        return try workspace.removal.hasChanges()
    }

    /// Removes a workspace that holds no changes. Later calls get ESTALE, and look-ups of its name ENOENT.
    /// - Throws: ENOTEMPTY if it holds changes, EBUSY if it is being changed all the time.
    package func remove(_ record: WorkspaceRecord) throws(Errno) {
        // It may be discarded or removed since its record was looked up.
        guard records.contains(where: { $0.id == record.id }) else { throw .noEntry }
        let workspace: Workspace
        do throws(StorageError) {
            workspace = try self.workspace(record)
        } catch {
            if error.errno != .noEntry { events.post(.error, "\(error)") }
            throw error.errno
        }
        for _ in 0..<Self.looks {
            let seen = try workspace.removal.settledSequence()
            guard try !hasChanges(workspace) else { throw .notEmpty }
            // The lock keeps it from being opened again between its closing and the removal of its
            // directory.
            let failure: Errno?? = opening.withLock { _ in
                do throws(Errno) {
                    guard try workspace.removal.startRemoval(at: seen) else { return .some(nil) }
                    try discards.takeOut(record)
                    return nil
                } catch {
                    return .some(error)
                }
            }
            switch failure {
            case nil:
                discards.removeData(record)
                return
            case .some(let error?): throw error
            case .some(nil): continue
            }
        }
        throw .busy
    }
}

/// Checks whether a workspace may be removed, and performs the last step of a removal.
package struct RemovalCheck: Sendable {
    let workspace: Workspace
}

extension RemovalCheck {
    /// Returns the last sequence number once no edit is under way.
    fileprivate func settledSequence() throws(Errno) -> UInt64 {
        try workspace.gate.alone { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) in tree.sequence.last }
        }
    }

    /// Refuses all further calls, if nothing changed since `seen`: edits enter by the gate, all other calls
    /// take the tree's lock.
    fileprivate func startRemoval(at seen: UInt64) throws(Errno) -> Bool {
        try workspace.gate.alone { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) in
                guard tree.sequence.last == seen else { return false }
                tree.standing = .removed
                return true
            }
        }
    }

    /// Whether there is a row or an entry: without one, nothing was changed, or everything was reverted.
    package var isTouched: Bool {
        workspace.withTreeSafely { !$0.identity.touched.isEmpty || !$0.directoriesWithEntries.isEmpty }
    }

    /// Returns whether the workspace holds anything that would be lost: a difference from the base, or a
    /// backup that a user named. Examines changed keys, not the base.
    package func hasChanges() throws(Errno) -> Bool {
        let isObvious = try workspace.withTree { (tree) throws(Errno) in
            if tree.backups.values.contains(where: { !$0.isAutomatic }) { return true }
            // Files that it made may be committed: then only the comparison tells.
            guard CommittedPaths(of: workspace).numbers.isEmpty else { return false }
            return try hasOwnInodes(tree)
        }
        if isObvious || !isTouched { return isObvious }
        do throws(CommandError) {
            return try !workspace.comparison.differences(from: nil).isEmpty
        } catch {
            throw error.errno
        }
    }

    /// Returns whether a fork holds anything that its parent has not: a difference from what it began with,
    /// or a backup that a user named.
    fileprivate func hasChangesSinceFork() throws(Errno) -> Bool {
        guard let fork = workspace.fork else { return true }
        let isObvious = try workspace.withTree { (tree) throws(Errno) in
            tree.backups.values.contains { !$0.isAutomatic && $0.sequence > fork.sequence }
        }
        if isObvious || workspace.sequence.last == fork.sequence { return isObvious }
        do throws(CommandError) {
            return try !workspace.comparison.differences(from: fork.moment).isEmpty
        } catch {
            throw error.errno
        }
    }

    /// Returns whether any existing inode was made here: then no trees need to be compared.
    private func hasOwnInodes(_ tree: Tree) throws(Errno) -> Bool {
        func isOwn(_ record: InodeRecord) -> Bool {
            record.links > 0 && record.number & 1 << 47 != 0 && !record.flags.contains(.hasOrigin)
                && record.number != tree.rootNumber
        }
        for case let record? in tree.pending.dirtyRows.values where isOwn(record) {
            if let inode = tree.inodes[record.number], inode.record.links == 0 { continue }
            return true
        }
        var candidates: [InodeRecord] = []
        try tree.read { (rows) throws(StorageError) in
            candidates = try rows.top.ownInodes(atMost: tree.pending.rowCount + 1)
        }
        for record in candidates where record.number != tree.rootNumber {
            if let now = try tree.row(record.number), isOwn(now) { return true }
        }
        return false
    }
}
