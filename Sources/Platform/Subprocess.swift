// Subprocess: another program, found by PATH, with its output through a pipe.

import Glibc

package enum Subprocess {
    package struct Missing: Error {}

    /// Runs a program to its end; `take` gets what it prints, part by part. Its standard error is
    /// ours, or nobody's if it is to be silent. Signals that are held back here are not held back there.
    /// - Returns: its exit status, or 128 and the number of the signal that ended it.
    /// - Throws: `Missing` if there is no such program.
    package static func run(
        _ arguments: [[UInt8]], environment: [String], isSilent: Bool = false, take: ([UInt8]) -> Void
    ) throws(Missing) -> Int32 {
        var ends: [Int32] = [0, 0]
        // Another thread may start a program too: it must not keep our end open.
        guard pipe(&ends) == 0 else { throw Missing() }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        defer { close(ends[0]) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
        if isSilent {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var words = arguments.map { withCString($0) { strdup($0) } } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for word in words + variables { free(word) } }
        var child = pid_t()
        let failure = posix_spawnp(
            &child, words[0] ?? strdup(""), &actions, &attributes, &words, &variables)
        close(ends[1])
        guard failure == 0 else { throw Missing() }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(ends[0], &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            take(Array(buffer[..<count]))
        }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }
}
