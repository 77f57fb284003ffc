// Hostile arguments that match the schemas: each call is answered, nothing outside is touched, and the
// catalogue continues.

import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite struct HostileTests {
    private static let texts = [
        "", ".", "..", "/", "~", "~/x", "a", "d", "f", "f/g", "../secret", "/etc/passwd", "a\0b", "\n", "[",
        "{", "{{", "${", "(", "*", "**", "!", "\\", "C:\\x", "é", "\u{202e}", "-rf", "'", "\"",
        ".draft/rollback",
        ".git", "f\u{301}", "@0", "-1s", "job-1", String(repeating: "x", count: 300),
        String(repeating: "a/", count: 3_000), String(repeating: "(", count: 1_000),
        "@@ -1 +1 @@\n-a\n+b\n", "@@ -9223372036854775807,0 +9223372036854775807,1 @@\n+x\n",
    ]
    private static let numbers: [Int64] = [
        0, 1, 2, 3, 10, 1_000, 4_096, 1 << 31, 1 << 32, 1 << 53, .max - 1, .max,
    ]

    private static func value(
        _ schema: JSON, _ random: inout SeededGenerator, depth: Int = 0
    ) -> JSON {
        if let choices = schema["enum"]?.items { return choices.randomElement(using: &random) ?? .null }
        switch schema["type"]?.text ?? schema["type"]?[0]?.text {
        case "string": return .text(texts.randomElement(using: &random) ?? "")
        case "integer":
            let least = schema["minimum"]?.integer ?? .min
            let most = schema["maximum"]?.integer ?? .max
            let number = numbers.randomElement(using: &random) ?? 0
            return .integer(max(least, min(most, number)))
        case "boolean": return .boolean(Bool.random(using: &random))
        case "array":
            let least = Int(schema["minItems"]?.integer ?? 0)
            let count = max(least, Int.random(in: 0...3, using: &random))
            return .list((0..<count).map { _ in value(schema["items"] ?? [:], &random, depth: depth + 1) })
        case "object":
            return .object(members(schema, &random, depth: depth + 1))
        default: return .text("x")
        }
    }

    private static func members(
        _ schema: JSON, _ random: inout SeededGenerator, depth: Int = 0
    ) -> [String: JSON] {
        let required = Set((schema["required"]?.items ?? []).compactMap(\.text))
        var members: [String: JSON] = [:]
        for (key, inner) in (schema["properties"]?.members ?? [:]).sorted(by: { $0.key < $1.key })
        where required.contains(key) || Int.random(in: 0..<3, using: &random) == 0 {
            members[key] = value(inner, &random, depth: depth)
        }
        if schema["additionalProperties"]?["type"] != nil { members["v"] = "value" }
        return members
    }

    @Test("No arguments stop the tools or reach outside", arguments: TestSeeds.all())
    func arguments(seed: TestSeed) throws {
        var random = seed.generator
        for place in [Place.plain, .store] {
            let desk = try Desk(place) { $0.allowed = Set(ToolGroup.allCases) }
            try writeFile(desk.directory("secret"), "secret")
            for name in ["f", "a"] {
                try desk.use("write_file", ["path": .text(name), "content": "a\nb\n{{v}}\n"])
            }
            try desk.use("create_directory", ["path": "d/e"])
            for _ in 0..<60 {
                guard let tool = desk.catalogue.tools.randomElement(using: &random) else { continue }
                var arguments = Self.members(tool.inputSchema, &random)
                // Avoids waits of seconds.
                if arguments["wait_seconds"] != nil { arguments["wait_seconds"] = 0 }
                guard Schema(tool.inputSchema).problems(of: .object(arguments)).isEmpty else { continue }
                let reply = try desk.call(tool.name, arguments)
                #expect(!reply.content.isEmpty || reply.structured != nil, "\(tool.name)")
                guard reply.isError else { continue }
                #expect(!reply.text.isEmpty && !reply.text.contains("\n"), "\(reply.text)")
            }
            #expect(try readText(desk.directory("secret")) == "secret")
        }
    }

    @Test("A file whose name only looks like a part is not taken for one")
    func forgedParts() throws {
        let desk = try Desk()
        try desk.use("edit_file_append_chunk", ["path": "f", "content": "a", "chunk_index": 0])
        let part = try #require(try names(in: desk.root).first.map { String(decoding: $0, as: UTF8.self) })
        let prefix = part.split(separator: "-").dropLast(2).joined(separator: "-")
        try desk.use("delete_file", ["path": .text(part)])
        try desk.write("\(prefix)-1-18446744073709551615", "")
        let reply = try desk.failure(
            "edit_file_append_chunk", ["path": "f", "content": "b", "chunk_index": 1])
        #expect(reply.kind == "stale")
    }
}
