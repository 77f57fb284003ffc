// Gate: a lock that many threads hold together, or one thread holds alone (pthread_rwlock_t). A thread
// that waits to be alone goes before new threads. A thread must not enter twice.

import Glibc

package final class Gate: @unchecked Sendable {
    private let lock: UnsafeMutablePointer<pthread_rwlock_t>

    package init() {
        lock = .allocate(capacity: 1)
        var attributes = pthread_rwlockattr_t()
        pthread_rwlockattr_init(&attributes)
        // Without this, a stream of readers keeps a waiting writer out forever.
        pthread_rwlockattr_setkind_np(&attributes, Self.writersFirst)
        pthread_rwlock_init(lock, &attributes)
        pthread_rwlockattr_destroy(&attributes)
    }

    deinit {
        pthread_rwlock_destroy(lock)
        lock.deallocate()
    }

    /// PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP of pthread.h.
    private static let writersFirst: Int32 = 2

    package func enter() { pthread_rwlock_rdlock(lock) }

    package func leave() { pthread_rwlock_unlock(lock) }

    /// Runs `body` once all other threads have left, and keeps them out meanwhile.
    package func alone<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        pthread_rwlock_wrlock(lock)
        defer { pthread_rwlock_unlock(lock) }
        return try body()
    }
}
