// Clock: the time source, injectable so that tests can control the time.

internal import CPlatform
import Glibc

/// Nanoseconds since 1970 (CLOCK_REALTIME) and since an unspecified start (CLOCK_MONOTONIC).
package struct Clock: Sendable {
    package let realtime: @Sendable () -> Int64
    package let monotonic: @Sendable () -> Int64

    package init(
        realtime: @escaping @Sendable () -> Int64, monotonic: @escaping @Sendable () -> Int64
    ) {
        self.realtime = realtime
        self.monotonic = monotonic
    }

    package static let system = Clock(
        realtime: { cp_realtime_ns() }, monotonic: { cp_monotonic_ns() })

    /// Returns the time that the kernel now assigns to changed files (CLOCK_REALTIME_COARSE), and the
    /// time between two of its ticks: 1 to 10 ms.
    package static func coarse() -> (now: Int64, tick: Int64) {
        var now = timespec()
        var tick = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        clock_getres(CLOCK_REALTIME_COARSE, &tick)
        return (nanoseconds(now), max(1, nanoseconds(tick)))
    }

    /// Returns the CPU time of the calling thread (CLOCK_THREAD_CPUTIME_ID), in nanoseconds.
    package static func threadTime() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return nanoseconds(now)
    }

    /// Suspends the calling thread for this many microseconds or a little longer.
    package static func pause(microseconds: UInt32) { usleep(microseconds) }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}
