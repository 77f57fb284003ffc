// The shortcuts through a large file find what a search of the whole file finds: expressions only in
// lines that hold their text, lines only around the longest of them, and text in several parts at once.

import Glibc
import Platform
import Synchronization
import TestSupport
import Testing

@testable import Tools

@Suite struct RequiredTextTests {
    private static func required(_ pattern: String, isUTF8: Bool = true) -> String? {
        RequiredText(Array(pattern.utf8), isUTF8: isUTF8).map { String(decoding: $0.bytes, as: UTF8.self) }
    }

    @Test("The required text of an expression is its longest run of plain characters")
    func longestRun() {
        for (pattern, text) in [
            ("hello", "hello"), ("^(004807690) (\\w+)$", "004807690"), ("a+bcd?e", nil), ("a+bcde?", "bcd"),
            ("abc+", "abc"), ("abc+d", "abc"), ("abc{2}d", "abc"), ("abc{2,}?def", "abc"),
            ("abc*", nil), ("abcd*", "abc"), ("abc{0,3}", nil), ("abcd{0}x", "abc"),
            ("foo\\.bar\\(\\)", "foo.bar()"), ("\\t\\$x ", "\t$x "),
            ("äöü*", "äö"), ("(äöü)+", "äöü"),
            ("(abc)?", nil), ("(abc)?defg", "defg"), ("(abc|defg)xyz", "xyz"), ("(?:abc)(?<n>defg)", "defg"),
            ("(?P<n>abcd)", "abcd"), ("((abc)d)efgh(x)", "efgh"), ("((abcde)?f)ghi", "ghi"),
            ("[abc]+defg[^x]", nil), ("[abc\\]]+defg", "defg"), ("[]a]bcd", "bcd"), ("\\bword\\b", "word"),
            ("\\d\\d\\w+ = \\S+", " = "), ("func \\w+\\(", "func "), ("\\htail", "tail"),
        ] {
            #expect(Self.required(pattern) == text, "\(pattern)")
        }
    }

    @Test("An expression that is not understood, or may hold a line end, has no required text")
    func notUnderstood() {
        for pattern in [
            "abc|def", "(?i)abc", "(?x)a b c", "abc(?=def)", "(?!abc)def", "(?#abc)def", "(*UTF)abc",
            "\\Qabc\\E", "abc\\K", "\\x{41}bcd", "\\p{Lu}bcd", "(abc)\\1", "(abc)\\g{1}", "(?1)(abc)",
            "(?|abc)", "abc\\s", "abc\\n", "abc\\R", "abc\\Wx", "abc[^x]y", "abc[[:space:]]", "abc[\\s]",
            "abc\\D", "abc\\H", "abc\\X", "abc\\v", "abc\n", "abc\r", "abc[\n]", "abc[\\x00-z]", "abc{x}",
            "abc{,3}", "ab", "a.b.c", "(abc", "abc)", "[abc", "abc\\", "(?'n'abc)", "(?<=abc)def", "(?>abc)",
            "\\N{U+41}bcd", "a\\cXbc",
        ] {
            #expect(Self.required(pattern) == nil, "\(pattern)")
        }
        // In Latin-1 each byte is a character.
        #expect(Self.required("äbcd*", isUTF8: false) == "äbc")
    }

