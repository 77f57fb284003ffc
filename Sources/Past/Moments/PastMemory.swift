// PastMemory: caches for a workspace's past while it is open: recently used views, and the process records
// of the tree log.

internal import Overlay
internal import Platform
internal import Synchronization

final class PastMemory: Sendable {
    /// Recently used views.
    let recentViews = Mutex(LRUCache<UInt64, TimeView>(capacity: 8))
    /// The process records of the tree log, as far as they were requested.
    let processHistory = Mutex(ProcessHistory())
    /// The last change up to which replaced files were compared with those in their place.
    let replacedUpTo = Mutex<UInt64>(0)
    /// The length of each log whose outdated records were counted.
    let countedLogs = Mutex<[UInt64: UInt64]>([:])
}
