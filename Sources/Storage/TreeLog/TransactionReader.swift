// TransactionReader: reads the changes of a transaction, from one record or from parts and the record
// that makes them valid.
//
// part payload: changes
// transaction payload: operation u8 | zeros, 3 bytes | count of all changes u32 | the rest of them
// The transaction's header has the position of its first part in `offset`, and their number in `length`.

package import Platform

/// The reason why the changes of a transaction cannot be read.
package enum TransactionFault: Error, Equatable, Sendable {
    /// A part was lost, and a repair replaced it with a filler.
    case lost
    /// The part at that position cannot be read.
    case damaged(UInt64)
    /// It is readable, but this draftfs does not write it.
    case unknown
}

package struct TransactionReader {
    private let file: any DiskFile
    private let log: UInt64
    private let key: ChecksumKey
    private let first: UInt64

    /// - Parameter first: the position of the first record of the log.
    package init(
        _ file: any DiskFile, log: UInt64, key: ChecksumKey,
        from first: UInt64 = UInt64(Format.logHeaderLength)
    ) {
        self.file = file
        self.log = log
        self.key = key
        self.first = first
    }

    /// - Parameters: The header and the payload of the transaction's own record.
    package func changes(
        _ header: RecordHeader, _ payload: [UInt8]
    ) throws(TransactionFault) -> (operation: TreeOperation, changes: [TreeChange]) {
        var reader = ByteReader(payload)
        guard let (operation, count) = TreeChange.decodeHead(&reader) else { throw .unknown }
        var changes: [TreeChange] = []
        var position = header.offset
        var parts = header.length
        while parts > 0 {
            let part = try self.part(at: position, of: header)
            var reader = ByteReader(part.payload)
            try Self.decode(&reader, to: count, into: &changes)
            position = part.end
            parts -= 1
        }
        try Self.decode(&reader, to: count, into: &changes)
        guard changes.count == Int(count) else { throw .unknown }
        return (operation, changes)
    }

    private static func decode(
        _ reader: inout ByteReader, to count: UInt32, into changes: inout [TreeChange]
    ) throws(TransactionFault) {
        while !reader.atEnd {
            guard changes.count < Int(count), let change = TreeChange(decoding: &reader) else {
                throw .unknown
            }
            changes.append(change)
        }
    }

    private func part(
        at position: UInt64, of transaction: RecordHeader
    ) throws(TransactionFault) -> (payload: [UInt8], end: UInt64) {
        guard let header = LogFile.header(at: position, in: file, log: log, key: key) else {
            throw isFilled(position, before: transaction) ? .lost : .damaged(position)
        }
        if header.kind == RecordKind.gap.rawValue { throw .lost }
        guard header.kind == RecordKind.part.rawValue, header.sequence == transaction.sequence else {
            throw .unknown
        }
        let record = ScannedRecord(header: header, position: position)
        guard let payload = try? LogFile.payload(of: record, in: file, log: log, key: key) else {
            throw .damaged(position)
        }
        return (payload, position + header.recordLength)
    }

    /// Returns whether a filler that begins before `position` replaced a part. A filler that is
    /// followed by another part, or by the transaction, has their sequence number.
    private func isFilled(_ position: UInt64, before transaction: RecordHeader) -> Bool {
        var isFilled = false
        // Unreadable bytes are damage, and are reported as damage.
        guard var scanner = try? LogScanner(file, log: log, key: key, from: first),
            let first = try? scanner.bisect(where: { $0.sequence >= transaction.sequence })
        else { return false }
        try? scanner.headers(from: first.position) { record in
            if record.position > position { return false }
            isFilled = record.header.kind == RecordKind.gap.rawValue
                && record.position + record.header.recordLength > position
            return !isFilled
        }
        return isFilled
    }
}
