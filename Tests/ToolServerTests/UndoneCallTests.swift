// Calls that are undone in workspaces: each is one step of an undo. Nothing that a call had prepared
// comes back, not even by a rollback to a moment in the middle of the call.

import Glibc
import MCP
import StoreGround
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct UndoneCallTests {
    static let places = Place.every.filter { $0 != .plain }

    private func desk(_ place: Place) throws -> Desk {
        let desk = try Desk(place) { $0.allowed = [.read, .write, .delete, .past] }
        for name in ["s", "s/d", "t", "t/d"] { try desk.makeDirectory(name) }
        for name in ["a.txt", "b.c", "d/c.txt"] { try desk.write("s/\(name)", "new \(name)\n") }
        for name in ["a.txt", "d/c.txt", "mine"] { try desk.write("t/\(name)", "old \(name)\n") }
        try desk.symlink("a.txt", at: "s/link")
        try desk.write("f", "one\ntwo\n")
        return desk
    }

    struct Case: Sendable, CustomTestStringConvertible {
        var name: String
        var calls: [(tool: String, arguments: [String: JSON])]
        var path: String
        var testDescription: String { name }
    }

    private static let paths: [String: JSON] = ["source_path": "s", "destination_path": "t"]

    static let cases = [
        Case(
            name: "a tree is copied",
            calls: [("copy_file", ["source_path": "s", "destination_path": "x"])], path: "x"),
        Case(
            name: "a tree is copied with directories above",
            calls: [("copy_file", ["source_path": "s", "destination_path": "x/y/z"])], path: "x"),
        Case(
            name: "a tree is copied in part",
            calls: [
                ("copy_files", ["source_path": "s", "destination_path": "x", "exclude": ["*.c"]])
            ], path: "x"),
        Case(
            name: "a tree is copied over another",
            calls: [("copy_files", paths.merging(["on_conflict": "overwrite"]) { $1 })], path: "t"),
        Case(
            name: "a file is copied and edited",
            calls: [
                (
                    "edit_file_copy",
                    [
                        "source_path": "f", "destination_path": "x",
                        "edits": [["oldText": "one", "newText": "1"]],
                    ]
                )
            ], path: "x"),
        Case(
            name: "files are copied and edited over others",
            calls: [
                (
                    "edit_files_copy_batch",
                    [
                        "on_conflict": "overwrite",
                        "items": [
                            ["source_path": "f", "destination_path": "t/a.txt"],
                            [
                                "source_path": "f", "destination_path": "t/x/f",
                                "edits": [["append": true, "newText": "3"]],
                            ],
                        ],
                    ]
                )
            ], path: "t"),
        Case(
            name: "a patch is applied",
            calls: [
                (
                    "edit_file_apply_patch",
                    [
                        "path": "t",
                        "patch": .text(
                            "--- mine\n+++ mine\n@@ -1 +1 @@\n-old mine\n+new\n"
                                + "--- a.txt\n+++ /dev/null\n@@ -1 +0,0 @@\n-old a.txt\n"
                                + "--- /dev/null\n+++ n/n\n@@ -0,0 +1 @@\n+n\n"),
                    ]
                )
            ], path: "t"),
        Case(
            name: "a file is written", calls: [("write_file", ["path": "x", "content": "x\n"])],
            path: "x"),
        Case(
            name: "a file is written in parts",
            calls: [
                ("edit_file_append_chunk", ["path": "x", "content": "1", "chunk_index": 0]),
                (
                    "edit_file_append_chunk",
                    ["path": "x", "content": "2", "chunk_index": 1, "final": true]
                ),
            ], path: "x"),
    ]

    @Test("An undo reverts a whole call, and another undo restores it", arguments: places, cases)
    func undo(place: Place, item: Case) throws {
        for path in [nil, item.path] {
            let desk = try desk(place)
            let before = try desk.image()
            for call in item.calls { try desk.use(call.tool, call.arguments) }
            let after = try desk.image()
            #expect(before != after)
            try desk.use("write_undo", path.map { ["path": .text($0)] } ?? [:])
            #expect(try Self.plain(desk.image(), path) == Self.plain(before, path), "\(path ?? "all")")
            try desk.use("write_undo", path.map { ["path": .text($0)] } ?? [:])
            #expect(try Self.plain(desk.image(), path) == Self.plain(after, path), "\(path ?? "all")")
        }
    }

    /// Removes the times from an image if `path` is given: an undo of paths gives files new times, for
    /// make(1).
    private static func plain(_ image: [String], _ path: String?) -> [String] {
        guard path != nil else { return image }
        return image.map { line in
            var words = line.split(separator: " ", omittingEmptySubsequences: false)
            if words.count > 4 { words.remove(at: 4) }
            return words.joined(separator: " ")
        }
    }

    @Test("A rollback to the middle of a call restores nothing unfinished", arguments: places, cases)
    func middle(place: Place, item: Case) throws {
        let directory = try goThrough(place, item)
        if place == .store { try ChildProcess.check([TestEnvironment.binary, "fsck", directory("store")]) }
    }

    /// Makes the calls and rolls back to the moment before the last one and to each moment within it.
    /// - Returns: the directory of the workspace, which is closed.
    private func goThrough(_ place: Place, _ item: Case) throws -> TemporaryDirectory {
        let desk = try desk(place)
        let past = try desk.ground.past(of: try desk.path("f"), writing: true)
        func sequence() throws -> Int64 {
            try JSON(parsing: past.read("status", 1 << 20))["sequence"]?.integer ?? 0
        }
        let first = try sequence()
        // A file in parts is useful before it is whole, so only its last call is examined.
        for call in item.calls.dropLast() { try desk.use(call.tool, call.arguments) }
        let (before, old) = (try sequence(), try desk.image())
        for call in item.calls.suffix(1) { try desk.use(call.tool, call.arguments) }
        let (last, after) = (try sequence(), try desk.image())
        #expect(last > before && before >= first)
        for moment in before..<max(last, before + 1) {
            for paths in [[:], ["path": .text(item.path)]] as [[String: JSON]] {
                let reply = try desk.call(
                    "write_rollback", paths.merging(["moment": .text("@\(moment)")]) { $1 })
                // A path that did not exist at that moment cannot be rolled back by its path.
                #expect(!reply.isError || reply["error"]?["kind"] == "missing", "\(reply.texts)")
                if moment == before, paths.isEmpty { #expect(try desk.image() == old) }
                let left = try desk.leftovers().filter { !$0.contains(".draftfs-part-") }
                #expect(left == [], "@\(moment) \(paths)")
                if item.path == "t", !item.name.contains("patch") {
                    // The old or the new content, never none.
                    #expect(try desk.string("t/a.txt").isEmpty == false)
                }
            }
        }
        try desk.use("write_rollback", ["moment": .text("@\(last)")])
        #expect(try desk.image() == after)
        desk.store?.close()
        return desk.directory
    }

    @Test("A path below a symlink reverts that file, a path of a symlink the link", arguments: places)
    func throughLink(place: Place) throws {
        let desk = try desk(place)
        try desk.symlink("t", at: "l")
        try desk.use("create_backup", ["name": "before"])
        func change() throws {
            for name in ["l/a.txt", "f"] {
                try desk.use("write_file", ["path": .text(name), "content": "changed\n"])
            }
            #expect(try desk.string("t/a.txt") == "changed\n")
        }
        for (tool, arguments) in [
            ("write_undo", ["path": "l/a.txt"]), ("write_undo", ["paths": ["l/a.txt"]]),
            ("write_rollback", ["path": "l/a.txt", "moment": "before"]),
        ] as [(String, [String: JSON])] {
            try change()
            try desk.use(tool, arguments)
            #expect(try desk.string("t/a.txt") == "old a.txt\n", "\(tool)")
            #expect(try desk.string("f") == "changed\n", "\(tool)")
        }
        try desk.use("delete_file", ["path": "s/link"])
        try desk.symlink("b.c", at: "s/link")
        try desk.write("s/b.c", "changed\n")
        try desk.use("write_rollback", ["path": "s/link", "moment": "before"])
        #expect(try desk.ground.symlinkTarget(try desk.path("s/link")) == Array("a.txt".utf8))
        #expect(try desk.string("s/b.c") == "changed\n")
    }

    @Test(
        "An undo through a symlink from outside the workspace reverts only the named file",
        .enabled(if: Place.all.contains(.mount), "needs /dev/fuse"))
    func linkFromOutside() throws {
        let mount = try TestMount()
        try must("link", symlink(mount.root, mount.directory("way")))
        let desk = try Desk(mount.directory, root: mount.directory.path, mount: mount) {
            $0.allowed = [.read, .write, .past]
        }
        for content in ["old", "new"] {
            for name in ["a", "b"] {
                try desk.use("write_file", ["path": .text("way/\(name)"), "content": .text(content)])
            }
        }
        try desk.use("write_undo", ["path": "way/a"])
        #expect(try desk.string("mnt/a") == "old" && desk.string("mnt/b") == "new")
        // The link leads to the root of the workspace, which stands for the whole workspace.
        try desk.use("write_undo", ["path": "way", "steps": 2])
        #expect(try desk.string("mnt/a") == "new" && desk.string("mnt/b") == "old")
    }

    @Test(
        "The root of one of several workspaces stands for the whole of it",
        .enabled(if: Place.all.contains(.mount), "needs /dev/fuse"))
    func otherWorkspace() throws {
        let mount = try TestMount(workspace: nil)
        for name in ["one", "two"] { try makeDirectory(mount(name)) }
        let ground = try HostGround(
            [(mount("one"), false), (mount("two"), false)], home: nil, hidesControlFiles: true)
        let desk = Desk(mount.directory, ground, root: mount.root, mount: mount) {
            $0.allowed = [.read, .write, .past]
        }
        for content in ["old", "new"] {
            for name in ["one/f", "two/f"] {
                try desk.use("write_file", ["path": .text(desk(name)), "content": .text(content)])
            }
        }
        try desk.use("write_undo", ["paths": [.text(desk("two"))]])
        #expect(try desk.string("one/f") == "new" && desk.string("two/f") == "old")
        let both = try desk.failure(
            "write_undo", ["paths": [.text(desk("one/f")), .text(desk("two"))]])
        #expect(both.kind == "usage" && both.sentence.contains("several workspaces"))
        #expect(try desk.string("one/f") == "new" && desk.string("two/f") == "old")
    }
}
