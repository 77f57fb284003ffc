// EditLog+Headers: lists the changes in an edit log without opening it: headers are read, nothing is
// replayed.

internal import Platform

extension EditLog {
    /// Calls `visit` for each record with a sequence number in `range`, in order.
    /// - Parameter end: The end of the log, if it is known. Remains of a failed append may follow it.
    package static func records(
        of id: UInt64, in logs: LogDirectory, end: UInt64 = .max, range: ClosedRange<UInt64>,
        visit: (ScannedRecord) -> Void
    ) throws(StorageError) {
        let first = try AncestorLogs(id, in: logs).records(range, visit: visit)
        if first > range.upperBound { return }
        try ownRecords(of: id, in: logs, end: end, range: first...range.upperBound, visit: visit)
    }

    static func ownRecords(
        of id: UInt64, in logs: LogDirectory, end: UInt64, range: ClosedRange<UInt64>,
        visit: (ScannedRecord) -> Void
    ) throws(StorageError) {
        let path = LogDirectory.path(id)
        var scanner: LogScanner
        do throws(Errno) {
            let file = try logs.file(id)
            guard try file.length() > UInt64(Format.logHeaderLength) else { return }
            let end = min(end, logs.pendingCut(of: id) ?? .max)
            scanner = try LogScanner(file, log: id, key: logs.key, end: end, releasedOn: logs.disk)
        } catch {
            // A file that was never edited has no log.
            if error == .noEntry { return }
            throw .system(error, doing: "read", path: path)
        }
        let start = try scanner.bisect { $0.sequence >= range.lowerBound }.position
        try scanner.headers(from: start) { record in
            guard record.header.sequence <= range.upperBound else { return false }
            if record.header.sequence >= range.lowerBound { visit(record) }
            return true
        }
    }

    /// Returns the headers of the records at `positions`, which must be sorted.
    /// - Throws: `StorageError.damaged` if a record cannot be read.
    package static func headers(
        at positions: [UInt64], of id: UInt64, in logs: LogDirectory
    ) throws(StorageError) -> [UInt64: RecordHeader] {
        let path = LogDirectory.path(id)
        var scanner: LogScanner
        do throws(Errno) {
            scanner = try LogScanner(try logs.file(id), log: id, key: logs.key)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        var found: [UInt64: RecordHeader] = [:]
        for position in positions {
            guard let record = try scanner.record(at: position) else {
                throw .damaged(path: path, what: "the record at byte \(position) cannot be read")
            }
            found[position] = record.header
        }
        return found
    }
}
