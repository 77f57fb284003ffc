// TreeDatabase+Removals: keys that a workspace has removed although a layer below it has them. Without a row
// for the removal the value of the layer would show through.

internal import Platform

/// A key of the tree that was removed.
package enum RemovedKey: Hashable, Sendable {
    case inode(InodeNumber)
    case entry(InodeNumber, [UInt8])
    case xattr(InodeNumber, [UInt8])
    case origin(InodeNumber)
    case backup([UInt8])

    fileprivate var kind: Int64 {
        switch self {
        case .inode: 1
        case .entry: 2
        case .xattr: 3
        case .origin: 4
        case .backup: 5
        }
    }

    fileprivate var number: InodeNumber {
        switch self {
        case .inode(let number), .entry(let number, _), .xattr(let number, _), .origin(let number): number
        case .backup: 0
        }
    }

    fileprivate var name: [UInt8] {
        switch self {
        case .inode, .origin: []
        case .entry(_, let name), .xattr(_, let name), .backup(let name): name
        }
    }

    fileprivate init?(kind: Int64, number: InodeNumber, name: [UInt8]) {
        switch kind {
        case 1: self = .inode(number)
        case 2: self = .entry(number, name)
        case 3: self = .xattr(number, name)
        case 4: self = .origin(number)
        case 5: self = .backup(name)
        default: return nil
        }
    }

    fileprivate var checksum: Int64 {
        TreeDatabase.checksum {
            $0.integer(UInt64(bitPattern: kind))
            $0.integer(number)
            $0.raw(name)
        }
    }
}

extension TreeDatabase {
    func noteRemoval(_ key: RemovedKey) throws(StorageError) {
        try connection.run(
            "INSERT OR REPLACE INTO removed VALUES (?, ?, ?, ?)",
            [.integer(key.kind), .number(key.number), .blob(key.name), .integer(key.checksum)])
    }

    func forgetRemoval(_ key: RemovedKey) throws(StorageError) {
        try connection.run(
            "DELETE FROM removed WHERE kind = ? AND number = ? AND name = ?",
            [.integer(key.kind), .number(key.number), .blob(key.name)])
    }

    package func isRemoved(_ key: RemovedKey) throws(StorageError) -> Bool {
        var isFound = false
        try connection.run(
            "SELECT kind, number, name, checksum FROM removed WHERE kind = ? AND number = ? AND name = ?",
            [.integer(key.kind), .number(key.number), .blob(key.name)]
        ) { (row) throws(StorageError) in
            _ = try self.removal(row)
            isFound = true
        }
        return isFound
    }

    /// Returns the removed names of a directory.
    package func removedNames(of parent: InodeNumber) throws(StorageError) -> [[UInt8]] {
        try removals(of: .entry(parent, [])).map(\.name)
    }

    /// Returns the names of the removed extended attributes of an inode.
    package func removedXattrs(of inode: InodeNumber) throws(StorageError) -> [[UInt8]] {
        try removals(of: .xattr(inode, [])).map(\.name)
    }

    private func removals(of key: RemovedKey) throws(StorageError) -> [RemovedKey] {
        var found: [RemovedKey] = []
        try connection.run(
            "SELECT kind, number, name, checksum FROM removed WHERE kind = ? AND number = ?",
            [.integer(key.kind), .number(key.number)]
        ) { (row) throws(StorageError) in found.append(try self.removal(row)) }
        return found
    }

    /// Returns all removed keys.
    package func removals() throws(StorageError) -> [RemovedKey] {
        var found: [RemovedKey] = []
        try connection.run("SELECT kind, number, name, checksum FROM removed") {
            (row) throws(StorageError) in found.append(try self.removal(row))
        }
        return found
    }

    /// Returns the inodes that have a row or were removed, and whether they have a name.
    package func changedInodes() throws(StorageError) -> [(number: InodeNumber, isNamed: Bool)] {
        var found: [(number: InodeNumber, isNamed: Bool)] = []
        try connection.run("SELECT number, links > 0 FROM inodes") { row in
            found.append((row.unsigned(0), row.integer(1) != 0))
        }
        for case .inode(let number) in try removals() { found.append((number, false)) }
        return found
    }

    /// Returns the files whose content is in an edit log of an ancestor.
    package func inodesWithInheritedLogs() throws(StorageError) -> [InodeNumber] {
        try numbers("SELECT number FROM inodes WHERE flags & 33 = 33")
    }

    private func removal(_ row: borrowing SQLiteRow) throws(StorageError) -> RemovedKey {
        guard let key = RemovedKey(kind: row.integer(0), number: row.unsigned(1), name: row.blob(2)),
            row.integer(3) == key.checksum
        else { throw .damaged(path: path, what: "a removal has a wrong checksum") }
        return key
    }
}
