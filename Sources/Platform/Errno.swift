// Errno: the error of every call whose result the kernel or a POSIX caller gets. Operations of the
// overlay throw it. Mount returns its number to the kernel.

import Glibc

/// An error number of errno(3), thrown by every operation that serves a POSIX caller.
package struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
    package let code: Int32

    package init(_ code: Int32) { self.code = code }

    /// The error of the system call that failed last on this thread.
    package static var last: Errno { Errno(errno) }

    /// The system's message, as from strerror(3).
    package var description: String {
        var buffer = [CChar](repeating: 0, count: 128)
        let failed = strerror_r(code, &buffer, buffer.count - 1)
        if failed != 0 { return "error \(code)" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Errno {
    package static let notPermitted = Errno(EPERM)
    package static let noEntry = Errno(ENOENT)
    package static let inputOutput = Errno(EIO)
    package static let noDevice = Errno(ENXIO)
    package static let tooBigList = Errno(E2BIG)
    package static let badDescriptor = Errno(EBADF)
    package static let again = Errno(EAGAIN)
    package static let noMemory = Errno(ENOMEM)
    package static let accessDenied = Errno(EACCES)
    package static let busy = Errno(EBUSY)
    package static let exists = Errno(EEXIST)
    package static let crossDevice = Errno(EXDEV)
    package static let notDirectory = Errno(ENOTDIR)
    package static let isDirectory = Errno(EISDIR)
    package static let invalid = Errno(EINVAL)
    package static let tooManyFiles = Errno(EMFILE)
    package static let fileTooBig = Errno(EFBIG)
    package static let noSpace = Errno(ENOSPC)
    package static let readOnly = Errno(EROFS)
    package static let tooManyLinks = Errno(EMLINK)
    package static let loop = Errno(ELOOP)
    package static let range = Errno(ERANGE)
    package static let nameTooLong = Errno(ENAMETOOLONG)
    package static let notImplemented = Errno(ENOSYS)
    package static let notEmpty = Errno(ENOTEMPTY)
    package static let noData = Errno(ENODATA)
    package static let notSupported = Errno(EOPNOTSUPP)
    package static let stale = Errno(ESTALE)
    package static let quota = Errno(EDQUOT)
    package static let interrupted = Errno(EINTR)
}
