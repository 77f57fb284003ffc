// Edits: what is found, what is refused, and that the result equals a naive edit of a string.

import Platform
import TestSupport
import Testing
import Tools

@Suite struct TextEditTests {
    @Test("A text that occurs once is replaced")
    func replaced() throws {
        let bench = try Bench()
        try bench.write("f", "one two three")
        try bench.edit("f", .replace(old: "two", new: "2 $& \\1", everywhere: false))
        #expect(try bench.string("f") == "one 2 $& \\1 three")
    }

    @Test("A text that occurs several times is refused with the lines, or replaced everywhere")
    func ambiguous() throws {
        let bench = try Bench()
        try bench.write("f", "a\nb a\nc\na")
        do throws(ToolError) {
            try bench.edit("f", .replace(old: "a", new: "x", everywhere: false))
            Issue.record("it was accepted")
        } catch {
            #expect(error.kind == .ambiguous)
            #expect(error.description.contains("lines 1, 2, 4"))
        }
        try bench.edit("f", .replace(old: "a", new: "xy", everywhere: true))
        #expect(try bench.string("f") == "xy\nb xy\nc\nxy")
    }

    @Test("The file's line ends are kept")
    func lineEnds() throws {
        let bench = try Bench()
        try bench.write("f", "one\r\ntwo\r\nthree\r\n")
        try bench.edit("f", .replace(old: "one\ntwo", new: "1\n2", everywhere: false))
        #expect(try bench.string("f") == "1\r\n2\r\nthree\r\n")
        try bench.edit("f", .replace(old: "three", new: "3\n4", everywhere: false))
        #expect(try bench.string("f") == "1\r\n2\r\n3\r\n4\r\n")
        try bench.edit("f", .lines(first: 2, last: 2, new: "two\nand more"))
        #expect(try bench.string("f") == "1\r\ntwo\r\nand more\r\n3\r\n4\r\n")
    }

    @Test("White space at the ends of lines is ignored if nothing else fits")
    func whitespace() throws {
        let bench = try Bench()
        try bench.write("f", "func a() {\n        call(1)  \n    }\nend\n")
        let planned = try bench.edit(
            "f", .replace(old: "call(1)\n}", new: "call(2)\ncall(3)\n}", everywhere: false))
        #expect(planned.map(\.ignoredWhitespace) == [true])
        #expect(planned.map(\.line) == [2])
        let found = try bench.string("f")
        #expect(found == "func a() {\n        call(2)\n        call(3)\n    }\nend\n")
    }

