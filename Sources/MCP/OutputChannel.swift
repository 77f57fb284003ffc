// OutputChannel: sends whole lines to the client, one at a time, from any thread. It detects a client that
// is gone, and drops all output from then on.

internal import Glibc
internal import Synchronization

final class OutputChannel: Sendable {
    private let output: Int32
    /// Checked for a hang-up while output is blocked.
    private let input: Int32
    private let stall: Duration
    private let depthLimit: Int
    /// Held while a line is written: lines of several threads must not mix.
    private let writing = Mutex(())
    private let broken = Atomic(false)

    /// PIPE_BUF: after poll(2) has reported a pipe as writable, it takes this number of bytes without
    /// blocking.
    private static let portion = 4096

    init(output: Int32, input: Int32, stall: Duration, depthLimit: Int) {
        self.output = output
        self.input = input
        self.stall = stall
        self.depthLimit = depthLimit
    }

    /// Whether the client does not read any more.
    var isBroken: Bool { broken.load(ordering: .acquiring) }

    /// Sends a message that the server makes itself: small and shallow.
    func send(_ message: JSON) {
        guard let line = try? message.encoded(depthLimit: depthLimit) else { return }
        send(line: line)
    }

    /// - Parameter line: the line without line end.
    func send(line: [UInt8]) {
        var bytes = line
        bytes.append(0x0A)
        writing.withLock { _ in
            if isBroken { return }
            if !Self.withoutPipeSignal({ write(bytes) }) { markBroken() }
        }
    }

    func markBroken() { broken.store(true, ordering: .releasing) }

    private func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            guard waitForRoom() else { return false }
            let portion = Array(bytes[done..<min(done + Self.portion, bytes.count)])
            let count = Glibc.write(output, portion, portion.count)
            if count >= 0 {
                done += count
            } else if errno != EINTR, errno != EAGAIN {
                return false
            }
        }
        return true
    }

    /// Waits without a time limit, unless the client has closed its other end.
    private func waitForRoom() -> Bool {
        var deadline: ContinuousClock.Instant?
        while true {
            var waits = [
                pollfd(fd: output, events: Int16(POLLOUT), revents: 0),
                // Only a hang-up, which needs no requested event. After it was seen the descriptor is left
                // out, because the condition persists.
                pollfd(fd: deadline == nil ? input : -1, events: 0, revents: 0),
            ]
            if poll(&waits, 2, deadline == nil ? -1 : 50) < 0, errno != EINTR { return false }
            if waits[0].revents & Int16(POLLOUT) != 0 { return true }
            if waits[0].revents & Int16(POLLERR | POLLHUP | POLLNVAL) != 0 { return false }
            if let deadline, ContinuousClock.now > deadline { return false }
            if waits[1].revents != 0 { deadline = ContinuousClock.now + stall }
        }
    }

    /// Runs `body` with SIGPIPE blocked, and consumes a pending one (sigtimedwait(2)). The disposition of
    /// the process is not changed, since its children would inherit it.
    private static func withoutPipeSignal(_ body: () -> Bool) -> Bool {
        var pipe = sigset_t()
        sigemptyset(&pipe)
        sigaddset(&pipe, SIGPIPE)
        var before = sigset_t()
        guard pthread_sigmask(SIG_BLOCK, &pipe, &before) == 0 else { return body() }
        defer {
            var none = timespec()
            while sigtimedwait(&pipe, nil, &none) < 0, errno == EINTR {}
            pthread_sigmask(SIG_SETMASK, &before, nil)
        }
        return body()
    }
}
