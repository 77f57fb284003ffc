// ReleaseState: what the releases of a store's history remember between two of them.

package import Storage
package import Synchronization

package final class ReleaseState: Sendable {
    package struct Seen: Equatable, Sendable {
        /// The last change of the workspace, and the horizon.
        package var last: UInt64
        package var horizon: HorizonRecord

        package init(last: UInt64, horizon: HorizonRecord) {
            self.last = last
            self.horizon = horizon
        }
    }

    /// Held by the release that runs; no request waits for it. What each workspace was like at its last
    /// release.
    package let running = Mutex<[UInt16: Seen]>([:])
    /// Set while a command waits for `running`: the release in the background stops early then.
    package let isWanted = Atomic<Int>(0)
    /// When the last release in the background began (monotonic nanoseconds).
    package let lastRun = Mutex<Int64?>(nil)

    init() {}
}
