// Words of control files and of the command line: quoting, moments, JSON, texts.

import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Words {
        @Test(arguments: [
            ("plain", "plain"), ("/src/a.c", "/src/a.c"), ("", "''"), ("two words", "'two words'"),
            ("it's", "'it'\\''s'"), ("$HOME`x`", "'$HOME`x`'"), ("a\\b", "'a\\b'"),
            ("grün", "'grün'"), ("a\nb", "'a\nb'"), ("*?[#;&|<>(){}~!", "'*?[#;&|<>(){}~!'"),
        ])
        func `A word is quoted only where it needs quotes`(word: String, quoted: String) {
            #expect(ShellWords.quoted(word) == quoted)
        }

        @Test func `A shell takes a line apart into the words that it was made of`() throws {
            let words = ["a b", "'", "\"", "\\", "", "$x", "ä\u{301}", "-n", "a\tb", "''", "!x"]
            let line = ShellWords.line(words)
            let shown = try ChildProcess.check(["sh", "-c", "printf '<%s>' \(line)"])
            #expect(shown == words.map { "<\($0)>" }.joined())
        }

        @Test(arguments: [
            ("-30s", 30), ("-10m", 600), ("-2h", 7200), ("-1d", 86_400), ("-1w", 604_800),
        ] as [(String, Int64)])
        func `An age is a number and a unit`(word: String, seconds: Int64) {
            #expect(Moments.age(word) == seconds * 1_000_000_000)
            #expect(Moments.prepared(["rollback", word]) == ["rollback", "@" + word])
            #expect(Moments.word("@" + word) == word)
        }

        @Test(arguments: ["10m", "-m", "-10", "-10y", "--times", "-C", "", "-", "-1x2m", "-٣m",
            "-99999999999999999999s", "-9999999999999w"])
        func `Anything else is no age`(word: String) {
            #expect(Moments.age(word) == nil)
        }

        @Test func `Only verbs with moments take ages, and only before two dashes`() {
            #expect(Moments.prepared(["undo", "-10m"]) == ["undo", "-10m"])
            #expect(Moments.prepared(["diff", "-1h", "--", "-1h"]) == ["diff", "@-1h", "--", "-1h"])
            #expect(Moments.prepared([]) == [])
        }

        @Test func `An age becomes a time that stays`() {
            let now: Int64 = 1_769_860_800_000_000_123
            #expect(Moments.fixed("-10m", now: now) == "@2026-01-31T11:50:00.000000123Z")
            #expect(Moments.fixed("v1", now: now) == "v1")
            #expect(Moments.directory("v1") == "backups/v1")
            #expect(Moments.directory("@5") == "at/@5")
        }

        @Test func `Times are shown in seconds`() {
            #expect(BackupCommand.name(at: 951_782_400_000_000_001) == "2000-02-29T00-00-00Z")
            #expect(Text.short("2026-01-31T12:00:00.123456789Z") == "2026-01-31T12:00:00Z")
        }

        @Test func `Sizes and durations are short`() {
            #expect(Text.size(0) == "0 B")
            #expect(Text.size(1023) == "1023 B")
            #expect(Text.size(4506) == "4.4 KiB")
            #expect(Text.size(1 << 20) == "1.0 MiB")
            #expect(Text.size((1 << 20) - 1) == "1.0 MiB")
            #expect(Text.size(.max) == "16384.0 PiB")
            #expect(Text.duration(7) == "0:07")
            #expect(Text.duration(3723) == "1:02:03")
        }

        @Test func `Numbers have one digit after the point, and their sign`() {
            for (value, expected) in [
                (0, "0.0"), (1.25, "1.3"), (-0.04, "0.0"), (-0.1, "-0.1"), (-0.94, "-0.9"), (-0.96, "-1.0"),
                (-12.34, "-12.3"), (.infinity, "-"), (.nan, "-"),
            ] as [(Double, String)] {
                #expect(Text.decimal(value) == expected)
            }
        }

        @Test func `What people read does nothing to their terminal`() {
            #expect(Text.printable("a\u{1b}[2Jb\n\u{9b}ä") == "a\\x1b[2Jb\\x0a\\x9bä")
        }

        @Test func `Base64 is that of RFC 4648`() {
            for (text, expected) in [
                ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
                ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
            ] {
                #expect(Base64Text.encoded(Array(text.utf8)) == expected)
            }
            #expect(Base64Text.encoded([0xff, 0xfe, 0]) == "//4A")
        }

        @Test func `A progress line fits, and shows what is known`() {
            let job = JSONValue(parsing: #"""
                {"id":1,"verb":"verify","done":50,"total":100,"unit":"files","rate":5,"eta_seconds":10}
                """#.utf8)
            #expect(ProgressLine.render(job ?? .null, width: 70)
                == "verify [##########----------]  50.0%  5.0 files/s  0:10 left")
            #expect(ProgressLine.render(job ?? .null, width: 20) == "verify  50.0%  5.0 ")
            let unknown = JSONValue(
                parsing: #"{"verb":"verify","done":2048,"total":null,"unit":"bytes","rate":0}"#.utf8)
            #expect(ProgressLine.render(unknown ?? .null, width: 80) == "verify  2.0 KiB")
        }
    }

    @Suite struct JSON {
        @Test(arguments: [
            "null", "true", "[1, 2]", "{\"a\": {\"b\": [\"c\"]}}", "-1.5e3", "18446744073709551615",
            "\"\\\"\\\\ ü\"", "{}", "[]",
        ])
        func `What was read is written as it was`(text: String) {
            #expect(JSONValue(parsing: text.utf8)?.line == text)
        }

        @Test(arguments: [
            "", "{", "[1,]", "{\"a\"}", "{\"a\":1,}", "\"open", "nul", "1 2", "\"\\u12\"", "\"\\",
            "{a:1}", "--", "+", String(repeating: "[", count: 5000),
        ])
        func `What is no JSON is nothing`(text: String) {
            #expect(JSONValue(parsing: text.utf8) == nil)
        }

        @Test func `Escapes are taken out`() {
            let text = #""a\n\t\/\u00e4\ud83d\ude00\ud83d!""#
            #expect(JSONValue(parsing: text.utf8)?.text == "a\n\t/ä😀\u{fffd}!")
        }

        @Test func `What doctor says is JSON, whatever the store is called`() throws {
            let directory = try TemporaryDirectory("doctor")
            let store = directory("a \"store\" \\ with\ttab")
            try makeDirectory(store)
            let result = try Program.run(["doctor", "--json", "--store", store])
            let findings = try #require(JSONValue(parsing: result.output)?.items)
            #expect(findings.contains { $0["subject"]?.text == "reflink in \(store)" }, "\(result.text)")
        }

        @Test func `Numbers of 64 bits keep all their digits`() {
            let value = JSONValue(parsing: #"{"n": 18446744073709551615}"#.utf8)
            #expect(value?["n"]?.unsigned == .max)
        }
    }
}
