// PendingChanges: what changed since the last checkpoint, and what the one under way writes. The database
// knows neither yet: whoever asks for a key asks here first, and the younger of both counts. Guarded by the
// tree's lock.

package import Platform
package import Storage

package struct PendingChanges: Sendable {
    /// Changed since the last checkpoint began.
    private var dirty = CheckpointBatch()
    /// Being written.
    private var flushing = CheckpointBatch()

    /// Keys, in both.
    package var count: Int { dirty.count + flushing.count }
    /// Keys that the next checkpoint writes.
    package var dirtyCount: Int { dirty.count }
    /// Rows, in both.
    package var rowCount: Int { dirty.inodes.count + flushing.inodes.count }
    package var isEmpty: Bool { dirty.isEmpty && flushing.isEmpty }

    /// Both, the older first: for who looks at all of them.
    package var batches: [CheckpointBatch] { [flushing, dirty] }
    /// Rows that the next checkpoint writes; nil inside for one that goes.
    package var dirtyRows: [InodeNumber: InodeRecord?] { dirty.inodes }
}

// Each answers nil where nothing is pending, and nil inside where what is pending is that there is none.
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

    /// Puts what is pending of a directory's names over what the database has.
    package func overlay(_ entries: inout [FileName: Entry], of directory: InodeNumber) {
        for batch in batches {
            for (name, entry) in batch.entries[directory] ?? [:] { entries[name] = entry }
        }
    }

    /// The same for the extended attributes of an inode.
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

// The life of a checkpoint.
extension PendingChanges {
    /// Whether one may begin.
    var canFlush: Bool { flushing.isEmpty }
    var hasDirty: Bool { !dirty.isEmpty }

    /// What is dirty is being written from now on.
    /// - Parameter current: the row of an inode as it is by now; nil where what is noted counts.
    /// - Returns: what is to be written.
    mutating func startFlush(current: (InodeNumber) -> InodeRecord??) -> CheckpointBatch {
        for number in dirty.inodes.keys {
            if let now = current(number) { dirty.inodes[number] = .some(now) }
        }
        flushing = dirty
        dirty = CheckpointBatch()
        return flushing
    }

    /// It is written.
    /// - Returns: the inodes of its rows.
    mutating func finishFlush() -> [InodeNumber] {
        let numbers = Array(flushing.inodes.keys)
        flushing = CheckpointBatch()
        return numbers
    }

    /// The write failed: what was to be written is dirty again, under what changed since.
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
