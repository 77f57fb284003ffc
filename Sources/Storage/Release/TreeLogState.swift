// TreeLogState: what the records of a tree log lead to, made from them in a database of its own.

internal import Platform

/// The state that is being made, and what is not in the database yet.
struct TreeLogState {
    let database: TreeDatabase
    private let isOverLayer: Bool
    /// Whether the database has a table of files whose logs have a record.
    private var hasMarks = false
    private var batch = CheckpointBatch()
    /// The number of changes that the database does not have yet.
    private(set) var keys = 0
    var begun: [InodeNumber] = []
    var names: [ProcessName] = []
    var fields: TreeLogStart.Fields

    /// What a log begins with, and what is to be added from its records.
    init(_ database: TreeDatabase, isOverLayer: Bool, front: TreeLogFront) {
        self.database = database
        self.isOverLayer = isOverLayer
        fields = TreeLogStart.Fields(
            sequence: front.start?.sequence ?? 0, position: front.start?.position ?? 0, time: front.time,
            lastNumber: front.lastNumber, generation: front.generation)
    }
}

extension TreeLogState {
    /// What a database has that is not over a layer of the same workspace, for a repair.
    init(
        of database: TreeDatabase, generation: UInt32, front: TreeLogFront
    ) throws(StorageError) {
        self.init(database, isOverLayer: false, front: front)
        let position = try database.position()
        (fields.sequence, fields.position) = (position.sequence, position.treeLog)
        (fields.lastNumber, fields.generation) = (position.lastNumber, generation)
        (fields.first, fields.firstPosition) = (front.sequence, front.position)
    }

    mutating func makeTables() throws(StorageError) {
        // It is of no use after a crash.
        try database.connection.execute("PRAGMA synchronous = OFF")
        try database.connection.execute("CREATE TABLE begun (number INTEGER PRIMARY KEY)")
        hasMarks = true
    }

    mutating func note(_ change: TreeChange) {
        keys += 1
        switch change {
        case .inode(let number, _, let after):
            note(number)
            // A file without a name is in no moment. Its row was removed without a record.
            batch.inodes[number] = .some((after?.links ?? 0) > 0 ? after : nil)
        case .entry(let parent, let name, _, let after):
            batch.entries[parent, default: [:]][name] = .some(after)
        case .xattr(let number, let name, _, let after):
            batch.xattrs[number, default: [:]][name] = .some(after)
        case .origin(let number, _, let after):
            note(number)
            batch.origins[number] = .some(after)
        case .device(let index, let path):
            batch.devices[index] = path
        case .alias(let number, let device, let inode, let birthTime):
            note(number)
            batch.aliases[AliasKey(device: device, inode: inode, birthTime: birthTime)] = number
        case .backup(let name, _, let after):
            batch.backups[name] = .some(after)
        case .freeze:
            fields.generation &+= 1
        case .content, .due:
            // The content is durable in the edit logs.
            break
        }
    }

    private mutating func note(_ number: InodeNumber) {
        fields.lastNumber = max(fields.lastNumber, number.countGivenOut)
    }

    mutating func flush() throws(StorageError) {
        try database.apply(batch, at: CheckpointPosition(), isOverLayer: isOverLayer)
        batch = CheckpointBatch()
        keys = 0
        for number in begun {
            try database.connection.run("INSERT OR IGNORE INTO begun VALUES (?)", [.number(number)])
        }
        begun = []
    }

    /// Drops names and attributes of removed files that nothing can bring back.
    func dropUnreachable() throws(StorageError) {
        // A file of a layer may have its row there.
        let isGone = isOverLayer
            ? "IN (SELECT number FROM removed WHERE kind = 1)" : "NOT IN (SELECT number FROM inodes)"
        for (table, key) in [("entries", "parent"), ("xattrs", "inode")] {
            // A number that the workspace has given out has bit 47 set. It is the root if there are no other
            // bits. It may have an alias or an origin: such a file is one of the base, and may come again.
            try database.connection.execute(
                """
                DELETE FROM \(table) WHERE \(key) & (1 << 47) AND \(key) & ((1 << 47) - 1)
                AND \(key) \(isGone) AND \(key) NOT IN (SELECT inode FROM aliases)
                AND \(key) NOT IN (SELECT inode FROM origins)
                """)
        }
    }

    /// Writes all that leads to the state.
    func write(
        to writer: inout TreeLogStartWriter, _ pause: () throws(StorageError) -> Void
    ) throws(StorageError) {
        for (index, path) in try database.devices().sorted(by: { $0.key < $1.key }) {
            try writer.add(.device(index, path: path), offset: 0)
        }
        // Rows are read with their origins.
        for number in try database.inodesWithOrigins() {
            try writer.add(.origin(number, before: nil, after: try database.origin(number)), offset: 0)
        }
        try database.visitInodes { (record) throws(StorageError) in
            try writer.add(.inode(record.number, before: nil, after: record), offset: record.number)
        }
        try DatabaseBatches(of: database).visit(of: 1_000, withRows: false) { (batch) throws(StorageError) in
            try pause()
            for change in batch.changes { try writer.add(change, offset: TreeLogStart.behindRows) }
        }
        try writer.flush()
        if hasMarks {
            try writer.add(
                begun: try database.numbers(
                    "SELECT number FROM begun WHERE number IN (SELECT number FROM inodes)"))
        }
        try writer.add(names)
    }
}

extension CheckpointBatch {
    /// The batch as changes, each from nothing.
    fileprivate var changes: [TreeChange] {
        var changes: [TreeChange] = []
        for (key, number) in aliases {
            changes.append(
                .alias(number, device: key.device, inode: key.inode, birthTime: key.birthTime))
        }
        for (number, origin) in origins { changes.append(.origin(number, before: nil, after: origin)) }
        for (number, row) in inodes { changes.append(.inode(number, before: nil, after: row)) }
        for (parent, names) in entries {
            for (name, entry) in names { changes.append(.entry(parent, name, before: nil, after: entry)) }
        }
        for (number, names) in xattrs {
            for (name, value) in names { changes.append(.xattr(number, name, before: nil, after: value)) }
        }
        for (name, record) in backups { changes.append(.backup(name, before: nil, after: record)) }
        return changes
    }
}