    @Test("A text that does not occur is refused, and nothing changes")
    func missing() throws {
        let bench = try Bench()
        try bench.write("f", "one\ntwo\n")
        for old in ["three", "one two", "  ", "two\nthree"] {
            #expect(
                kind { () throws(ToolError) in
                    try bench.edit("f", .replace(old: old, new: "x", everywhere: false))
                } == .noMatch, "\(old)")
        }
        #expect(
            kind { () throws(ToolError) in
                try bench.edit("f", .replace(old: "", new: "x", everywhere: false))
            } == .usage)
        #expect(try bench.string("f") == "one\ntwo\n")
    }

    @Test("Lines are replaced, inserted, removed and added, with and without a last line end")
    func lines() throws {
        let bench = try Bench()
        func result(_ text: String, _ edits: TextEdit) throws -> String {
            try bench.write("f", text)
            try bench.edit("f", edits)
            return try bench.string("f")
        }
        #expect(try result("a\nb\nc\n", .lines(first: 2, last: 2, new: "x")) == "a\nx\nc\n")
        #expect(try result("a\nb\nc\n", .lines(first: 2, last: 1, new: "x")) == "a\nx\nb\nc\n")
        #expect(try result("a\nb\nc\n", .lines(first: 2, last: 3, new: "")) == "a\n")
        #expect(try result("a\nb\nc\n", .lines(first: 4, last: 3, new: "d")) == "a\nb\nc\nd\n")
        #expect(try result("a\nb\nc", .lines(first: 4, last: 3, new: "d")) == "a\nb\nc\nd")
        #expect(try result("a\nb\nc", .lines(first: 3, last: 3, new: "x")) == "a\nb\nx")
        #expect(try result("", .lines(first: 1, last: 0, new: "x")) == "x")
        #expect(
            kind { () throws(ToolError) in try bench.edit("f", .lines(first: 3, last: 3, new: "y")) }
                == .usage)
    }

    @Test("Overlapping edits are refused, and other edits of one call are made together")
    func several() throws {
        let bench = try Bench()
        try bench.write("f", "one two three four")
        #expect(
            kind { () throws(ToolError) in
                try bench.edit(
                    "f", .replace(old: "two three", new: "x", everywhere: false),
                    .replace(old: "three four", new: "y", everywhere: false))
            } == .usage)
        try bench.edit(
            "f", .replace(old: "four", new: "4", everywhere: false),
            .bytes(offset: 0, delete: 3, insert: Array("1".utf8)),
            .replace(old: "two", new: "two and a half", everywhere: false))
        #expect(try bench.string("f") == "1 two and a half three 4")
    }

    @Test("Latin-1 stays Latin-1, and a character that it does not have is refused")
    func latin() throws {
        let bench = try Bench()
        try bench.write("f", [0x61, 0xe9, 0x62])
        try bench.edit("f", .replace(old: "é", new: "üß", everywhere: false))
        #expect(try bench.bytes("f") == [0x61, 0xfc, 0xdf, 0x62])
        #expect(
            kind { () throws(ToolError) in
                try bench.edit("f", .replace(old: "a", new: "語", everywhere: false))
            } == .encoding)
    }

    @Test("A text across the parts in which a large file is searched is found")
    func acrossParts() throws {
        let bench = try Bench()
        let filler = String(repeating: "0123456789abcde\n", count: 140_000)
        for place in [1 << 20, (1 << 20) - 3, (2 << 20) - 1] {
            var bytes = Array(filler.utf8)
            bytes.replaceSubrange(place..<place + 6, with: Array("needle".utf8))
            try bench.write("f", bytes)
            let planned = try bench.edit("f", .replace(old: "needle", new: "N", everywhere: false))
            #expect(planned.first?.splice.offset == UInt64(place))
            bytes.replaceSubrange(place..<place + 6, with: Array("N".utf8))
            #expect(try bench.bytes("f") == bytes)
        }
    }

    @Test("Random edits agree with edits of a string in memory")
    func random() throws {
        let bench = try Bench()
        var edits = 0
        for seed in UInt64(0)..<60 {
            var random = SeededGenerator(seed: seed)
            var model = Array(randomText(400, &random).unicodeScalars)
            try bench.write("f", String(String.UnicodeScalarView(model)))
            for step in 0..<8 {
                let place = "seed \(seed), step \(step)"
                let start = Int.random(in: 0..<max(model.count, 1), using: &random)
                let end = min(model.count, start + Int.random(in: 1...12, using: &random))
                let old = Array(model[start..<end])
                let new = Array(randomText(Int.random(in: 0...9, using: &random), &random).unicodeScalars)
                // Bytes, so that the model does not use the code under test.
                let (bytes, needle) = (utf8(model), utf8(old))
                let places = occurrences(of: needle, in: bytes)
                guard places.count == 1, !old.isEmpty else { continue }
                // Only line ends that are not converted: the new text has none, or the old text has one
                // too.
                let uses = new.contains("\n") && !old.contains("\n")
                if uses { continue }
                try bench.edit(
                    "f", .replace(
                        old: String(String.UnicodeScalarView(old)),
                        new: String(String.UnicodeScalarView(new)), everywhere: false))
                edits += 1
                var expected = bytes
                expected.replaceSubrange(places[0]..<places[0] + needle.count, with: utf8(new))
                let found = try bench.bytes("f")
                #expect(found == expected, "\(place)")
                model.replaceSubrange(start..<end, with: new)
                if utf8(model) != found { break }
            }
        }
        #expect(edits > 50)
    }

    private func utf8(_ scalars: [Unicode.Scalar]) -> [UInt8] {
        Array(String(String.UnicodeScalarView(scalars)).utf8)
    }

    private func occurrences(of needle: [UInt8], in bytes: [UInt8]) -> [Int] {
        guard !needle.isEmpty, needle.count <= bytes.count else { return [] }
        return (0...bytes.count - needle.count).filter {
            bytes[$0..<$0 + needle.count].elementsEqual(needle)
        }
    }
}
