// TreeLog+Records: reads records by their numbers and times. The past of a fork is in the tree logs of its
// ancestors up to the changes at which they were forked, and in its own log after that.

internal import Platform

extension TreeLog {
    /// Visits the records with sequence numbers after `sequence` and up to `limit`, in order. The start
    /// is found by bisection. Parts are not visited.
    /// - Throws: `damaged` if records cannot be read, `system` (ESTALE) if they were released.
    package func records(
        after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        try eachLog(after: sequence, upTo: limit) { (log, first, last) throws(StorageError) in
            try log.ownRecords(after: first, upTo: last, visit: visit)
        }
    }

    /// - Parameter passesGaps: whether a filler of a repair is visited, without a payload. Else it is an
    /// error.
    func ownRecords(
        after sequence: UInt64, upTo limit: UInt64, passesGaps: Bool = false,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        // A release may move it meanwhile.
        let front = self.front
        if !front.hasRecords(after: sequence) {
            throw .system(
                .stale, doing: "read changes before @\(front.sequence), which were released, in", path: path)
        }
        var scanner = try scanner(front)
        let found = try scanner.bisect { $0.sequence > sequence }
        let start = found.position
        // The search passes over what it cannot read.
        if found.before == nil, start > front.position, sequence <= front.first {
            throw .damaged(path: path, what: "bytes \(front.position) to \(start) are unreadable")
        }
        let result = try scanner.scan(from: start, after: sequence, upTo: limit) {
            (record) throws(StorageError) in
            if record.header.kind == RecordKind.part.rawValue { return }
            let isGap = record.header.kind == RecordKind.gap.rawValue
            try visit(record.header, isGap && passesGaps ? [] : try self.payload(of: record))
        }
        if let range = result.damage.first {
            throw .damaged(
                path: path, what: "bytes \(range.lowerBound) to \(range.upperBound) are unreadable")
        }
    }

    /// Visits all records up to `limit`, in order: where the oldest ones were released, those of the state
    /// that they led to. A filler of a repair has no payload.
    package func allRecords(
        upTo limit: UInt64 = .max, visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        try eachLog(after: 0, upTo: limit) { (log, first, last) throws(StorageError) in
            let front = log.front
            if first < front.sequence { try front.visitState(visit) }
            try log.ownRecords(after: max(first, front.first), upTo: last, passesGaps: true, visit: visit)
        }
    }

    /// Visits the records of one kind that are there, as above. The payloads of other records are not read.
    package func records(
        of kind: RecordKind, after sequence: UInt64, upTo limit: UInt64 = .max,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        try eachLog(after: sequence, upTo: limit) { (log, first, last) throws(StorageError) in
            try log.ownRecords(of: kind, after: first, upTo: last, visit: visit)
        }
    }

    private func ownRecords(
        of kind: RecordKind, after sequence: UInt64, upTo limit: UInt64,
        visit: (RecordHeader, [UInt8]) throws(StorageError) -> Void
    ) throws(StorageError) {
        var scanner = try scanner()
        let start = try scanner.bisect { $0.sequence > sequence }.position
        try scanner.headers(from: start) { (record) throws(StorageError) in
            guard record.header.sequence <= limit else { return false }
            if record.header.kind == kind.rawValue {
                try visit(record.header, try self.payload(of: record))
            }
            return true
        }
    }

    /// Returns the sequence number before that of the first record later than `time` (nanoseconds since
    /// 1970), or the greatest number if there is no such record.
    package func lastSequence(at time: Int64) throws(StorageError) -> UInt64 {
        for (index, ancestor) in ancestors.enumerated() where time < ancestor.time {
            let isOlder = index + 1 < ancestors.count && time < ancestors[index + 1].time
            if isOlder { continue }
            return min(try treeLog(of: ancestor).lastSequence(at: time), ancestor.last)
        }
        if time < front.time { return front.sequence.subtracting(clamping: 1) }
        var scanner = try scanner()
        let position = try scanner.bisect { $0.time > time }.position
        guard let next = try scanner.record(at: position) else { return .max }
        return next.header.sequence.subtracting(clamping: 1)
    }

    /// Returns the sequence number of the last record up to `limit`, or 0 if there is none; `limit` if the
    /// last one was released, so that its number is not known.
    package func lastRecord(upTo limit: UInt64) throws(StorageError) -> UInt64 {
        let own = try ownLastRecord(upTo: limit, after: beginning)
        if own > 0 { return own }
        for (index, ancestor) in ancestors.enumerated() {
            let older = index + 1 < ancestors.count ? ancestors[index + 1].last : 0
            let last = try treeLog(of: ancestor).ownLastRecord(upTo: min(limit, ancestor.last), after: older)
            if last > 0 { return last }
        }
        return 0
    }

    /// - Parameter beginning: the last change of the log before this one.
    private func ownLastRecord(
        upTo limit: UInt64, after beginning: UInt64
    ) throws(StorageError) -> UInt64 {
        var scanner = try scanner()
        let last = try scanner.bisect { $0.sequence > limit }.before?.header.sequence ?? 0
        if last > 0 || limit <= beginning { return last }
        return min(limit, front.first)
    }

    /// Visits the logs that have the records of a range, the oldest first, with their parts of the range.
    func eachLog(
        after sequence: UInt64, upTo limit: UInt64,
        _ body: (TreeLog, _ after: UInt64, _ upTo: UInt64) throws(StorageError) -> Void
    ) throws(StorageError) {
        var after = sequence
        if after >= limit { return }
        for ancestor in ancestors.reversed() where ancestor.last > after {
            let last = min(limit, ancestor.last)
            try body(try treeLog(of: ancestor), after, last)
            if last == limit { return }
            after = last
        }
        try body(self, after, limit)
    }

    /// Returns the tree log of the ancestor that made a change; nil for a change of the workspace itself.
    func ancestorLog(of sequence: UInt64) throws(StorageError) -> TreeLog? {
        guard let ancestor = ancestors.last(where: { sequence <= $0.last }) else { return nil }
        return try treeLog(of: ancestor)
    }

    private func treeLog(of ancestor: LogAncestor) throws(StorageError) -> TreeLog {
        guard let logs else { return self }
        return try TreeLog(of: ancestor, in: logs)
    }
}
