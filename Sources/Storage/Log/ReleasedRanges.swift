// ReleasedRanges: the ranges of an edit log whose bytes were given back to the file system: no present
// content and no moment that can still be seen needs them. They are parts of payloads, and whole records:
// those before a dedupe record, which says what the content is without them. So a record begins in a range
// only if it is released with it. The file NUMBER.released beside the log lists them, and is durable before
// the first byte is gone: a check and a recovery must tell released bytes from lost ones.
//
// A list may name bytes that are still there: after a kill between the list and the release, or where the
// file system cannot make holes. The flag in it says that all of it was released.
//
// Of whole records the list has the number of the first: a reader of a moment before that is not concerned.
//
// sealed payload: log id u64 | flags u32 (1: all is released) | zero u32 | count u64
//     | bytes given back u64 | count times: start u64, end u64
//     | the rest, of whole records: start u64, end u64, first number u64

package import Platform

/// Bytes of a log that are whole records.
package struct RecordRun: Equatable, Sendable {
    package var range: Range<UInt64>
    /// No record there has a lower number.
    package var first: UInt64
}

package struct ReleasedRanges: Equatable, Sendable {
    /// Sorted; no two overlap or touch.
    package private(set) var ranges: [Range<UInt64>] = []
    /// The parts of the ranges that were whole records, in order.
    package private(set) var runs: [RecordRun] = []
    /// Whether all that is listed was given back.
    package private(set) var isDone = false
    /// Whether the list cannot be read. Any range may be released then.
    package private(set) var isUnknown = false

    package init() {}

    package var byteCount: UInt64 { ranges.reduce(0) { $0.adding(clamping: UInt64($1.count)) } }

    /// The bytes that are known to be given back.
    package private(set) var doneBytes: UInt64 = 0

    /// Whether a whole range is released.
    package func contains(_ range: Range<UInt64>) -> Bool {
        if isUnknown { return true }
        guard let first = ranges.first(endingAfter: range.lowerBound) else { return false }
        return first.lowerBound <= range.lowerBound && first.upperBound >= range.upperBound
    }

    /// Returns the end of the range that has a byte; nil if that is not released.
    package func end(of position: UInt64) -> UInt64? {
        guard let first = ranges.first(endingAfter: position), first.lowerBound <= position else {
            return nil
        }
        return first.upperBound
    }

    /// Returns the least number that a released record in a range may have.
    package func firstRecord(in range: Range<UInt64>) -> UInt64 {
        isUnknown ? 0 : overlapping(range).map(\.first).min() ?? 0
    }

    private func overlapping(_ range: Range<UInt64>) -> some Sequence<RecordRun> {
        let first = runs.firstIndex(endingAfter: range.lowerBound) { $0.range }
        return runs[first...].prefix { $0.range.lowerBound < range.upperBound }
    }

    /// Returns the whole records in a range, in order.
    func runs(in range: Range<UInt64>) -> [Range<UInt64>] {
        overlapping(range).map { $0.range.clamped(to: range) }
    }

    package mutating func insert(_ more: ReleasedRanges) {
        ranges = (ranges + more.ranges).mergedRanges()
        runs = (runs + more.runs).mergedRuns()
        isDone = false
    }

    /// Notes that all of it was given back.
    mutating func finish() {
        isDone = true
        doneBytes = byteCount
    }

    /// Adds bytes of a payload, after all others.
    package mutating func add(_ range: Range<UInt64>) { ranges.extend(by: range) }

    /// Adds whole records, after all others.
    package mutating func add(_ range: Range<UInt64>, first: UInt64) {
        ranges.extend(by: range)
        if let last = runs.last, last.range.upperBound == range.lowerBound {
            runs[runs.count - 1].range = last.range.lowerBound..<range.upperBound
            runs[runs.count - 1].first = Swift.min(last.first, first)
        } else {
            runs.append(RecordRun(range: range, first: first))
        }
    }

    /// Returns the ranges for which `isIncluded` holds.
    func filter(_ isIncluded: (Range<UInt64>) -> Bool) -> ReleasedRanges {
        var found = ReleasedRanges()
        found.ranges = ranges.filter(isIncluded)
        found.runs = runs.filter { run in
            found.ranges.first(endingAfter: run.range.lowerBound)?.overlaps(run.range) ?? false
        }
        return found
    }
}

