// Expressions over files: what they find and put, whatever the window, and that none holds a call.

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

    @Test("Groups, names, dollars and lines are as in PCRE")
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
            ("a\nb\nc", "(?s)a.*c", "x", "x"),
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

    @Test("Matches across windows are found once, with what stands before them")
    func windows() throws {
        let bench = try Bench()
        var random = SeededGenerator(seed: 11)
        for round in 0..<6 {
            var text = ""
            while text.utf8.count < 300_000 {
                text += ["word ", "ä", "\n", "BEGIN", "END ", "😀", "12"]
                    .randomElement(using: &random) ?? ""
            }
            // One that is longer than a window.
            text += "BEGIN" + String(repeating: "x\n", count: 50_000) + "END tail"
            try bench.write("f", text)
            let pattern = ["BEGIN(?s:.)*?END", "(?<=ä)12", "\\bword\\b", "^12", "12$", "😀+"][round]
            let file = try bench.text("f")
            let found = try RegularExpression(pattern, encoding: .utf8)
                .matches(in: file, atMost: 1_000_000)
            try bench.write("p", pattern)
            let expected = try ChildProcess.run(
                [
                    "perl", "-CSD", "-0777", "-ne",
                    "BEGIN { open P, '<:utf8', '\(bench("p"))'; $p = <P> } "
                        + "while (/$p/mg) { my $b = substr($_, 0, $-[0]); utf8::encode($b); "
                        + "print length($b), \"\\n\" }",
                    bench("f"),
                ], seconds: 120)
            let places = found.map { "\($0.range.lowerBound)" }
            #expect(expected.succeeded, "\(expected.errorText)")
            #expect(places == expected.text.split(separator: "\n").map(String.init), "\(pattern)")
        }
    }

    @Test("Expressions that explode are refused, and the file stays")
    func explosions() throws {
        let bench = try Bench()
        // With the letters that the expressions end in: without, the library knows at once.
        let text = String(repeating: "a", count: 40_000) + "!\nb x c\n"
        try bench.write("f", text)
        for pattern in ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", "((a*)*)*b", "(?:a?){60}a{60}c"] {
            #expect(
                kind { () throws(ToolError) in _ = try edit(bench, pattern, "") } == .bounds, "\(pattern)")
        }
        #expect(kind { () throws(ToolError) in
            _ = try edit(bench, String(repeating: "(", count: 5_000), "") } == .usage)
        #expect(kind { () throws(ToolError) in
            _ = try edit(bench, String(repeating: "a", count: 9_000), "") } == .bounds)
        #expect(try bench.string("f") == text)
    }
}
