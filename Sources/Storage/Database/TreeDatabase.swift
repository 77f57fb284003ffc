// TreeDatabase: the checkpoint of a workspace's tree in SQLite: the state that the tree log's records
// up to a position result in. No write waits for it, and it can be rebuilt from the tree log. Every row
// carries the XXH3 of its content, since SQLite itself does not detect a flipped bit.

package import Platform

/// The position of a checkpoint in the tree log, and the counters as of that position.
package struct CheckpointPosition: Equatable, Sendable {
    package var treeLog: UInt64 = 0
    package var sequence: UInt64 = 0
    /// The last inode number given out.
    package var lastNumber: UInt64 = 0
    /// Whether the database is that of a layer: it never changes again.
    package var isFrozen = false
    /// Whether a layer also has all of the earlier generations of its workspace.
    package var isWhole = false

    package init(
        treeLog: UInt64 = 0, sequence: UInt64 = 0, lastNumber: UInt64 = 0, isFrozen: Bool = false
    ) {
        self.isFrozen = isFrozen
        self.treeLog = treeLog
        self.sequence = sequence
        self.lastNumber = lastNumber
    }
}

package struct AliasKey: Hashable, Sendable {
    package var device: UInt32
    package var inode: UInt64
    package var birthTime: Int64

    package init(device: UInt32, inode: UInt64, birthTime: Int64) {
        self.device = device
        self.inode = inode
        self.birthTime = birthTime
    }
}

