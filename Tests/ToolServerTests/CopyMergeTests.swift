// Copies that are merged with the files at the destination, and names made by an expression.

import Glibc
import MCP
import Platform
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct CopyMergeTests {
    private static let lines = (1...20).map { "line \($0)\n" }

    private func text(_ changes: [Int: String]) -> String {
        Self.lines.enumerated().map { changes[$0.offset + 1] ?? $0.element }.joined()
    }

    /// Makes `base` and two trees that derive from it.
    private func trees(_ place: Place) throws -> Desk {
        let desk = try Desk(place)
        try desk.use("create_directory", ["path": "base/d"])
        try desk.use("create_directory", ["path": "base/gone"])
        for name in ["both.txt", "source.txt", "mine.txt", "same.txt", "d/deep.txt", "gone/f.txt"] {
            try desk.put("base/\(name)", text([:]))
        }
        for side in ["mine", "theirs"] {
            try desk.use("copy_files", ["source_path": "base", "destination_path": .text(side)])
        }
        try desk.put("mine/both.txt", text([2: "two here\n"]))
        try desk.put("theirs/both.txt", text([19: "nineteen there\n"]))
        try desk.put("theirs/source.txt", text([1: "one there\n"]))
        try desk.put("mine/mine.txt", text([1: "one here\n"]))
        for side in ["mine", "theirs"] { try desk.put("\(side)/same.txt", text([7: "seven\n"])) }
        try desk.put("theirs/d/deep.txt", text([20: "the end"]))
        try desk.put("theirs/new.txt", "new\n")
        try desk.use("delete_file", ["path": "mine/gone", "recursive": true])
        return desk
    }

    private func merge(_ more: [String: JSON] = [:]) -> [String: JSON] {
        let merge: [String: JSON] = [
            "source_path": "theirs", "destination_path": "mine", "on_conflict": "merge",
            "merge_base": "base",
        ]
        return merge.merging(more) { $1 }
    }

    @Test("A change of one side is taken, and changes of both are merged", arguments: Place.every)
    func merged(place: Place) throws {
        let desk = try trees(place)
        let dry = try desk.use("copy_files", merge(["dry_run": true]))
        #expect(dry["merged"] == 1 && dry["files"] == 4 && dry["replaced"] == 2)
        #expect(try desk.get("mine/both.txt") == text([2: "two here\n"]))
        let done = try desk.use("copy_files", merge())
        #expect(done["merged"] == 1 && done["overlaps"] == 0 && done["files"] == 4)
        #expect(done["replaced"] == 2 && done["skipped"] == 3 && done["directories"] == 0)
        func expectMerged() throws {
            #expect(try desk.get("mine/both.txt") == text([2: "two here\n", 19: "nineteen there\n"]))
            #expect(try desk.get("mine/source.txt") == text([1: "one there\n"]))
            #expect(try desk.get("mine/mine.txt") == text([1: "one here\n"]))
            #expect(try desk.get("mine/same.txt") == text([7: "seven\n"]))
            #expect(try desk.get("mine/d/deep.txt") == text([20: "the end"]))
            #expect(try desk.get("mine/new.txt") == "new\n")
            // A file that was removed here and not touched there stays away, with its directory.
            #expect(try desk.failure("get_file_info", ["path": "mine/gone"]).kind == "missing")
        }
        try expectMerged()
        // A second merge merges the one file that has changes of both sides again, with the same result.
        let again = try desk.use("copy_files", merge())
        #expect(again["merged"] == 1 && again["files"] == 1 && again["replaced"] == 0)
        try expectMerged()
    }

    @Test("The caller decides about lines that both sides changed", arguments: Place.every)
    func overlaps(place: Place) throws {
        let desk = try trees(place)
        try desk.put("theirs/both.txt", text([2: "two there\n", 10: "ten there\n"]))
        try desk.put("theirs/gone/f.txt", "changed\n")
        let refused = try desk.failure("copy_files", merge())
        #expect(refused.kind == "exists")
        #expect(refused.sentence.contains("cannot merge "))
        #expect(refused.sentence.contains("f.txt (removed at the destination, changed in the source)"))
        #expect(refused.sentence.contains("both.txt"))
        #expect(refused.sentence.contains("overlapping changes: 1"))
        #expect(try desk.get("mine/source.txt") == text([:]), "nothing was copied")
        #expect(try desk.failure("get_file_info", ["path": "mine/new.txt"]).kind == "missing")
        func trial(_ overlap: String) throws -> (reply: ToolReply, text: String) {
            let name = "trial-\(overlap)"
            try desk.use("copy_files", ["source_path": "mine", "destination_path": .text(name)])
            let arguments = merge(["destination_path": .text(name), "on_overlap": .text(overlap)])
            return (try desk.use("copy_files", arguments), try desk.get("\(name)/both.txt"))
        }
        let mark = try trial("mark")
        #expect(mark.reply["overlaps"] == 1 && mark.reply.text.contains("1 overlaps"))
        #expect(
            mark.text == text([
                2: "<<<<<<< destination\ntwo here\n=======\ntwo there\n>>>>>>> source\n",
                10: "ten there\n",
            ]))
        let ours = try trial("ours")
        #expect(ours.text == text([2: "two here\n", 10: "ten there\n"]))
        #expect(try desk.failure("get_file_info", ["path": "trial-ours/gone/f.txt"]).kind == "missing")
        let theirs = try trial("theirs")
        #expect(theirs.text == text([2: "two there\n", 10: "ten there\n"]))
        #expect(try desk.get("trial-theirs/gone/f.txt") == "changed\n")
    }

    @Test("A merge needs an existing merge base", arguments: Place.every)
    func refusals(place: Place) throws {
        let desk = try trees(place)
        var arguments = merge()
        arguments["merge_base"] = nil
        let without = try desk.failure("copy_files", arguments)
        #expect(without.kind == "usage" && without.sentence.contains("merge_base"))
        #expect(try desk.failure("copy_files", merge(["merge_base": "nowhere"])).kind == "missing")
        let outside = try desk.failure("copy_files", merge(["merge_base": "/etc"])).kind
        #expect(outside == (place == .store ? "missing" : "denied"))
        // A file that is not text is a conflict, unless a side is named.
        try desk.put("theirs/both.txt", "a\u{0}b there")
        #expect(try desk.failure("copy_files", merge()).sentence.contains("not text"))
        try desk.use("copy_files", merge(["on_overlap": "theirs"]))
        #expect(try desk.use("get_file_info", ["path": "mine/both.txt"])["size"] == 9)
    }

    @Test("Symlinks are merged by their targets, and removed directories stay away", arguments: Place.every)
    func links(place: Place) throws {
        let desk = try trees(place)
        for tree in ["base", "mine", "theirs"] {
            for name in ["both", "here", "there", "away"] { try desk.symlink("old", at: "\(tree)/\(name)") }
        }
        func point(_ name: String, to target: String) throws {
            try desk.use("delete_file", ["path": .text(name)])
            try desk.symlink(target, at: name)
        }
        func target(_ name: String) throws -> String {
            String(decoding: try desk.ground.symlinkTarget(try desk.path(name)), as: UTF8.self)
        }
        try point("mine/here", to: "mine")
        try point("theirs/there", to: "theirs")
        for side in ["mine", "theirs"] { try point("\(side)/both", to: side) }
        try desk.use("delete_file", ["path": "mine/away"])
        // A directory that is new in a directory removed here is copied with it.
        try desk.use("create_directory", ["path": "base/d/e"])
        try desk.use("delete_file", ["path": "mine/d", "recursive": true])
        try desk.put("theirs/d/deep.txt", text([:]))
        try desk.use("create_directory", ["path": "theirs/d/new/empty"])
        #expect(try desk.failure("copy_files", merge()).sentence.contains("both (one of them is a symlink"))
        try desk.use("copy_files", merge(["on_overlap": "ours"]))
        #expect(try target("mine/here") == "mine" && target("mine/there") == "theirs")
        #expect(try target("mine/both") == "mine")
        #expect(try desk.failure("get_file_info", ["path": "mine/away"]).kind == "missing")
        #expect(try desk.failure("get_file_info", ["path": "mine/d/deep.txt"]).kind == "missing")
        #expect(try desk.use("get_file_info", ["path": "mine/d/new/empty"])["type"] != nil)
    }

    @Test("A name removed here that became a link or a file there is a conflict", arguments: Place.every)
    func removedAndLinked(place: Place) throws {
        let desk = try trees(place)
        for side in ["mine", "theirs"] {
            try desk.use("delete_file", ["path": .text("\(side)/source.txt")])
        }
        try desk.symlink("d", at: "theirs/source.txt")
        try desk.symlink("d", at: "base/link")
        try desk.put("theirs/link", "a file\n")
        let refused = try desk.failure("copy_files", merge())
        for name in ["source.txt", "link"] {
            let words = "mine/\(name) (removed at the destination, changed in the source)"
            #expect(refused.sentence.contains(words), "\(refused.sentence)")
        }
        try desk.use("copy_files", merge(["on_overlap": "ours"]))
        #expect(!desk.exists("mine/source.txt") && !desk.exists("mine/link"))
        try desk.use("copy_files", merge(["on_overlap": "theirs"]))
        #expect(try desk.status("mine/source.txt").type == .symlink)
        #expect(try desk.get("mine/link") == "a file\n")
    }

    @Test("A merge with options that change names or texts is refused")
    func combinations() throws {
        let desk = try trees(.plain)
        for more: [String: JSON] in [
            ["rename": "{stem}-b{ext}"], ["rename": "x", "rename_regex": "a"], ["flatten": true],
            ["variables": ["x": "y"]],
        ] {
            #expect(try desk.failure("copy_files", merge(more)).kind == "usage")
        }
    }

    @Test("A merge ignores git configuration, and a failure of git does not mean a binary file")
    func foreignConfiguration() throws {
        let directory = try TemporaryDirectory("merge")
        try makeDirectory(directory(".git"))
        try writeFile(directory(".git/config"), "[garbage\n")
        try writeFile(directory(".git/HEAD"), "ref: refs/heads/main\n")
        let merge = TextMerge(ours: "a", base: "b", theirs: "c", temporary: directory.path)
        let (base, ours, theirs) = ("1\n2\n3\n4\n5\n", "one\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\n")
        let outcome = try merge.run(
            ours: Array(ours.utf8), base: Array(base.utf8), theirs: Array(theirs.utf8))
        #expect(outcome == .text(Array("one\n2\n3\n4\nfive\n".utf8), overlaps: 0))
    }

    @Test("A merged file keeps the destination's mode and other attributes")
    func attributes() throws {
        let desk = try trees(.plain)
        try must("chmod", chmod(desk("mine/both.txt"), 0o741))
        try must("chmod", chmod(desk("theirs/both.txt"), 0o600))
        try desk.use("copy_files", merge())
        #expect(try status(desk("mine/both.txt")).st_mode & 0o7777 == 0o741)
        let left = try names(in: desk("mine")).filter { $0.starts(with: ".draftfs".utf8) }
        #expect(left.isEmpty)
    }

    @Test("Names are made by an expression, which replaces once in each name", arguments: Place.every)
    func expression(place: Place) throws {
        let desk = try Desk(place)
        for name in ["s/img-001.png", "s/img-002.png", "s/sub/img-003.png", "s/other.png"] {
            try desk.put(name, "x")
        }
        func copy(_ more: [String: JSON]) -> [String: JSON] {
            ["source_path": "s", "destination_path": "t"].merging(more) { $1 }
        }
        try desk.use("copy_files", copy(["rename_regex": "^img-(?<number>\\d+)", "rename": "$1_${number}"]))
        for name in ["t/001_001.png", "t/002_002.png", "t/sub/003_003.png", "t/other.png"] {
            #expect(try desk.get(name) == "x")
        }
        let clash = try desk.failure(
            "copy_files", copy(["destination_path": "u", "rename_regex": "\\d+", "rename": "n"]))
        #expect(clash.kind == "exists" && clash.sentence.contains("img-n.png"))
        #expect(try desk.failure("copy_files", copy(["rename_regex": "a"])).kind == "usage")
        #expect(try desk.failure("copy_files", copy(["rename_regex": "(", "rename": "x"])).kind == "usage")
        let slash = try desk.failure(
            "copy_files", copy(["destination_path": "u", "rename_regex": "img", "rename": "a/b"]))
        #expect(slash.kind == "usage")
    }
}

extension Desk {
    fileprivate func put(_ name: String, _ text: String) throws {
        if let directory = name.split(separator: "/").dropLast().joined(separator: "/") as String?,
            !directory.isEmpty {
            try use("create_directory", ["path": .text(directory)])
        }
        try use("write_file", ["path": .text(name), "content": .text(text)])
    }

    fileprivate func get(_ name: String) throws -> String {
        let reply = try use("read_text_file", ["path": .text(name), "max_bytes": 100_000])
        return reply.text
    }
}
