// The clock, injectable so that tests can hold time still.

internal import CPlatform
import Glibc

/// Nanoseconds since 1970 (CLOCK_REALTIME) and since some start (CLOCK_MONOTONIC).
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

    /// The time that the kernel gives to files that are changed now (CLOCK_REALTIME_COARSE), and how
    /// long it stays: 1 to 10 ms.
    package static func coarse() -> (now: Int64, tick: Int64) {
        var now = timespec()
        var tick = timespec()
        clock_gettime(CLOCK_REALTIME_COARSE, &now)
        clock_getres(CLOCK_REALTIME_COARSE, &tick)
        return (nanoseconds(now), max(1, nanoseconds(tick)))
    }

    /// What the calling thread itself has worked (CLOCK_THREAD_CPUTIME_ID), in nanoseconds.
    package static func threadTime() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now)
        return nanoseconds(now)
    }

    /// Lets the calling thread sleep for so many microseconds or a little longer.
    package static func pause(microseconds: UInt32) { usleep(microseconds) }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(seconds: Int64(time.tv_sec), nanoseconds: Int64(time.tv_nsec))
    }
}