/// One connection to the database. It is not thread-safe: a reader and a writer each have their own. It keeps
/// pages of up to `cacheBytes` bytes in memory.
package final class TreeDatabase {
    let connection: SQLiteConnection
    package let path: String

    package init(
        _ path: String, _ access: SQLiteConnection.Access = .readWrite, cacheBytes: Int = 4 << 20
    ) throws(StorageError) {
        self.path = path
        connection = try SQLiteConnection(path, access)
        try connection.execute("PRAGMA cache_size = -\(cacheBytes >> 10)")
        var version: Int64 = 0
        try connection.run("PRAGMA user_version") { row in version = row.integer(0) }
        if version > Int64(Format.databaseVersion) {
            throw .newerVersion(
                path: path, found: UInt32(clamping: version),
                known: UInt32(Format.databaseVersion))
        }
        if version == 1 || version == 2 {
            // Version 1 lacks the hidden names of removed directories, version 2 the removals of what a
            // layer has. The tree log has both.
            throw .outdated(path: path)
        }
        if version == 0, access != .readWrite { throw .damaged(path: path, what: "it holds no tables") }
        if version == 0 { try connection.execute(Self.schema) }
    }

    private static let schema = """
        BEGIN;
        CREATE TABLE inodes (number INTEGER PRIMARY KEY, mode INTEGER NOT NULL,
            user INTEGER NOT NULL, grp INTEGER NOT NULL, links INTEGER NOT NULL,
            device INTEGER NOT NULL, size INTEGER NOT NULL, allocated INTEGER NOT NULL,
            accessed INTEGER NOT NULL, modified INTEGER NOT NULL, changed INTEGER NOT NULL,
            born INTEGER NOT NULL, sequence INTEGER NOT NULL, content_sequence INTEGER NOT NULL,
            flags INTEGER NOT NULL, target BLOB NOT NULL, checksum INTEGER NOT NULL);
        CREATE TABLE entries (parent INTEGER NOT NULL, name BLOB NOT NULL,
            inode INTEGER NOT NULL, type INTEGER NOT NULL, checksum INTEGER NOT NULL,
            PRIMARY KEY (parent, name)) WITHOUT ROWID;
        CREATE INDEX names ON entries (inode);
        CREATE INDEX edits ON inodes (content_sequence);
        CREATE TABLE backups (name BLOB PRIMARY KEY, record BLOB NOT NULL,
            checksum INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE xattrs (inode INTEGER NOT NULL, name BLOB NOT NULL, value BLOB,
            checksum INTEGER NOT NULL, PRIMARY KEY (inode, name)) WITHOUT ROWID;
        CREATE TABLE origins (inode INTEGER PRIMARY KEY, path BLOB NOT NULL, record BLOB NOT NULL,
            checksum INTEGER NOT NULL);
        CREATE TABLE devices (number INTEGER PRIMARY KEY, path BLOB NOT NULL);
        CREATE TABLE aliases (inode INTEGER PRIMARY KEY, device INTEGER NOT NULL,
            base INTEGER NOT NULL, born INTEGER NOT NULL);
        CREATE TABLE position (id INTEGER PRIMARY KEY CHECK (id = 1), journal INTEGER NOT NULL,
            sequence INTEGER NOT NULL, last_number INTEGER NOT NULL, frozen INTEGER NOT NULL,
            checksum INTEGER NOT NULL);
        CREATE TABLE removed (kind INTEGER NOT NULL, number INTEGER NOT NULL, name BLOB NOT NULL,
            checksum INTEGER NOT NULL, PRIMARY KEY (kind, number, name)) WITHOUT ROWID;
        PRAGMA user_version = 3;
        COMMIT;
        """

    func damaged(_ what: String) -> StorageError { .damaged(path: path, what: what) }

    static func checksum(_ build: (inout ByteWriter) -> Void) -> Int64 {
        var writer = ByteWriter(capacity: 160)
        build(&writer)
        return Int64(bitPattern: Checksum.xxh3(writer.bytes))
    }

    /// Moves SQLite's write-ahead log into the database file.
    package func flushLog() throws(StorageError) {
        try connection.run("PRAGMA wal_checkpoint(TRUNCATE)")
    }

    /// Releases the memory of cached pages.
    package func shrinkMemory() { try? connection.execute("PRAGMA shrink_memory") }

    /// Closes the connection. No query may follow.
    package func close() { connection.close() }

    // MARK: Reading

    package func position() throws(StorageError) -> CheckpointPosition {
        var found = CheckpointPosition()
        var good = true
        try connection.run("SELECT journal, sequence, last_number, frozen, checksum FROM position") { row in
            found = CheckpointPosition(
                treeLog: row.unsigned(0), sequence: row.unsigned(1), lastNumber: row.unsigned(2),
                isFrozen: row.integer(3) != 0)
            found.isWhole = row.integer(3) == 2
            good = row.integer(4) == found.checksum
        }
        if !good { throw damaged("its position has a wrong checksum") }
        return found
    }

    package func inode(_ number: InodeNumber) throws(StorageError) -> InodeRecord? {
        var found: InodeRecord?
        try connection.run("SELECT * FROM inodes WHERE number = ?", [.number(number)]) {
            (row) throws(StorageError) in
            found = try self.inode(row)
        }
        return found
    }

    func inode(_ row: borrowing SQLiteRow) throws(StorageError) -> InodeRecord {
        var record = InodeRecord(
            number: row.unsigned(0), mode: row.word(1), user: row.word(2), group: row.word(3),
            links: row.word(4), time: 0)
        record.specialDevice = row.unsigned(5)
        record.size = row.unsigned(6)
        record.allocated = row.unsigned(7)
        record.accessTime = row.integer(8)
        record.modificationTime = row.integer(9)
        record.changeTime = row.integer(10)
        record.birthTime = row.integer(11)
        record.sequence = row.unsigned(12)
        record.contentSequence = row.unsigned(13)
        record.flags = InodeRecord.Flags(rawValue: row.word(14))
        record.symlinkTarget = row.blob(15)
        guard row.integer(16) == Self.checksum({ record.encode(into: &$0) }) else {
            throw damaged("the row of inode \(record.number) has a wrong checksum")
        }
        return record
    }

    package func entries(
        of parent: InodeNumber, _ visit: (FileName, Entry) -> Void
    ) throws(StorageError) {
        try connection.run(
            "SELECT name, inode, type, checksum FROM entries WHERE parent = ?", [.number(parent)]
        ) { (row) throws(StorageError) in
            let (name, entry) = try self.entry(row, parent: parent)
            visit(name, entry)
        }
    }

    func entry(
        _ row: borrowing SQLiteRow, parent: InodeNumber
    ) throws(StorageError) -> (FileName, Entry) {
        let name = row.blob(0)
        let inode = row.unsigned(1)
        let type = UInt8(truncatingIfNeeded: row.integer(2))
        guard row.integer(3) == Self.entryChecksum(parent, name, inode, type),
            let fileName = try? FileName(name), let fileType = FileType(rawValue: type)
        else { throw damaged("an entry of directory \(parent) has a wrong checksum") }
        return (fileName, Entry(inode: inode, type: fileType))
    }

    static func entryChecksum(
        _ parent: InodeNumber, _ name: [UInt8], _ inode: InodeNumber, _ type: UInt8
    ) -> Int64 {
        checksum {
            $0.integer(parent)
            $0.integer(inode)
            $0.integer(type)
            $0.raw(name)
        }
    }

    package func xattrs(
        of inode: InodeNumber
    ) throws(StorageError) -> [[UInt8]: XattrValue] {
        var found: [[UInt8]: XattrValue] = [:]
        try connection.run(
            "SELECT name, value, checksum FROM xattrs WHERE inode = ?", [.number(inode)]
        ) { (row) throws(StorageError) in
            let value: XattrValue = row.isNull(1) ? .hidden : .value(row.blob(1))
            let name = row.blob(0)
            guard row.integer(2) == Self.xattrChecksum(inode, name, value) else {
                throw self.damaged("an extended attribute of inode \(inode) has a wrong checksum")
            }
            found[name] = value
        }
        return found
    }

    static func xattrChecksum(_ inode: InodeNumber, _ name: [UInt8], _ value: XattrValue) -> Int64 {
        checksum {
            $0.integer(inode)
            $0.string(name)
            if case .value(let bytes) = value { $0.string(bytes) }
        }
    }

    package func origin(_ inode: InodeNumber) throws(StorageError) -> Origin? {
        var found: Origin?
        try connection.run("SELECT record, checksum FROM origins WHERE inode = ?", [.number(inode)]) {
            (row) throws(StorageError) in
            let bytes = row.blob(0)
            var reader = ByteReader(bytes)
            guard row.unsigned(1) == Checksum.xxh3(bytes),
                let origin = Origin(decoding: &reader)
            else { throw self.damaged("the origin of inode \(inode) has a wrong checksum") }
            found = origin
        }
        return found
    }

    /// Returns the numbers of all touched inodes.
    package func touchedInodes() throws(StorageError) -> [InodeNumber] {
        try numbers("SELECT number FROM inodes WHERE flags & 2")
    }

    /// Returns all inodes with an origin, including those whose row a rollback removed.
    package func inodesWithOrigins() throws(StorageError) -> [InodeNumber] {
        try numbers("SELECT inode FROM origins")
    }

    /// Returns the files whose content is in an edit log of the workspace itself.
    package func inodesWithLogs() throws(StorageError) -> [InodeNumber] {
        try numbers("SELECT number FROM inodes WHERE flags & 33 = 1")
    }

    package func directoriesWithEntries() throws(StorageError) -> [InodeNumber] {
        try numbers("SELECT DISTINCT parent FROM entries")
    }

    func numbers(_ sql: String) throws(StorageError) -> [InodeNumber] {
        var found: [InodeNumber] = []
        try connection.run(sql) { row in found.append(row.unsigned(0)) }
        return found
    }

    /// Returns the inodes whose content changed after `sequence`.
    package func inodes(editedAfter sequence: UInt64) throws(StorageError) -> [InodeNumber] {
        var found: [InodeNumber] = []
        try connection.run(
            "SELECT number FROM inodes WHERE content_sequence > ?", [.number(sequence)]
        ) { row in found.append(row.unsigned(0)) }
        return found
    }

    /// Returns the names that refer to an inode.
    package func names(
        of inode: InodeNumber
    ) throws(StorageError) -> [(parent: InodeNumber, name: FileName)] {
        var found: [(parent: InodeNumber, name: FileName)] = []
        try connection.run("SELECT parent, name FROM entries WHERE inode = ?", [.number(inode)]) {
            row in
            if let name = try? FileName(row.blob(1)) { found.append((row.unsigned(0), name)) }
        }
        return found
    }

    package func entry(
        _ name: FileName, of parent: InodeNumber
    ) throws(StorageError) -> Entry? {
        var found: Entry?
        try connection.run(
            "SELECT name, inode, type, checksum FROM entries WHERE parent = ? AND name = ?",
            [.number(parent), .blob(name.bytes)]
        ) { (row) throws(StorageError) in
            found = try self.entry(row, parent: parent).1
        }
        return found
    }

    package func backups() throws(StorageError) -> [FileName: BackupRecord] {
        var found: [FileName: BackupRecord] = [:]
        try connection.run("SELECT name, record, checksum FROM backups") {
            (row) throws(StorageError) in
            let name = row.blob(0)
            let bytes = row.blob(1)
            var reader = ByteReader(bytes)
            guard let fileName = try? FileName(name), let record = BackupRecord(decoding: &reader),
                row.unsigned(2) == Checksum.xxh3(name + bytes)
            else { throw self.damaged("the row of a backup has a wrong checksum") }
            found[fileName] = record
        }
        return found
    }

    package func devices() throws(StorageError) -> [UInt32: [UInt8]] {
        var found: [UInt32: [UInt8]] = [:]
        try connection.run("SELECT number, path FROM devices") { row in
            found[row.word(0)] = row.blob(1)
        }
        return found
    }

    package func aliases() throws(StorageError) -> [AliasKey: InodeNumber] {
        var found: [AliasKey: InodeNumber] = [:]
        try connection.run("SELECT inode, device, base, born FROM aliases") { row in
            let key = AliasKey(
                device: row.word(1), inode: row.unsigned(2), birthTime: row.integer(3))
            found[key] = row.unsigned(0)
        }
        return found
    }

    /// Returns up to `count` inodes that were made in the workspace and have a name.
    package func ownInodes(atMost count: Int) throws(StorageError) -> [InodeRecord] {
        var found: [InodeRecord] = []
        try connection.run(
            """
            SELECT * FROM inodes WHERE number & (1 << 47) AND NOT flags & 2 AND links > 0 LIMIT ?
            """, [.integer(Int64(count))]
        ) { (row) throws(StorageError) in found.append(try self.inode(row)) }
        return found
    }

    /// Returns the number of inodes and of names in the checkpoint.
    package func counts() throws(StorageError) -> (inodes: Int64, entries: Int64) {
        var inodes: Int64 = 0
        var entries: Int64 = 0
        try connection.run("SELECT count(*) FROM inodes") { row in inodes = row.integer(0) }
        try connection.run("SELECT count(*) FROM entries") { row in entries = row.integer(0) }
        return (inodes, entries)
    }

    /// Returns the number of files and directories that have a name.
    package func namedInodes() throws(StorageError) -> UInt64 {
        var count: UInt64 = 0
        try connection.run("SELECT count(*) FROM inodes WHERE links > 0") { row in
            count = row.unsigned(0)
        }
        return count
    }

    /// Returns the newest change time of an inode in nanoseconds since 1970; nil without inodes.
    package func lastChange() throws(StorageError) -> Int64? {
        var last: Int64?
        try connection.run("SELECT changed FROM inodes ORDER BY changed DESC LIMIT 1") { row in
            last = row.integer(0)
        }
        return last
    }
}

extension CheckpointPosition {
    var checksum: Int64 {
        TreeDatabase.checksum {
            $0.integer(treeLog)
            $0.integer(sequence)
            $0.integer(lastNumber)
            if isFrozen { $0.integer(UInt8(isWhole ? 2 : 1)) }
        }
    }
}
