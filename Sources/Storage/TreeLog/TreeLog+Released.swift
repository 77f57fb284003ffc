// TreeLog+Released: what is known of changes whose records were released.

internal import Platform
internal import Synchronization

extension TreeLog {
    /// Returns the earliest change after which all records are there, also those of the ancestors.
    package func firstThere() throws(StorageError) -> UInt64 {
        var first: UInt64 = 0
        try eachLog(after: 0, upTo: .max) { (log, _, last) throws(StorageError) in
            first = max(first, min(log.front.first, last))
        }
        return first
    }

    /// The last change of the workspace that this one was forked from; 0 if it was not.
    var beginning: UInt64 { ancestors.first?.last ?? 0 }

    /// Returns the last change before the first fork after a moment, of this one and its ancestors, whose own
    /// first changes were released; nil if there is none: then all records after the moment are there, unless
    /// they are behind the horizon.
    package func releasedFork(after sequence: UInt64) throws(StorageError) -> UInt64? {
        var found: UInt64?
        var beginning: UInt64 = 0
        try eachLog(after: 0, upTo: .max) { (log, _, last) throws(StorageError) in
            if found == nil, beginning > 0, sequence <= beginning, beginning < log.front.sequence {
                found = beginning
            }
            beginning = last
        }
        return found
    }

    /// Returns the row of an inode that a released change left; nil if the change was not released, or if a
    /// later one that was released has changed the row.
    package func releasedRow(
        _ number: InodeNumber, of sequence: UInt64
    ) throws(StorageError) -> InodeRecord? {
        let log = try ancestorLog(of: sequence) ?? self
        guard sequence <= log.front.first else { return nil }
        let row = try log.front.start?.row(of: number.moved(to: log.id.workspace))
        return row?.sequence == sequence ? row?.moved(to: id.workspace) : nil
    }

    /// Whether a change was released.
    package func isReleased(_ sequence: UInt64) throws(StorageError) -> Bool {
        sequence <= (try ancestorLog(of: sequence) ?? self).front.first
    }

    /// Visits the records that name the processes which made released changes, if some of these come after
    /// a change.
    package func releasedNames(
        after sequence: UInt64, visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        try eachLog(after: sequence, upTo: .max) { (log, after, _) throws(StorageError) in
            guard after < log.front.first else { return }
            try log.front.visitState { (header, payload) throws(StorageError) in
                if header.kind == RecordKind.names.rawValue { try visit(header, payload) }
            }
        }
    }
}

/// The tree log of an ancestor, and where it begins.
private struct AncestorTreeLog: CachedTreeLog {
    var file: any DiskFile
    var front: TreeLogFront
}

extension LogDirectory {
    /// Returns the file of an ancestor's tree log, for reading, and where the log begins.
    func treeLogFile(
        of workspace: UInt16
    ) throws(StorageError) -> (file: any DiskFile, front: TreeLogFront) {
        let (found, forgotten) = ancestry.withLock { ($0.treeLogs.value(for: workspace), $0.forgotten) }
        if let known = found as? AncestorTreeLog { return (known.file, known.front) }
        let path = Self.treeLogPath(workspace)
        let file: any DiskFile
        do throws(Errno) {
            file = try disk.open(path, .readOnly)
        } catch {
            throw .system(error, doing: "open", path: path)
        }
        let front = try TreeLogFront(of: file, path, id: UInt64(workspace) << 48, key: key, on: disk)
        // The file evicted from the cache closes outside the lock.
        _ = ancestry.withLock { (known) -> (any CachedTreeLog)? in
            // A release may have moved the front meanwhile, and a read may have failed once.
            guard known.forgotten == forgotten, front.fault == nil else { return nil }
            return known.treeLogs.insert(AncestorTreeLog(file: file, front: front), for: workspace)
        }
        return (file, front)
    }
}
