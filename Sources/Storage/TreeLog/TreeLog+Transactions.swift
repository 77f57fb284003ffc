// TreeLog+Transactions: transactions in the tree log, appended in as many parts as needed, all or
// nothing.

package import Platform

extension TreeLog {
    /// Appends the changes of one call. After it returns, they survive the death of this process. A
    /// list longer than a part is written in several records. The last record makes them valid, and the
    /// log's end does not move before that.
    package func append(
        _ operation: TreeOperation, _ changes: [TreeChange], sequence: UInt64, stamp: Stamp
    ) throws(Errno) {
        guard let count = UInt32(exactly: changes.count) else { throw .fileTooBig }
        try appendAll { (append) throws(Errno) in
            var writer = ByteWriter(capacity: min(160 * changes.count, partLength + 4096) + 8)
            var first: UInt64 = 0
            var parts: UInt64 = 0
            for change in changes {
                let before = writer.count
                change.encode(into: &writer)
                guard writer.count > partLength, before > 0 else { continue }
                let position = try append(
                    .part, sequence, stamp, 0, 0, Array(writer.bytes[..<before]))
                if parts == 0 { first = position }
                parts += 1
                let rest = Array(writer.bytes[before...])
                writer = ByteWriter(capacity: partLength + 4096)
                writer.raw(rest)
            }
            let head = TreeChange.encodeHead(operation, count: count)
            _ = try append(.transaction, sequence, stamp, first, parts, head + writer.bytes)
        }
    }

    /// Returns the changes of a transaction, or of a part of the state that the log begins with, that
    /// `records`, `allRecords` or `replay` has visited. Returns nil if a part of it was lost and a repair
    /// filled the gap.
    /// - Throws: `StorageError.damaged` if the changes cannot be read.
    package func transaction(
        _ header: RecordHeader, _ payload: [UInt8]
    ) throws(StorageError) -> (operation: TreeOperation, changes: [TreeChange])? {
        if let ancestor = try ancestorLog(of: header.sequence) {
            guard let found = try ancestor.transaction(header, payload) else { return nil }
            return (found.operation, found.changes.map { $0.moved(to: id.workspace) })
        }
        if header.kind == RecordKind.state.rawValue {
            return (.touch, try TreeLogStart.changes(payload, TreeLogStart.path(beside: path)))
        }
        do throws(TransactionFault) {
            return try transactionReader.changes(header, payload)
        } catch {
            switch error {
            case .lost: return nil
            case .damaged(let position):
                throw .damaged(
                    path: path,
                    what: "the part at byte \(position) of record \(header.sequence) cannot be read")
            case .unknown:
                throw .damaged(
                    path: path, what: "record \(header.sequence) cannot be decoded")
            }
        }
    }
}
