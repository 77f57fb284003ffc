// ChildProcess: a child program in its own process group. Its output goes to unlinked files, so that no
// pipe fills up. Every wait is bounded. The group is killed by its id at a timeout, and at the latest by
// `deinit`. The program is reaped only then, so that no other group can get its id before.

package import Glibc

/// The result of a finished program.
package struct ChildResult: Sendable {
    /// The exit status, or 128 plus the signal number.
    package let status: Int32
    package let timedOut: Bool
    package let output: [UInt8]
    package let errors: [UInt8]

    package var text: String { String(decoding: output, as: UTF8.self) }
    package var errorText: String { String(decoding: errors, as: UTF8.self) }
    package var succeeded: Bool { status == 0 && !timedOut }
}

package final class ChildProcess {
    package let pid: pid_t
    package let arguments: [String]
    private let outputFile: Int32
    private let errorFile: Int32
    private var finished: Int32?
    private var isReaped = false

    /// Starts a program that is found by PATH. Its environment is that of this process plus
    /// `environment`.
    package init(
        _ arguments: [String], environment: [String: String] = [:], directory: String? = nil
    ) throws {
        var whole = ["env"]
        if let directory { whole += ["-C", directory] }
        whole += environment.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        whole += arguments
        self.arguments = arguments
        outputFile = try Self.unlinkedFile()
        errorFile = try Self.unlinkedFile()
        pid = try Self.spawn(whole, output: outputFile, errors: errorFile)
    }

    deinit {
        kill()
        close(outputFile)
        close(errorFile)
    }

    /// Runs a program to its end, or kills it after `seconds`.
    package static func run(
        _ arguments: [String], seconds: Double = 60, environment: [String: String] = [:],
        directory: String? = nil
    ) throws -> ChildResult {
        let child = try ChildProcess(
            arguments, environment: environment, directory: directory)
        return child.result(seconds: seconds)
    }

    /// Runs a program that must succeed. Returns its output.
    @discardableResult
    package static func check(
        _ arguments: [String], seconds: Double = 60, environment: [String: String] = [:],
        directory: String? = nil
    ) throws -> String {
        let result = try run(
            arguments, seconds: seconds, environment: environment, directory: directory)
        if !result.succeeded {
            let ending = result.timedOut ? "was killed after \(seconds) s" : "\(result.status)"
            throw CheckFailure(
                "\(arguments.joined(separator: " ").prefix(300)): \(ending): "
                    + "\(result.errorText.suffix(1500)) \(result.text.suffix(500))")
        }
        return result.text
    }

    /// Runs a bash script, which stops at its first failing command.
    @discardableResult
    package static func shell(
        _ script: String, seconds: Double = 60, environment: [String: String] = [:],
        directory: String? = nil
    ) throws -> String {
        try check(
            ["bash", "-e", "-u", "-o", "pipefail", "-c", script], seconds: seconds,
            environment: environment, directory: directory)
    }

    /// Waits for the program, or kills its group after `seconds`. Returns the output so far.
    package func result(seconds: Double) -> ChildResult {
        let status = wait(seconds: seconds)
        if status == nil { kill() }
        return ChildResult(
            status: status ?? 137, timedOut: status == nil, output: output(), errors: errors())
    }

    /// Returns the exit status if the program has ended, otherwise nil.
    package func poll() -> Int32? {
        if let finished { return finished }
        // The number is 0 as long as the program runs.
        var ended = siginfo_t()
        guard waitid(P_PID, id_t(pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0,
            ended.si_signo == SIGCHLD
        else { return nil }
        let number = ended._sifields._sigchld.si_status
        let status = ended.si_code == Int32(CLD_EXITED) ? number : 128 + number
        finished = status
        return status
    }

    /// Waits at most `seconds`. Returns nil if the program still runs.
    package func wait(seconds: Double) -> Int32? {
        let pause: useconds_t = 2_000
        var left = Int(seconds * 1_000_000 / Double(pause))
        while true {
            if let status = poll() { return status }
            if left <= 0 { return nil }
            left -= 1
            usleep(pause)
        }
    }

    /// Sends a signal to the program alone, unless it has ended.
    package func signal(_ number: Int32) {
        if poll() == nil { Glibc.kill(pid, number) }
    }

    /// Kills the whole process group and reaps the program. If the program has ended, this kills what it
    /// left running in its group.
    package func kill() {
        if isReaped { return }
        Glibc.kill(-pid, SIGKILL)
        var raw: Int32 = 0
        while waitpid(pid, &raw, 0) < 0 && errno == EINTR {}
        isReaped = true
        let signal = raw & 0x7F
        if finished == nil { finished = signal == 0 ? (raw >> 8) & 0xFF : 128 + signal }
    }

    package func output() -> [UInt8] { Self.content(outputFile) }
    package func errors() -> [UInt8] { Self.content(errorFile) }

    private static func content(_ descriptor: Int32) -> [UInt8] {
        guard let size = try? status(descriptor).st_size else { return [] }
        return (try? readBytes(descriptor, Int(size), at: 0)) ?? []
    }

    private static func unlinkedFile() throws -> Int32 {
        let path = "/tmp/draftfs-output-\(getpid())-\(UInt64.random(in: 0...UInt64.max))"
        // O_APPEND: the program and its children append to one file.
        let flags = O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC
        let descriptor = try must("open \(path)", open(path, flags, 0o600))
        unlink(path)
        return descriptor
    }

    private static func spawn(
        _ arguments: [String], output: Int32, errors: Int32
    ) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, output, 1)
        posix_spawn_file_actions_adddup2(&actions, errors, 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        posix_spawnattr_setpgroup(&attributes, 0)

        var vector: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        var settings: [UnsafeMutablePointer<CChar>?] =
            try environment().map { strdup($0) } + [nil]
        defer { (vector + settings).forEach { free($0) } }
        var pid: pid_t = 0
        let failed = posix_spawnp(&pid, "env", &actions, &attributes, &vector, &settings)
        if failed != 0 { throw CheckFailure("posix_spawn: \(words(failed))") }
        return pid
    }

    /// Returns the environment this process started with. Reading `environ` is not safe in Swift 6.
    private static func environment() throws -> [String] {
        let descriptor = try must("open environ", open("/proc/self/environ", O_RDONLY | O_CLOEXEC))
        defer { close(descriptor) }
        return try readBytes(descriptor, 1 << 20, at: 0).split(separator: 0)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
