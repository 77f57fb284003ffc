// The clock, injectable so that tests can hold time still.

internal import CPlatform

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
}
