// Unmount: removes mounts with umount2(2), or with fusermount3(1) if not permitted.

internal import CFuse
internal import Glibc
internal import Platform

extension Session {
    /// Returns the type of the topmost mount on an absolute path without symlinks, or nil if it is
    /// not a mount point.
    package static func mountedType(on path: String) -> String? { MountedFileSystem.on(path)?.type }

    /// Detaches the topmost mount on `path` at once, even if its server has crashed. Open files stay
    /// usable while their server lives.
    /// - Parameter lazily: false throws EBUSY if files are in use.
    package static func forceUnmount(_ path: String, lazily: Bool = true) throws(MountFailure) {
        if umount2(path, lazily ? Int32(MNT_DETACH) : 0) == 0 { return }
        let error = Errno.last
        if error == .notPermitted {
            let flags = lazily ? ["-u", "-q", "-z", "--"] : ["-u", "-q", "--"]
            if run(["fusermount3"] + flags + [path]) { return }
            if run(["fusermount"] + flags + [path]) { return }
        }
        if error == .busy {
            throw MountFailure("\(path) is in use: end the processes that use it, or give --force", error)
        }
        throw MountFailure("cannot unmount \(path): \(error)", error)
    }

    /// Runs a program of the search path. Returns whether it started and succeeded.
    private static func run(_ words: [String]) -> Bool {
        guard let program = words.first else { return false }
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
        defer { for argument in arguments { free(argument) } }
        arguments.append(nil)
        var process = pid_t()
        guard posix_spawnp(&process, program, nil, nil, arguments, nil) == 0 else {
            return false
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0 { if errno != EINTR { return false } }
        return status == 0
    }
}
