// StandardStreams: the wire of a server on stdio, put where nothing else can write to it: one stray
// line of a library or a child process on standard output, and the client cannot read on.

internal import Glibc

package enum StandardStreams {
    /// Moves standard input and output to descriptors that children do not inherit. Afterwards 0 is
    /// /dev/null, and 1 is what standard error is.
    /// - Returns: the descriptors for MCPServer.run; nil, with nothing moved, if there are none left.
    package static func claim() -> (input: Int32, output: Int32)? {
        let input = fcntl(0, F_DUPFD_CLOEXEC, 3)
        let output = fcntl(1, F_DUPFD_CLOEXEC, 3)
        let null = open("/dev/null", O_RDWR | O_CLOEXEC)
        guard input >= 0, output >= 0, null >= 0, dup2(null, 0) >= 0 else {
            for descriptor in [input, output, null] where descriptor >= 0 { close(descriptor) }
            return nil
        }
        // Without standard error, stray output is lost, which is better than the wire.
        if dup2(2, 1) < 0 { dup2(null, 1) }
        close(null)
        return (input, output)
    }
}
