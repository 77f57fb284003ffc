// DatabaseBatches: reads all of a database in parts, to write it into another one.

internal import Platform

package struct DatabaseBatches {
    private let database: TreeDatabase

    package init(of database: TreeDatabase) { self.database = database }

    /// Visits everything but the position, in batches of about `count` keys. The batches together are the
    /// database: removals are in them as values that are nil.
    /// - Parameter withRows: whether the rows of inodes and their origins are visited.
    package func visit(
        of count: Int, withRows: Bool = true, _ visit: (CheckpointBatch) throws(StorageError) -> Void
    ) throws(StorageError) {
        var batch = CheckpointBatch()
        // A batch counts directories, and one may have any number of names.
        var keys = 0
        func flush(ifMoreThan most: Int) throws(StorageError) {
            keys += 1
            guard keys > most else { return }
            try visit(batch)
            batch = CheckpointBatch()
            keys = 0
        }
        // Removals come first: a key has either a removal or a value.
        for key in try database.removals() {
            switch key {
            case .inode(let number): batch.inodes[number] = .some(nil)
            case .origin(let number): batch.origins[number] = .some(nil)
            case .xattr(let number, let name): batch.xattrs[number, default: [:]][name] = .some(nil)
            case .entry(let parent, let bytes):
                if let name = try? FileName(bytes) { batch.entries[parent, default: [:]][name] = .some(nil) }
            case .backup(let bytes):
                if let name = try? FileName(bytes) { batch.backups[name] = .some(nil) }
            }
            try flush(ifMoreThan: count)
        }
        if withRows {
            try database.visitInodes { (record) throws(StorageError) in
                batch.inodes[record.number] = .some(record)
                try flush(ifMoreThan: count)
            }
        }
        try database.visitEntries { (parent, name, entry) throws(StorageError) in
            batch.entries[parent, default: [:]][name] = .some(entry)
            try flush(ifMoreThan: count)
        }
        for number in try database.inodesWithXattrs() {
            // Other attributes of the file may be removed in the same batch.
            batch.xattrs[number, default: [:]].merge(
                try database.xattrs(of: number).mapValues { .some($0) }, uniquingKeysWith: { $1 })
            try flush(ifMoreThan: count)
        }
        for number in withRows ? try database.inodesWithOrigins() : [] {
            batch.origins[number] = .some(try database.origin(number))
            try flush(ifMoreThan: count)
        }
        for (name, record) in try database.backups() { batch.backups[name] = .some(record) }
        for (index, path) in try database.devices() { batch.devices[index] = path }
        for (key, number) in try database.aliases() { batch.aliases[key] = number }
        if !batch.isEmpty { try visit(batch) }
    }
}
