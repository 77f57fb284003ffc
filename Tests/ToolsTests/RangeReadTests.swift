// Reading parts: pieces add up to the file, no piece cuts a character, and lines and characters are where
// a naive count finds them.

import Platform
import TestSupport
import Testing
import Tools

@Suite struct RangeReadTests {
    private static let encodings: [TextEncoding] = [
        .utf8, .utf16LittleEndian, .utf16BigEndian, .latin1,
    ]

    @Test("Pieces of any size put together are the whole text", arguments: encodings)
    func pieces(encoding: TextEncoding) throws {
        for seed in UInt64(0)..<5 {
            var random = SeededGenerator(seed: seed)
            let bench = try Bench()
            let whole = randomText(1_500, &random, latin: encoding == .latin1)
            try bench.write("f", encoding.encode(whole) ?? [])
            let text = try bench.text("f", encoding)
            var found = ""
            var offset: UInt64 = 0
            while offset < text.size {
                let most = UInt64.random(in: 1...700, using: &random)
                let part = try RangeReader(text, mostBytes: most)
                    .read(.bytes(offset: offset, length: .max))
                #expect(part.range.lowerBound == offset, "seed \(seed)")
                #expect(part.range.upperBound > offset, "seed \(seed)")
                #expect(part.range.upperBound - offset <= max(most, 4), "seed \(seed)")
                #expect(part.isCut == (part.range.upperBound < text.size), "seed \(seed)")
                found.unicodeScalars.append(contentsOf: part.text.unicodeScalars)
                offset = part.range.upperBound
            }
            #expect(
                found.unicodeScalars.elementsEqual(whole.unicodeScalars), "seed \(seed), \(encoding)")
        }
    }

    @Test("Lines and characters are where a naive count finds them", arguments: encodings)
    func positions(encoding: TextEncoding) throws {
        for seed in UInt64(100)..<103 {
            var random = SeededGenerator(seed: seed)
            let bench = try Bench()
            let whole = randomText(1_000, &random, latin: encoding == .latin1)
            try bench.write("f", encoding.encode(whole) ?? [])
            let reader = RangeReader(try bench.text("f", encoding), mostBytes: 1 << 20)
            // Scalars, so that CR LF counts as two.
            let scalars = Array(whole.unicodeScalars)
            var lines: [[Unicode.Scalar]] = [[]]
            for scalar in scalars {
                lines[lines.count - 1].append(scalar)
                if scalar == "\n" { lines.append([]) }
            }
            if lines.last?.isEmpty == true { lines.removeLast() }
            for _ in 0..<15 {
                let first = Int.random(in: 0..<lines.count, using: &random)
                let count = Int.random(in: 1...20, using: &random)
                let part = try reader.read(.lines(first: UInt64(first + 1), count: UInt64(count)))
                let expected = lines[first..<min(lines.count, first + count)].joined()
                #expect(part.text.unicodeScalars.elementsEqual(expected), "seed \(seed)")
                #expect(part.firstLine == UInt64(first + 1))
                let start = Int.random(in: 0...scalars.count, using: &random)
                let length = Int.random(in: 0...300, using: &random)
                let characters = try reader.read(
                    .characters(offset: UInt64(start), count: UInt64(length)))
                let wanted = scalars[start..<min(scalars.count, start + length)]
                #expect(characters.text.unicodeScalars.elementsEqual(wanted), "seed \(seed)")
            }
            let tail = try reader.read(.tail(lines: 3))
            #expect(tail.text.unicodeScalars.elementsEqual(lines.suffix(3).joined()), "seed \(seed)")
        }
    }

    @Test("A byte offset inside a character reads from the character's beginning")
    func insideCharacter() throws {
        let bench = try Bench()
        try bench.write("f", "aé😀b")
        let reader = RangeReader(try bench.text("f"), mostBytes: 100)
        #expect(try reader.read(.bytes(offset: 2, length: 100)).text == "é😀b")
        #expect(try reader.read(.bytes(offset: 5, length: 100)).text == "😀b")
        #expect(try reader.read(.bytes(offset: 3, length: 1)).text == "😀")
    }

    @Test("A read that starts behind the end is refused, and the message names what the file has")
    func behindTheEnd() throws {
        let bench = try Bench()
        try bench.write("f", "one\ntwo")
        let reader = RangeReader(try bench.text("f"), mostBytes: 100)
        for (wanted, words) in [
            (TextRange.bytes(offset: 8, length: 1), "the file has 7 bytes"),
            (.lines(first: 4, count: 1), "the file has 2 lines"),
            (.characters(offset: 8, count: 1), "the file has 7 characters"),
        ] {
            do throws(ToolError) {
                _ = try reader.read(wanted)
                Issue.record("\(wanted) was read")
            } catch {
                #expect(error.kind == .usage && error.description.contains(words), "\(error)")
            }
        }
        #expect(try reader.read(.lines(first: 3, count: 1)).text == "")
        #expect(try reader.read(.lines(first: 2, count: .max)).text == "two")
        #expect(try reader.read(.bytes(offset: 7, length: .max)).nextOffset == nil)
    }

    @Test("Lines that do not fit are cut after a line end, and a longer line inside")
    func longLines() throws {
        let bench = try Bench()
        try bench.write("f", "12345678\n12345678\n" + String(repeating: "x", count: 50))
        let reader = RangeReader(try bench.text("f"), mostBytes: 20)
        let two = try reader.read(.lines(first: 1, count: 3))
        #expect(two.text == "12345678\n12345678\n")
        #expect(two.isCut)
        let third = try reader.read(.lines(first: 3, count: 1))
        #expect(third.text == String(repeating: "x", count: 20))
        #expect(third.nextOffset == 38)
    }

    @Test("Encodings are detected")
    func detection() throws {
        let bench = try Bench()
        func detected(_ bytes: [UInt8]) throws -> TextEncoding {
            try bench.write("f", bytes)
            return try bench.text("f").encoding
        }
        #expect(try detected([]) == .utf8)
        #expect(try detected(Array("héllo".utf8)) == .utf8)
        #expect(try detected([0x68, 0xe9, 0x6c, 0x6c, 0x6f]) == .latin1)
        #expect(try detected(TextEncoding.utf16LittleEndian.encode("\u{feff}hi") ?? []) == .utf16LittleEndian)
        #expect(try detected(TextEncoding.utf16BigEndian.encode("hello there") ?? []) == .utf16BigEndian)
        #expect(try detected([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0, 0, 0, 0, 0]) == .binary)
        // The sample cuts a character of three bytes.
        #expect(try detected(Array((" " + String(repeating: "語", count: 40_000)).utf8)) == .utf8)
        // UTF-8 in the sample, but not behind it: an error, not wrong text.
        try bench.write("f", [UInt8](repeating: 0x61, count: 70_000) + [0xff])
        let reader = RangeReader(try bench.text("f"), mostBytes: 100)
        #expect(
            kind { () throws(ToolError) in
                _ = try reader.read(.bytes(offset: 69_990, length: 100))
            } == .encoding)
    }
}
