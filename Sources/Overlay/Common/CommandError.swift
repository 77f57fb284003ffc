// CommandError: the failure of an operator's command, as an errno for write(2) and a sentence for people.

package import Platform

/// The failure of a command: the errno that its write(2) answers, and one plain sentence.
package struct CommandError: Error, Sendable, CustomStringConvertible {
    package let errno: Errno
    /// One sentence: what failed, on what, and what to do.
    package let description: String
    /// The outcome if the command was carried out, but could not be made durable as far as known. The
    /// kernel's caches are stale in this case too.
    package let done: CommandOutcome?

    package init(_ errno: Errno, _ description: String, done: CommandOutcome? = nil) {
        self.errno = errno
        self.description = description
        self.done = done
    }
}

/// Returns a path for people. The root, whose path is empty, is named in words.
package func pathInWords(_ path: [UInt8]) -> String {
    path.isEmpty ? "root of the workspace" : String(decoding: path, as: UTF8.self)
}
