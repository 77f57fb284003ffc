// The end of a server: clients that close one side or both, clients that do not read, and stops.

import Glibc
@testable import MCP
import Synchronization
import Testing

@Suite("How a server ends", .timeLimit(.minutes(10)))
struct EndTests {
    private func begin(configure: (inout ServerOptions) -> Void = { _ in }) throws -> Conversation {
        let conversation = try Conversation(configure: configure)
        try conversation.initialize("2025-11-25")
        return conversation
    }

    @Test func `A client that closes ends the server`() throws {
        let conversation = try begin()
        conversation.closeInput()
        #expect(conversation.ending() == ServerExit(cause: .inputEnded, unfinishedCalls: 0))
        #expect(try conversation.receiveLine() == nil)
    }

    @Test func `Running and waiting calls are cancelled then`() throws {
        let conversation = try begin {
            $0.workers = 2
            $0.lingering = .milliseconds(10)
        }
        for id in 1...5 {
            try conversation.request("tools/call", ["name": "wait"], id: .integer(Int64(id)))
        }
        conversation.waitForCalls(2)
        conversation.closeInput()
        #expect(conversation.ending() == ServerExit(cause: .inputEnded, unfinishedCalls: 0))
        #expect(conversation.catalogue.begun.load(ordering: .sequentiallyConsistent) == 2)
        #expect(conversation.catalogue.cancelled.load(ordering: .sequentiallyConsistent) == 2)
    }

    @Test func `What a script has asked for is still answered when it closes at once`() throws {
        let conversation = try begin { $0.lingering = .seconds(60) }
        for id in 1...20 {
            try conversation.request(
                "tools/call", ["name": "count", "arguments": ["steps": 2, "milliseconds": 1]],
                id: .integer(Int64(id)))
        }
        conversation.closeInput()
        var ids: Set<Int64> = []
        while let line = try conversation.receiveLine() {
            if let id = try JSON(parsing: line)["id"]?.integer { ids.insert(id) }
        }
        #expect(ids == Set(1...20))
        #expect(conversation.ending() == ServerExit(cause: .inputEnded, unfinishedCalls: 0))
    }

    @Test func `A call that does not listen is left behind`() throws {
        let conversation = try begin {
            $0.lingering = .zero
            $0.grace = .milliseconds(20)
        }
        try conversation.request("tools/call", ["name": "deaf"], id: 1)
        conversation.waitForCalls(1)
        conversation.closeInput()
        #expect(conversation.ending() == ServerExit(cause: .inputEnded, unfinishedCalls: 1))
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        let catalogue = conversation.catalogue
        #expect(
            conversation.waitUntil { catalogue.ended.load(ordering: .sequentiallyConsistent) == 1 })
    }

    @Test func `A client that stops reading ends the server, without a signal`() throws {
        let conversation = try begin()
        try conversation.request("tools/call", ["name": "wait"], id: 1)
        conversation.waitForCalls(1)
        conversation.closeOutput()
        #expect(conversation.ending() == ServerExit(cause: .outputClosed, unfinishedCalls: 0))
        #expect(conversation.catalogue.cancelled.load(ordering: .sequentiallyConsistent) == 1)
    }

    @Test func `A write to a closed pipe raises no SIGPIPE and leaves none pending`() throws {
        let (reading, writing) = try Conversation.pipe()
        let channel = OutputChannel(
            output: writing, input: -1, stall: .zero, depthLimit: JSON.depthLimit)
        channel.send("before")
        #expect(!channel.isBroken)
        close(reading)
        channel.send("after")
        #expect(channel.isBroken)
        channel.send("dropped")
        var pending = sigset_t()
        sigpending(&pending)
        #expect(sigismember(&pending, SIGPIPE) == 0)
        close(writing)
    }

    @Test func `A client that closes and leaves output unread does not hold the server`() throws {
        let conversation = try begin {
            $0.lingering = .milliseconds(10)
            $0.stall = .milliseconds(20)
        }
        for id in 1...4 {
            try conversation.request(
                "tools/call",
                ["name": "echo", "arguments": ["text": "0123456789", "times": 100_000]],
                id: .integer(Int64(id)))
        }
        conversation.waitForCalls(1)
        conversation.closeInput()
        #expect(conversation.ending() == ServerExit(cause: .inputEnded, unfinishedCalls: 0))
    }

    @Test func `A client that reads late gets all`() throws {
        let conversation = try begin()
        for id in 1...4 {
            try conversation.request(
                "tools/call",
                ["name": "echo", "arguments": ["text": "0123456789", "times": 50_000]],
                id: .integer(Int64(id)))
        }
        #expect(conversation.waitForCalls(4))
        usleep(50_000)
        for _ in 1...4 {
            let reply = try conversation.receive()
            #expect(reply["result"]?["content"]?[0]?["text"]?.text?.utf8.count == 500_000)
        }
    }

    @Test func `A descriptor stops the server`() throws {
        let (reading, writing) = try Conversation.pipe()
        let conversation = try Conversation(stop: reading)
        try conversation.initialize("2025-11-25")
        try conversation.request("tools/call", ["name": "wait"], id: 1)
        conversation.waitForCalls(1)
        close(writing)
        #expect(conversation.ending() == ServerExit(cause: .stopped, unfinishedCalls: 0))
        close(reading)
    }

    @Test func `Descriptors that are none end it at once`() {
        let server = MCPServer(DemonstrationCatalogue(), info: ServerInfo(name: "x", version: "1"))
        #expect(server.run(input: -1, output: 1_000_000).cause == .outputClosed)
        let (reading, writing) = (try? Conversation.pipe()) ?? (-1, -1)
        #expect(server.run(input: 1_000_000, output: writing).cause == .inputFailed(EBADF))
        close(reading)
        close(writing)
    }
}
