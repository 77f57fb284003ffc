// ThreadGroups: finds the process of a thread. The kernel reports the calling thread, but history and
// undo refer to the process.

import Glibc
internal import Synchronization

package enum ThreadGroups {
    private struct Known: Sendable {
        var process: UInt32
        /// Nanoseconds of the monotonic clock.
        var checked: Int64
    }

    private static let known = Mutex(LRUCache<UInt32, Known>(capacity: 1_024))
    /// How long an entry is valid, in nanoseconds. Thread ids are reused, but not that soon.
    private static let holds: Int64 = 1_000_000_000

    /// Returns the process of a thread (Tgid of proc_pid_status(5)), or the thread's own number if it
    /// is unknown.
    package static func process(of thread: UInt32) -> UInt32 {
        if thread == 0 { return 0 }
        let now = Clock.system.monotonic()
        if let entry = known.withLock({ $0.value(for: thread) }), now - entry.checked < holds {
            return entry.process
        }
        let process = read(thread) ?? thread
        known.withLock { _ = $0.insert(Known(process: process, checked: now), for: thread) }
        return process
    }

    private static func read(_ thread: UInt32) -> UInt32? {
        guard let file = try? File.open("/proc/\(thread)/status", flags: O_RDONLY),
            let bytes = try? file.readBytes(512, at: 0) else { return nil }
        let mark = Array("\nTgid:\t".utf8)
        guard let start = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }) else {
            return nil
        }
        let digits = bytes[(start + mark.count)...].prefix { (0x30...0x39).contains($0) }
        return UInt32(String(decoding: digits, as: UTF8.self))
    }
}
