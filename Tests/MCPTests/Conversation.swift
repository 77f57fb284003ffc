// Conversation: a server on its own thread, and the client's ends of its two pipes. Every wait is
// bounded.

import Glibc
@testable import MCP
import Synchronization
import Testing

/// An observation that the client did not expect.
struct ConversationFailure: Error, CustomStringConvertible {
    let description: String
}

final class Conversation {
    /// How the server ended; nil while it runs.
    private final class Exit: Sendable {
        private let exit = Mutex<ServerExit?>(nil)
        var value: ServerExit? { exit.withLock { $0 } }
        func set(_ value: ServerExit) { exit.withLock { $0 = value } }
    }

    /// The descriptors that the client writes to and reads from; -1 once closed.
    private(set) var toServer: Int32
    private(set) var fromServer: Int32
    private var serverEnds: [Int32]
    private let exit = Exit()
    private var received: [UInt8] = []
    private var nextID: Int64 = 1000
    /// Messages without an id that arrived while an answer was awaited.
    private(set) var notifications: [JSON] = []
    let catalogue: DemonstrationCatalogue

    static let patience = Duration.seconds(60)

    init(
        _ catalogue: DemonstrationCatalogue = DemonstrationCatalogue(), stop: Int32? = nil,
        configure: (inout ServerOptions) -> Void = { _ in }
    ) throws {
        self.catalogue = catalogue
        let there = try Self.pipe()
        let back = try Self.pipe()
        (toServer, fromServer) = (there.write, back.read)
        let ends = [there.read, back.write]
        serverEnds = ends
        var options = ServerOptions()
        configure(&options)
        let server = MCPServer(
            catalogue,
            info: ServerInfo(
                name: "demonstration", title: "Demonstration", version: "1.0",
                instructions: "Use echo."),
            options: options)
        let started = WorkerThread.start { [exit] in
            exit.set(server.run(input: ends[0], output: ends[1], stop: stop))
        }
        if !started { throw ConversationFailure(description: "no thread") }
    }

    /// Closes the server's ends only after the server has ended. A server that still ran could use
    /// descriptors of another test with the same numbers.
    deinit {
        for descriptor in [toServer, fromServer] where descriptor >= 0 { close(descriptor) }
        catalogue.isOpen.store(true, ordering: .releasing)
        waitUntil { exit.value != nil }
        for descriptor in serverEnds { close(descriptor) }
    }

    static func pipe() throws -> (read: Int32, write: Int32) {
        var ends: [Int32] = [-1, -1]
        guard Glibc.pipe(&ends) == 0 else {
            throw ConversationFailure(description: "pipe: \(errno)")
        }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return (ends[0], ends[1])
    }

    // MARK: - Sending

    func send(bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let portion = Array(rest.prefix(1 << 16))
            let count = write(toServer, portion, portion.count)
            guard count > 0 else { throw ConversationFailure(description: "write: \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    func send(line: String) throws { try send(bytes: Array(line.utf8) + [0x0A]) }

    func send(_ message: JSON) throws { try send(bytes: message.encoded() + [0x0A]) }

    func notify(_ method: String, _ parameters: JSON = [:]) throws {
        try send(Answer.notification(method, parameters))
    }

    /// Sends a request without waiting for its answer.
    @discardableResult
    func request(_ method: String, _ parameters: JSON? = nil, id: JSON? = nil) throws -> JSON {
        nextID += 1
        let id = id ?? .integer(nextID)
        try send(
            .members(["jsonrpc": "2.0", "id": id, "method": .text(method), "params": parameters]))
        return id
    }

    func closeInput() {
        close(toServer)
        toServer = -1
    }

    func closeOutput() {
        close(fromServer)
        fromServer = -1
    }

    /// Closes the server's output after the server has ended, so that its reader gets the end of the
    /// file.
    func closeServerOutput() { close(serverEnds.removeLast()) }

    // MARK: - Receiving

    /// Returns the next line of the server unchanged; nil at the end.
    func receiveLine() throws -> [UInt8]? {
        let deadline = ContinuousClock.now + Self.patience
        while true {
            if let end = received.firstIndex(of: 0x0A) {
                let line = Array(received[..<end])
                received.removeSubrange(...end)
                return line
            }
            var wait = [pollfd(fd: fromServer, events: Int16(POLLIN), revents: 0)]
            if poll(&wait, 1, 200) == 0 {
                if exit.value != nil { return nil }
                if ContinuousClock.now > deadline {
                    throw ConversationFailure(description: "the server says nothing")
                }
                continue
            }
            var piece = [UInt8](repeating: 0, count: 1 << 16)
            let count = read(fromServer, &piece, piece.count)
            guard count > 0 else { return nil }
            received += piece[..<count]
        }
    }

    func receive() throws -> JSON {
        guard let line = try receiveLine() else {
            throw ConversationFailure(description: "the server has ended")
        }
        return try JSON(parsing: line)
    }

    /// Returns the answer to a request. Keeps the notifications that arrive before it.
    func answer(_ id: JSON) throws -> JSON {
        while true {
            let message = try receive()
            if message["method"] != nil {
                notifications.append(message)
            } else if message["id"] == id {
                return message
            } else {
                throw ConversationFailure(description: "not awaited: \(message)")
            }
        }
    }

    func ask(_ method: String, _ parameters: JSON? = nil) throws -> JSON {
        try answer(request(method, parameters))
    }

    @discardableResult
    func initialize(_ version: String) throws -> JSON {
        let reply = try ask(
            "initialize",
            [
                "protocolVersion": .text(version), "capabilities": [:],
                "clientInfo": ["name": "test", "version": "1"],
            ])
        try notify("notifications/initialized")
        return reply["result"] ?? .null
    }

    func call(_ name: String, _ arguments: JSON = [:], meta: JSON? = nil) throws -> JSON {
        let parameters = JSON.members([
            "name": .text(name), "arguments": arguments, "_meta": meta,
        ])
        return try ask("tools/call", parameters)
    }

    // MARK: - The end

    /// Returns how the server ended; nil if it has not ended in time.
    func ending() -> ServerExit? {
        waitUntil { exit.value != nil }
        return exit.value
    }

    /// Waits for a condition.
    /// - Returns: whether it became true in time.
    @discardableResult
    func waitUntil(_ condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + Self.patience
        while !condition() {
            if ContinuousClock.now > deadline { return false }
            usleep(500)
        }
        return true
    }

    /// Waits until `count` calls have begun.
    @discardableResult
    func waitForCalls(_ count: Int) -> Bool {
        waitUntil { catalogue.begun.load(ordering: .sequentiallyConsistent) >= count }
    }
}

/// Returns the `_meta` of a request of 2026-07-28.
func envelope(_ version: String = "2026-07-28", _ more: [String: JSON] = [:]) -> JSON {
    var meta: [String: JSON] = [
        "io.modelcontextprotocol/protocolVersion": .text(version),
        "io.modelcontextprotocol/clientInfo": ["name": "test", "version": "1"],
        "io.modelcontextprotocol/clientCapabilities": [:],
    ]
    for (key, value) in more { meta[key] = value }
    return .object(meta)
}
