// MountFailure: why a mount failed, as one sentence for people. libfuse gives its reasons only to a
// log function, which is global to the process; `LibraryLog` captures them here.

internal import CFuse
internal import Glibc
package import Platform
internal import Synchronization

package struct MountFailure: Error, Sendable, CustomStringConvertible {
    /// One sentence, without a full stop.
    package let message: String
    package let errno: Errno

    package init(_ message: String, _ errno: Errno) {
        self.message = message
        self.errno = errno
    }

    package var description: String { message }
}

/// The last message of libfuse. Outside of `capture`, messages go to the standard error output.
enum LibraryLog {
    private struct State {
        var captures = 0
        var last = ""
    }

    private static let state = Mutex(State())

    /// Runs `body` and returns the last message of libfuse meanwhile, or an empty string. Preserves
    /// errno.
    static func capture<Result>(_ body: () -> Result) -> (Result, String) {
        fuse_set_log_func { _, format, arguments in
            guard let format, let arguments else { return }
            let saved = errno
            var text = [CChar](repeating: 0, count: 512)
            vsnprintf(&text, text.count, format, arguments)
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            LibraryLog.note(String(decoding: bytes, as: UTF8.self))
            errno = saved
        }
        state.withLock {
            $0.captures += 1
            $0.last = ""
        }
        let result = body()
        let code = errno
        let words = state.withLock {
            $0.captures -= 1
            return $0.last
        }
        errno = code
        return (result, trimmed(words))
    }

    private static func note(_ text: String) {
        let kept = state.withLock {
            if $0.captures > 0 { $0.last = text }
            return $0.captures > 0
        }
        if !kept { text.withCString { _ = write(STDERR_FILENO, $0, strlen($0)) } }
    }

    /// Removes a leading "fuse: " and the line end.
    private static func trimmed(_ text: String) -> String {
        var rest = Substring(text)
        while let last = rest.last, last.isWhitespace { rest.removeLast() }
        if rest.hasPrefix("fuse: ") { rest.removeFirst(6) }
        return String(rest)
    }
}
