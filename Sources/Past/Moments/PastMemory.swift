// PastMemory: what is remembered of a workspace's past while it is open: moments that were looked at
// lately, and what the journal says of processes.

internal import Overlay
internal import Platform
internal import Synchronization

final class PastMemory: Sendable {
    /// Moments that were looked at lately.
    let recentViews = Mutex(LRUCache<UInt64, TimeView>(capacity: 8))
    /// What the journal's process records say, as far as somebody asked.
    let processHistory = Mutex(ProcessHistory())
}
