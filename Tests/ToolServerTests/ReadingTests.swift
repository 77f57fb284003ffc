// The reading tools: the form of the replies, bounds, parts that add up to the whole, and refusals.

import Glibc
import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite struct ReadingTests {
    @Test("A text file is returned as it is, from the start or from the end", arguments: Place.every)
    func text(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("f", "one\ntwo\nthree\n")
        for name in ["read_file", "read_text_file"] {
            let whole = try desk.use(name, ["path": "f"])
            #expect(whole.texts == ["one\ntwo\nthree\n"])
            #expect(whole["content"] == "one\ntwo\nthree\n" && whole["size"] == 14)
            #expect(try desk.use(name, ["path": .text(desk("f")), "head": 2]).text == "one\ntwo")
            #expect(try desk.use(name, ["path": "f", "tail": 2]).text == "two\nthree")
            #expect(try desk.use(name, ["path": "f", "tail": 9]).text == "one\ntwo\nthree")
            #expect(try desk.failure(name, ["path": "f", "head": 1, "tail": 1]).kind == "usage")
            #expect(try desk.failure(name, ["path": "none"]).kind == "missing")
            #expect(try desk.failure(name, ["path": "."]).kind == "wrong_type")
        }
        try desk.write("bytes", [0, 1, 2, 0xff, 0, 0, 0])
        #expect(try desk.failure("read_file", ["path": "bytes"]).kind == "encoding")
    }

    @Test("A long file is cut between characters, and the reply says where to go on", arguments: Place.every)
    func cut(place: Place) throws {
        let desk = try Desk(place)
        let line = "zeile mit ä, 語 und 😀\n"
        try desk.write("f", String(repeating: line, count: 2_000))
        let reply = try desk.use("read_text_file", ["path": "f"])
        #expect(reply.text.utf8.count <= 4096 && reply.text.utf8.count > 3_500)
        #expect(reply.texts.joined().utf8.count <= 4096)
        #expect(reply["cut"] == true)
        let next = try #require(reply["next_offset"]?.integer)
        #expect(reply.texts[1].contains("offset \(next)"))
        let large = try desk.use("read_text_file", ["path": "f", "max_bytes": 20_000])
        #expect(large.text.utf8.count > 19_900 && large.text.utf8.count <= 20_000)
        let head = try desk.use("read_text_file", ["path": "f", "head": 1_000])
        #expect(head["cut"] == true && head.text.hasSuffix("\n"))
        let tail = try desk.use("read_text_file", ["path": "f", "tail": 3])
        #expect(tail.text == String(repeating: line, count: 3).dropLast())
    }

    @Test(
        "Parts by bytes, characters or lines add up to the file", arguments: Place.every,
        ["bytes", "characters", "lines", "base64", "characters on", "lines on"])
    func parts(place: Place, way: String) throws {
        let desk = try Desk(place)
        var random = SeededGenerator(seed: 7)
        var text = ""
        for _ in 0..<3_000 {
            text += ["a", "b\n", "é", "語", "😀", "\r\n", "long line with words "].randomElement(
                using: &random) ?? ""
        }
        try desk.write("f", text)
        var bytes: [UInt8] = []
        var position: Int64 = 0
        var version: JSON?
        while true {
            var arguments: [String: JSON] = ["path": "f"]
            arguments["version"] = version
            switch way {
            case "bytes":
                arguments["offset"] = .integer(Int64(bytes.count))
                arguments["length"] = 501
            case "characters":
                arguments["char_offset"] = .integer(position)
                arguments["char_count"] = 333
            case "lines":
                arguments["start_line"] = .integer(position + 1)
                arguments["line_count"] = 7
            case "characters on":
                arguments["offset"] = .integer(Int64(bytes.count))
                arguments["char_count"] = 333
            case "lines on":
                arguments["offset"] = .integer(Int64(bytes.count))
                arguments["line_count"] = 7
            default:
                arguments["offset"] = .integer(Int64(bytes.count))
                arguments["length"] = 1001
                arguments["format"] = "base64"
            }
            let reply = try desk.use("read_file_range", arguments)
            version = reply["version"]
            if way == "base64" {
                bytes += try #require(Reply.bytes(base64: reply.text))
            } else {
                bytes += Array(reply.text.utf8)
            }
            position += way == "lines" ? 7 : 333
            guard let next = reply["next_offset"]?.integer else { break }
            if way.hasPrefix("characters") { #expect(reply.text.unicodeScalars.count == 333) }
            if way.hasPrefix("lines") {
                #expect(reply.text.utf8.count { $0 == 0x0a } == 7 && reply.text.utf8.last == 0x0a)
            }
            #expect(next == Int64(bytes.count))
        }
        #expect(bytes == Array(text.utf8))
        let twice = ["path": "f", "offset": 0, "char_count": 5, "line_count": 2] as [String: JSON]
        #expect(try desk.failure("read_file_range", twice).kind == "usage")
    }

    @Test("A part around a text has its lines, and a missing text is refused", arguments: Place.every)
    func around(place: Place) throws {
        let desk = try Desk(place)
        let lines = (1...1_000).map { "line \($0)" }
        try desk.write("f", lines.joined(separator: "\n") + "\n")
        let reply = try desk.use(
            "read_file_range", ["path": "f", "around": "line 500", "context_lines": 2])
        #expect(reply.text == lines[497...501].joined(separator: "\n") + "\n")
        #expect(reply["match_line"] == 500 && reply["first_line"] == 498)
        let offset = try #require(reply["match_offset"]?.integer)
        #expect(
            try desk.failure(
                "read_file_range", ["path": "f", "around": "line 500", "offset": .integer(offset + 1)])
                .kind == "no_match")
        #expect(
            try desk.failure("read_file_range", ["path": "f", "start_line": 1, "tail_lines": 1]).kind
                == "usage")
        #expect(try desk.failure("read_file_range", ["path": "f", "start_line": 2_000]).kind == "usage")
        #expect(try desk.failure("read_file_range", ["path": "f", "offset": 99_999]).kind == "usage")
        #expect(
            try desk.failure("read_file_range", ["path": "f", "format": "base64", "tail_lines": 2]).kind
                == "usage")
        #expect(try desk.failure("read_file_range", ["path": "f", "version": "old"]).kind == "stale")
    }

    @Test("Other encodings are read as text, and named", arguments: Place.every)
    func encodings(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("latin", Array("caf".utf8) + [0xe9, 0x0a])
        let wide = "grüße\n".utf16.flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
        try desk.write("wide", [0xff, 0xfe] + wide)
        let latin = try desk.use("read_file", ["path": "latin"])
        #expect(latin.text == "café\n" && latin["encoding"] == "latin-1")
        let lines = try desk.use("read_file_range", ["path": "wide", "start_line": 1])
        #expect(lines.text.hasSuffix("grüße\n"))
    }

    @Test(
        "Several files share the reply, and a failure does not affect the others", arguments: Place.every)
    func several(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("a", "first")
        try desk.write("b", "second")
        let reply = try desk.use("read_multiple_files", ["paths": ["a", "none", "b"]])
        let parts = reply.text.components("\n---\n")
        #expect(parts.count == 3)
        #expect(parts[0] == "a:\nfirst\n" && parts[2] == "b:\nsecond\n")
        #expect(parts[1].hasPrefix("none: Error - cannot read"))
        #expect(reply["read"] == 2 && reply["failed"] == 1)
        for name in 0..<60 { try desk.write("f\(name)", String(repeating: "x", count: 1_000)) }
        let many = try desk.use(
            "read_multiple_files", ["paths": .list((0..<60).map { .text("f\($0)") })])
        #expect(many.text.utf8.count <= 4_200)
    }

    @Test(
        "Images and sounds come as media; other bytes are refused with the way to read them",
        arguments: Place.every)
    func media(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("p.png", [0x89, 0x50, 0x4e, 0x47])
        let reply = try desk.use("read_media_file", ["path": "p.png"])
        #expect(reply.content == [.image(base64: "iVBORw==", mimeType: "image/png")])
        try desk.write("s.wav", [1, 2, 3])
        #expect(
            try desk.use("read_media_file", ["path": "s.wav"]).content
                == [.audio(base64: "AQID", mimeType: "audio/wav")])
        try desk.write("x.bin", [1])
        let refused = try desk.failure("read_media_file", ["path": "x.bin"])
        #expect(refused.kind == "wrong_type" && refused.sentence.contains("read_file_range"))
    }
}

extension String {
    func components(_ separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.firstRange(of: separator) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }
}
