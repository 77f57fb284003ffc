// Subprocess: runs another program, found by PATH, with its output through a pipe.

internal import CPlatform
import Glibc

package enum Subprocess {
    package struct Missing: Error {}

    /// The destination of a program's standard error.
    package enum Errors: Sendable {
        case ours, none
        /// The same as its standard output.
        case output
        case to(Int32)
    }

    /// Makes a pipe. Both ends are closed on exec from the start (pipe2(2)), so that programs started by
    /// other threads do not keep them open.
    package static func makePipe() throws(Errno) -> (read: Int32, write: Int32) {
        var ends: [Int32] = [0, 0]
        guard cp_pipe(&ends) == 0 else { throw .last }
        return (ends[0], ends[1])
    }

    /// Starts a program. The caller waits for its end. Signals blocked in this process are not blocked
    /// in the program, and SIGPIPE has its default action, which programs in a pipe expect and a server
    /// ignores.
    /// - Parameter isGroup: The program gets its own process group.
    /// - Parameter keepsInput: The program reads the standard input of this process, not /dev/null.
    package static func start(
        _ arguments: [[UInt8]], environment: [String], output: Int32, errors: Errors,
        isGroup: Bool = false, keepsInput: Bool = false
    ) throws(Errno) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if !keepsInput { posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0) }
        posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
        switch errors {
        case .ours: break
        case .none:
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        case .output: posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO)
        case .to(let descriptor): posix_spawn_file_actions_adddup2(&actions, descriptor, STDERR_FILENO)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        var standard = sigset_t()
        sigemptyset(&standard)
        sigaddset(&standard, SIGPIPE)
        posix_spawnattr_setsigdefault(&attributes, &standard)
        var flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
        if isGroup {
            posix_spawnattr_setpgroup(&attributes, 0)
            flags |= POSIX_SPAWN_SETPGROUP
        }
        posix_spawnattr_setflags(&attributes, Int16(flags))
        var words = arguments.map { withCString($0) { strdup($0) } } + [nil]
        var variables = environment.map { strdup($0) } + [nil]
        defer { for word in words + variables { free(word) } }
        guard let program = words[0] else { throw .noMemory }
        var child = pid_t()
        let failure = posix_spawnp(&child, program, &actions, &attributes, &words, &variables)
        guard failure == 0 else { throw Errno(failure) }
        return child
    }

    /// Returns the exit status of a program that has ended, or 128 plus the number of the signal that ended
    /// it; nil while it runs.
    package static func poll(_ child: Int32) -> Int32? {
        var status: Int32 = -1
        let found = waitpid(child, &status, WNOHANG)
        return found == 0 || found < 0 && errno == EINTR ? nil : exitStatus(status)
    }

    /// - Parameter status: what waitpid(2) stores.
    private static func exitStatus(_ status: Int32) -> Int32 {
        status & 0x7f == 0 ? status >> 8 & 0xff : 128 + status & 0x7f
    }

    /// Waits for a program and returns its exit status, or 128 plus the number of the signal that ended
    /// it.
    package static func wait(for child: Int32) -> Int32 {
        var status: Int32 = -1
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return exitStatus(status)
    }

    /// Runs a program to its end. `take` gets its output in parts.
    /// - Parameter isSilent: Whether its standard error is discarded. Otherwise it is that of this
    ///   process.
    /// - Returns: Its exit status, or 128 plus the number of the signal that ended it.
    /// - Throws: `Missing` if there is no such program.
    package static func run(
        _ arguments: [[UInt8]], environment: [String], isSilent: Bool = false, take: ([UInt8]) -> Void
    ) throws(Missing) -> Int32 {
        guard let ends = try? makePipe() else { throw Missing() }
        defer { close(ends.read) }
        let child = try? start(
            arguments, environment: environment, output: ends.write,
            errors: isSilent ? .none : .ours)
        close(ends.write)
        guard let child else { throw Missing() }
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(ends.read, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            take(Array(buffer[..<count]))
        }
        return wait(for: child)
    }
}
