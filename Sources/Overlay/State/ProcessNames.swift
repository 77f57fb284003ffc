// ProcessNames: the program name of each process, as recorded in the tree log. A name is recorded before
// the first change of a process and whenever it differs, so that history can show names of processes that
// ended long ago.

internal import Platform
internal import Storage

struct ProcessNames {
    private struct Known: Sendable {
        /// The name in the last record, or nil if there is no record.
        var recorded: [UInt8]?
        /// The time of the last query of the system, and how long its answer is valid (nanoseconds of the
        /// monotonic clock).
        var checked: Int64
        var holds: Int64
    }

    private var known = LRUCache<UInt32, Known>(capacity: 1_024)
    /// The last process, and the time up to which its record is valid. Most changes come in runs of one
    /// process.
    private var last: (pid: UInt32, until: Int64) = (0, 0)

    /// The shortest and longest validity in nanoseconds. A shell forks, opens the file of a redirection and
    /// then executes another program, all with one pid. So the name of a young process is queried again
    /// soon, and that of an old one rarely.
    private static let shortest: Int64 = 1_000_000
    private static let longest: Int64 = 100_000_000

    /// Returns the name to record before a change of `pid`, or nil if the last record is valid.
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
            // A new name: the process counts as young again, since it may be a child of a shell.
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
