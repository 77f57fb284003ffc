// Errno: the error of every call that the kernel or a POSIX caller sees.
// Operations of the overlay throw it; Mount hands its number to the kernel.

import Glibc

/// An error number of errno(3), thrown by every operation that answers a POSIX caller.
public struct Errno: Error, Hashable, Sendable, CustomStringConvertible {
    public let code: Int32

    public init(_ code: Int32) { self.code = code }

    /// The error of the system call that failed last on this thread.
    package static var last: Errno { Errno(errno) }

    /// The system's own words, as strerror(3) has them.
    public var description: String {
        var buffer = [CChar](repeating: 0, count: 128)
        let failed = strerror_r(code, &buffer, buffer.count - 1)
        if failed != 0 { return "error \(code)" }
        let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension Errno {
    public static let notPermitted = Errno(EPERM)
    public static let noEntry = Errno(ENOENT)
    public static let inputOutput = Errno(EIO)
    public static let noDevice = Errno(ENXIO)
    public static let tooBigList = Errno(E2BIG)
    public static let badDescriptor = Errno(EBADF)
    public static let again = Errno(EAGAIN)
    public static let noMemory = Errno(ENOMEM)
    public static let accessDenied = Errno(EACCES)
    public static let busy = Errno(EBUSY)
    public static let exists = Errno(EEXIST)
    public static let crossDevice = Errno(EXDEV)
    public static let notDirectory = Errno(ENOTDIR)
    public static let isDirectory = Errno(EISDIR)
    public static let invalid = Errno(EINVAL)
    public static let tooManyFiles = Errno(EMFILE)
    public static let fileTooBig = Errno(EFBIG)
    public static let noSpace = Errno(ENOSPC)
    public static let readOnly = Errno(EROFS)
    public static let tooManyLinks = Errno(EMLINK)
    public static let range = Errno(ERANGE)
    public static let nameTooLong = Errno(ENAMETOOLONG)
    public static let notImplemented = Errno(ENOSYS)
    public static let notEmpty = Errno(ENOTEMPTY)
    public static let noData = Errno(ENODATA)
    public static let notSupported = Errno(EOPNOTSUPP)
    public static let stale = Errno(ESTALE)
    public static let quota = Errno(EDQUOT)
    public static let interrupted = Errno(EINTR)
}
