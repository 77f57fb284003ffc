// Store+Forks: which workspaces a workspace was forked from, and which need it. A removed workspace that
// forks need stays in the store without a name until the last of them is gone.

package import Platform

extension Store {
    /// Returns the workspaces that a workspace was forked from, the nearest first.
    package func ancestors(of record: WorkspaceRecord) -> [LogAncestor] {
        var found: [LogAncestor] = []
        let known = Dictionary(uniqueKeysWithValues: allWorkspaces.map { ($0.id, $0) })
        var next: WorkspaceRecord? = record
        while let record = next, let fork = record.fork, found.count < known.count {
            found.append(
                LogAncestor(
                    workspace: fork.workspace, last: fork.sequence, time: record.created,
                    lastNumber: fork.lastNumber))
            next = known[fork.workspace]
        }
        // A fork of an old layer may have less of its parent than its own forks had of theirs.
        var last = UInt64.max
        for index in found.indices {
            found[index].last = min(found[index].last, last)
            last = found[index].last
        }
        return found
    }

    /// Returns the workspaces that were forked from one, removed ones that are still needed included.
    package func forks(of id: UInt16) -> [WorkspaceRecord] {
        allWorkspaces.filter { $0.fork?.workspace == id }
    }

    /// Returns the number of files that count in the limits of a fork, and in the store's as its parent's.
    package func inheritedFiles(of id: UInt16) -> UInt64 {
        allWorkspaces.first { $0.id == id }?.fork?.files ?? 0
    }

    /// Gives a fork that was being made its name, durably.
    /// - Throws: EEXIST if a workspace got that name meanwhile.
    package func finishFork(_ id: UInt16) throws(Errno) -> WorkspaceRecord {
        try change(id) { (record, known) in
            if known.values.contains(where: {
                $0.name == record.name && $0.discarded == nil && !$0.isRemoved && !$0.isUnfinished
            }) { return .exists }
            record.isUnfinished = false
            return nil
        }
    }

    /// Marks a workspace as removed, durably. Its data stays for its forks.
    package func keepRemoved(_ id: UInt16) throws(Errno) {
        _ = try change(id) { (record, _) in
            record.isRemoved = true
            return nil
        }
    }
}
