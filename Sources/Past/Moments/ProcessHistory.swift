// ProcessHistory: finds the name of the process that made a change, from the tree log.

internal import Overlay
internal import Platform
internal import Storage

/// The process records of a tree log, for looking names up.
struct ProcessHistory: Sendable {
    private struct Named: Sendable {
        var pid: UInt32
        var name: UInt32
        var sequence: UInt64
    }

    /// Sorted by pid, then by sequence number.
    private var records: [Named] = []
    /// Each name is stored once: programs are few, processes many.
    private var names: [[UInt8]] = []
    private var indexes: [[UInt8]: UInt32] = [:]
    /// The tree log has been read up to this number.
    private var end: UInt64 = 0

    /// Above this number of records the older half is dropped, so that memory stays bounded.
    private static let limit = 1 << 20

    /// Reads the records added since the last call. A damaged record only loses names.
    mutating func read(_ treeLog: TreeLog, upTo limit: UInt64) {
        guard limit > end else { return }
        var found: [ProcessName] = []
        let visit: (RecordHeader, [UInt8]) -> Void = { header, payload in
            found += ProcessName.decode(header, payload)
        }
        try? treeLog.releasedNames(after: end, visit: visit)
        try? treeLog.records(of: .process, after: end, upTo: limit, visit: visit)
        end = limit
        if found.isEmpty { return }
        for record in found {
            let index = indexes[record.name] ?? UInt32(names.count)
            if Int(index) == names.count {
                names.append(record.name)
                indexes[record.name] = index
            }
            records.append(Named(pid: record.pid, name: index, sequence: record.sequence))
        }
        if records.count > Self.limit {
            let numbers = records.map(\.sequence).sorted()
            let first = numbers[numbers.count / 2]
            records.removeAll { $0.sequence < first }
        }
        records.sort { ($0.pid, $0.sequence) < ($1.pid, $1.sequence) }
    }

    /// Returns the name that `pid` had when it made change `sequence`; empty if it is not known.
    func name(of pid: UInt32, at sequence: UInt64) -> [UInt8] {
        if pid == 0 { return Array("kernel".utf8) }
        var low = 0
        var high = records.count
        while low < high {
            let middle = (low + high) / 2
            if (records[middle].pid, records[middle].sequence) <= (pid, sequence) {
                low = middle + 1
            } else {
                high = middle
            }
        }
        guard low > 0, records[low - 1].pid == pid else { return [] }
        return names[Int(records[low - 1].name)]
    }
}
