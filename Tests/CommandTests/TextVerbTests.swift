// read, and edit of text and lines, in a plain directory: they need no mount.

import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct TextVerbs {
        private static func bench(_ text: String) throws -> TemporaryDirectory {
            let directory = try TemporaryDirectory("command")
            try writeFile(directory("f"), text)
            return directory
        }

        @Test(arguments: [
            (["f"], "one\ntwo\nthrée\n"), (["f", "--lines", "2:1"], "two\n"),
            (["f", "--lines", "2"], "two\nthrée\n"), (["f", "--tail", "1"], "thrée\n"),
            (["f", "--bytes", "4:3"], "two"), (["f", "--characters", "11:2"], "ée"),
            (["f", "--lines", "5:1"], ""),
        ])
        func `A part is printed`(arguments: [String], expected: String) throws {
            let directory = try Self.bench("one\ntwo\nthrée\n")
            let result = try Program.run(["read"] + arguments, directory: directory.path)
            #expect(result.status == (arguments.contains("5:1") ? 1 : 0), "\(result.errorText)")
            #expect(result.text == expected)
        }

        @Test func `A part that is cut says where to read on, and the parts are the whole`() throws {
            let whole = String(repeating: "0123456789é\n", count: 300)
            let directory = try Self.bench(whole)
            var found = ""
            var offset: UInt64? = 0
            while let next = offset {
                let result = try Program.run(
                    ["read", "f", "--bytes", "\(next)", "--max", "1000", "--json"],
                    directory: directory.path)
                let json = try #require(JSONValue(parsing: result.text.utf8))
                found += json["text"]?.text ?? ""
                offset = json["next_offset"]?.unsigned
                #expect(json["cut"]?.boolean == (offset != nil))
            }
            #expect(found == whole)
        }

        @Test func `Text and lines are edited, and what comes of it is said`() throws {
            let directory = try Self.bench("one\r\ntwo\r\n")
            let first = try Program.run(
                ["edit", "f", "--old", "two", "--new", "2\n3", "--json"], directory: directory.path)
            #expect(first.status == 0, "\(first.errorText)")
            let json = try #require(JSONValue(parsing: first.text.utf8))
            #expect(json["lines"]?.items.map(\.plain) == ["2"])
            #expect(try readText(directory("f")) == "one\r\n2\r\n3\r\n")
            let second = try Program.run(
                ["edit", "f", "--lines", "1:0", "--new", "zero"], directory: directory.path)
            #expect(second.status == 0, "\(second.errorText)")
            #expect(try readText(directory("f")) == "zero\r\none\r\n2\r\n3\r\n")
        }

        @Test func `An expression is replaced, and a literal dollar is one`() throws {
            let directory = try Self.bench("a1\nb22\n")
            let result = try Program.run(
                ["edit", "f", "--regex", "([a-z])(\\d+)", "--new", "$2$1 $$", "--all", "--json"],
                directory: directory.path)
            #expect(result.status == 0, "\(result.errorText)")
            #expect(try readText(directory("f")) == "1a $\n22b $\n")
            #expect(JSONValue(parsing: result.text.utf8)?["match"]?.text == "regex")
            let literal = try Program.run(
                ["edit", "f", "--old", "22b", "--new", "$1$$", "--match", "exact"],
                directory: directory.path)
            #expect(literal.status == 0, "\(literal.errorText)")
            #expect(try readText(directory("f")) == "1a $\n$1$$ $\n")
        }

        @Test func `A patch of several files is applied, from a file and from input, or not at all`() throws {
            let directory = try Self.bench("one\n")
            let patch = "--- a/f\n+++ b/f\n@@ -1 +1 @@\n-one\n+1\n"
                + "--- /dev/null\n+++ b/d/new\n@@ -0,0 +1 @@\n+x\n"
            try writeFile(directory("p"), patch)
            let result = try Program.run(["edit", "--patch", "p", "--json"], directory: directory.path)
            #expect(result.status == 0, "\(result.errorText)")
            let json = try #require(JSONValue(parsing: result.text.utf8))
            #expect(json["files"]?.items.map { $0["change"]?.text } == ["edit", "make"])
            #expect(try readText(directory("f")) == "1\n" && readText(directory("d/new")) == "x\n")
            let again = try Program.run(["edit", "--patch", "p"], directory: directory.path)
            #expect(again.status == 1 && again.errorText.contains("2 files cannot be patched"))
            let checked = try Program.run(
                ["edit", "f", "--old", "1", "--new", "2", "--check", "true"], directory: directory.path)
            #expect(checked.status == 1 && checked.errorText.contains("not in a draftfs workspace"))
            #expect(try readText(directory("f")) == "1\n")
        }

        @Test(arguments: [
            (["--old", "one", "--new", "x"], "lines 1, 2"),
            (["--old", "none", "--new", "x"], "not in the file"),
            (["--lines", "7:8", "--new", "x"], "the file has 2 lines"),
        ])
        func `What cannot be edited is said in one sentence`(
            arguments: [String], words: String
        ) throws {
            let directory = try Self.bench("one\none\n")
            let result = try Program.run(["edit", "f"] + arguments, directory: directory.path)
            #expect(result.status == 1)
            #expect(result.errorText.contains(words), "\(result.errorText)")
            #expect(try readText(directory("f")) == "one\none\n")
        }

        @Test(arguments: [
            ["read", "f", "--lines", "x"], ["read", "f", "--lines", "1", "--tail", "2"],
            ["read", "f", "--max", "0"], ["read", "f", "--encoding", "ebcdic"],
            ["edit", "f", "--old", "a"], ["edit", "f", "--new", "a"],
            ["edit", "f", "--old", "a", "--new", "b", "--at", "1"],
            ["edit", "f", "--lines", "0:1", "--new", "b"],
            ["edit", "f", "--lines", "1:1", "--new", "b", "--all"],
            ["edit", "f", "--regex", "a", "--old", "b", "--new", "c"], ["edit", "f", "--regex", "a"],
            ["edit", "f", "--old", "a", "--new", "b", "--match", "regex"],
            ["edit", "f", "--regex", "a", "--new", "b", "--match", "exact"],
            ["edit", "f", "--patch", "p", "--old", "a", "--new", "b"],
            ["edit", "f", "--at", "1", "--insert", "x", "--check", "true"],
            ["edit", "f", "--old", "a", "--new", "b", "--check", "true", "--check-seconds", "0"],
        ])
        func `Wrong usage exits with 2`(arguments: [String]) throws {
            let directory = try Self.bench("one\n")
            let result = try Program.run(arguments, directory: directory.path)
            #expect(result.status == 2, "\(result.errorText)")
        }
    }
}
