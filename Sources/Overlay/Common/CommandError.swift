// CommandError: why a command of an operator failed, for write(2) and for people.

package import Platform

/// Why a command failed: the errno that its write(2) answers, and one plain sentence.
package struct CommandError: Error, Sendable, CustomStringConvertible {
    package let errno: Errno
    /// What failed, on what, what to do.
    package let description: String
    /// What was done all the same: it was to be durable and is not, as far as known. The kernel's
    /// caches are stale nevertheless.
    package let done: CommandOutcome?

    package init(_ errno: Errno, _ description: String, done: CommandOutcome? = nil) {
        self.errno = errno
        self.description = description
        self.done = done
    }
}

/// A path for people; the root has a name too.
package func pathInWords(_ path: [UInt8]) -> String {
    path.isEmpty ? "root of the workspace" : String(decoding: path, as: UTF8.self)
}
