// TreeDatabase+Checkpoint: writes everything that changed since the last checkpoint, in one transaction.

package import Platform

/// The final values of what changed since the last checkpoint. Nil removes the row.
package struct CheckpointBatch: Sendable {
    package var inodes: [InodeNumber: InodeRecord?] = [:]
    package var entries: [InodeNumber: [FileName: Entry?]] = [:]
    package var xattrs: [InodeNumber: [[UInt8]: XattrValue?]] = [:]
    package var origins: [InodeNumber: Origin?] = [:]
    package var devices: [UInt32: [UInt8]] = [:]
    package var aliases: [AliasKey: InodeNumber] = [:]
    package var backups: [FileName: BackupRecord?] = [:]

    package init() {}

    package var count: Int { inodes.count + entries.count + xattrs.count + origins.count }
    package var isEmpty: Bool {
        count == 0 && devices.isEmpty && aliases.isEmpty && backups.isEmpty
    }
}

extension TreeDatabase {
    /// Writes `batch` and its position, either all of it or nothing.
    /// - Parameter isOverLayer: whether a layer is below, so that removals must be kept.
    package func apply(
        _ batch: CheckpointBatch, at position: CheckpointPosition, isOverLayer: Bool = false
    ) throws(StorageError) {
        try connection.execute("BEGIN IMMEDIATE")
        do throws(StorageError) {
            if isOverLayer { try writeRemovals(batch) }
            for (number, record) in batch.inodes { try write(number, record) }
            for (parent, names) in batch.entries {
                for (name, entry) in names { try write(parent, name, entry) }
            }
            for (inode, names) in batch.xattrs {
                for (name, value) in names { try write(inode, name, value) }
            }
            for (inode, origin) in batch.origins { try write(inode, origin) }
            for (name, record) in batch.backups { try write(name, record) }
            for (index, path) in batch.devices {
                try connection.run(
                    "INSERT OR REPLACE INTO devices VALUES (?, ?)", [.number(index), .blob(path)])
            }
            for (key, inode) in batch.aliases {
                try connection.run(
                    "INSERT OR REPLACE INTO aliases VALUES (?, ?, ?, ?)",
                    [.number(inode), .number(key.device), .number(key.inode), .integer(key.birthTime)])
            }
            try connection.run(
                "INSERT OR REPLACE INTO position VALUES (1, ?, ?, ?, ?, ?)",
                [
                    .number(position.treeLog), .number(position.sequence),
                    .number(position.lastNumber),
                    .integer(!position.isFrozen ? 0 : position.isWhole ? 2 : 1),
                    .integer(position.checksum),
                ])
            try connection.execute("COMMIT")
        } catch {
            try? connection.execute("ROLLBACK")
            throw error
        }
    }

    private func writeRemovals(_ batch: CheckpointBatch) throws(StorageError) {
        for (number, record) in batch.inodes { try write(.inode(number), isRemoved: record == nil) }
        for (parent, names) in batch.entries {
            for (name, entry) in names { try write(.entry(parent, name.bytes), isRemoved: entry == nil) }
        }
        for (inode, names) in batch.xattrs {
            for (name, value) in names { try write(.xattr(inode, name), isRemoved: value == nil) }
        }
        for (inode, origin) in batch.origins { try write(.origin(inode), isRemoved: origin == nil) }
        for (name, record) in batch.backups { try write(.backup(name.bytes), isRemoved: record == nil) }
    }

    private func write(_ key: RemovedKey, isRemoved: Bool) throws(StorageError) {
        if isRemoved { try noteRemoval(key) } else { try forgetRemoval(key) }
    }

    private func write(_ number: InodeNumber, _ record: InodeRecord?) throws(StorageError) {
        guard let record else {
            // Whiteouts and attributes of a removed inode stay: a rollback may bring the inode back.
            try connection.run("DELETE FROM inodes WHERE number = ?", [.number(number)])
            return
        }
        try connection.run(
            "INSERT OR REPLACE INTO inodes VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [
                .number(record.number), .number(record.mode), .number(record.user),
                .number(record.group), .number(record.links), .number(record.specialDevice),
                .number(record.size), .number(record.allocated), .integer(record.accessTime),
                .integer(record.modificationTime), .integer(record.changeTime),
                .integer(record.birthTime), .number(record.sequence),
                .number(record.contentSequence), .number(record.flags.rawValue),
                .blob(record.symlinkTarget),
                .integer(Self.checksum { record.encode(into: &$0) }),
            ])
    }

    private func write(
        _ parent: InodeNumber, _ name: FileName, _ entry: Entry?
    ) throws(StorageError) {
        guard let entry else {
            try connection.run(
                "DELETE FROM entries WHERE parent = ? AND name = ?",
                [.number(parent), .blob(name.bytes)])
            return
        }
        try connection.run(
            "INSERT OR REPLACE INTO entries VALUES (?,?,?,?,?)",
            [
                .number(parent), .blob(name.bytes), .number(entry.inode),
                .integer(Int64(entry.type.rawValue)),
                .integer(
                    Self.entryChecksum(parent, name.bytes, entry.inode, entry.type.rawValue)),
            ])
    }

    private func write(
        _ inode: InodeNumber, _ name: [UInt8], _ value: XattrValue?
    ) throws(StorageError) {
        let bytes: SQLiteValue
        switch value {
        case nil:
            try connection.run(
                "DELETE FROM xattrs WHERE inode = ? AND name = ?", [.number(inode), .blob(name)])
            return
        case .hidden: bytes = .null
        case .value(let value): bytes = .blob(value)
        }
        try connection.run(
            "INSERT OR REPLACE INTO xattrs VALUES (?,?,?,?)",
            [
                .number(inode), .blob(name), bytes,
                .integer(Self.xattrChecksum(inode, name, value ?? .hidden)),
            ])
    }

    private func write(_ name: FileName, _ record: BackupRecord?) throws(StorageError) {
        guard let record else {
            try connection.run("DELETE FROM backups WHERE name = ?", [.blob(name.bytes)])
            return
        }
        var writer = ByteWriter()
        record.encode(into: &writer)
        try connection.run(
            "INSERT OR REPLACE INTO backups VALUES (?,?,?)",
            [
                .blob(name.bytes), .blob(writer.bytes),
                .number(Checksum.xxh3(name.bytes + writer.bytes)),
            ])
    }

    private func write(_ inode: InodeNumber, _ origin: Origin?) throws(StorageError) {
        guard let origin else {
            try connection.run("DELETE FROM origins WHERE inode = ?", [.number(inode)])
            return
        }
        var writer = ByteWriter(capacity: 80 + origin.path.count)
        origin.encode(into: &writer)
        try connection.run(
            "INSERT OR REPLACE INTO origins VALUES (?,?,?,?)",
            [
                .number(inode), .blob(origin.path), .blob(writer.bytes),
                .number(Checksum.xxh3(writer.bytes)),
            ])
    }
}
