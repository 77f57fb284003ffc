// The tools that change files: what they change, what they keep, what they refuse. A refused call leaves
// everything as it was.

import Glibc
import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite struct WritingTests {
    @Test("A file is made, and a rewrite keeps its mode and its other names", arguments: Place.every)
    func write(place: Place) throws {
        let desk = try Desk(place)
        let made = try desk.use("write_file", ["path": "f", "content": "one\n"])
        #expect(made.text == "Successfully wrote to f" && made["created"] == true)
        try desk.setMode("f", 0o751)
        try desk.link("f", as: "g")
        let again = try desk.use("write_file", ["path": "f", "content": "two, longer\n"])
        #expect(again["created"] == false)
        #expect(try desk.string("f") == "two, longer\n" && desk.string("g") == "two, longer\n")
        #expect(try desk.mode("f") == 0o751)
        _ = try desk.use("write_file", ["path": "f", "content": ""])
        #expect(try desk.string("g") == "")
        #expect(try desk.failure("write_file", ["path": "none/f", "content": "x"]).kind == "missing")
        #expect(try desk.failure("write_file", ["path": ".", "content": "x"]).kind == "wrong_type")
        let stale = try desk.failure("write_file", ["path": "f", "content": "x", "version": "old"])
        #expect(stale.kind == "stale")
        let version = try desk.use("get_file_info", ["path": "f"])["version"] ?? .null
        try desk.use("write_file", ["path": "f", "content": "3", "version": version])
        #expect(try desk.string("f") == "3")
    }

    @Test("Each kind of edit works, keeps line ends and mode, and returns a diff", arguments: Place.every)
    func edit(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("f", "one\r\ntwo\r\nthree\r\nfour")
        try desk.setMode("f", 0o755)
        let reply = try desk.use(
            "edit_file",
            [
                "path": "f",
                "edits": [
                    ["oldText": "two", "newText": "2 $& $1 $$"],
                    ["start_line": 1, "end_line": 0, "newText": "zero"],
                    ["offset": 10, "length": 5, "newText": "III"],
                    ["append": true, "newText": "!"],
                ],
            ])
        #expect(try desk.string("f") == "zero\r\none\r\n2 $& $1 $$\r\nIII\r\nfour!")
        #expect(try desk.mode("f") == 0o755)
        #expect(reply["edits"] == 4 && reply["lines"] == [1, 2, 3, 4])
        #expect(reply["size"] == .integer(Int64(try desk.string("f").utf8.count)))
        #expect(reply.text.hasPrefix("```diff\n--- f\n+++ f\n@@ -1,4 +1,5 @@\n"))
        #expect(reply.text.hasSuffix("```"))
        #expect(reply.text.contains("\n-two\n") && reply.text.contains("\n+2 $& $1 $$\n"))
    }

    @Test("A dry run shows the diff and changes nothing", arguments: Place.every)
    func dry(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("f", "one\n")
        let reply = try desk.use(
            "edit_file",
            ["path": "f", "edits": [["oldText": "one", "newText": "two"]], "dryRun": true])
        #expect(reply.text.contains("-one\n+two\n") && reply["dry_run"] == true)
        #expect(try desk.string("f") == "one\n")
    }

    @Test("An impossible edit is refused in one sentence, and nothing changes", arguments: Place.every)
    func refused(place: Place) throws {
        let desk = try Desk(place)
        let text = "same\nsame\nother\n"
        try desk.write("f", text)
        func refuse(_ edits: JSON..., version: JSON? = nil) throws -> (kind: String, sentence: String) {
            var arguments: [String: JSON] = ["path": "f", "edits": .list(edits)]
            arguments["version"] = version
            return try desk.failure("edit_file", arguments)
        }
        let twice = try refuse(["oldText": "same", "newText": "x"])
        #expect(twice.kind == "ambiguous" && twice.sentence.contains("lines 1, 2"))
        #expect(try refuse(["oldText": "none", "newText": "x"]).kind == "no_match")
        #expect(try refuse(["oldText": "", "newText": "x"]).kind == "usage")
        #expect(try refuse(["newText": "x"]).kind == "usage")
        #expect(try refuse(["oldText": "other", "offset": 1, "newText": "x"]).kind == "usage")
        #expect(try refuse(["oldText": "other", "length": 1, "newText": "x"]).kind == "usage")
        #expect(try refuse(["offset": 99, "newText": "x"]).kind == "usage")
        #expect(try refuse(["start_line": 5, "newText": "x"]).kind == "usage")
        #expect(try refuse(["append": true, "base64": true, "newText": "?"]).kind == "encoding")
        #expect(try refuse(["oldText": " other", "newText": "x", "match": "exact"]).kind == "no_match")
        // An edit that is possible does not help one that is not.
        let second = try refuse(["oldText": "other", "newText": "x"], ["oldText": "no", "newText": ""])
        #expect(second.kind == "no_match" && second.sentence.hasPrefix("edit 2: "))
        let overlap = try refuse(["oldText": "other", "newText": "x"], ["start_line": 3, "newText": ""])
        #expect(overlap.kind == "usage")
        #expect(try refuse(["oldText": "other", "newText": "x"], version: "old").kind == "stale")
        #expect(try desk.string("f") == text)
        let edits: JSON = [["oldText": "a", "newText": ""]]
        #expect(try desk.failure("edit_file", ["path": "none", "edits": edits]).kind == "missing")
    }

    @Test("An edit with the version of the last reply succeeds", arguments: Place.every)
    func versions(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("f", "1\n2\n3\n")
        var version = try desk.use("read_file_range", ["path": "f"])["version"] ?? .null
        for line in 1...3 {
            let reply = try desk.use(
                "edit_file",
                [
                    "path": "f", "version": version,
                    "edits": [["start_line": .integer(Int64(line)), "newText": .text("line \(line)")]],
                ])
            version = reply["version"] ?? .null
        }
        #expect(try desk.string("f") == "line 1\nline 2\nline 3\n")
        #expect(try desk.use("get_file_info", ["path": "f"])["version"] == version)
    }

    @Test("A text in many places is replaced in all of them on request", arguments: Place.every)
    func everywhere(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("f", String(repeating: "old and new\n", count: 1_000))
        let reply = try desk.use(
            "edit_file",
            ["path": "f", "edits": [["oldText": "old", "newText": "OLD", "all": true]]])
        #expect(reply["edits"] == 1_000)
        #expect(reply.texts.joined().utf8.count <= 4096)
        #expect(try desk.string("f") == String(repeating: "OLD and new\n", count: 1_000))
    }

    @Test("A long file is written in parts and appears with the last one", arguments: Place.every)
    func chunks(place: Place) throws {
        let desk = try Desk(place)
        func part(_ index: Int64, _ text: String, _ more: [String: JSON] = [:]) -> [String: JSON] {
            more.merging(["path": "f", "content": .text(text), "chunk_index": .integer(index)]) { $1 }
        }
        let tool = "edit_file_append_chunk"
        let first = try desk.use(tool, part(0, "eins "))
        #expect(first["next_chunk_index"] == 1 && first["size"] == 5)
        #expect(!desk.exists("f"))
        try desk.use(tool, part(1, "zwei ", ["expect_size": 5]))
        // A call that is repeated because its answer was lost is told the next index.
        let again = try desk.failure(tool, part(1, "zwei "))
        #expect(again.kind == "stale" && again.sentence.contains("chunk_index 2"))
        #expect(try desk.failure(tool, part(2, "drei", ["expect_size": 5])).kind == "stale")
        let last = try desk.use(tool, part(2, "drei", ["final": true]))
        #expect(last["complete"] == true && last["size"] == 14)
        #expect(try desk.string("f") == "eins zwei drei")
        #expect(try desk.names().count == 1)
        // An existing file stays unless it may be replaced; then its mode stays.
        #expect(try desk.failure(tool, part(0, "x")).kind == "exists")
        try desk.setMode("f", 0o700)
        try desk.use(tool, part(0, "other", ["overwrite": true]))
        try desk.use(tool, part(0, "new", ["overwrite": true, "final": true]))
        #expect(try desk.string("f") == "new")
        #expect(try desk.mode("f") == 0o700)
        #expect(try desk.names().count == 1)
        #expect(try desk.failure(tool, part(3, "x", ["overwrite": true])).kind == "stale")
    }

    @Test("Writing in parts continues after a restart of the server", arguments: Place.every)
    func chunksAcrossServers(place: Place) throws {
        let desk = try Desk(place)
        let tool = "edit_file_append_chunk"
        try desk.use(tool, ["path": "f", "content": "a", "chunk_index": 0])
        let other = desk.restarted()
        try other.use(
            tool, ["path": "f", "content": "Yg==", "base64": true, "chunk_index": 1, "final": true])
        #expect(try desk.string("f") == "ab")
    }

    @Test("Directories are made with their parents, and a move replaces nothing", arguments: Place.every)
    func naming(place: Place) throws {
        let desk = try Desk(place)
        #expect(
            try desk.use("create_directory", ["path": "a/b/c"]).text
                == "Successfully created directory a/b/c")
        try desk.use("create_directory", ["path": "a/b/c"])
        try desk.write("f", "f")
        try desk.write("g", "g")
        #expect(try desk.failure("create_directory", ["path": "f"]).kind == "exists")
        #expect(
            try desk.use("move_file", ["source": "f", "destination": "a/b/c/h"]).text
                == "Successfully moved f to a/b/c/h")
        #expect(try desk.string("a/b/c/h") == "f" && !desk.exists("f"))
        #expect(try desk.failure("move_file", ["source": "g", "destination": "a/b/c/h"]).kind == "exists")
        #expect(try desk.string("a/b/c/h") == "f" && desk.string("g") == "g")
        #expect(try desk.failure("move_file", ["source": "none", "destination": "x"]).kind == "missing")
        // In a store there is nothing outside: the path is one of the workspace.
        #expect(
            try desk.failure("move_file", ["source": "g", "destination": "/etc/x"]).kind
                == (place == .store ? "missing" : "denied"))
    }

    @Test("A read-only directory is not changed, and without permission no changing tool exists")
    func readOnly() throws {
        let desk = try Desk(isReadOnly: true)
        try desk.write("f", "one")
        for (tool, arguments) in [
            ("write_file", ["path": "f", "content": "x"]),
            ("write_file", ["path": "new", "content": "x"]),
            ("edit_file", ["path": "f", "edits": [["oldText": "one", "newText": "two"]]]),
            ("edit_file_append_chunk", ["path": "g", "content": "x", "chunk_index": 0]),
            ("create_directory", ["path": "d"]),
            ("move_file", ["source": "f", "destination": "g"]),
        ] as [(String, [String: JSON])] {
            #expect(try desk.failure(tool, arguments).kind == "denied", "\(tool)")
        }
        #expect(try desk.names().count == 1)
        let closed = try Desk { $0.allowed = [.read] }
        #expect(closed.catalogue.tools.allSatisfy { $0.hints.isReadOnly })
        #expect(closed.catalogue.call("write_file", [:], CallContext()).isError)
    }
}
