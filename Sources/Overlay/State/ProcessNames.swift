// ProcessNames: which program a process is, as far as the journal says it. It is written there before the
// first change of a process and whenever it is another one: history shows names of processes that ended
// long ago.

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
