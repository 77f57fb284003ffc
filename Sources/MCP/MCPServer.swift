// MCPServer: serves a catalogue of tools to one client over two descriptors, until one of them closes.

internal import Glibc

/// The result of a server that has ended.
package struct ServerExit: Sendable, Equatable {
    package enum Cause: Sendable, Equatable {
        /// The usual end: the client has closed its side.
        case inputEnded
        /// The client does not read any more.
        case outputClosed
        /// `stop` became readable.
        case stopped
        /// The errno of read(2) or poll(2).
        case inputFailed(Int32)
    }

    package var cause: Cause
    /// The number of calls that did not end in time after they were cancelled.
    package var unfinishedCalls: Int
}

package final class MCPServer: Sendable {
    private let catalogue: any ToolCatalogue
    private let tools: [ToolDescription]
    private let info: ServerInfo
    private let options: ServerOptions

    package init(
        _ catalogue: any ToolCatalogue, info: ServerInfo, options: ServerOptions = ServerOptions()
    ) {
        self.catalogue = catalogue
        tools = catalogue.tools
        self.info = info
        self.options = options
    }

    /// Serves one client, and blocks until it is gone. The calling thread needs a stack of 8 MiB, as the
    /// main thread usually has.
    /// - Parameters:
    ///   - input, output: the descriptors, which are not closed here. `StandardStreams.claim` separates
    ///     them from all other use.
    ///   - stop: ends the server when it is readable or closed, for instance by a signal.
    package func run(input: Int32, output: Int32, stop: Int32? = nil) -> ServerExit {
        let channel = OutputChannel(
            output: output, input: input, stall: options.stall, depthLimit: options.depth)
        let calls = ToolCalls(catalogue, tools: tools, options: options, channel: channel)
        let session = Session(channel: channel, options: options, info: info, calls: calls)
        let cause = serve(session, channel, input: input, output: output, stop: stop)
        if cause == .outputClosed { channel.markBroken() }
        let unfinished = calls.end(lingering: cause == .inputEnded ? options.lingering : .zero)
        session.endSubscriptions()
        return ServerExit(cause: cause, unfinishedCalls: unfinished)
    }

    private func serve(
        _ session: Session, _ channel: OutputChannel, input: Int32, output: Int32, stop: Int32?
    ) -> ServerExit.Cause {
        var reader = LineReader(input, limit: options.messageBytes)
        while true {
            switch reader.next() {
            case .line(let line):
                session.take(line)
                if channel.isBroken { return .outputClosed }
            case .ended:
                return .inputEnded
            case .failed(let error):
                return .inputFailed(error)
            case .waiting:
                if let cause = Self.wait(input: input, output: output, stop: stop) { return cause }
                if case .failed(let error)? = reader.fill() { return .inputFailed(error) }
            }
        }
    }

    /// Waits until there is input (nil), or a reason to end.
    private static func wait(input: Int32, output: Int32, stop: Int32?) -> ServerExit.Cause? {
        while true {
            var waits = [
                pollfd(fd: input, events: Int16(POLLIN), revents: 0),
                // POLLERR, reported when the client stops reading, needs no requested event.
                pollfd(fd: output, events: 0, revents: 0),
                pollfd(fd: stop ?? -1, events: Int16(POLLIN), revents: 0),
            ]
            if poll(&waits, 3, -1) < 0 {
                if errno == EINTR { continue }
                return .inputFailed(errno)
            }
            if waits[2].revents != 0 { return .stopped }
            if waits[1].revents & Int16(POLLERR | POLLNVAL) != 0 { return .outputClosed }
            if waits[0].revents & Int16(POLLNVAL) != 0 { return .inputFailed(EBADF) }
            if waits[0].revents != 0 { return nil }
            // The other end of a socket is fully closed.
            if waits[1].revents & Int16(POLLHUP) != 0 { return .outputClosed }
        }
    }
}
