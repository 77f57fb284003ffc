// JSON values: their encoding and decoding, refused input, and the outline of a message.

@testable import MCP
import TestSupport
import Testing

@Suite("JSON")
struct JSONTests {
    private func parse(_ text: String) throws -> JSON { try JSON(parsing: Array(text.utf8)) }

    @Test(
        arguments: [
            ("null", .null), ("true", true), ("-0", 0), ("9223372036854775807", .integer(.max)),
            ("-9223372036854775808", .integer(.min)),
            ("9007199254740993", .integer(9_007_199_254_740_993)),
            ("3.0", 3), ("1e3", 1000), ("0.5", 0.5), ("18446744073709551615", .number(0x1p64)),
            ("\"a\\u0000\\n\\ud83d\\ude00\"", "a\0\n😀"), ("[1,[],{}]", [1, [], [:]]),
            (" {\"b\":1,\"a\":{\"c\":[null]}} ", ["b": 1, "a": ["c": [.null]]]),
        ] as [(String, JSON)])
    func `Text is read as what it says`(text: String, value: JSON) throws {
        #expect(try parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "nan", "01", "1 2", "[1", "{\"a\"}", "\"\\ud800\"", "\"\u{1}\"", "1e400", "tru",
        "'a'",
        "{}{}", "\"a\0b\"", "{\0\"\0a\0\"\0:\01\0}\0",
    ])
    func `What is no JSON is refused`(text: String) {
        #expect(throws: JSONError.malformed) { try parse(text) }
    }

    @Test func `Invalid UTF-8 is refused`() {
        #expect(throws: JSONError.invalidUTF8) { try JSON(parsing: [0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.invalidUTF8) {
            try JSON(parsing: [0x22, 0xED, 0xA0, 0x80, 0x22])
        }
    }

    @Test func `Depth and number of values are bounded before anything is decoded`() throws {
        func nested(_ levels: Int) -> [UInt8] {
            Array(repeating: 0x5B, count: levels) + Array(repeating: 0x5D, count: levels)
        }
        #expect(try JSON(parsing: nested(256)).depth(upTo: 1000) == 256)
        #expect(throws: JSONError.tooDeep(limit: 256)) { try JSON(parsing: nested(257)) }
        #expect(throws: JSONError.tooDeep(limit: 256)) { try JSON(parsing: nested(1_000_000)) }
        #expect(throws: JSONError.tooManyValues(limit: 5)) {
            try JSON(parsing: Array("[1,2,3,4,5]".utf8), valueLimit: 5)
        }
    }

    @Test func `Keys are sorted, and what is not finite is null`() throws {
        let value: JSON = ["b": 1.5, "a": "x/\n\"", "c": [.number(.infinity), .number(.nan)]]
        #expect(value.line == #"{"a":"x/\n\"","b":1.5,"c":[null,null]}"#)
    }

    @Test func `A value nested too deep cannot be written`() {
        var value: JSON = 1
        for _ in 0..<300 { value = ["a": value] }
        #expect(value.line == nil)
        #expect(value.depth(upTo: 1000) == 300)
        #expect(value.depth(upTo: 10) == 10)
    }

    @Test func `Accessors answer what is there`() {
        let value: JSON = ["a": [1, 2.0, "t", true], "b": .null]
        #expect(value["a"]?[0]?.integer == 1)
        #expect(value["a"]?[1]?.integer == 2)
        #expect(value["a"]?[2]?.text == "t")
        #expect(value["a"]?[3]?.boolean == true)
        #expect(value["a"]?[4] == nil)
        #expect(value["a"]?["x"] == nil)
        #expect(value["b"]?.isNull == true)
        #expect(value["c"] == nil)
        #expect(JSON.number(1.5).integer == nil)
        #expect(JSON.integer(3).isSame(as: 3.0))
        #expect(JSON.integer(.max).isSame(as: .number(0x1p63)) == false)
        #expect((["a": [1, 2]] as JSON).isSame(as: ["a": [1.0, 2.0]]))
    }

    // MARK: - Outlines

    private func outline(_ text: String, pieces: Int = 1000) -> MessageOutline {
        var outline = MessageOutline()
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            outline.scan(rest.prefix(pieces))
            rest = rest.dropFirst(pieces)
        }
        return outline
    }

    @Test(
        arguments: [
            (#"{"id":5,"method":"x"}"#, "5"), (#"{"method":"x","id" : "a\"b" }"#, #""a\"b""#),
            (#"{"params":{"id":7},"id":8}"#, "8"), (#"{"id":1,"id":2}"#, "1"),
            (#"{"a":"id","b":["id"],"id":-3,"x":"}"#, "-3"), (#" {"a":{"id":{}},"id":9"#, nil),
            (#"[{"id":5}]"#, nil), (#"{"id":{"id":4}}"#, nil), (#"{"id":[1]}"#, nil),
            (#"{"params":{"id":4}}"#, nil),
            (#""id""#, nil), (#"{"idx":4,"xid":5}"#, nil), ("", nil),
        ] as [(String, String?)])
    func `An outline knows the id of a message`(text: String, id: String?) {
        for pieces in [1, 2, 3, 1000] {
            let found = outline(text, pieces: pieces).writtenIdentifier
            #expect(found == id.map { Array($0.utf8) })
        }
    }

    @Test func `An outline agrees with the decoder on random values`() throws {
        let seed = TestEnvironment.seed()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2000 {
            let id = RandomJSON.identifier(&random)
            let message: JSON = [
                "id": id, "a": RandomJSON.value(&random), "params": RandomJSON.value(&random),
            ]
            let bytes = try message.encoded()
            let outline = outline(
                String(decoding: bytes, as: UTF8.self),
                pieces: Int.random(in: 1...40, using: &random))
            #expect(outline.deepest == message.depth(upTo: 1000), "seed \(seed)")
            #expect(outline.values >= RandomJSON.count(message), "seed \(seed)")
            let written = try #require(outline.writtenIdentifier, "seed \(seed)")
            #expect(try JSON(parsing: written) == id, "seed \(seed)")
            #expect(try JSON(parsing: bytes).isSame(as: message), "seed \(seed)")
        }
    }
}

/// Small random values for tests.
enum RandomJSON {
    static let texts = [
        "", "id", "a\"b\\", "{", "}", "[", "]", ",", ":", "é", "😀", "\n", "\u{2028}", "\u{7F}",
        "name",
    ]

    static func identifier(_ random: inout SeededGenerator) -> JSON {
        Bool.random(using: &random)
            ? .integer(Int64.random(in: .min ... .max, using: &random))
            : .text(texts.randomElement(using: &random) ?? "")
    }

    static func value(_ random: inout SeededGenerator, depth: Int = 4) -> JSON {
        switch Int.random(in: 0...(depth > 0 ? 8 : 5), using: &random) {
        case 0: return .null
        case 1: return .boolean(Bool.random(using: &random))
        case 2: return .integer(Int64.random(in: -5...5, using: &random))
        case 3: return .integer(Int64.random(in: .min ... .max, using: &random))
        case 4: return .number(Double.random(in: -1...1, using: &random))
        case 5: return .text(texts.randomElement(using: &random) ?? "")
        case 6:
            return .list(
                (0..<Int.random(in: 0...4, using: &random)).map { _ in
                    value(&random, depth: depth - 1)
                })
        default:
            var members: [String: JSON] = [:]
            for _ in 0..<Int.random(in: 0...4, using: &random) {
                members[texts.randomElement(using: &random) ?? ""] = value(
                    &random, depth: depth - 1)
            }
            return .object(members)
        }
    }

    static func count(_ value: JSON) -> Int {
        let inner = value.items ?? value.members.map { Array($0.values) } ?? []
        return inner.reduce(1) { $0 + count($1) }
    }
}
