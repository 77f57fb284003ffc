// Revisions: their negotiation, and the features of each revision.

@testable import MCP
import Testing

@Suite("Revisions", .timeLimit(.minutes(10)))
struct RevisionTests {
    static let handshake = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"]

    @Test(arguments: handshake)
    func `initialize is answered with the revision it asks for`(version: String) throws {
        let conversation = try Conversation()
        let result = try conversation.initialize(version)
        #expect(result["protocolVersion"]?.text == version)
        #expect(result["instructions"] == "Use echo.")
        #expect(result["serverInfo"]?["name"] == "demonstration")
        #expect(result["serverInfo"]?["version"] == "1.0")
        let title: JSON? = version >= "2025-06-18" ? "Demonstration" : nil
        #expect(result["serverInfo"]?["title"] == title)
        #expect(result["capabilities"] == ["tools": [:], "logging": [:]])
        #expect(result["resultType"] == nil)
    }

    @Test(arguments: ["1999-01-01", "2026-07-28", "2030-01-01", "", "x"])
    func `initialize for another is answered with the newest that has it`(version: String) throws {
        let result = try Conversation().initialize(version)
        #expect(result["protocolVersion"] == "2025-11-25")
    }

    @Test func `initialize without a version is refused, and may come again`() throws {
        let conversation = try Conversation()
        let reply = try conversation.ask("initialize", ["capabilities": [:]])
        #expect(reply["error"]?["code"] == -32602)
        try conversation.initialize("2024-11-05")
        #expect(try conversation.initialize("2025-06-18")["protocolVersion"] == "2025-06-18")
    }

    @Test func `Before initialize only ping is answered`() throws {
        let conversation = try Conversation()
        #expect(try conversation.ask("ping")["result"] == [:])
        for method in [
            "tools/list", "tools/call", "server/discover", "logging/setLevel", "nothing",
        ] {
            let error = try conversation.ask(method)["error"]
            #expect(error?["code"] == -32602, "\(method)")
            #expect(error?["message"]?.text?.contains("initialize") == true)
        }
    }

    @Test(arguments: handshake)
    func `Tools have what the revision knows`(version: String) throws {
        let conversation = try Conversation()
        try conversation.initialize(version)
        let result = try conversation.ask("tools/list")["result"]
        let add = try #require(result?["tools"]?.items?.first { $0["name"] == "add" })
        #expect((add["annotations"] != nil) == (version >= "2025-03-26"))
        #expect((add["title"] != nil) == (version >= "2025-06-18"))
        #expect((add["outputSchema"] != nil) == (version >= "2025-06-18"))
        #expect(add["inputSchema"]?["type"] == "object")
        let list = try #require(result?["tools"]?.items?.first { $0["name"] == "list" })
        #expect(list["outputSchema"] == nil, "only 2026-07-28 has results that are no objects")
        #expect(result?["ttlMs"] == nil)
        #expect(result?["nextCursor"] == nil)
    }

