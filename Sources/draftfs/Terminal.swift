// Terminal: the size of a terminal, single keys without echo, and signals that are polled instead of
// delivered, so that a command restores the terminal and removes its temporary files before it ends.

import Glibc

enum Terminal {
    static func width(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    static func height(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return 24 }
        return Int(size.ws_row)
    }

    /// Runs `body` while the terminal delivers single keys without echo.
    static func withSingleKeys(_ body: () throws -> Void) rethrows {
        var before = termios()
        guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &before) == 0 else {
            return try body()
        }
        var single = before
        single.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &single)
        defer { tcsetattr(STDIN_FILENO, TCSANOW, &before) }
        try body()
    }

    /// Waits. Returns true once one of the keys is pressed or a signal to end is pending.
    static func waitForEnd(milliseconds: Int, keys: Set<UInt8>) -> Bool {
        var listens = isatty(STDIN_FILENO) == 1
        for _ in 0..<max(1, milliseconds / 50) {
            if Interrupts.arePending { return true }
            guard listens else {
                usleep(50_000)
                continue
            }
            var ready = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
            guard poll(&ready, 1, 50) > 0 else { continue }
            var key: UInt8 = 0
            if read(STDIN_FILENO, &key, 1) != 1 { listens = false }
            if keys.contains(key) { return true }
        }
        return false
    }
}

/// SIGINT, SIGTERM and SIGHUP, blocked while a command has something to clean up.
enum Interrupts {
    private static var set: sigset_t {
        var set = sigset_t()
        sigemptyset(&set)
        for signal in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, signal) }
        return set
    }

    static func holdBack() {
        var set = set
        sigprocmask(SIG_BLOCK, &set, nil)
    }

    static var arePending: Bool {
        var pending = sigset_t()
        sigpending(&pending)
        return [SIGINT, SIGTERM, SIGHUP].contains { sigismember(&pending, $0) == 1 }
    }

    /// Unblocks the signals: a signal that came meanwhile ends the process now.
    static func letIn() {
        var set = set
        sigprocmask(SIG_UNBLOCK, &set, nil)
    }
}
