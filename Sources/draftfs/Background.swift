// Background: serves the mount in a child process. The child is this program again with --foreground,
// because a fork without exec would leave the language runtime without its other threads.

import ArgumentParser
import Glibc

enum Background {
    private static let descriptor: Int32 = 3
    /// POSIX_SPAWN_SETSID of spawn.h, which Glibc's module does not export.
    private static let setSession: Int16 = 0x80

    /// Starts the child and waits until it reports that it serves, or why it cannot.
    static func start(log: LogTarget) throws {
        var pipeEnds: [Int32] = [0, 0]
        guard pipe(&pipeEnds) == 0 else { throw fail("cannot make a pipe: error \(errno)") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addclose(&actions, pipeEnds[0])
        posix_spawn_file_actions_adddup2(&actions, pipeEnds[1], descriptor)
        if pipeEnds[1] != descriptor { posix_spawn_file_actions_addclose(&actions, pipeEnds[1]) }
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0)
        if log == .syslog {
            posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
        }
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The child has its own session, so that it gets no signals from the terminal.
        posix_spawnattr_setflags(&attributes, setSession)
        // These go directly after the verb, because words after `--` are not options.
        let given = CommandLine.arguments
        let arguments = given.prefix(2) + [
            "--foreground", "--ready-descriptor", "\(descriptor)", "--log", log.rawValue,
        ] + given.dropFirst(2)
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        defer { for word in words { free(word) } }
        words.append(nil)
        var child = pid_t()
        let failure = posix_spawn(
            &child, ownPath, &actions, &attributes, words, environ)
        close(pipeEnds[1])
        defer { close(pipeEnds[0]) }
        guard failure == 0 else { throw fail("cannot start the daemon: error \(failure)") }
        try wait(for: child, on: pipeEnds[0])
    }

    /// The program's path, so that process lists show its name; the /proc link if there is no path.
    private static var ownPath: String {
        guard let path = realpath("/proc/self/exe", nil) else { return "/proc/self/exe" }
        defer { free(path) }
        return String(cString: path)
    }

    private static func wait(for child: pid_t, on descriptor: Int32) throws {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            if count <= 0 { break }
            text += buffer[..<count]
            if text.last == 0x0a { break }
        }
        let answer = String(decoding: text, as: UTF8.self)
        if answer == "ok\n" { return }
        var status: Int32 = 0
        waitpid(child, &status, 0)
        let reason = answer.split(separator: "\n").first.map(String.init)
        throw fail(reason ?? "the daemon ended before it served (status \(status))")
    }

    /// The child's end of the pipe. It reports once: afterwards the descriptor's number may be that of
    /// another file.
    final class Reporter {
        private var descriptor: Int32?

        init(_ descriptor: Int32) { self.descriptor = descriptor }

        func succeed() { say("ok") }
        func fail(_ sentence: String) { say(sentence) }

        private func say(_ line: String) {
            guard let descriptor else { return }
            self.descriptor = nil
            let bytes = Array((line.split(separator: "\n").joined(separator: " ") + "\n").utf8)
            _ = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
            close(descriptor)
        }
    }
}
