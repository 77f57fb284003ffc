// CheckCommand: a shell command that tells whether an edit is good, with bounds on its time and output. It
// runs in a process group of its own, which ends with it.

import FoundationEssentials
import Glibc
internal import Platform

package struct CheckCommand: Sendable {
    /// The result of a command that ended.
    package struct Outcome: Sendable, Equatable {
        /// The exit status, or 128 plus the signal's number.
        package var status: Int32
        package var timedOut = false
        package var seconds: Double
        /// The last bytes of standard output and standard error.
        package var output: [UInt8]

        package var succeeded: Bool { status == 0 && !timedOut }

        /// Returns the end of the output as text, cut to at most `bytes` bytes between characters.
        package func text(atMost bytes: Int) -> String {
            let cut = output.suffix(bytes).drop { output.count > bytes && $0 & 0xc0 == 0x80 }
            return String(decoding: cut, as: UTF8.self)
        }
    }

    private let command: String
    private let directory: ToolPath
    private let seconds: UInt64
    package var isCancelled: @Sendable () -> Bool = { false }

    package static let usualSeconds: UInt64 = 120
    package static let mostSeconds: UInt64 = 3_600
    /// The number of bytes of output that are kept.
    static let mostOutput = 64 << 10
    static let longest = 32 << 10

    /// - Parameter directory: the working directory of the command.
    package init(_ command: String, in directory: ToolPath, seconds: UInt64?) throws(ToolError) {
        guard !command.isEmpty, command.utf8.count <= Self.longest, !command.utf8.contains(0) else {
            throw ToolError(.usage, "the check must be a command of 1 to \(Self.longest) bytes, without NUL")
        }
        self.command = command
        self.directory = directory
        self.seconds = max(1, min(seconds ?? Self.usualSeconds, Self.mostSeconds))
    }

    /// Runs the command to its end. At a timeout or cancellation kills it and everything in its process
    /// group.
    package func run() throws(ToolError) -> Outcome {
        let ends: (read: Int32, write: Int32)
        do throws(Errno) {
            ends = try Subprocess.makePipe()
        } catch {
            throw ToolError(error, "start", "the check")
        }
        defer { close(ends.read) }
        let spawned = Result { () throws(ToolError) in try spawn(ends.write) }
        close(ends.write)
        let child = try spawned.get()
        let began = ContinuousClock.now
        var output = OutputTail(file: ends.read)
        var timedOut = false
        while !Self.hasEnded(child) {
            output.take(waiting: 20)
            timedOut = began.duration(to: .now) > .seconds(Int64(seconds))
            if timedOut || isCancelled() { break }
        }
        // This also ends what the command left in the background. The child is not reaped yet, so the
        // number of its group cannot belong to another process.
        kill(-child, SIGKILL)
        let status = Subprocess.wait(for: child)
        output.take(waiting: 0)
        if isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
        let time = began.duration(to: .now).components
        return Outcome(
            status: status, timedOut: timedOut,
            seconds: Double(time.seconds) + Double(time.attoseconds) / 1e18,
            output: Array(output.kept.suffix(Self.mostOutput)))
    }

    private static func hasEnded(_ child: pid_t) -> Bool {
        var info = siginfo_t()
        let result = waitid(P_PID, id_t(child), &info, WEXITED | WNOHANG | WNOWAIT)
        if result != 0 { return errno != EINTR }
        return info.si_signo == SIGCHLD
    }

    /// Keeps the last bytes that come through a pipe.
    private struct OutputTail {
        let file: Int32
        var kept: [UInt8] = []
        private var isOpen = true
        private var buffer = [UInt8](repeating: 0, count: 32 << 10)

        init(file: Int32) { self.file = file }

        /// Reads the available bytes, after a wait of at most `waiting` milliseconds for the first ones.
        /// One call reads at most four megabytes: a command that writes without end must not keep the
        /// caller from the clock.
        mutating func take(waiting: Int32) {
            guard isOpen else {
                usleep(UInt32(waiting) * 1_000)
                return
            }
            for round in 0..<128 {
                var poller = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
                guard poll(&poller, 1, round == 0 ? waiting : 0) > 0 else { return }
                let count = Glibc.read(file, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    isOpen = false
                    return
                }
                kept += buffer[..<count]
                let most = CheckCommand.mostOutput
                if kept.count > 4 * most { kept.removeFirst(kept.count - most) }
            }
        }
    }

    /// Starts the shell in a process group of its own.
    private func spawn(_ output: Int32) throws(ToolError) -> pid_t {
        // The name of the directory may have any bytes, so it is an argument and no part of the script.
        let words = [
            Array("sh".utf8), Array("-c".utf8), Array("cd -- \"$1\" && eval \"$2\"".utf8),
            Array("sh".utf8), directory.bytes, Array(command.utf8),
        ]
        do throws(Errno) {
            return try Subprocess.start(
                words, environment: ProcessInfo.processInfo.environment.map { "\($0.key)=\($0.value)" },
                output: output, errors: .output, isGroup: true)
        } catch {
            throw ToolError(error, "start", "the check")
        }
    }
}
