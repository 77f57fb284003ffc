// Random sessions: valid messages, some of which are mutated. For any input each line of the server is a
// message, sentinels in between are answered once and in order, and the server ends cleanly.

import Glibc
@testable import MCP
import Synchronization
import TestSupport
import Testing

@Suite("Random sessions", .timeLimit(.minutes(10)))
struct FuzzTests {
    /// The number of messages of a run.
    private static let count = TestEnvironment.isFull ? 200_000 : 20_000

    /// Messages as clients send them.
    private static let templates: [JSON] = {
        func request(_ method: String, _ parameters: JSON) -> JSON {
            ["jsonrpc": "2.0", "id": 1, "method": .text(method), "params": parameters]
        }
        let handshakes = Revision.allCases.map {
            request("initialize", ["protocolVersion": .text($0.rawValue), "capabilities": [:]])
        }
        return handshakes + [
            request("tools/list", [:]), request("tools/list", ["cursor": "3"]),
            request("tools/list", ["_meta": envelope()]),
            request("server/discover", ["_meta": envelope()]),
            request("logging/setLevel", ["level": "debug"]),
            request("subscriptions/listen", ["notifications": [:], "_meta": envelope()]),
            request("tools/call", ["name": "echo", "arguments": ["text": "é😀", "times": 3]]),
            request(
                "tools/call",
                ["name": "add", "arguments": ["numbers": [1, 2]], "_meta": ["progressToken": "t"]]),
            request("tools/call", ["name": "list", "_meta": envelope()]),
            request("tools/call", ["name": "show", "arguments": [:]]),
            request(
                "tools/call",
                ["name": "count", "arguments": ["steps": 4], "_meta": ["progressToken": 2]]),
            request("tools/call", ["name": "deep", "arguments": ["levels": 7]]),
            request("tools/call", ["name": "wait"]), request("tools/call", ["name": "fail"]),
            ["jsonrpc": "2.0", "method": "notifications/initialized"],
            ["jsonrpc": "2.0", "method": "notifications/cancelled", "params": ["requestId": 1]],
            ["jsonrpc": "2.0", "id": 3, "result": [:]],
            [request("ping", [:]), request("tools/call", ["name": "list"]), 5],
        ]
    }()

    @Test func `Mutated messages do no harm`() throws {
        let seed = TestEnvironment.seed()
        print("random sessions: seed \(seed), \(Self.count) messages")
        var random = SeededGenerator(seed: seed)
        let catalogue = DemonstrationCatalogue()
        // No call waits, because the run would not end.
        catalogue.isOpen.store(true, ordering: .releasing)
        let conversation = try Conversation(catalogue) {
            $0.page = 2
            $0.values = 500
            $0.messageBytes = 4000
            $0.replyBytes = 20_000
            $0.progressInterval = .zero
        }
        let outcome = Mutex((lines: 0, sentinels: [Int64](), faults: [String]()))
        let isDone = Atomic(false)
        let reader = conversation.fromServer
        let started = WorkerThread.start {
            Self.readAll(reader, outcome)
            isDone.store(true, ordering: .releasing)
        }
        #expect(started)

        var batch: [UInt8] = []
        var sentinels: [Int64] = []
        for number in 0..<Int64(Self.count) {
            batch += mutated(&random) + [0x0A]
            if number % 10 == 0 {
                sentinels.append(number)
                let ping: JSON = [
                    "jsonrpc": "2.0", "id": .text("sentinel \(number)"), "method": "ping",
                ]
                batch += try ping.encoded() + [0x0A]
            }
            if batch.count > 30_000 {
                try conversation.send(bytes: batch)
                batch = []
            }
        }
        try conversation.send(bytes: batch)
        conversation.closeInput()
        let exit = conversation.ending()
        #expect(exit == ServerExit(cause: .inputEnded, unfinishedCalls: 0), "seed \(seed)")
        conversation.closeServerOutput()
        #expect(conversation.waitUntil { isDone.load(ordering: .acquiring) }, "seed \(seed)")
        let found = outcome.withLock { $0 }
        #expect(found.faults == [], "seed \(seed)")
        #expect(found.sentinels == sentinels, "seed \(seed)")
        #expect(found.lines > sentinels.count)
        let begun = catalogue.begun.load(ordering: .sequentiallyConsistent)
        #expect(begun > Self.count / 100, "the mutations leave some calls whole")
        #expect(catalogue.ended.load(ordering: .sequentiallyConsistent) == begun)
    }

