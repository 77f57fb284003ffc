// PendingChanges: the changes since the last checkpoint, and those that the checkpoint under way writes.
// The database has neither yet, so each look-up of a key asks here first; the newer of both is valid.
// Guarded by the tree's lock.

package import Platform
package import Storage

package struct PendingChanges: Sendable {
    /// The changes since the last checkpoint began.
    private var dirty = CheckpointBatch()
    /// The changes that the checkpoint under way writes.
    private var flushing = CheckpointBatch()

    /// The number of keys in both.
    package var count: Int { dirty.count + flushing.count }
    /// The number of keys that the next checkpoint writes.
    package var dirtyCount: Int { dirty.count }
    /// The number of rows in both.
    package var rowCount: Int { dirty.inodes.count + flushing.inodes.count }
    package var isEmpty: Bool { dirty.isEmpty && flushing.isEmpty }

    /// Both, the older one first, for callers that visit all changes.
    package var batches: [CheckpointBatch] { [flushing, dirty] }
    /// The rows that the next checkpoint writes. The inner nil stands for a removed row.
    package var dirtyRows: [InodeNumber: InodeRecord?] { dirty.inodes }
}

// These return nil if nothing is pending, and an inner nil if a removal is pending.
extension PendingChanges {
    package func row(_ number: InodeNumber) -> InodeRecord?? {
        dirty.inodes[number] ?? flushing.inodes[number]
    }

    package func entry(_ name: FileName, in directory: InodeNumber) -> Entry?? {
        dirty.entries[directory]?[name] ?? flushing.entries[directory]?[name]
    }

    package func origin(_ number: InodeNumber) -> Origin?? {
        dirty.origins[number] ?? flushing.origins[number]
    }

    /// Applies the pending entries of a directory to those from the database.
    package func overlay(_ entries: inout [FileName: Entry], of directory: InodeNumber) {
        for batch in batches {
            for (name, entry) in batch.entries[directory] ?? [:] { entries[name] = entry }
        }
    }

    /// Applies the pending extended attributes of an inode to those from the database.
    package func overlay(_ xattrs: inout [[UInt8]: XattrValue], of number: InodeNumber) {
        for batch in batches {
            for (name, value) in batch.xattrs[number] ?? [:] { xattrs[name] = value }
        }
    }
}

extension PendingChanges {
    mutating func setRow(_ number: InodeNumber, _ record: InodeRecord?) {
        dirty.inodes[number] = .some(record)
    }

    mutating func setEntry(_ name: FileName, in directory: InodeNumber, _ entry: Entry?) {
        dirty.entries[directory, default: [:]][name] = .some(entry)
    }

    mutating func setXattr(_ name: [UInt8], of number: InodeNumber, _ value: XattrValue?) {
        dirty.xattrs[number, default: [:]][name] = .some(value)
    }

    mutating func setOrigin(_ number: InodeNumber, _ origin: Origin?) {
        dirty.origins[number] = .some(origin)
    }

    mutating func setDevice(_ index: UInt32, _ path: [UInt8]) { dirty.devices[index] = path }

    mutating func setAlias(_ key: AliasKey, _ number: InodeNumber) { dirty.aliases[key] = number }

    mutating func setBackup(_ name: FileName, _ record: BackupRecord?) {
        dirty.backups[name] = .some(record)
    }
}

// The steps of a checkpoint.
extension PendingChanges {
    /// Whether a checkpoint may begin: none is under way.
    var canFlush: Bool { flushing.isEmpty }
    var hasDirty: Bool { !dirty.isEmpty }

    /// Begins a checkpoint of the dirty changes.
    /// - Parameter current: Returns the row of an inode as it is now, or nil if the noted row is valid.
    /// - Returns: The changes to write.
    mutating func startFlush(current: (InodeNumber) -> InodeRecord??) -> CheckpointBatch {
        for number in dirty.inodes.keys {
            if let now = current(number) { dirty.inodes[number] = .some(now) }
        }
        flushing = dirty
        dirty = CheckpointBatch()
        return flushing
    }

    /// Ends a checkpoint that was written.
    /// - Returns: The inodes of its rows.
    mutating func finishFlush() -> [InodeNumber] {
        let numbers = Array(flushing.inodes.keys)
        flushing = CheckpointBatch()
        return numbers
    }

    /// Takes all changes, also those that a checkpoint is writing now, for a layer.
    /// - Parameter current: returns the row of an inode as it is now, or nil if the noted row is valid.
    mutating func freeze(current: (InodeNumber) -> InodeRecord??) -> CheckpointBatch {
        cancelFlush()
        let batch = startFlush(current: current)
        flushing = CheckpointBatch()
        return batch
    }

    /// Ends a checkpoint that failed. Its changes are dirty again; newer changes of the same keys win.
    mutating func cancelFlush() {
        let newer = dirty
        dirty = flushing
        flushing = CheckpointBatch()
        dirty.inodes.merge(newer.inodes) { $1 }
        for (parent, names) in newer.entries {
            dirty.entries[parent, default: [:]].merge(names) { $1 }
        }
        for (inode, names) in newer.xattrs {
            dirty.xattrs[inode, default: [:]].merge(names) { $1 }
        }
        dirty.origins.merge(newer.origins) { $1 }
        dirty.devices.merge(newer.devices) { $1 }
        dirty.aliases.merge(newer.aliases) { $1 }
        dirty.backups.merge(newer.backups) { $1 }
    }
}
