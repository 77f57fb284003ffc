// StandardStreams: moves the connection of a server on stdio to descriptors that no other code writes to.
// One stray line of a library or a child process on standard output would break the client's stream.

internal import Glibc

package enum StandardStreams {
    /// Moves standard input and output to descriptors that children do not inherit. Afterwards 0 is
    /// /dev/null, and 1 is a copy of standard error.
    /// - Returns: the descriptors for MCPServer.run; nil, with nothing moved, if there are none left.
    package static func claim() -> (input: Int32, output: Int32)? {
        let input = fcntl(0, F_DUPFD_CLOEXEC, 3)
        let output = fcntl(1, F_DUPFD_CLOEXEC, 3)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard input >= 0, output >= 0, null >= 0, dup2(null, 0) >= 0 else {
            for descriptor in [input, output, null] where descriptor >= 0 { close(descriptor) }
            return nil
        }
        // If there is no standard error, stray output goes to /dev/null instead of the connection.
        if dup2(2, 1) < 0 { dup2(null, 1) }
        close(null)
        return (input, output)
    }
}