    private static func readAll(
        _ descriptor: Int32,
        _ outcome: borrowing Mutex<(lines: Int, sentinels: [Int64], faults: [String])>
    ) {
        var reader = LineReader(descriptor, limit: 1 << 20)
        while true {
            switch reader.next() {
            case .waiting:
                if case .failed = reader.fill() { return }
            case .ended, .failed:
                return
            case .line(let line):
                let message = try? JSON(parsing: line.bytes)
                let parts = message?.items ?? message.map { [$0] } ?? []
                let isSound =
                    !parts.isEmpty
                    && parts.allSatisfy { part in
                        part["jsonrpc"] == "2.0"
                            && (part["method"] != nil)
                                != (part["result"] != nil || part["error"] != nil)
                    }
                outcome.withLock { outcome in
                    outcome.lines += 1
                    if !isSound, outcome.faults.count < 5 {
                        outcome.faults.append(
                            String(decoding: line.bytes.prefix(300), as: UTF8.self))
                    }
                    for part in parts {
                        guard let id = part["id"]?.text, id.hasPrefix("sentinel "),
                            let number = Int64(id.dropFirst(9))
                        else { continue }
                        outcome.sentinels.append(number)
                    }
                }
            }
        }
    }

    // MARK: - Mutations

    private func mutated(_ random: inout SeededGenerator) -> [UInt8] {
        var message = Self.templates.randomElement(using: &random) ?? .null
        if case .object(var members) = message, members["id"] != nil {
            members["id"] = .integer(Int64.random(in: 1...50, using: &random))
            message = .object(members)
        }
        if Int.random(in: 0..<3, using: &random) == 0 { message = changed(message, &random) }
        guard var bytes = try? message.encoded() else { return [] }
        for _ in 0..<([0, 0, 0, 0, 1, 1, 2, 8].randomElement(using: &random) ?? 0) {
            mutate(&bytes, &random)
        }
        return bytes
    }

    /// Returns the message with one value replaced or removed.
    private func changed(_ value: JSON, _ random: inout SeededGenerator) -> JSON {
        if Int.random(in: 0..<4, using: &random) == 0 { return RandomJSON.value(&random) }
        switch value {
        case .list(var items) where !items.isEmpty:
            let index = items.indices.randomElement(using: &random) ?? 0
            items[index] = changed(items[index], &random)
            return .list(items)
        case .object(var members) where !members.isEmpty:
            let key = members.keys.sorted().randomElement(using: &random) ?? ""
            if Int.random(in: 0..<6, using: &random) == 0 {
                members[key] = nil
            } else {
                members[key] = changed(members[key] ?? .null, &random)
            }
            return .object(members)
        default:
            return RandomJSON.value(&random)
        }
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let place = Int.random(in: 0...bytes.count, using: &random)
        let interesting = Array("{}[]\",:\\u0 \t\r\n".utf8) + [0, 0x7F, 0x80, 0xC3, 0xED, 0xFF]
        switch Int.random(in: 0..<9, using: &random) {
        case 0: bytes.removeSubrange(place...)
        case 1: bytes.removeSubrange(..<place)
        case 2: bytes.insert(interesting.randomElement(using: &random) ?? 0, at: place)
        case 3: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 4 where place < bytes.count:
            bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 5 where place < bytes.count: bytes.remove(at: place)
        case 6:
            let other = (try? Self.templates.randomElement(using: &random)?.encoded()) ?? []
            bytes.insert(contentsOf: other, at: place)
        case 7:
            let depth = Int.random(in: 0..<600, using: &random)
            bytes.insert(contentsOf: Array(repeating: 0x5B, count: depth), at: place)
        case 8 where Int.random(in: 0..<10, using: &random) == 0:
            let length = Int.random(in: 0..<9000, using: &random)
            bytes.insert(contentsOf: Array(repeating: 0x31, count: length), at: place)
        default: bytes.insert(contentsOf: Array("\\ud800".utf8), at: place)
        }
    }
}
