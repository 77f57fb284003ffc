// NeededRanges: which bytes of which edit logs are needed. A byte of a payload has the coordinate position
// of the record + offset in the payload: it needs no look at the record, and no two bytes of a log have the
// same.

internal import Overlay
internal import Platform
internal import Storage

struct NeededRanges {
    private var ranges: [UInt64: [Range<UInt64>]] = [:]
    /// Logs of which all is needed.
    private var whole: Set<UInt64> = []
    private var count = 0
    /// The number of ranges in all logs that are kept apart: 16 bytes each.
    private static let limit = 1 << 21
    /// The number of ranges of each log when they were last joined.
    private var joined: [UInt64: Int] = [:]

    mutating func add(_ piece: Piece) {
        guard case .log(let log, let record, let skip) = piece.source else { return }
        add(log, (record + UInt64(skip))..<(record + UInt64(skip) + piece.length))
    }

    mutating func add(_ content: PieceTree) {
        for piece in content.allPieces { add(piece) }
    }

    private mutating func add(_ log: UInt64, _ range: Range<UInt64>) {
        if whole.contains(log) { return }
        // Neighbours follow each other in a file that was written in order.
        if let last = ranges[log]?.last, last.upperBound == range.lowerBound {
            ranges[log]?.removeLast()
            ranges[log]?.append(last.lowerBound..<range.upperBound)
            return
        }
        ranges[log, default: []].append(range)
        count += 1
        let size = ranges[log]?.count ?? 0
        if size > 1_024, size > 2 * (joined[log] ?? 0) { join(log) }
        // So much fragmentation is not worth more memory.
        if count > Self.limit { addAll(of: log) }
    }

    private mutating func join(_ log: UInt64) {
        guard let known = ranges[log] else { return }
        let merged = known.mergedRanges()
        count -= known.count - merged.count
        ranges[log] = merged
        joined[log] = merged.count
    }

    /// Adds all of a log.
    mutating func addAll(of log: UInt64) {
        count -= ranges.removeValue(forKey: log)?.count ?? 0
        whole.insert(log)
    }

    /// Joins what was added. It is called before the questions below.
    mutating func finish() {
        for log in Array(ranges.keys) { join(log) }
    }

    /// Whether all of a log is needed.
    func needsAll(of log: UInt64) -> Bool { whole.contains(log) }

    /// Whether something of a log is needed.
    func needs(_ log: UInt64) -> Bool { whole.contains(log) || ranges[log] != nil }

    /// Whether bytes of the payload of a record are needed.
    /// - Parameter record: its position.
    func needs(_ bytes: Range<UInt64>, of record: UInt64, in log: UInt64) -> Bool {
        if whole.contains(log) { return true }
        let first = ranges[log]?.first(endingAfter: record + bytes.lowerBound)
        return first.map { $0.lowerBound < record + bytes.upperBound } ?? false
    }

    /// The logs of which something is needed.
    var logs: Set<UInt64> { whole.union(ranges.keys) }

    /// The bytes that are needed of the logs of a workspace.
    func byteCount(of workspace: UInt16) -> UInt64 {
        ranges.reduce(0) { sum, item in
            item.key.workspace == workspace
                ? item.value.reduce(sum) { $0.adding(clamping: UInt64($1.count)) } : sum
        }
    }
}
