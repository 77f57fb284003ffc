// Expressions over files: what they find and insert, for any window, and that none blocks a call.

import Glibc
import Platform
import TestSupport
import Testing
import Tools

@Suite struct RegexTests {
    private func edit(
        _ bench: Bench, _ pattern: String, _ new: String, all: Bool = true
    ) throws(ToolError) -> Int {
        try bench.edit("f", .replace(old: pattern, new: new, everywhere: all, match: .expression)).count
    }

    @Test("Groups, names, dollars and lines behave as in PCRE")
    func replacing() throws {
        let bench = try Bench()
        for (text, pattern, new, expected) in [
            ("a1 b22 c", "([a-z])(\\d+)", "$2$1", "1a 22b c"),
            ("key: value", "(?<k>\\w+): (?<v>\\w+)", "${v}=${k}", "value=key"),
            ("cost", "cost", "$$5 $x $", "$5 $x $"),
            ("one\ntwo\n", "^", "> ", "> one\n> two\n"),
            ("one\r\ntwo\r\n", "e$", "E", "onE\r\ntwo\r\n"),
            ("one\r\ntwo", "two", "2\n3", "one\r\n2\r\n3"),
            ("äöü äöü", "(?i)Ö", "o", "äoü äoü"),
            ("aaa", "a*", "<$0>", "<aaa><>"),
            ("语言", "(.)", "$1.", "语.言."),
            ("a\nb\nc", "(?s)a.*c", "x", "x"), ("xxa", "(?=a)b*a", "y", "xxy"),
        ] {
            try bench.write("f", text)
            _ = try edit(bench, pattern, new)
            #expect(try bench.string("f") == expected, "\(pattern)")
        }
        try bench.write("f", "x x")
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "x", "y", all: false) } == .ambiguous)
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "z", "y") } == .noMatch)
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "(", "y") } == .usage)
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "", "y") } == .usage)
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "x", "$1") } == .usage)
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "x", "${n}") } == .usage)
        #expect(try bench.string("f") == "x x")
    }

    @Test("Matches across windows are found once, and lookbehind works across them")
    func windows() throws {
        let bench = try Bench()
        var random = SeededGenerator(seed: 11)
        for round in 0..<6 {
            var text = ""
            while text.utf8.count < 300_000 {
                text += ["word ", "ä", "\n", "BEGIN", "END ", "😀", "12"]
                    .randomElement(using: &random) ?? ""
            }
            // One match is longer than a window.
            text += "BEGIN" + String(repeating: "x\n", count: 50_000) + "END tail"
            try bench.write("f", text)
            let pattern = ["BEGIN(?s:.)*?END", "(?<=ä)12", "\\bword\\b", "^12", "12$", "😀+"][round]
            let file = try bench.text("f")
            let found = try RegularExpression(pattern, encoding: .utf8)
                .places(in: file, atMost: 1_000_000)
            try bench.write("p", pattern)
            let expected = try ChildProcess.run(
                [
                    "perl", "-CSD", "-0777", "-ne",
                    // The bytes of the text between two matches, so that no text is counted twice.
                    "BEGIN { open P, '<:utf8', '\(bench("p"))'; $p = <P> } "
                        + "my $text = $_; my @places; push @places, $-[0] while $text =~ /$p/mg; "
                        + "my ($at, $bytes) = (0, 0); for my $place (@places) { "
                        + "my $part = substr($text, $at, $place - $at); utf8::encode($part); "
                        + "$bytes += length($part); $at = $place; print $bytes, \"\\n\" }",
                    bench("f"),
                ], seconds: 120)
            let places = found.map { "\($0.lowerBound)" }
            #expect(expected.succeeded, "\(expected.errorText)")
            #expect(places == expected.text.split(separator: "\n").map(String.init), "\(pattern)")
        }
    }

    @Test("Expressions with excessive backtracking are refused, and the file is unchanged")
    func explosions() throws {
        let bench = try Bench()
        // With the letters that the expressions end in: without them the library fails at once.
        let text = String(repeating: "a", count: 40_000) + "!\nb x c\n"
        try bench.write("f", text)
        // The library sees that a letter is missing. If the letter is there, it has to try.
        for pattern in ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", "((a*)*)*b", "(a*)*[bc]", "(a|a)*\\?"] {
            let found = kind { () throws(ToolError) in _ = try edit(bench, pattern, "") }
            let isSeen = pattern.hasSuffix("b") || pattern.hasSuffix("x") || pattern.hasSuffix("?")
            #expect(found == .bounds || isSeen && found == .noMatch, "\(pattern)")
        }
        #expect(kind { () throws(ToolError) in
            _ = try edit(bench, String(repeating: "(", count: 5_000), "") } == .usage)
        #expect(kind { () throws(ToolError) in
            _ = try edit(bench, String(repeating: "a", count: 9_000), "") } == .bounds)
        #expect(try bench.string("f") == text)
    }

    @Test("A single search of the library can be cancelled, and ends by its steps or its time")
    func bounded() throws {
        let bench = try Bench()
        // One window, with much text before the part that backtracks.
        let easy = String(repeating: "x\n", count: 10_000)
        try bench.write("f", easy + String(repeating: "a", count: 40_000) + "!c")
        let asked = Shared(0)
        func search(_ pattern: String, patience: Int64, cancelledAt most: Int) throws -> ToolError? {
            let text = try bench.text("f", .utf8)
            asked.value = 0
            text.isCancelled = { [asked] in
                asked.value += 1
                return asked.value >= most
            }
            do throws(ToolError) {
                let expression = try RegularExpression(pattern, encoding: .utf8)
                expression.patience = patience
                _ = try expression.places(in: text, atMost: 1)
                return nil
            } catch {
                return error
            }
        }
        let steps = try search("(a+)+$", patience: .max / 2, cancelledAt: .max)
        #expect(steps?.kind == .bounds && steps?.description.contains("too many steps") == true)
        // The library called back while it searched: this text is one window.
        #expect(asked.value > 100)
        #expect(try search("(a+)+$", patience: .max / 2, cancelledAt: 50)?.kind == .cancelled)
        // Few steps, each over much of the window.
        let late = try search("(?:a*b|a)+c", patience: 20_000_000, cancelledAt: .max)
        #expect(late?.kind == .bounds && late?.description.contains("takes longer") == true)
    }

    private static let patterns = [
        "a*", "$", "^", "^.", ".$", "\\b", "a+b", "(a|b)+", "\\R", "\\r", "\\n", "(?<=a)b", "(?<!b)a",
        "é", "\\w+", "[^a]+", "a.*b", "(?s)a.{0,40}?b", "(?i)É", "(a)(b)?", "\\s+$", "^\\s*", "x?", "b|$",
        "a(?=b)", "^$", "語|😀", "\\Aa", "\\Z", "\\z", "a\\Kb", "(?<x>a)\\k<x>", "[\\x{80}-\\x{ffff}]",
        "(?:ab|a)*", ".+", "\\S+\\s", "(?<=\\n)a", "(?<=b\\r\\n)", "\\Ba", "a{2,3}", "(?s)b.$", "^a|a$",
        "X", "(?!^)a", "\\p{L}+", "(?>a+)b", "(a(?1)?b)", "[[:space:]]",
    ]

    /// Returns bytes of text, and occasionally some that are not text.
    private static func bytes(_ random: inout SeededGenerator) -> [UInt8] {
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 0...200, using: &random) {
            let part = ["a", "b", " ", "\n", "\r\n", "\r", "é", "É", "語", "😀", "ab", "aab", "\t", "?"]
                .randomElement(using: &random) ?? ""
            if part == "?" {
                bytes += [[0xff], [0xc3], [0x80, 0x80], [0xf0, 0x9f], [0xed, 0xa0, 0x80]]
                    .randomElement(using: &random) ?? []
            } else {
                bytes += Array(part.utf8)
            }
        }
        return bytes
    }

    @Test("Small windows find what a search of all the text in memory finds", arguments: TestSeeds.all())
    func smallWindows(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        for round in 0..<6 {
            try bench.write("f", Self.bytes(&random))
            for pattern in Self.patterns {
                let encoding = round % 3 == 2 ? TextEncoding.latin1 : .utf8
                if encoding == .latin1, pattern.contains("語") || pattern.contains("ffff") { continue }
                let whole = try bench.text("f", encoding)
                let expected = try RegularExpression(pattern, encoding: encoding)
                    .places(in: whole, atMost: 10_000)
                let part = try bench.text("f", encoding)
                part.window = UInt64.random(in: 16...40, using: &random)
                let found = try RegularExpression(pattern, encoding: encoding)
                    .places(in: part, atMost: 10_000)
                #expect(found == expected, "\(pattern), window \(part.window), round \(round)")
            }
        }
    }

    @Test(
        "Any number of bytes that are not UTF-8 match nothing and are kept",
        .disabled(if: Sanitizer.isOn, "takes more processor time with a sanitizer than a search may"))
    func invalid() throws {
        let bench = try Bench()
        let head = Array((String(repeating: "text\n", count: 20_000)).utf8)
        let bad = [UInt8](repeating: 0x80, count: 3 << 20)
        try bench.write("f", head + bad + Array("one text".utf8) + [0xff, 0xc3])
        #expect(try edit(bench, "one text|\\x{80}", "two") == 1)
        #expect(try bench.bytes("f") == head + bad + Array("two".utf8) + [0xff, 0xc3])
    }

    @Test("A line begins after a byte order mark, and none begins between CR and LF")
    func lineStarts() throws {
        let bench = try Bench()
        try bench.write("f", "\u{feff}one\r\ntwo\r\n")
        #expect(try edit(bench, "$", ";") == 3)
        #expect(try bench.string("f") == "\u{feff}one;\r\ntwo;\r\n;")
        #expect(try edit(bench, "^", "> ") == 3)
        #expect(try bench.string("f") == "\u{feff}> one;\r\n> two;\r\n> ;")
    }

    @Test("A match that is too long, or that would insert too much, is refused")
    func tooLong() throws {
        let bench = try Bench()
        let text = "BEGIN" + String(repeating: "0123456789abcde\n", count: 200_000)
        try bench.write("f", text)
        let none = kind { () throws(ToolError) in _ = try edit(bench, "(?s)BEGIN.*?END", "") }
        #expect(none == .bounds)
        let long = kind { () throws(ToolError) in _ = try edit(bench, "(?s)BEGIN.*", "") }
        #expect(long == .bounds)
        let much = String(repeating: "$0", count: 1_000)
        try bench.write("f", String(repeating: "0123456789abcde\n", count: 9_000))
        let bomb = kind { () throws(ToolError) in _ = try edit(bench, ".+", much) }
        #expect(bomb == .bounds)
        #expect(kind { () throws(ToolError) in _ = try edit(bench, "\\Gx", "") } == .usage)
        let quoted = kind { () throws(ToolError) in _ = try edit(bench, "\\Q\\Gx\\E|nothing", "") }
        #expect(quoted == .noMatch)
        #expect(try bench.bytes("f").count == 144_000)
    }

    @Test("An expression that is slow at each place ends after its time, or when it is cancelled")
    func slow() throws {
        let bench = try Bench()
        let line = String(repeating: "a", count: 60) + "\n"
        try bench.write("f", String(repeating: line, count: 60_000))
        func search(patience: Int64, cancelledAt most: Int) throws -> ToolError.Kind? {
            let text = try bench.text("f")
            let asked = Shared(0)
            text.isCancelled = { [asked] in
                asked.value += 1
                return asked.value >= most
            }
            return kind { () throws(ToolError) in
                let expression = try RegularExpression(".*.*.*.*x", encoding: .utf8)
                expression.patience = patience
                _ = try expression.places(in: text, atMost: 1)
            }
        }
        #expect(try search(patience: .max / 2, cancelledAt: 20) == .cancelled)
        #expect(try search(patience: 20_000_000, cancelledAt: .max) == .bounds)
    }

    @Test("Random expressions end with matches or with an error", arguments: TestSeeds.all())
    func fuzz(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        let parts = [
            "a", "b", "é", "(", ")", "[", "]", "*", "+", "?", "{2,}", "{3}", "|", "^", "$", ".", "\\",
            "\\b", "\\1", "(?:", "(?=", "(?<n>", "\\k<n>", "\\Q", "\\E", "(?i)", "(*ACCEPT)", "(?R)", "\\K",
            "\\X", "(*UTF)", "(*CRLF)", "\u{0}", "-", "^a", "\\p{Lu}",
        ]
        try bench.write("f", Self.bytes(&random) + [UInt8](repeating: 0x61, count: 3_000))
        for _ in 0..<60 {
            let count = Int.random(in: 1...12, using: &random)
            let pattern = (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            let text = try bench.text("f", .utf8)
            text.window = 64
            let found = kind { () throws(ToolError) in
                _ = try RegularExpression(pattern, encoding: .utf8).places(in: text, atMost: 100)
            }
            #expect(found == nil || found == .usage || found == .bounds, "\(pattern)")
        }
    }
}
