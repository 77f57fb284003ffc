// TreeLogStartWriter: writes the state that a tree log will begin with. The file gets its name when it is
// whole and durable.

internal import Platform

struct TreeLogStartWriter {
    private let path: String
    private let log: UInt64
    private let key: ChecksumKey
    private let disk: any Disk
    private let file: any DiskFile
    private var end: UInt64
    private var sequence: UInt64 = 1
    private var needsCut = false
    /// The changes of the next record, and its `offset`.
    private var changes = ByteWriter()
    private var offset: UInt64 = 0

    /// The length of a record in bytes, about: a search for a row reads one.
    private static let recordLength = 48 << 10

    /// - Parameter path: that of the tree log.
    /// - Throws: `system` (EOPNOTSUPP if the file system cannot make holes in files).
    init(beside path: String, id: UInt64, key: ChecksumKey, on disk: any Disk) throws(StorageError) {
        self.path = TreeLogStart.path(beside: path)
        log = TreeLogStart.id(of: id)
        self.key = key
        self.disk = disk
        let empty = TreeLogStart.Fields(sequence: 0, position: 0, time: 0, lastNumber: 0, generation: 0)
        var first = RecordHeader(
            kind: .start, sequence: 1, stamp: Self.stamp, offset: 0, length: 0,
            payloadLength: empty.bytes.count)
        first.place(at: UInt64(Format.logHeaderLength))
        end = UInt64(Format.logHeaderLength) + first.recordLength
        do throws(Errno) {
            file = try disk.open(self.path + ".new", .create)
            try file.truncate(to: 0)
            // Where no hole can be made, a state would be of no use.
            guard try file.punch(0..<UInt64(Format.logHeaderLength)) else { throw .notSupported }
        } catch {
            try? disk.remove(self.path + ".new")
            throw .system(error, doing: "make", path: self.path)
        }
    }

    private static let stamp = Stamp(time: 0, pid: 0, uid: 0)

    // MARK: Records

    /// Adds a change to the record that is being collected.
    /// - Parameter offset: the number of the row; 0 before the rows, and `TreeLogStart.behindRows` after
    /// them.
    mutating func add(_ change: TreeChange, offset: UInt64) throws(StorageError) {
        let isOther = (offset == TreeLogStart.behindRows) != (self.offset == TreeLogStart.behindRows)
            || (offset > 0) != (self.offset > 0)
        if changes.count >= Self.recordLength || isOther { try flush() }
        if changes.count == 0 { self.offset = offset }
        change.encode(into: &changes)
    }

    /// Writes the changes that were collected.
    mutating func flush() throws(StorageError) {
        if changes.count == 0 { return }
        try append(.state, changes.bytes, offset)
        changes = ByteWriter(capacity: Self.recordLength + 4096)
    }

    /// Adds marks of files whose logs have a record.
    mutating func add(begun numbers: [InodeNumber]) throws(StorageError) {
        let most = Self.recordLength / 8
        for start in stride(from: 0, to: numbers.count, by: most) {
            let marks = numbers[start..<min(start + most, numbers.count)]
                .map { ContentMark($0, hasBegun: true) }
            try append(.contentMark, ContentMark.encode(marks), TreeLogStart.behindRows)
        }
    }

    /// Adds names of processes.
    mutating func add(_ names: [ProcessName]) throws(StorageError) {
        var writer = ByteWriter(capacity: Self.recordLength + 4096)
        for (index, name) in names.enumerated() {
            name.encode(into: &writer)
            guard writer.count >= Self.recordLength || index == names.count - 1 else { continue }
            try append(.names, writer.bytes, TreeLogStart.behindRows)
            writer = ByteWriter(capacity: Self.recordLength + 4096)
        }
    }

    private mutating func append(
        _ kind: RecordKind, _ payload: [UInt8], _ offset: UInt64
    ) throws(StorageError) {
        sequence += 1
        let header = RecordHeader(
            kind: kind, sequence: sequence, stamp: Self.stamp, offset: offset, length: 0,
            payloadLength: payload.count)
        do throws(Errno) {
            end = try LogFile.append(
                header, payload: payload, to: file, log: log, key: key, at: end, needsCut: &needsCut)
        } catch {
            throw .system(error, doing: "write", path: path)
        }
    }

    // MARK: The end

    /// Makes the file whole and durable. It does not have its name yet.
    mutating func finish(_ fields: TreeLogStart.Fields) throws(StorageError) {
        try flush()
        var fields = fields
        // The padding of the last record belongs to it.
        fields.length = end
        let header = LogHeader(kind: .start, id: log, created: fields.time)
        let first = RecordHeader(
            kind: .start, sequence: 1, stamp: Self.stamp, offset: 0, length: 0,
            payloadLength: fields.bytes.count)
        do throws(Errno) {
            if try file.length() < end { try file.truncate(to: end) }
            try file.writeBytes(header.bytes, at: 0)
            _ = try LogFile.append(
                first, payload: fields.bytes, to: file, log: log, key: key,
                at: UInt64(Format.logHeaderLength), needsCut: &needsCut)
            try file.synchronize()
        } catch {
            throw .system(error, doing: "write", path: path)
        }
    }
}

/// The name that a process had when it made changes.
package struct ProcessName: Sendable {
    /// The change before which it was recorded.
    package var sequence: UInt64
    package var pid: UInt32
    package var user: UInt32
    package var name: [UInt8]

    package init(sequence: UInt64, pid: UInt32, user: UInt32, name: [UInt8]) {
        self.sequence = sequence
        self.pid = pid
        self.user = user
        self.name = name
    }

    func encode(into writer: inout ByteWriter) {
        writer.integer(sequence)
        writer.integer(pid)
        writer.integer(user)
        writer.string(name)
    }

    /// Returns the names in a record of kind `process` or `names`.
    package static func decode(_ header: RecordHeader, _ payload: [UInt8]) -> [ProcessName] {
        var reader = ByteReader(payload)
        var found: [ProcessName] = []
        if header.kind == RecordKind.process.rawValue {
            guard let pid: UInt32 = reader.integer(), let user: UInt32 = reader.integer(),
                let name = reader.string() else { return [] }
            return [ProcessName(sequence: header.sequence, pid: pid, user: user, name: name)]
        }
        while let sequence: UInt64 = reader.integer(), let pid: UInt32 = reader.integer(),
            let user: UInt32 = reader.integer(), let name = reader.string() {
            found.append(ProcessName(sequence: sequence, pid: pid, user: user, name: name))
        }
        return found
    }
}
