// FileLock: the advisory lock of flock(2), held while the object lives.

internal import CPlatform
import Glibc

/// A file that is locked for the one who holds this.
package final class FileLock: Sendable {
    package let file: File

    /// Takes the lock without waiting; nil if another holds it.
    package init?(_ file: File) throws(Errno) {
        if cp_flock(file.descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EWOULDBLOCK { return nil }
            throw .last
        }
        self.file = file
    }

    /// Closing is not enough: a child between fork(2) and execve(2) has the open file too, and with it
    /// the lock.
    deinit { _ = cp_flock(file.descriptor, LOCK_UN) }
}