extension [RecordRun] {
    fileprivate func mergedRuns() -> [RecordRun] {
        var merged: [RecordRun] = []
        for run in sorted(by: { $0.range.lowerBound < $1.range.lowerBound }) {
            if let last = merged.last, run.range.lowerBound <= last.range.upperBound {
                let end = Swift.max(last.range.upperBound, run.range.upperBound)
                merged[merged.count - 1] = RecordRun(
                    range: last.range.lowerBound..<end, first: Swift.min(last.first, run.first))
            } else {
                merged.append(run)
            }
        }
        return merged
    }
}

extension [Range<UInt64>] {
    /// Returns the ranges in order; those that overlap or touch become one.
    package func mergedRanges() -> [Range<UInt64>] {
        var merged: [Range<UInt64>] = []
        for range in sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
            if let last = merged.last, range.lowerBound <= last.upperBound {
                merged[merged.count - 1] =
                    last.lowerBound..<Swift.max(last.upperBound, range.upperBound)
            } else {
                merged.append(range)
            }
        }
        return merged
    }

    /// Adds a range after all others. One that touches the last one makes it longer.
    mutating func extend(by range: Range<UInt64>) {
        if let last, last.upperBound == range.lowerBound {
            self[count - 1] = last.lowerBound..<range.upperBound
        } else {
            append(range)
        }
    }

    /// Returns the first range that ends after a position. The ranges are in order and do not overlap.
    package func first(endingAfter position: UInt64) -> Range<UInt64>? {
        let index = firstIndex(endingAfter: position) { $0 }
        return index < count ? self[index] : nil
    }
}

extension Array {
    /// Returns the index of the first element whose range ends after a position; their number if there is
    /// none. The ranges are in order and do not overlap.
    fileprivate func firstIndex(endingAfter position: UInt64, _ range: (Element) -> Range<UInt64>) -> Int {
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if range(self[middle]).upperBound <= position { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

// MARK: On disk

extension ReleasedRanges {
    /// Reads the list of a log. Without a file nothing is released.
    package init(log: UInt64, on disk: any Disk) {
        do throws(StorageError) {
            let payload = try SealedFile.read(
                magic: Format.releasedMagic, copies: 2, from: LogDirectory.releasedPath(log), on: disk)
            guard let found = ReleasedRanges(decoding: payload, log: log) else {
                isUnknown = true
                return
            }
            self = found
        } catch {
            if error.errno == .noEntry { return }
            isUnknown = true
        }
    }

    /// Decodes a payload; nil if it is not that of a list of this log.
    package init?(decoding payload: [UInt8], log: UInt64) {
        var reader = ByteReader(payload)
        guard reader.integer() == log, let flags: UInt32 = reader.integer(),
            reader.integer(UInt32.self) != nil, let count: UInt64 = reader.integer(),
            let done: UInt64 = reader.integer(), count <= UInt64(reader.remaining / 16) else { return nil }
        isDone = flags & 1 != 0
        doneBytes = done
        var end: UInt64 = 0
        for _ in 0..<count {
            guard let range = Self.decodeRange(&reader, after: end) else { return nil }
            ranges.append(range)
            end = range.upperBound
        }
        end = 0
        while !reader.atEnd {
            guard let range = Self.decodeRange(&reader, after: end), let first: UInt64 = reader.integer()
            else { return nil }
            runs.append(RecordRun(range: range, first: first))
            end = range.upperBound
        }
    }

    private static func decodeRange(_ reader: inout ByteReader, after end: UInt64) -> Range<UInt64>? {
        guard let from: UInt64 = reader.integer(), let to: UInt64 = reader.integer(),
            from >= end, from < to, to <= UInt64(Int64.max) else { return nil }
        return from..<to
    }

    /// Writes the list beside the present one. `place` puts it in place, after the caller has synced the
    /// store.
    func prepare(log: UInt64, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 32 + 16 * ranges.count + 24 * runs.count)
        writer.integer(log)
        writer.integer(UInt32(isDone ? 1 : 0))
        writer.integer(UInt32(0))
        writer.integer(UInt64(ranges.count))
        writer.integer(doneBytes)
        for range in ranges {
            writer.integer(range.lowerBound)
            writer.integer(range.upperBound)
        }
        for run in runs {
            writer.integer(run.range.lowerBound)
            writer.integer(run.range.upperBound)
            writer.integer(run.first)
        }
        try SealedFile.prepare(
            writer.bytes, magic: Format.releasedMagic, copies: 2, for: LogDirectory.releasedPath(log),
            on: disk, durable: false)
    }

    static func place(log: UInt64, on disk: any Disk) throws(StorageError) {
        try SealedFile.place(LogDirectory.releasedPath(log), on: disk)
    }
}
