// EpochTable: one commit to the base, and what the base was before it. Workspaces that were made before the
// commit see the base through it. It is a directory of the store with a database, `epoch.db`, and `kept`: the
// files and directories that the commit replaced or removed, under the ids of their rows.
//
// rows(dir, name, value): a row for each name that the commit changes, by its path before the commit; dir
//     begins with "/", and the name of the root is "/"
// inodes(inode, value): a row for each file with several names of which the commit changes content,
//     attributes or the number of names, since it is found under names without a row
// steps(id, value): what the commit does, in this order; the module Past has their form
// committed(path, value): what the workspace had at each path that it committed, see CommittedVersion
// meta(key, value): version, state (0 = planned, 1 = under way, 2 = done), and of the commit: workspace,
//     sequence (the last change of the workspace that it contains), time
//
// Every value has a checksum, see EpochRow. SQLite's transactions make the changes of state durable.

package import Platform
package import Storage
package import Synchronization

package final class EpochTable: Sendable {
    /// 1 for the first commit.
    package let number: UInt64
    /// The directory in the file system of the host.
    package let directory: String
    /// The directory in the base's root in which the commit prepares what it will put in place.
    package let stageName: String
    private let device: UInt64
    private let key: ChecksumKey
    private let database: Mutex<Connection>
    private let index: Mutex<Index>
    /// Held for each step of the commit that changes a name, and by each look at the base meanwhile.
    package let stepping = Mutex<Void>(())
    private let state: Atomic<State.RawValue>
    private let commit: Mutex<Commit>

    private static let version: Int64 = 1

    /// It is Sendable only because it is used under its lock, and never leaves it.
    private struct Connection: @unchecked Sendable {
        let value: SQLiteConnection

        init(_ value: SQLiteConnection) { self.value = value }
    }

    /// What is kept in memory: most look-ups find here that the commit has not changed a name.
    private struct Index: Sendable {
        /// Directories of which a name has a row.
        var directories: Set<[UInt8]> = []
        /// Paths whose rows tell that all below them is elsewhere.
        var relocated: [[UInt8]: EpochRow] = [:]
        var hasMoves = false
        /// Rows by inode.
        var inodes: [UInt64: EpochRow] = [:]
    }

    /// Opens the epoch in `directory`, or makes it there.
    /// - Parameters:
    ///   - store: the id of the store, which tells its stages from those of other stores of the base.
    ///   - device: the device of the base's root at present. All files of a commit are on it.
    package init(
        _ directory: String, number: UInt64, store: UInt64, device: UInt64, key: ChecksumKey
    ) throws(StorageError) {
        stageName = "\(Self.stagePrefix(store))\(number)"
        self.number = number
        self.directory = directory
        self.device = device
        self.key = key
        let connection = try SQLiteConnection(directory + "/epoch.db")
        // It is no index of something else: what a commit has done must survive a power cut.
        // A write-ahead log is cut at its first damaged page, silently: then a commit would seem not to have
        // begun.
        try connection.execute("PRAGMA journal_mode = DELETE")
        try connection.execute("PRAGMA synchronous = EXTRA")
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value INTEGER) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS rows(
                dir BLOB, name BLOB, value BLOB, PRIMARY KEY(dir, name)) WITHOUT ROWID;
            CREATE TABLE IF NOT EXISTS inodes(inode INTEGER PRIMARY KEY, value BLOB);
            CREATE TABLE IF NOT EXISTS steps(id INTEGER PRIMARY KEY, value BLOB);
            CREATE TABLE IF NOT EXISTS committed(path BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;
            """)
        var version: Int64?
        var state = State.planned
        var commit = Commit()
        try connection.run("SELECT key, value FROM meta") { (row) throws(StorageError) in
            switch row.text(0) {
            case "version": version = row.integer(1)
            case "state": state = State(rawValue: row.integer(1)) ?? .underWay
            case "workspace": commit.workspace = UInt16(truncatingIfNeeded: row.integer(1))
            case "sequence": commit.sequence = row.unsigned(1)
            case "time": commit.time = row.integer(1)
            default: break
            }
        }
        if let version, version != Self.version {
            throw .newerVersion(
                path: directory, found: UInt32(clamping: version), known: UInt32(Self.version))
        }
        if version == nil {
            try connection.run("INSERT INTO meta VALUES('version', ?)", [.integer(Self.version)])
        }
        self.state = Atomic(state.rawValue)
        self.commit = Mutex(commit)
        index = Mutex(try Self.load(connection, directory, device, key))
        database = Mutex(Connection(connection))
    }

    private static func load(
        _ connection: SQLiteConnection, _ directory: String, _ device: UInt64, _ key: ChecksumKey
    ) throws(StorageError) -> Index {
        var index = Index()
        try connection.run("SELECT dir, name, value FROM rows") { (row) throws(StorageError) in
            let path = path(row.blob(0), row.blob(1))
            let found = try decode(row.blob(2), directory, device, key)
            note(found, at: path, in: &index)
        }
        try connection.run("SELECT inode, value FROM inodes") { (row) throws(StorageError) in
            index.inodes[row.unsigned(0)] = try decode(row.blob(1), directory, device, key)
        }
        return index
    }

    private static func note(_ row: EpochRow, at path: [UInt8], in index: inout Index) {
        index.directories.insert(BasePlace(path: path).directory)
        if case .base(let now) = row.place, now != path { index.hasMoves = true }
        // A name that led to nothing may lead to a directory now.
        let isDirectory = row.status.map { $0.type == .directory } ?? true
        if isDirectory, row.isRelocated(from: path) { index.relocated[path] = row }
    }

    private static func decode(
        _ bytes: [UInt8], _ directory: String, _ device: UInt64, _ key: ChecksumKey
    ) throws(StorageError) -> EpochRow {
        guard var row = EpochRow(decoding: bytes, key) else {
            throw .damaged(path: directory + "/epoch.db", what: "a row has a wrong checksum")
        }
        // Device numbers may change with each boot.
        row.status?.device = device
        row.after?.device = device
        return row
    }

    private static func keys(_ path: [UInt8]) -> [SQLiteValue] {
        let place = BasePlace(path: path)
        return [.blob([0x2f] + place.directory), .blob(path.isEmpty ? [0x2f] : place.name)]
    }

    /// Returns the path of a row's keys.
    private static func path(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
        name == [0x2f] ? [] : BasePlace.join(Array(directory.dropFirst()), name)
    }

    static func stagePrefix(_ store: UInt64) -> String {
        "\(KeptFiles.stage)\(String(store, radix: 36))-"
    }

    /// Returns the path in the base of something in the stage.
    package func stagePath(_ name: String) -> [UInt8] { Array("\(stageName)/\(name)".utf8) }

    // MARK: Rows

    /// Whether the commit has begun to change the base, and has not ended.
    package var isApplying: Bool { progress == .underWay }

    /// Returns the row of a path.
    package func row(_ path: [UInt8]) throws(Errno) -> EpochRow? {
        let directory = BasePlace(path: path).directory
        guard index.withLock({ $0.directories.contains(directory) }) else { return nil }
        var found: EpochRow?
        try query("SELECT value FROM rows WHERE dir = ? AND name = ?", Self.keys(path)) {
            (row) throws(StorageError) in
            found = try Self.decode(row.blob(0), self.directory, device, key)
        }
        return found
    }

    /// Returns the rows of names in a directory.
    package func children(of path: [UInt8]) throws(Errno) -> [(name: [UInt8], row: EpochRow)] {
        guard index.withLock({ $0.directories.contains(path) }) else { return [] }
        var found: [(name: [UInt8], row: EpochRow)] = []
        try query("SELECT name, value FROM rows WHERE dir = ?", [.blob([0x2f] + path)]) {
            (row) throws(StorageError) in
            let name = row.blob(0)
            if name == [0x2f] { return }
            found.append((name, try Self.decode(row.blob(1), directory, device, key)))
        }
        return found
    }

    /// Returns the row of the nearest directory above `path` whose content is elsewhere, and the rest of the
    /// path below it.
    func relocation(above path: [UInt8]) -> (path: [UInt8], row: EpochRow, rest: [UInt8])? {
        index.withLock { index in
            if index.relocated.isEmpty { return nil }
            var end = path.count
            while let slash = path[..<end].lastIndex(of: 0x2f) {
                let above = Array(path[..<slash])
                if let row = index.relocated[above] { return (above, row, Array(path[(slash + 1)...])) }
                end = slash
            }
            return nil
        }
    }

    /// Whether a file or directory of the base got another name.
    var hasMoves: Bool { index.withLock { $0.hasMoves } }

    func isBelowRelocated(_ path: [UInt8]) -> Bool { relocation(above: path) != nil }

    var hasInodes: Bool { index.withLock { !$0.inodes.isEmpty } }

    /// Returns the row of a file with several names.
    func row(ofInode status: FileStatus) -> EpochRow? {
        index.withLock { index in
            guard let row = index.inodes[status.inode], row.status?.isSameFile(status) == true else {
                return nil
            }
            return row
        }
    }

    /// Returns whether a name below a directory has a row.
    package func hasRows(below path: [UInt8]) throws(Errno) -> Bool {
        var isFound = false
        let key = [0x2f] + path
        // The byte after "/" is "0": these are the paths that begin with the directory and a slash.
        try query(
            "SELECT 1 FROM rows WHERE dir = ? OR dir > ? AND dir < ? LIMIT 1",
            [.blob(key), .blob(key + [0x2f]), .blob(key + [0x30])]
        ) { (_) throws(StorageError) in isFound = true }
        return isFound
    }

    private func query(
        _ sql: String, _ values: [SQLiteValue] = [],
        row: (borrowing SQLiteRow) throws(StorageError) -> Void
    ) throws(Errno) {
        let failure = database.withLock { connection -> StorageError? in
            do throws(StorageError) {
                try connection.value.run(sql, values, row: row)
                return nil
            } catch {
                return error
            }
        }
        if let failure { throw failure.errno }
    }

    // MARK: Writing

    private func write(
        _ body: (SQLiteConnection) throws(StorageError) -> Void
    ) throws(StorageError) {
        let failure = database.withLock { connection -> StorageError? in
            do throws(StorageError) {
                try connection.value.execute("BEGIN IMMEDIATE")
                try body(connection.value)
                try connection.value.execute("COMMIT")
                return nil
            } catch {
                // After some errors SQLite has rolled it back already.
                try? connection.value.execute("ROLLBACK")
                return error
            }
        }
        if let failure { throw failure }
    }

    /// Records everything that the commit will do, durably: from now on it is completed, also after a crash.
    package func begin(
        _ commit: Commit, rows: [[UInt8]: EpochRow], inodes: [UInt64: EpochRow], steps: [[UInt8]],
        committed: [[UInt8]: CommittedVersion]
    ) throws(StorageError) {
        try write { (connection) throws(StorageError) in
            for (path, row) in rows {
                try connection.run(
                    "INSERT INTO rows VALUES(?, ?, ?)", Self.keys(path) + [.blob(row.encoded(key))])
            }
            for (inode, row) in inodes {
                try connection.run(
                    "INSERT INTO inodes VALUES(?, ?)", [.number(inode), .blob(row.encoded(key))])
            }
            for (id, step) in steps.enumerated() {
                try connection.run(
                    "INSERT INTO steps VALUES(?, ?)",
                    [.integer(Int64(id)), .blob(EpochRow.sealed(step, key))])
            }
            try write(committed, connection)
            for (name, value) in [
                ("workspace", Int64(commit.workspace)), ("sequence", Int64(clamping: commit.sequence)),
                ("time", commit.time), ("state", State.underWay.rawValue),
            ] {
                try connection.run(
                    "INSERT OR REPLACE INTO meta VALUES(?, ?)", [.text(name), .integer(value)])
            }
        }
        index.withLock { index in
            for (path, row) in rows { Self.note(row, at: path, in: &index) }
            index.inodes = inodes
        }
        self.commit.withLock { $0 = commit }
        state.store(State.underWay.rawValue, ordering: .releasing)
    }

    /// Notes durably that the commit is done.
    /// - Parameters:
    ///   - after: the rows of files that are still in the base, with the status that they have now.
    ///   - committed: what was committed, with the status that it has in the base.
    package func finish(
        _ after: [[UInt8]: EpochRow], committed: [[UInt8]: CommittedVersion]
    ) throws(StorageError) {
        try write { (connection) throws(StorageError) in
            try write(committed, connection)
            for (path, row) in after {
                try connection.run(
                    "INSERT OR REPLACE INTO rows VALUES(?, ?, ?)",
                    Self.keys(path) + [.blob(row.encoded(key))])
            }
            try connection.execute("DELETE FROM steps")
            try connection.run(
                "INSERT OR REPLACE INTO meta VALUES('state', ?)", [.integer(State.done.rawValue)])
        }
        index.withLock { index in
            for (path, row) in after { Self.note(row, at: path, in: &index) }
        }
        state.store(State.done.rawValue, ordering: .releasing)
    }

    private func write(
        _ committed: [[UInt8]: CommittedVersion], _ connection: SQLiteConnection
    ) throws(StorageError) {
        for (path, version) in committed {
            try connection.run(
                "INSERT OR REPLACE INTO committed VALUES(?, ?)",
                [.blob(path), .blob(version.encoded(key))])
        }
    }

    /// What the commit is of.
    package var origin: Commit { commit.withLock { $0 } }

    package var progress: State { State(rawValue: state.load(ordering: .acquiring)) ?? .underWay }

    /// Calls `body` with each path that was committed.
    package func committed(_ body: ([UInt8], CommittedVersion) -> Void) throws(Errno) {
        try query("SELECT path, value FROM committed") { (row) throws(StorageError) in
            guard var version = CommittedVersion(decoding: row.blob(1), key) else {
                throw .damaged(path: directory + "/epoch.db", what: "a row has a wrong checksum")
            }
            version.after?.device = device
            body(row.blob(0), version)
        }
    }

    /// Returns what was committed at a path; nil if nothing was.
    func committed(at path: [UInt8]) throws(Errno) -> CommittedVersion? {
        var found: CommittedVersion?
        try query("SELECT value FROM committed WHERE path = ?", [.blob(path)]) { (row) throws(StorageError) in
            found = CommittedVersion(decoding: row.blob(0), key)
        }
        found?.after?.device = device
        return found
    }

    /// Returns the steps of the commit, in their order.
    package func steps() throws(Errno) -> [[UInt8]] {
        var found: [[UInt8]] = []
        try query("SELECT value FROM steps ORDER BY id") { (row) throws(StorageError) in
            guard let step = EpochRow.payload(row.blob(0), key) else {
                throw .damaged(path: directory + "/epoch.db", what: "a step has a wrong checksum")
            }
            found.append(step)
        }
        return found
    }

    /// Returns the rows of files that stay in the base.
    package func rowsInBase() throws(Errno) -> [(path: [UInt8], row: EpochRow)] {
        var found: [(path: [UInt8], row: EpochRow)] = []
        try query("SELECT dir, name, value FROM rows") { (row) throws(StorageError) in
            let decoded = try Self.decode(row.blob(2), directory, device, key)
            if case .base = decoded.place { found.append((Self.path(row.blob(0), row.blob(1)), decoded)) }
        }
        return found
    }

    package func close() { database.withLock { $0.value.close() } }
}
