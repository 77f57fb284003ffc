// TreeLogStart: the state that a tree log begins with, once the records of its oldest changes were released.
// It is in the file `tree.start` beside the log: a header as that of a log, and records. The first one, of
// kind `start`, is written last. The others are a list of changes each (kind `state`) and lead from nothing
// to the state; content marks; and names of processes. Their numbers only count them.
//
// The changes come in this order: devices, origins, rows by their numbers, all others. The `offset` of a
// record is the number of its first row, 0 before the rows, and the greatest one after them: so a row is
// found by bisection.
//
// payload of the first record: version u32 | generation u32 | last change u64 | position in the tree log u64
//     | time of the last record before i64 | last inode number u64 | length of the file u64
//     | first change u64 | position of the first record u64
// payload of names of processes: for each: change u64 | pid u32 | uid u32 | name, u32 length and bytes

package import Platform

package struct TreeLogStart: Sendable {
    /// The last change that the state has.
    package let sequence: UInt64
    /// The position in the tree log of the first record after it.
    package let position: UInt64
    /// The last change that was released, and the position of the first record after it. The state is that
    /// after this change, unless a repair had to make it from the database.
    package let first: UInt64
    package let firstPosition: UInt64
    /// The time of the last record that was released, in nanoseconds since 1970.
    package let time: Int64
    /// The last inode number given out by then.
    package let lastNumber: UInt64
    /// The number of layers that were frozen by then.
    package let generation: UInt32
    /// The length of the file in bytes.
    package let length: UInt64
    let path: String
    private let file: any DiskFile
    private let log: UInt64
    private let key: ChecksumKey

    static let version: UInt32 = 1
    /// `offset` of records after those with rows.
    static let behindRows = UInt64(Int64.max)

    /// - Returns: the path of the file that belongs to a tree log.
    package static func path(beside treeLog: String) -> String {
        (treeLog.hasSuffix(".log") ? String(treeLog.dropLast(4)) : treeLog) + ".start"
    }

    /// Returns the number that the checksums of its records cover: that of no edit log.
    package static func id(of treeLog: UInt64) -> UInt64 { treeLog | (1 << 48 - 1) }

    /// Opens the start of a tree log.
    /// - Returns: nil if nothing of the log was released.
    package init?(
        beside treeLog: String, id: UInt64, key: ChecksumKey, on disk: any Disk
    ) throws(StorageError) {
        let path = Self.path(beside: treeLog)
        do throws(Errno) {
            file = try disk.open(path, .readOnly)
        } catch {
            // A look that fails must not stand for a file that is not there.
            if error == .noEntry { return nil }
            throw .system(error, doing: "open", path: path)
        }
        self.path = path
        self.key = key
        log = Self.id(of: id)
        let header = try LogHeader(reading: file, path: path)
        guard header.kind == .start, header.id == log else {
            throw .damaged(path: path, what: "it is a different log")
        }
        let fields = try Self.fields(file, log, key, path)
        (sequence, position, time) = (fields.sequence, fields.position, fields.time)
        (lastNumber, generation, length) = (fields.lastNumber, fields.generation, fields.length)
        (first, firstPosition) = (fields.first, fields.firstPosition)
    }

    struct Fields {
        var sequence: UInt64
        var position: UInt64
        var time: Int64
        var lastNumber: UInt64
        var generation: UInt32
        var length: UInt64 = 0
        var first: UInt64 = 0
        var firstPosition: UInt64 = 0

        var bytes: [UInt8] {
            var writer = ByteWriter(capacity: 64)
            writer.integer(TreeLogStart.version)
            writer.integer(generation)
            writer.integer(sequence)
            writer.integer(position)
            writer.integer(time)
            for number in [lastNumber, length, first, firstPosition] { writer.integer(number) }
            return writer.bytes
        }
    }

    private static func fields(
        _ file: any DiskFile, _ log: UInt64, _ key: ChecksumKey, _ path: String
    ) throws(StorageError) -> Fields {
        let start = UInt64(Format.logHeaderLength)
        let payload: [UInt8]
        do throws(Errno) {
            guard let header = LogFile.header(at: start, in: file, log: log, key: key),
                header.kind == RecordKind.start.rawValue else { throw .inputOutput }
            payload = try LogFile.payload(
                of: ScannedRecord(header: header, position: start), in: file, log: log, key: key)
        } catch {
            throw .damaged(path: path, what: "its first record cannot be read")
        }
        var reader = ByteReader(payload)
        try reader.version(atMost: version, of: path)
        guard let generation: UInt32 = reader.integer(), let sequence: UInt64 = reader.integer(),
            let position: UInt64 = reader.integer(), let time: Int64 = reader.integer(),
            let lastNumber: UInt64 = reader.integer(), let length: UInt64 = reader.integer(),
            let first: UInt64 = reader.integer(), let firstPosition: UInt64 = reader.integer()
        else { throw .damaged(path: path, what: "its first record is too short") }
        return Fields(
            sequence: sequence, position: position, time: time, lastNumber: lastNumber,
            generation: generation, length: length, first: first, firstPosition: firstPosition)
    }

    // MARK: Reading

    private func scanner() throws(StorageError) -> LogScanner {
        do throws(Errno) {
            return try LogScanner(file, log: log, key: key, end: length)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
    }

    private func payload(of record: ScannedRecord) throws(StorageError) -> [UInt8] {
        do throws(Errno) {
            return try LogFile.payload(of: record, in: file, log: log, key: key)
        } catch {
            throw .damaged(
                path: path, what: "the record at byte \(record.position) has a wrong checksum")
        }
    }

    /// Visits all records but the first, in order. Each has the number of the last change. A filler of a
    /// repair has no payload.
    /// - Throws: `damaged` if one cannot be read.
    package func visit(
        _ body: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        var scanner = try scanner()
        let result = try scanner.scan(from: UInt64(Format.logHeaderLength), after: 0) {
            (record) throws(StorageError) in
            if record.header.kind == RecordKind.start.rawValue { return }
            var header = record.header
            header.sequence = sequence
            let isGap = header.kind == RecordKind.gap.rawValue
            try body(header, isGap ? [] : try self.payload(of: record))
        }
        if let range = result.damage.first {
            throw .damaged(
                path: path, what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable")
        }
        if result.end < length { throw .damaged(path: path, what: "its last records are missing") }
    }

    /// Returns the row of an inode in the state; nil if it had none.
    package func row(of number: InodeNumber) throws(StorageError) -> InodeRecord? {
        var scanner = try scanner()
        let record = try scanner.bisect { $0.offset > number }.before
        guard let record, record.header.kind == RecordKind.state.rawValue, record.header.offset > 0 else {
            return nil
        }
        for case .inode(number, _, let after) in try Self.changes(try payload(of: record), path) {
            return after
        }
        return nil
    }

    /// Decodes the payload of a record of kind `state`.
    static func changes(_ payload: [UInt8], _ path: String) throws(StorageError) -> [TreeChange] {
        var reader = ByteReader(payload)
        var changes: [TreeChange] = []
        while !reader.atEnd {
            guard let change = TreeChange(decoding: &reader) else {
                throw .damaged(path: path, what: "one of its records cannot be decoded")
            }
            changes.append(change)
        }
        return changes
    }
}
