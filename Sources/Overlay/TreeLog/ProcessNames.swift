// ProcessNames: writes into the journal which program a process is, before its first change and
// whenever that has changed: history shows names of processes that ended long ago.
//
// payload of a process record: pid u32 | uid u32 | name, u32 length and bytes

internal import Platform
internal import Storage

struct ProcessNames {
    private struct Known: Sendable {
        /// The name in the last record; nil before the first.
        var recorded: [UInt8]?
        /// When the system was asked last (nanoseconds of the monotonic clock), and how long its
        /// answer holds.
        var checked: Int64
        var holds: Int64
    }

    private var known = LRUCache<UInt32, Known>(capacity: 1_024)
    /// The process asked for last, up to when its record holds: most changes come in runs.
    private var last: (pid: UInt32, until: Int64) = (0, 0)

    /// A shell forks, opens the file of a redirection and then becomes another program, all under
    /// one number: a young process is asked for its name again soon, an old one rarely.
    private static let shortest: Int64 = 1_000_000
    private static let longest: Int64 = 100_000_000

    /// The name that is to be recorded before a change of `pid`; nil where the last record holds.
    mutating func unrecorded(_ pid: UInt32, now: Int64) -> [UInt8]? {
        if pid == last.pid, now < last.until { return nil }
        var entry = Known(recorded: nil, checked: now, holds: Self.shortest)
        if let known = known.value(for: pid) {
            if now - known.checked < known.holds {
                last = (pid, known.checked + known.holds)
                return nil
            }
            entry = Known(
                recorded: known.recorded, checked: now, holds: min(known.holds * 2, Self.longest))
        }
        let name = ProcessFacts.name(of: pid)
        if let name, name != entry.recorded {
            // Young again: it may have become a shell's child.
            entry.holds = Self.shortest
            known.insert(entry, for: pid)
            return name
        }
        known.insert(entry, for: pid)
        return nil
    }

    mutating func noteRecorded(_ pid: UInt32, _ name: [UInt8]) {
        guard var entry = known.value(for: pid) else { return }
        entry.recorded = name
        known.insert(entry, for: pid)
    }
}

extension Tree {
    /// Called before each change. A record that cannot be written costs a name, not the change.
    func noteProcess(_ pid: UInt32, user: UInt32) {
        // 0 is the kernel, which writes back what was mapped.
        guard pid != 0, let name = processes.unrecorded(pid, now: clock.monotonic()) else { return }
        var writer = ByteWriter(capacity: 12 + name.count)
        writer.integer(pid)
        writer.integer(user)
        writer.string(name)
        let number = sequence.next()
        let stamp = Stamp(time: clock.realtime(), pid: pid, uid: user)
        do throws(Errno) {
            try journal.append(.process, sequence: number, stamp: stamp, payload: writer.bytes)
        } catch {
            return
        }
        journaledSequence = number
        processes.noteRecorded(pid, name)
    }
}

/// The process records of a journal, for looking names up.
struct ProcessHistory: Sendable {
    private struct Named: Sendable {
        var pid: UInt32
        var name: UInt32
        var sequence: UInt64
    }

    /// By pid, then by number.
    private var records: [Named] = []
    /// Programs are few, processes many.
    private var names: [[UInt8]] = []
    private var indexes: [[UInt8]: UInt32] = [:]
    /// The journal is read up to here.
    private var end: UInt64 = 0

    /// Above this number of records the older half is forgotten: memory stays bounded.
    private static let limit = 1 << 20

    /// Reads what the journal has since it was read last. A damaged record costs names, no more.
    mutating func read(_ journal: Journal, upTo limit: UInt64) {
        guard limit > end else { return }
        var found: [(pid: UInt32, name: [UInt8], sequence: UInt64)] = []
        try? journal.records(of: .process, after: end, upTo: limit) { header, payload in
            var reader = ByteReader(payload)
            if let pid: UInt32 = reader.integer(), reader.integer(UInt32.self) != nil,
                let name = reader.string() {
                found.append((pid, name, header.sequence))
            }
        }
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

    /// The name that `pid` had when it made change `sequence`; empty where it is not known.
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