    @Test(arguments: handshake, [true, false])
    func `Results have what the revision knows`(version: String, structured: Bool) throws {
        let conversation = try Conversation { $0.structuredContent = structured }
        try conversation.initialize(version)
        let add = try conversation.call("add", ["numbers": [2, 3]])["result"]
        let sum: JSON? = structured && version >= "2025-06-18" ? ["sum": 5] : nil
        #expect(add?["structuredContent"] == sum)
        #expect(add?["content"] == [["type": "text", "text": "The sum is 5."]])
        #expect(add?["isError"] == false)
        // A structured result without its own text is shown as text.
        let list = try conversation.call("list")["result"]
        #expect(list?["structuredContent"] == nil)
        #expect(list?["content"] == [["type": "text", "text": "[1,2,3]"]])
        let show = try conversation.call("show")["result"]?["content"]?.items ?? []
        #expect(
            show.map { $0["type"]?.text } == ["image", version >= "2025-03-26" ? "audio" : "text"])
        #expect(show.first?["data"] == "iVBORw0KGgo=")
        #expect(show.first?["mimeType"] == "image/png")
    }

    @Test func `Progress has a text since 2025-03-26`() throws {
        for version in Self.handshake {
            let conversation = try Conversation()
            try conversation.initialize(version)
            _ = try conversation.call("count", ["steps": 1], meta: ["progressToken": 7])
            let report = conversation.notifications.first {
                $0["method"] == "notifications/progress"
            }
            let text: JSON? = version >= "2025-03-26" ? "step 0" : nil
            #expect(report?["params"]?["message"] == text)
            #expect(report?["params"]?["progressToken"] == 7)
        }
    }

    @Test(arguments: handshake)
    func `Methods of 2026-07-28 are unknown to a session`(version: String) throws {
        let conversation = try Conversation()
        try conversation.initialize(version)
        for method in ["server/discover", "subscriptions/listen", "prompts/list", "tasks/list"] {
            let error = try conversation.ask(method)["error"]
            #expect(error?["code"] == -32601)
            #expect(error?["message"]?.text?.contains(version) == true)
        }
    }

    // MARK: - 2026-07-28

    @Test func `A request with its revision needs no initialize`() throws {
        let conversation = try Conversation()
        let discovered = try conversation.ask("server/discover", ["_meta": envelope()])["result"]
        #expect(discovered?["resultType"] == "complete")
        #expect(
            discovered?["supportedVersions"]
                == ["2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
        #expect(discovered?["instructions"] == "Use echo.")
        #expect(discovered?["cacheScope"] == "private")
        #expect(discovered?["ttlMs"]?.integer ?? -1 >= 0)
        let server = discovered?["_meta"]?["io.modelcontextprotocol/serverInfo"]
        #expect(server == ["name": "demonstration", "title": "Demonstration", "version": "1.0"])

        let listed = try conversation.ask("tools/list", ["_meta": envelope()])["result"]
        #expect(listed?["resultType"] == "complete")
        #expect(listed?["ttlMs"]?.integer ?? -1 >= 0)
        #expect(listed?["cacheScope"] == "private")
        let list = listed?["tools"]?.items?.first { $0["name"] == "list" }
        #expect(list?["outputSchema"]?["type"] == "array")

        let called = try conversation.call("list", meta: envelope())["result"]
        #expect(called?["resultType"] == "complete")
        #expect(called?["structuredContent"] == [1, 2, 3])
        #expect(called?["ttlMs"] == nil)
        #expect(called?["_meta"]?["io.modelcontextprotocol/serverInfo"]?["name"] == "demonstration")
    }

    @Test func `Structured content can be switched off there too`() throws {
        let conversation = try Conversation { $0.structuredContent = false }
        let listed = try conversation.ask("tools/list", ["_meta": envelope()])["result"]
        #expect(listed?["tools"]?.items?.allSatisfy { $0["outputSchema"] == nil } == true)
        let called = try conversation.call("add", ["numbers": [1]], meta: envelope())["result"]
        #expect(called?["structuredContent"] == nil)
    }

    @Test(arguments: ["2025-11-25", "2099-01-01", ""])
    func `Another revision in a request is refused with those there are`(version: String) throws {
        let conversation = try Conversation()
        let error = try conversation.ask("tools/list", ["_meta": envelope(version)])["error"]
        #expect(error?["code"] == -32022)
        #expect(error?["data"]?["requested"]?.text == version)
        #expect(error?["data"]?["supported"]?[0] == "2026-07-28")
        #expect(error?["data"]?["supported"]?.items?.count == 5)
    }

    @Test func `An envelope that lacks something is refused`() throws {
        let conversation = try Conversation()
        let key = "io.modelcontextprotocol/protocolVersion"
        for meta in [
            [key: "2026-07-28"], [key: 5, "io.modelcontextprotocol/clientCapabilities": [:]],
            [key: "2026-07-28", "io.modelcontextprotocol/clientCapabilities": 1],
            envelope("2026-07-28", ["io.modelcontextprotocol/logLevel": "loud"]),
            envelope("2026-07-28", ["progressToken": [1]]),
        ] as [JSON] {
            let error = try conversation.ask("tools/list", ["_meta": meta])["error"]
            #expect(error?["code"] == -32602, "\(meta)")
        }
    }

    @Test func `Methods of sessions are gone in 2026-07-28`() throws {
        let conversation = try Conversation()
        for method in ["ping", "logging/setLevel", "resources/list", "nothing"] {
            let error = try conversation.ask(method, ["_meta": envelope()])["error"]
            #expect(error?["code"] == -32601, "\(method)")
        }
    }

    @Test func `Both kinds of requests are served side by side`() throws {
        let conversation = try Conversation()
        try conversation.initialize("2025-06-18")
        #expect(
            try conversation.ask("tools/list", ["_meta": envelope()])["result"]?["resultType"]
                != nil)
        #expect(try conversation.ask("tools/list")["result"]?["resultType"] == nil)
    }

    @Test func `A subscription is acknowledged, and ends when it is cancelled`() throws {
        let conversation = try Conversation { $0.subscriptions = 2 }
        let parameters: JSON = ["notifications": ["toolsListChanged": true], "_meta": envelope()]
        try conversation.request("subscriptions/listen", parameters, id: "s")
        let first = try conversation.receive()
        #expect(first["method"] == "notifications/subscriptions/acknowledged")
        #expect(first["params"]?["notifications"] == [:])
        #expect(first["params"]?["_meta"]?["io.modelcontextprotocol/subscriptionId"] == "s")

        let again = try conversation.ask("tools/list", ["_meta": envelope()])
        #expect(again["result"] != nil)
        try conversation.request("subscriptions/listen", parameters, id: "s")
        #expect(try conversation.receive()["error"]?["code"] == -32600, "the id is in use")
        try conversation.notify("notifications/cancelled", ["requestId": "s"])
        try conversation.request("subscriptions/listen", parameters, id: "s")
        #expect(try conversation.receive()["method"] != nil)
        try conversation.request("subscriptions/listen", parameters, id: "t")
        #expect(try conversation.receive()["method"] != nil)
        #expect(
            try conversation.ask("subscriptions/listen", parameters)["error"]?["code"] == -32603)
        #expect(
            try conversation.ask("subscriptions/listen", ["_meta": envelope()])["error"]?["code"]
                == -32602)
        conversation.closeInput()
        let ends = [try conversation.receive(), try conversation.receive()]
        #expect(Set(ends.compactMap { $0["id"]?.text }) == ["s", "t"])
        #expect(ends.allSatisfy { $0["result"]?["resultType"] == "complete" })
    }
}
