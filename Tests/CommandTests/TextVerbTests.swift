// read, and edit of text and lines, in a plain directory: no mount is needed for these.

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
        ])
        func `Wrong usage exits with 2`(arguments: [String]) throws {
            let directory = try Self.bench("one\n")
            let result = try Program.run(arguments, directory: directory.path)
            #expect(result.status == 2, "\(result.errorText)")
        }
    }
}
