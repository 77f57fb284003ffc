// Edited copies, and comparisons of files and directories.

import Glibc
import MCP
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct EditCopyTests {
    @Test("A copy is edited before it gets its name, and the source is unchanged", arguments: Place.every)
    func one(place: Place) throws {
        let desk = try Desk(place)
        let text = String(repeating: "line of text\n", count: 50_000) + "port = 80\n"
        try desk.write("base.conf", text)
        try desk.setMode("base.conf", 0o640)
        let arguments: [String: JSON] = [
            "source_path": "base.conf", "destination_path": "out/a.conf",
            "edits": [["oldText": "port = 80", "newText": "port = 81"]],
        ]
        let dry = try desk.use("edit_file_copy", arguments.merging(["dry_run": true]) { $1 })
        #expect(dry.text.contains("+port = 81") && !desk.exists("out"))
        let reply = try desk.use("edit_file_copy", arguments)
        #expect(try desk.string("base.conf") == text)
        #expect(try desk.string("out/a.conf") == text.dropLast(3) + "81\n")
        #expect(try desk.mode("out/a.conf") == 0o640)
        if place != .plain { #expect((reply["shared_bytes"]?.integer ?? 0) > 600_000) }
        #expect(try desk.failure("edit_file_copy", arguments).kind == "exists")
        let changed: [String: JSON] = [
            "destination_path": "b", "edits": [["oldText": "no", "newText": ""]],
        ]
        let wrong = arguments.merging(changed) { $1 }
        #expect(try desk.failure("edit_file_copy", wrong).kind == "no_match")
        #expect(!desk.exists("b"))
        let again = try desk.use("edit_file_copy", arguments.merging(["on_conflict": "overwrite"]) { $1 })
        #expect(again["replaced"] == true)
        #expect(try desk.leftovers().isEmpty)
    }

    @Test("Many copies are made completely or not at all, or each by itself", arguments: Place.every)
    func many(place: Place) throws {
        let desk = try Desk(place)
        try desk.write("base", "name: x\n")
        func item(_ name: String, _ old: String = "x") -> JSON {
            [
                "source_path": "base", "destination_path": .text(name),
                "edits": [["oldText": .text(old), "newText": .text(name)]],
            ]
        }
        let tool = "edit_files_copy_batch"
        let bad = try desk.failure(tool, ["items": [item("a"), item("b", "no"), item("c")]])
        #expect(bad.kind == "no_match" && bad.sentence.hasPrefix("item 2: "))
        #expect(try desk.names().count == 1)
        let some = try desk.use(
            tool, ["items": [item("a"), item("b", "no"), item("c")], "on_error": "skip"])
        #expect(some["copied"] == 2 && some["failed"] == 1)
        #expect(try desk.string("c") == "name: c\n")
        #expect(try desk.failure(tool, ["items": [item("d"), item("d")]]).kind == "exists")
        #expect(try desk.failure(tool, [:]).kind == "usage")
        let list = JSON.list((0..<150).map { item("m\($0)") })
        try desk.write("list.json", try list.encoded())
        let all = try desk.use(tool, ["manifest_path": "list.json", "destination_base_path": "out"])
        #expect(all["copied"] == 150 && all.text.utf8.count <= 4096)
        #expect(try desk.string("out/m149") == "name: m149\n")
        try desk.write("bad.json", "[{\"source_path\": 1}]")
        #expect(try desk.failure(tool, ["manifest_path": "bad.json"]).kind == "usage")
        #expect(try desk.failure(tool, ["manifest_path": "base"]).kind == "usage")
        #expect(try desk.leftovers().isEmpty)
    }

    @Test("patch(1) turns one file into the other with the difference that a comparison returns")
    func compare() throws {
        let desk = try Desk()
        var patches = 0
        for seed in 1...40 as ClosedRange<UInt64> {
            var random = SeededGenerator(seed: seed)
            func text() -> String {
                (0..<Int.random(in: 0...30, using: &random)).map { _ in
                    ["a", "b", "c", "long line"].randomElement(using: &random) ?? ""
                }.joined(separator: "\n") + (Bool.random(using: &random) ? "\n" : "")
            }
            let (one, other) = (text(), text())
            try desk.write("one", one)
            try desk.write("other", other)
            let reply = try desk.use(
                "compare_files", ["file1": "one", "file2": "other", "max_bytes": 60_000])
            #expect(reply["details"]?["identical"] == .boolean(one == other), "seed \(seed)")
            if one == other { continue }
            patches += 1
            try desk.write("diff", reply["details"]?["diff"]?.text ?? "")
            let patched = try ChildProcess.run(
                ["patch", "-s", "-o", desk("patched"), desk("one"), desk("diff")])
            #expect(patched.succeeded, "seed \(seed): \(patched.errorText)\n\(one)\n--\n\(other)")
            #expect(try desk.string("patched") == other, "seed \(seed)")
        }
        #expect(patches > 30)
        try desk.write("bin", [0, 1, 2])
        try desk.write("bin2", [0, 1, 3])
        #expect(try desk.use("compare_files", ["file1": "bin", "file2": "bin2"])["success"] == false)
        #expect(
            try desk.use("compare_files", ["file1": "bin", "file2": "bin"])["details"]?["identical"]
                == true)
        #expect(try desk.use("compare_files", ["file1": "none", "file2": "bin"])["success"] == false)
    }

    @Test("Directories are compared recursively, by content", arguments: Place.every)
    func directories(place: Place) throws {
        let desk = try Desk(place)
        for name in ["a", "b", "a/d", "b/d", "a/only"] { try desk.makeDirectory(name) }
        try desk.write("a/same", "1")
        try desk.write("b/same", "1")
        // The same size and the same time, but different content.
        try desk.write("a/d/f", "one")
        try desk.write("b/d/f", "two")
        for name in ["a/d/f", "b/d/f"] {
            try desk.setTime(name, 9_000_000_000)
        }
        try desk.write("b/new", "n")
        let reply = try desk.use(
            "compare_directories", ["dir1": "a", "dir2": "b", "show_content_diff": true])
        let details = reply["details"]
        #expect(details?["only_in_dir1"] == ["only"] && details?["only_in_dir2"] == ["new"])
        #expect(details?["different"] == ["d/f"] && details?["identical"] == ["same"])
        #expect(details?["content_diffs"]?["d/f"]?.text?.contains("-one") == true)
        #expect(try desk.use("compare_directories", ["dir1": "a", "dir2": "a/same"])["success"] == false)
    }
}
