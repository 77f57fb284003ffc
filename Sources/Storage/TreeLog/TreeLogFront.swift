// TreeLogFront: where a tree log begins. That is behind its header, until a release gives the records of its
// oldest changes back. Then it begins with a state, which is in a file beside it.

package import Platform

package struct TreeLogFront: Sendable {
    /// The state; nil if nothing was released, or if it cannot be read.
    package private(set) var start: TreeLogStart?
    /// Why the state cannot be read.
    package private(set) var fault: StorageError?
    /// The position of the first record.
    package private(set) var position = UInt64(Format.logHeaderLength)
    /// The last change that was released; 0 for none. If the state cannot be read, it may have been an
    /// earlier one.
    package private(set) var sequence: UInt64 = 0
    /// The time of that change, in nanoseconds since 1970. If the state cannot be read, it was not later.
    package private(set) var time = Int64.min

    init(_ start: TreeLogStart) {
        self.start = start
        (position, sequence, time) = (start.firstPosition, start.first, start.time)
    }

    /// Finds where a log begins.
    /// - Throws: `newerVersion`, `olderVersion`, `system`. Damage of the state keeps the log from being
    ///   replayed as a whole, and from nothing else.
    package init(
        of file: any DiskFile, _ path: String, id: UInt64, key: ChecksumKey, on disk: any Disk
    ) throws(StorageError) {
        var fault: StorageError?
        // A read that fails once must not be taken for damage.
        for _ in 0..<2 {
            do throws(StorageError) {
                if let start = try TreeLogStart(beside: path, id: id, key: key, on: disk) {
                    self.init(start)
                    return
                }
                guard Self.isMarked(file, id: id, key: key) else {
                    self.init()
                    return
                }
                fault = .damaged(path: TreeLogStart.path(beside: path), what: "it is missing")
            } catch {
                guard case .damaged = error else { throw error }
                fault = error
            }
        }
        if let fault { try self.init(of: file, path, id: id, key: key, fault: fault) } else { self.init() }
    }

    private init() {}

    /// Finds the first record that is there, if the state cannot be read or is missing.
    init(
        of file: any DiskFile, _ path: String, id: UInt64, key: ChecksumKey, fault: StorageError
    ) throws(StorageError) {
        self.fault = fault
        var scanner: LogScanner
        do throws(Errno) {
            // The padding of the last record may not be in the file.
            let length = try file.length().adding(clamping: Format.recordAlignment - 1)
            position = max(position, length & ~(Format.recordAlignment - 1))
            scanner = try LogScanner(file, log: id, key: key)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        sequence = .max
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { record in
            if record.header.kind == RecordKind.start.rawValue { return true }
            position = record.position
            (sequence, time) = (record.header.sequence.subtracting(clamping: 1), record.header.time)
            return false
        }
    }

    /// Whether a tree log has the mark of one that begins with a state: a record at its beginning. Without
    /// the state it would be taken for a log of which nothing was released.
    package static func isMarked(_ file: any DiskFile, id: UInt64, key: ChecksumKey) -> Bool {
        let first = LogFile.header(at: UInt64(Format.logHeaderLength), in: file, log: id, key: key)
        return first?.kind == RecordKind.start.rawValue
    }

    /// Returns the mark.
    static func mark(id: UInt64, key: ChecksumKey, sequence: UInt64) -> [UInt8] {
        var header = RecordHeader(
            kind: .start, sequence: sequence, stamp: Stamp(time: 0, pid: 0, uid: 0), offset: 0, length: 0,
            payloadLength: 0)
        let position = UInt64(Format.logHeaderLength)
        header.place(at: position)
        return header.bytes([], log: id, key: key, position: position)
    }

    /// Whether the records after a change are there, as far as is known.
    func hasRecords(after change: UInt64) -> Bool { change >= first }

    /// The earliest change after which all records are there, as far as is known.
    package var first: UInt64 { start?.first ?? 0 }

    /// The number of bytes that the state takes.
    package var stateBytes: UInt64 { start?.length ?? 0 }

    /// The last inode number given out before the first record.
    package var lastNumber: UInt64 { start?.lastNumber ?? 0 }

    /// The number of layers that the state was frozen in.
    package var generation: UInt32 { start?.generation ?? 0 }

    /// Visits the records of the state.
    /// - Throws: `damaged`, `system`.
    func visitState(
        _ body: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        if let fault { throw fault }
        try start?.visit(body)
    }
}
