// ReleasedRanges: the ranges of an edit log whose bytes were given back to the file system: no present
// content and no moment that can still be seen needs them. They are parts of payloads, and whole records:
// those before a dedupe record, which says what the content is without them. So a record begins in a range
// only if it is released with it. The file NUMBER.released beside the log lists them, and is durable before
// the first byte is gone: a check and a recovery must tell released bytes from lost ones.
//
// A list may name bytes that are still there: after a kill between the list and the release, or where the
// file system cannot make holes. The flag in it says that all of it was released.
//
// sealed payload: log id u64 | flags u32 (1: all is released) | zero u32 | count u64
//     | count times: start u64, end u64

package import Platform

package struct ReleasedRanges: Equatable, Sendable {
    /// Sorted; no two overlap or touch.
    package private(set) var ranges: [Range<UInt64>] = []
    /// Whether all that is listed was given back.
    package var isDone = false
    /// Whether the list cannot be read. Any range may be released then.
    package private(set) var isUnknown = false

    package init() {}

    package var byteCount: UInt64 { ranges.reduce(0) { $0.adding(clamping: UInt64($1.count)) } }

    /// The bytes that are known to be given back.
    package var doneBytes: UInt64 { isDone ? byteCount : 0 }

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

    package mutating func insert(_ more: [Range<UInt64>]) {
        ranges = (ranges + more).mergedRanges()
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
        var (low, high) = (0, count)
        while low < high {
            let middle = (low + high) / 2
            if self[middle].upperBound <= position { low = middle + 1 } else { high = middle }
        }
        return low < count ? self[low] : nil
    }
}

// MARK: On disk

extension ReleasedRanges {
    /// Reads the list of a log. Without a file nothing is released.
    package init(log: UInt64, on disk: any Disk) {
        let path = LogDirectory.releasedPath(log)
        guard disk.exists(path) else { return }
        guard let payload = try? SealedFile.read(
            magic: Format.releasedMagic, copies: 2, from: path, on: disk),
            let found = ReleasedRanges(decoding: payload, log: log)
        else {
            isUnknown = true
            return
        }
        self = found
    }

    /// Decodes a payload; nil if it is not that of a list of this log.
    package init?(decoding payload: [UInt8], log: UInt64) {
        var reader = ByteReader(payload)
        guard reader.integer() == log, let flags: UInt32 = reader.integer(),
            reader.integer(UInt32.self) != nil, let count: UInt64 = reader.integer(),
            reader.remaining % 16 == 0, count == UInt64(reader.remaining / 16) else { return nil }
        isDone = flags & 1 != 0
        var end: UInt64 = 0
        for _ in 0..<count {
            guard let from: UInt64 = reader.integer(), let to: UInt64 = reader.integer(),
                from >= end, from < to else { return nil }
            ranges.append(from..<to)
            end = to
        }
    }

    /// Writes the list. It is not synced: the caller syncs the store before it releases anything.
    package func write(log: UInt64, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 24 + 16 * ranges.count)
        writer.integer(log)
        writer.integer(UInt32(isDone ? 1 : 0))
        writer.integer(UInt32(0))
        writer.integer(UInt64(ranges.count))
        for range in ranges {
            writer.integer(range.lowerBound)
            writer.integer(range.upperBound)
        }
        try SealedFile.write(
            writer.bytes, magic: Format.releasedMagic, copies: 2, to: LogDirectory.releasedPath(log),
            on: disk, durable: false)
    }
}
