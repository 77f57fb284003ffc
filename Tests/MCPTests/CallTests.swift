// Calls: arguments, progress, messages, cancellation, and several calls at once.

import Glibc
@testable import MCP
import Synchronization
import Testing

@Suite("Calls", .timeLimit(.minutes(10)))
struct CallTests {
    private func begin(configure: (inout ServerOptions) -> Void = { _ in }) throws -> Conversation {
        let conversation = try Conversation(configure: configure)
        try conversation.initialize("2025-11-25")
        return conversation
    }

    @Test func `Arguments that do not fit are an answer that the model reads`() throws {
        let conversation = try begin()
        let reply = try conversation.call("echo", ["txt": "x", "times": 0])["result"]
        #expect(reply?["isError"] == true)
        #expect(
            reply?["content"]?[0]?["text"]
                == """
                The arguments of echo are not valid: text is missing; times must be at least 1; \
                txt is not known (known are text, times).
                """)
        #expect(conversation.catalogue.begun.load(ordering: .relaxed) == 0)
    }

    @Test func `Arguments may be left out`() throws {
        let conversation = try begin()
        #expect(try conversation.ask("tools/call", ["name": "fail"])["result"]?["isError"] == true)
        let null: JSON = ["name": "list", "arguments": .null]
        #expect(try conversation.ask("tools/call", null)["result"]?["isError"] == false)
    }

    @Test(
        arguments: [
            [:], ["name": 1], ["name": "nothing"], ["name": "echo", "arguments": [1]],
            ["name": "echo", "arguments": "x"], ["name": "list", "_meta": ["progressToken": 1.5]],
            ["name": "list", "_meta": ["progressToken": [:]]],
        ] as [JSON])
    func `A request that is no call is refused`(parameters: JSON) throws {
        let error = try begin().ask("tools/call", parameters)["error"]
        #expect(error?["code"] == -32602)
        #expect(error?["message"]?.text?.hasSuffix(".") == true)
    }

    @Test func `Text comes back as it went`() throws {
        let conversation = try begin()
        let text = "é😀\u{0}\n\r\u{2028}\u{85}\"\\\u{7F}\u{FFFD}e\u{301}"
        let reply = try conversation.call("echo", ["text": .text(text)])
        let answered = reply["result"]?["content"]?[0]?["text"]?.text
        #expect(answered.map { Array($0.utf8) } == Array(text.utf8))
    }

    @Test func `Integers stay exact`() throws {
        let conversation = try begin()
        let numbers: JSON = [9_007_199_254_740_993, 9_214_364_837_600_034_814]
        let reply = try conversation.call("add", ["numbers": numbers])
        #expect(reply["result"]?["structuredContent"]?["sum"] == .integer(.max))
    }

    @Test func `Pages of tools follow each other`() throws {
        let conversation = try Conversation(DemonstrationCatalogue(more: 20)) { $0.page = 7 }
        try conversation.initialize("2025-06-18")
        var names: [String] = []
        var cursor: JSON?
        var pages = 0
        repeat {
            let result = try conversation.ask("tools/list", .members(["cursor": cursor]))["result"]
            let page = result?["tools"]?.items ?? []
            #expect(page.count <= 7)
            names += page.compactMap { $0["name"]?.text }
            cursor = result?["nextCursor"]
            pages += 1
        } while cursor != nil && pages < 10
        #expect(names == DemonstrationCatalogue(more: 20).tools.map(\.name))
        for cursor in ["", "0", "-1", "+7", "07", "99999999999999999999", "29", 7, [1]] as [JSON] {
            let error = try conversation.ask("tools/list", ["cursor": cursor])["error"]
            #expect(error?["code"] == -32602, "\(cursor)")
        }
        #expect(try conversation.ask("tools/list", ["cursor": .null])["result"] != nil)
    }

    // MARK: - Progress and messages

    @Test(arguments: [.integer(5), "token", .integer(.max)] as [JSON])
    func `Progress grows up to its total, and ends before the answer`(token: JSON) throws {
        let conversation = try begin { $0.progressInterval = .zero }
        _ = try conversation.call("count", ["steps": 50], meta: ["progressToken": token])
        let reports = conversation.notifications.filter { $0["method"] == "notifications/progress" }
            .compactMap { $0["params"] }
        #expect(reports.map { $0["progress"]?.integer } == (1...50).map { $0 })
        #expect(reports.allSatisfy { $0["progressToken"] == token && $0["total"] == 50 })
        #expect(try conversation.ask("ping")["result"] == [:])
    }

    @Test func `Progress is not reported to who does not ask, nor too often`() throws {
        let conversation = try begin { $0.progressInterval = .seconds(1000) }
        _ = try conversation.call("count", ["steps": 1000])
        #expect(!conversation.notifications.contains { $0["method"] == "notifications/progress" })
        _ = try conversation.call("count", ["steps": 1000], meta: ["progressToken": 1])
        let done = conversation.notifications.filter { $0["method"] == "notifications/progress" }
            .map { $0["params"]?["progress"]?.integer }
        #expect(done == [1, 1000], "the first, and the last")
    }

    @Test func `A context drops progress that does not grow, and all that follows its end`() {
        let seen = Mutex<[Int64]>([])
        let context = CallContext(interval: .zero) { progress in
            seen.withLock { $0.append(progress.done) }
        }
        for done in [1, 1, 0, 5, 4, 6] as [Int64] { context.progress(done: done) }
        context.close()
        context.progress(done: 7)
        #expect(seen.withLock { $0 } == [1, 5, 6])
    }

    @Test func `Messages begin at the level that is set`() throws {
        let conversation = try begin()
        func levels() throws -> [String?] {
            let before = conversation.notifications.count
            _ = try conversation.call("count", ["steps": 2])
            return conversation.notifications.dropFirst(before).map { $0["params"]?["level"]?.text }
        }
        #expect(try levels() == ["warning"])
        #expect(try conversation.ask("logging/setLevel", ["level": "debug"])["result"] == [:])
        #expect(try levels() == ["debug", "debug", "warning"])
        #expect(try conversation.ask("logging/setLevel", ["level": "emergency"])["result"] == [:])
        #expect(try levels() == [])
        for level in ["loud", 5, .null] as [JSON] {
            let error = try conversation.ask("logging/setLevel", ["level": level])["error"]
            #expect(error?["code"] == -32602)
        }
        // In 2026-07-28 each request sets the level itself, or gets no messages.
        _ = try conversation.call("count", ["steps": 2], meta: envelope())
        #expect(try levels() == [])
        let before = conversation.notifications.count
        let meta = envelope("2026-07-28", ["io.modelcontextprotocol/logLevel": "info"])
        _ = try conversation.call("count", ["steps": 2], meta: meta)
        #expect(conversation.notifications.count == before + 1)
    }

    @Test func `One call logs a bounded number of messages`() throws {
        let conversation = try begin()
        _ = try conversation.ask("logging/setLevel", ["level": "debug"])
        _ = try conversation.call("count", ["steps": 5000])
        #expect(conversation.notifications.count == CallContext.logLimit + 1)
    }

    // MARK: - Cancellation

    @Test(arguments: [7, "seven"] as [JSON])
    func `A cancelled call is told so, and not answered`(id: JSON) throws {
        let conversation = try begin()
        try conversation.request("tools/call", ["name": "wait"], id: id)
        conversation.waitForCalls(1)
        try conversation.notify("notifications/cancelled", ["requestId": id, "reason": "no need"])
        let catalogue = conversation.catalogue
        #expect(
            conversation.waitUntil { catalogue.ended.load(ordering: .sequentiallyConsistent) == 1 })
        #expect(catalogue.cancelled.load(ordering: .sequentiallyConsistent) == 1, "by its handler")
        // The next line is the answer to this request, and the id may be used again.
        #expect(try conversation.ask("ping")["result"] == [:])
        #expect(
            conversation.waitUntil {
                (try? conversation.request("tools/call", ["name": "list"], id: id)) != nil
                    && (try? conversation.answer(id)["result"]) != nil
            })
    }

    @Test func `Cancellations that mean nothing are ignored`() throws {
        let conversation = try begin()
        for parameters in [[:], ["requestId": 99], ["requestId": .null], ["requestId": [1]]]
            as [JSON]
        {
            try conversation.notify("notifications/cancelled", parameters)
        }
        try conversation.send(
            line: #"{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}"#)
        try conversation.send(line: #"{"jsonrpc":"2.0","method":"notifications/unknown"}"#)
        try conversation.send(line: #"{"jsonrpc":"2.0","id":5,"result":{}}"#)
        try conversation.send(line: " \t\r")
        #expect(try conversation.ask("ping")["result"] == [:])
    }

    @Test func `A call that is cancelled while it waits never begins`() throws {
        let conversation = try begin { $0.workers = 1 }
        try conversation.request("tools/call", ["name": "deaf"], id: 1)
        conversation.waitForCalls(1)
        try conversation.request("tools/call", ["name": "list"], id: 2)
        try conversation.notify("notifications/cancelled", ["requestId": 2])
        #expect(try conversation.ask("ping")["result"] == [:])
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        #expect(try conversation.answer(1)["result"] != nil)
        #expect(try conversation.ask("tools/call", ["name": "list"])["result"] != nil)
        #expect(conversation.catalogue.begun.load(ordering: .sequentiallyConsistent) == 2)
    }

    @Test func `A handler runs at once in a call that is cancelled already`() {
        let context = CallContext()
        #expect(context.cancel())
        #expect(!context.cancel())
        let ran = Atomic(0)
        context.withCancellationHandler {
            ran.wrappingAdd(1, ordering: .relaxed)
        } _: {
        }
        #expect(ran.load(ordering: .relaxed) == 1)
        let other = CallContext()
        other.withCancellationHandler {
            ran.wrappingAdd(1, ordering: .relaxed)
        } _: {
        }
        other.cancel()
        #expect(ran.load(ordering: .relaxed) == 1, "its body had ended")
    }

    // MARK: - Several at once

    @Test func `Calls run at once, and a client is heard meanwhile`() throws {
        let conversation = try begin { $0.workers = 3 }
        for id in 1...3 {
            try conversation.request("tools/call", ["name": "wait"], id: .integer(Int64(id)))
        }
        #expect(conversation.waitForCalls(3))
        #expect(try conversation.ask("ping")["result"] == [:])
        #expect(try conversation.ask("tools/list")["result"] != nil)
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        let ids = try (1...3).map { _ in try conversation.receive()["id"]?.integer }
        #expect(Set(ids) == [1, 2, 3])
    }

    @Test func `One call more than may wait is answered that the server is busy`() throws {
        let conversation = try begin {
            $0.workers = 2
            $0.waitingCalls = 3
        }
        for id in 1...5 {
            try conversation.request("tools/call", ["name": "wait"], id: .integer(Int64(id)))
        }
        let busy = try conversation.ask("tools/call", ["name": "wait"])["result"]
        #expect(busy?["isError"] == true)
        #expect(busy?["content"]?[0]?["text"]?.text?.contains("busy") == true)
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        let ids = try (1...5).map { _ in try conversation.receive()["id"]?.integer }
        #expect(Set(ids) == [1, 2, 3, 4, 5])
        #expect(try conversation.call("list")["result"]?["isError"] == false)
    }

    @Test func `What waits is bounded in bytes too`() throws {
        let conversation = try begin {
            $0.workers = 1
            $0.callBytes = 10_000
        }
        try conversation.request("tools/call", ["name": "wait"], id: 1)
        conversation.waitForCalls(1)
        let text = JSON.text(String(repeating: "x", count: 20_000))
        let busy = try conversation.call("echo", ["text": text])["result"]
        #expect(busy?["isError"] == true)
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        #expect(try conversation.answer(1)["result"] != nil)
        // Alone the call is accepted, since the message was read already.
        #expect(
            conversation.waitUntil {
                (try? conversation.call("echo", ["text": text])["result"]?["isError"]) == false
            })
    }

    @Test func `The id of a running request cannot be used again`() throws {
        let conversation = try begin()
        try conversation.request("tools/call", ["name": "wait"], id: "a")
        conversation.waitForCalls(1)
        for method in ["tools/call", "ping", "initialize", "tools/list"] {
            try conversation.request(method, ["name": "list"], id: "a")
            let reply = try conversation.receive()
            #expect(reply["error"]?["code"] == -32600, "\(method)")
        }
        conversation.catalogue.isOpen.store(true, ordering: .releasing)
        #expect(try conversation.answer("a")["result"] != nil)
    }

    @Test func `Hundreds of calls are each answered once`() throws {
        let conversation = try begin { $0.waitingCalls = 1000 }
        var ids: Set<Int64> = []
        for id in 1...400 as ClosedRange<Int64> {
            ids.insert(id)
            try conversation.request(
                "tools/call", ["name": "echo", "arguments": ["text": .text("\(id)")]],
                id: .integer(id))
        }
        for _ in 1...400 {
            let reply = try conversation.receive()
            let id = try #require(reply["id"]?.integer)
            #expect(ids.remove(id) != nil)
            #expect(reply["result"]?["content"]?[0]?["text"]?.text == "\(id)")
        }
        #expect(ids.isEmpty)
    }
}
