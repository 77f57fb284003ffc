// FileLock: the advisory lock of flock(2), held while the object lives.

internal import CPlatform
import Glibc

/// A locked file. The lock is released with this object.
package final class FileLock: Sendable {
    package let file: File

    /// Takes the lock without waiting. Returns nil if it is already held elsewhere.
    package init?(_ file: File) throws(Errno) {
        if cp_flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            throw .last
        }
        self.file = file
    }

    /// Closing the descriptor does not suffice: a child between fork(2) and execve(2) shares the open
    /// file and thus the lock.
    deinit { _ = cp_flock(file.descriptor, LOCK_UN) }
}
