// Messages: invalid messages, batches, and bounds.

@testable import MCP
import Synchronization
import Testing

@Suite("Messages", .timeLimit(.minutes(10)))
struct MessageTests {
    private func begin(
        _ version: String = "2025-11-25", configure: (inout ServerOptions) -> Void = { _ in }
    ) throws -> Conversation {
        let conversation = try Conversation(configure: configure)
        try conversation.initialize(version)
        return conversation
    }

    @Test(
        arguments: [
            ("{", -32700, .null), ("", 0, .null), ("nonsense", -32700, .null), ("5", -32600, .null),
            ("[]", -32600, .null),
            ("[1]", -32600, .null), ("{}", -32600, .null),
            (#"{"id":4,"method":"ping"}"#, -32600, 4),
            (#"{"jsonrpc":"1.0","id":4,"method":"ping"}"#, -32600, 4),
            (#"{"jsonrpc":"2.0","id":4}"#, -32600, 4),
            (#"{"jsonrpc":"2.0","id":4,"method":5}"#, -32600, 4),
            (#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600, .null),
            (#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#, -32600, .null),
            (#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#, -32600, .null),
            (#"{"jsonrpc":"2.0","id":"4","method":"ping","params":[1]}"#, -32602, "4"),
            (#"{"jsonrpc":"2.0","id":4,"method":"ping","params":1e999}"#, -32700, 4),
            (#"{"jsonrpc":"2.0","id":4,"method":"ping""#, -32700, 4),
            (#"{"jsonrpc":"2.0","id":"x","method":"ping","params":{"a":nonsense}}"#, -32700, "x"),
        ] as [(String, Int64, JSON)])
    func `What is no message is answered with an error`(text: String, code: Int64, id: JSON) throws
    {
        let conversation = try begin()
        try conversation.send(line: text)
        if code != 0 {
            let reply = try conversation.receive()
            #expect(reply["error"]?["code"]?.integer == code)
            #expect(reply["id"] == id)
            #expect(reply["error"]?["message"]?.text?.hasSuffix(".") == true)
        }
        #expect(try conversation.ask("ping")["result"] == [:])
    }

    @Test func `Ids are strings and whole numbers, and come back as they are`() throws {
        let conversation = try begin()
        for id in [0, -1, .integer(.max), .integer(.min), "", "a\n\"", "1"] as [JSON] {
            try conversation.request("ping", id: id)
            #expect(try conversation.receive()["id"] == id)
        }
        let long = String(repeating: "x", count: 257)
        try conversation.request("ping", id: .text(long))
        #expect(try conversation.receive()["error"]?["code"] == -32600)
    }

    @Test func `Lines may end with CRLF, come in pieces, and lack their end at the end`() throws {
        let conversation = try begin()
        try conversation.send(line: #"{"jsonrpc":"2.0","id":1,"method":"ping"}"# + "\r")
        #expect(try conversation.receive()["id"] == 1)
        for byte in #"{"jsonrpc":"2.0","id":2,"method":"ping"}"#.utf8 {
            try conversation.send(bytes: [byte])
        }
        try conversation.send(bytes: [0x0A, 0x0A, 0x0A])
        #expect(try conversation.receive()["id"] == 2)
        try conversation.send(bytes: Array(#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#.utf8))
        conversation.closeInput()
        #expect(try conversation.receive()["id"] == 3)
        #expect(conversation.ending()?.cause == .inputEnded)
    }

    // MARK: - Batches

    @Test func `A batch is answered with an array of what has answers`() throws {
        let conversation = try begin("2025-03-26")
        try conversation.send([
            ["jsonrpc": "2.0", "id": 1, "method": "ping"],
            ["jsonrpc": "2.0", "method": "notifications/initialized"],
            ["jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": ["name": "list"]],
            ["jsonrpc": "2.0", "id": 3, "method": "nothing"], 5,
            ["jsonrpc": "2.0", "id": 4, "result": [:]],
            [
                "jsonrpc": "2.0", "id": 6, "method": "initialize",
                "params": ["protocolVersion": "2025-03-26"],
            ],
        ])
        let replies = try #require(conversation.receive().items)
        #expect(replies.count == 5)
        func reply(_ id: JSON) -> JSON? { replies.first { $0["id"] == id } }
        #expect(reply(1)?["result"] == [:])
        #expect(reply(2)?["result"]?["content"] != nil)
        #expect(reply(3)?["error"]?["code"] == -32601)
        #expect(reply(.null)?["error"]?["code"] == -32600)
        #expect(reply(6)?["error"]?["code"] == -32600)
    }

    @Test func `A batch of notifications has no answer, and one of nothing an error`() throws {
        let conversation = try begin("2025-03-26") { $0.batch = 3 }
        try conversation.send([["jsonrpc": "2.0", "method": "notifications/initialized"]])
        try conversation.send([])
        #expect(try conversation.receive()["error"]?["code"] == -32600)
        try conversation.send([1, 2, 3, 4])
        #expect(try conversation.receive()["error"]?["code"] == -32600)
    }

    @Test func `A call of a batch can be cancelled, and the others are answered`() throws {
        let conversation = try begin("2025-03-26")
        try conversation.send([
            ["jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ["name": "wait"]],
            ["jsonrpc": "2.0", "id": 2, "method": "ping"],
        ])
        conversation.waitForCalls(1)
        try conversation.notify("notifications/cancelled", ["requestId": 1])
        let replies = try #require(conversation.receive().items)
        #expect(replies.map { $0["id"] } == [2])
    }

    @Test func `A batch does not wait for the end of a subscription in it`() throws {
        let conversation = try begin("2025-03-26")
        try conversation.send([
            [
                "jsonrpc": "2.0", "id": "s", "method": "subscriptions/listen",
                "params": ["notifications": [:], "_meta": envelope()],
            ],
            ["jsonrpc": "2.0", "id": 2, "method": "ping"],
        ])
        let first = try conversation.receive()
        #expect(first["method"] == "notifications/subscriptions/acknowledged")
        let replies = try #require(conversation.receive().items)
        #expect(replies.map { $0["id"] } == [2])
        conversation.closeInput()
        let end = try conversation.receive()
        #expect(end["id"] == "s" && end["result"] != nil)
    }

    @Test func `An id twice in a batch runs once`() throws {
        let conversation = try begin("2025-03-26")
        let call: JSON = [
            "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ["name": "wait"],
        ]
        try conversation.send([call, call])
        conversation.waitForCalls(1)
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        let replies = try #require(conversation.receive().items)
        #expect(replies.count == 2)
        #expect(replies.count { $0["error"]?["code"] == -32600 } == 1)
    }

    @Test func `Answers of a batch share the bound of a reply`() throws {
        let conversation = try begin("2025-03-26") { $0.replyBytes = 20_000 }
        let text = JSON.text(String(repeating: "x", count: 8000))
        let calls = (1...4 as ClosedRange<Int64>).map { id -> JSON in
            [
                "jsonrpc": "2.0", "id": .integer(id), "method": "tools/call",
                "params": ["name": "echo", "arguments": ["text": text]],
            ]
        }
        try conversation.send(.list(calls))
        let line = try #require(try conversation.receiveLine())
        #expect(line.count < 20_000)
        let replies = try #require(JSON(parsing: line).items)
        #expect(replies.allSatisfy { $0["result"]?["isError"] == true })
        #expect(try conversation.call("echo", ["text": text])["result"]?["isError"] == false)
    }

    @Test(arguments: ["2024-11-05", "2025-06-18", "2025-11-25"])
    func `Other revisions have no batches`(version: String) throws {
        let conversation = try begin(version)
        try conversation.send([["jsonrpc": "2.0", "id": 1, "method": "ping"]])
        #expect(try conversation.receive()["error"]?["code"] == -32600)
    }

    // MARK: - Bounds

    @Test func `A message beyond the bound is skipped, and answered by its id`() throws {
        let conversation = try begin { $0.messageBytes = 100_000 }
        let text = String(repeating: "x\\\"{", count: 500_000)
        for message in [
            #"{"jsonrpc":"2.0","id":"first","method":"tools/call","params":{"a":"\#(text)"}}"#,
            #"{"method":"tools/call","params":{"id":9,"a":"\#(text)"},"jsonrpc":"2.0","id":"first"}"#,
        ] {
            try conversation.send(line: message)
            let reply = try conversation.receive()
            #expect(reply["error"]?["code"] == -32600)
            #expect(reply["error"]?["message"]?.text?.contains("100000") == true)
            #expect(reply["id"] == "first")
        }
        #expect(try conversation.ask("ping")["result"] == [:])
        // A message of exactly the bound is accepted.
        let head = #"{"jsonrpc":"2.0","id":5,"method":"ping","params":{"a":""#
        let padding = String(repeating: "x", count: 100_000 - head.utf8.count - 3)
        try conversation.send(line: head + padding + "\"}}")
        #expect(try conversation.receive()["result"] == [:])
        try conversation.send(line: head + padding + "x\"}}")
        #expect(try conversation.receive()["error"] != nil)
    }

    @Test func `Depth and number of values are bounded`() throws {
        let conversation = try begin { $0.values = 1000 }
        let deep = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
        try conversation.send(
            line: #"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":\#(deep)}}"#)
        let reply = try conversation.receive()
        #expect(reply["id"] == 1)
        #expect(reply["error"]?["message"]?.text?.contains("256 levels") == true)
        let many = String(repeating: "1,", count: 1000)
        try conversation.send(
            line: #"{"jsonrpc":"2.0","id":2,"method":"ping","params":{"a":[\#(many)1]}}"#)
        #expect(
            try conversation.receive()["error"]?["message"]?.text?.contains("1000 values") == true)
    }

    @Test func `A depth just within the bound is decoded and written`() throws {
        let conversation = try begin()
        let deep = String(repeating: "[", count: 253) + String(repeating: "]", count: 253)
        let arguments = #"{"name":"count","arguments":{"steps":1,"x":\#(deep)}}"#
        try conversation.send(
            line: #"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":\#(arguments)}"#)
        #expect(try conversation.answer(1)["result"]?["isError"] == false)
        let reply = try conversation.call("deep", ["levels": 252])
        #expect(reply["result"]?["isError"] == false)
        #expect(reply.depth(upTo: 1000) == 255)
    }

    @Test(arguments: [300, 5000])
    func `A result that is too deep is an error that says so`(levels: Int64) throws {
        for structured in [true, false] {
            let conversation = try begin { $0.structuredContent = structured }
            let reply = try conversation.call("deep", ["levels": .integer(levels)])
            #expect(reply["result"]?["isError"] == true)
            #expect(reply["result"]?["content"]?[0]?["text"]?.text?.contains("deep") == true)
        }
    }

    @Test func `A result that is too large is an error that says so`() throws {
        let conversation = try begin { $0.replyBytes = 50_000 }
        let reply = try conversation.call("echo", ["text": "0123456789", "times": 10_000])
        #expect(reply["result"]?["isError"] == true)
        #expect(reply["result"]?["content"]?[0]?["text"]?.text?.contains("50000") == true)
    }

    @Test func `Invalid UTF-8 is refused in a sentence`() throws {
        let conversation = try begin()
        try conversation.send(
            bytes: Array(#"{"jsonrpc":"2.0","id":3,"method":"ping","params":{"a":""#.utf8) + [
                0xC3, 0x28,
            ]
                + Array("\"}}\n".utf8))
        let reply = try conversation.receive()
        #expect(reply["error"]?["code"] == -32700)
        #expect(reply["error"]?["message"]?.text?.contains("UTF-8") == true)
        #expect(reply["id"] == 3)
    }
}