    private static func text(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...600, using: &random) {
            let part = [
                "a", "b", " ", "\n", "\r\n", "\r", "é", "語", "ab", "aab", "aabaab", "\t", "  ab\n",
                "ab \n", "?",
            ].randomElement(using: &random) ?? ""
            let bad: [UInt8] = [[0xff], [0xc3], [0x80]].randomElement(using: &random) ?? []
            bytes += part == "?" ? bad : Array(part.utf8)
        }
        return bytes
    }

    @Test("Random expressions match in parts what they match in the whole text", arguments: TestSeeds.all())
    func expressions(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        let parts = [
            "aab", "ab", "a", "b", "é", "語", " ", "(aab)", "(ab|aab)", "(?:ab)+", "a?", "b*", "(aab)?",
            "[ab]+", "[^a]", "\\w+", "\\S", "\\s", "\\b", "^", "$", ".", ".*", "\\t", "{2}", "+", "?", "|",
            "(?<n>aab)", "\\A", "\\Z", "\\z", "(?i)", "(?=a)", "\\h*",
        ]
        var known = 0
        for _ in 0..<12 {
            try bench.write("f", Self.text(&random))
            for _ in 0..<12 {
                let count = Int.random(in: 1...6, using: &random)
                let pattern = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
                for encoding in [TextEncoding.utf8, .latin1] {
                    if encoding == .latin1, pattern.contains("語") { continue }
                    guard let expression = try? RegularExpression(pattern, encoding: encoding)
                    else { continue }
                    if expression.required != nil { known += 1 }
                    let whole = try bench.text("f", encoding)
                    let part = try bench.text("f", encoding)
                    part.window = UInt64.random(in: 16...40, using: &random)
                    let found = try expression.places(in: part, atMost: 1_000)
                    #expect(
                        found == (try expression.places(in: whole, atMost: 1_000)),
                        "\(pattern), \(encoding), window \(part.window)")
                }
            }
        }
        #expect(known > 10)
    }

    @Test("Lines and bytes are found in parts as in the whole text", arguments: TestSeeds.all())
    func linesAndBytes(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        for _ in 0..<20 {
            var bytes: [UInt8] = []
            for _ in 0..<Int.random(in: 1...6, using: &random) { bytes += Self.text(&random) }
            try bench.write("f", bytes)
            let whole = try bench.text("f", .utf8)
            let part = try bench.text("f", .utf8)
            part.window = UInt64.random(in: 4...40, using: &random)
            for _ in 0..<10 where bytes.count > 40 {
                let start = Int.random(in: 0..<bytes.count - 40, using: &random)
                let needle = Array(bytes[start..<start + Int.random(in: 1...40, using: &random)])
                let most = Bool.random(using: &random) ? 10_000 : Int.random(in: 1...3, using: &random)
                let search = try #require(ByteSearch(needle))
                for overlapping in [true, false] {
                    var expected: [UInt64] = []
                    var index = 0
                    while index + needle.count <= bytes.count, expected.count < most {
                        if bytes[index...].starts(with: needle) {
                            expected.append(UInt64(index))
                            index += overlapping ? 1 : needle.count
                        } else {
                            index += 1
                        }
                    }
                    let found = try search.places(
                        in: part, 0..<part.size, atMost: most, overlapping: overlapping)
                    #expect(found == expected, "\(needle), \(overlapping), window \(part.window), \(most)")
                }
                let lines = needle.split(separator: 0x0a, omittingEmptySubsequences: false).map(Array.init)
                guard let loose = LineSearch(lines) else { continue }
                #expect(
                    try loose.places(in: part, try loose.candidates(in: part), atMost: most)
                        == loose.places(in: whole, nil, atMost: most),
                    "\(lines), window \(part.window), \(most)")
            }
        }
    }

    @Test("Holes are skipped, and text that reaches into them is found", arguments: TestSeeds.all())
    func holes(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        var content = [UInt8](repeating: 0, count: 1 << 20)
        let held = try must("open", open(bench("f"), O_RDWR | O_CREAT | O_CLOEXEC, 0o600))
        defer { close(held) }
        try must("truncate", ftruncate(held, off_t(content.count)))
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let start = Int.random(in: 0..<content.count - 5_000, using: &random)
            let bytes = Array(Self.text(&random).prefix(4_000))
            try writeAll(held, bytes, at: Int64(start))
            content.replaceSubrange(start..<start + bytes.count, with: bytes)
        }
        for encoding in [TextEncoding.utf8, .latin1, .utf16LittleEndian] {
            let text = try bench.text("f", encoding)
            text.window = 1_024
            var expected = LineIndex(size: text.size, encoding: encoding, smallestBlock: 4_096)
            try expected.extend(until: { _ in false }) { (buffer, offset) throws(ToolError) in
                try text.file.scan(over: &buffer, at: offset)
            }
            var index = LineIndex(size: text.size, encoding: encoding, smallestBlock: 4_096)
            try index.extend(
                until: { _ in false },
                run: { (offset) throws(ToolError) in try text.file.dataRun(from: offset) },
                read: { (buffer, offset) throws(ToolError) in
                    try text.file.scan(over: &buffer, at: offset)
                })
            #expect(index.blocks == expected.blocks && index.counted == expected.counted, "\(encoding)")
        }
        let text = try bench.text("f", .utf8)
        text.window = 1_024
        for needle in ["aab", "\0\0ab", "ab \n\0", "b\0\0\0", "\n", "\0a", "語"] {
            let bytes = Array(needle.utf8)
            var places: [UInt64] = []
            var index = 0
            while let place = content.place(of: bytes, from: index) {
                places.append(UInt64(place))
                index = place + 1
            }
            let found = try #require(ByteSearch(bytes))
                .places(in: text, 0..<text.size, atMost: .max, overlapping: true)
            #expect(found == places, "\(needle.debugDescription)")
        }
        let zeros = try #require(ByteSearch([UInt8](repeating: 0, count: 100)))
        #expect(try zeros.places(in: text, 0..<text.size, atMost: 3).count == 3)
    }

    @Test("A text that occurs everywhere is searched in the whole file")
    func everywhere() throws {
        let bench = try Bench()
        // More places than are handled one by one, of a line and of an expression.
        let count = 24_000
        try bench.write("f", String(repeating: "abc 1\n\n", count: count))
        let text = try bench.text("f")
        text.window = 4_096
        let expression = try RegularExpression("abc (\\d)", encoding: .utf8)
        #expect(expression.required != nil)
        #expect(try expression.places(in: text, atMost: 100_000).count == count)
        let lines = try #require(LineSearch([Array(" abc 1 ".utf8), []]))
        #expect(try lines.candidates(in: text) == nil)
        #expect(try lines.places(in: text, nil, atMost: 100_000).count == count)
        // A line that is too long to be searched alone.
        let front = String(repeating: "x", count: 200_000)
        try bench.write("f", "é " + front + "abc 1yyyyyyyyy")
        let long = try bench.text("f")
        long.window = 4_096
        #expect(try expression.places(in: long, atMost: 10) == [200_003..<200_008])
    }

    /// A file that becomes shorter after it was read to its end.
    private final class ShrinkingFile: GroundFile {
        private let bytes: [UInt8]
        private let left: Int
        private let isShorter = Atomic<Bool>(false)

        init(_ bytes: [UInt8], to left: Int) {
            self.bytes = bytes
            self.left = left
        }

        func status() throws(ToolError) -> FileStatus {
            FileStatus(
                device: 0, inode: 0, mode: FileType.regular.modeBits, links: 1, user: 0, group: 0,
                specialDevice: 0, size: UInt64(bytes.count), blocks: 0, accessTime: 0,
                modificationTime: 0, changeTime: 0, birthTime: 0)
        }

        func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8] {
            let all = isShorter.load(ordering: .relaxed) ? bytes[..<left] : bytes[...]
            let part = Array(all.dropFirst(Int(offset)).prefix(count))
            if Int(offset) + part.count >= bytes.count { isShorter.store(true, ordering: .relaxed) }
            return part
        }
    }

    @Test(
        "A file that becomes shorter while it is searched is stale",
        arguments: [0, 1, 2, 3, 5, 9, 100, 2_000])
    func shrinking(left: Int) throws {
        let lines = (0..<1_000).map { "line \($0) é\n" }.joined()
        for pattern in ["line (999) é", "line (500) é$", "(\\d)9\\1 é"] {
            let file = ShrinkingFile(Array(lines.utf8), to: left)
            let text = try TextFile(file, encoding: .utf8)
            text.window = 128
            let expression = try RegularExpression(pattern, encoding: .utf8)
            // Matches from before it became shorter may be returned.
            let failure = kind { () throws(ToolError) in _ = try expression.places(in: text, atMost: 100) }
            #expect(failure == .stale || failure == nil && expression.required == nil, "\(pattern)")
        }
        let file = ShrinkingFile(Array(lines.utf8), to: left)
        let text = try TextFile(file, encoding: .utf8)
        text.window = 128
        let search = try #require(LineSearch([Array("  line 999 é ".utf8)]))
        let failure = kind { () throws(ToolError) in
            _ = try search.places(in: text, try search.candidates(in: text), atMost: 100)
        }
        #expect(failure == .stale)
    }

    @Test("A text that overlaps itself is found in all parts, however many places it has")
    func overlapping() throws {
        let bench = try Bench()
        let many = String(repeating: "a", count: 300_001)
        try bench.write("f", many + "b" + String(repeating: "aab", count: 9))
        let text = try bench.text("f")
        text.window = 4_096
        let search = try #require(ByteSearch(Array("aa".utf8)))
        let found = try search.places(in: text, 0..<text.size, atMost: .max)
        #expect(found.count == 150_009)
        #expect(found.prefix(150_000).enumerated().allSatisfy { $0.element == UInt64($0.offset * 2) })
        #expect(try search.places(in: text, 0..<text.size, atMost: 70_000).last == 139_998)
        // One part has as many places as requested, but most of them overlap: the later parts count too.
        let longer = try #require(ByteSearch(Array("aaaaa".utf8)))
        #expect(try longer.places(in: text, 0..<text.size, atMost: 55_000).last == 274_995)
    }

    @Test("A line with many places of a text is searched once, also after a byte order mark")
    func longLine() throws {
        let bench = try Bench()
        let line = String(repeating: "function(e){", count: 20_000)
        try bench.write("f", "first \(line) end\n  function(e){ \nlast\n")
        let text = try bench.text("f")
        text.window = 4_096
        let search = try #require(LineSearch([Array("function(e){".utf8), Array(" last".utf8)]))
        #expect(try search.places(in: text, try search.candidates(in: text), atMost: 10).count == 1)
        try bench.write("f", [0xef, 0xbb, 0xbf] + Array("first 17 lines\n".utf8) + Array(line.utf8))
        let marked = try bench.text("f")
        marked.window = 4_096
        let expression = try RegularExpression("^first (\\d+)", encoding: .utf8)
        #expect(try expression.linesWithRequired(marked, from: 3)?.count == 1)
        #expect(try expression.places(in: marked, atMost: 10) == [3..<11])
    }
}
