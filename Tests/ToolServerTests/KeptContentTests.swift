// Content that is kept when files outside of workspaces are edited or replaced: where it is, that a
// replaced file is not copied, and that its amount is bounded.

import Glibc
import MCP
import Platform
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct KeptContentTests {
    private func desk(_ bounds: EditKeeper.Bounds = EditKeeper.Bounds()) throws -> Desk {
        let directory = try TemporaryDirectory("kept")
        try makeDirectory(directory("root"))
        let ground = try HostGround(
            [(directory("root"), false)], home: nil, hidesControlFiles: true,
            keeper: try EditKeeper(directory("a/kept"), bounds: bounds))
        return Desk(directory, ground, root: directory("root")) { _ in }
    }

    /// Returns the path of the kept content from the note of a reply.
    private func kept(_ reply: ToolReply) throws -> String {
        let notes = try #require(reply.texts.last)
        let words = "the content before is kept as "
        let rest = try #require(notes.components(words).dropFirst().first, "\(reply.texts)")
        return String(rest.prefix { $0 != ";" && $0 != "]" })
    }

    @Test("The earlier content of a file is kept, and the reply says where")
    func places() throws {
        let desk = try desk()
        let made = try desk.use("write_file", ["path": "f", "content": "one\n"])
        #expect(!made.texts.joined().contains("before"))
        let inode = try desk.status("f").inode
        let edits: JSON = [["oldText": "one", "newText": "two"]]
        let dry = try desk.use("edit_file", ["path": "f", "edits": edits, "dryRun": true])
        #expect(!dry.texts.joined().contains("before is"))
        let edited = try kept(try desk.use("edit_file", ["path": "f", "edits": edits]))
        #expect(edited.hasPrefix(desk.directory("a/kept") + desk("f") + "/20"))
        // It is a second name, not a copy.
        #expect(try readText(edited) == "one\n" && status(edited).st_ino == inode)
        #expect(try status(desk.directory("a/kept")).st_mode & 0o777 == 0o700)
        let written = try kept(try desk.use("write_file", ["path": "f", "content": "three\n"]))
        #expect(try readText(written) == "two\n")
        let patch = "--- f\n+++ f\n@@ -1 +1 @@\n-three\n+four\n"
        let patched = try kept(
            try desk.use("edit_file_apply_patch", ["path": "f", "patch": .text(patch)]))
        #expect(try readText(patched) == "three\n")
        let part = try desk.use(
            "edit_file_append_chunk",
            ["path": "f", "content": "five\n", "chunk_index": 0, "final": true, "overwrite": true])
        #expect(try readText(kept(part)) == "four\n")
        #expect(try desk.string("f") == "five\n" && desk.names() == ["f"])
    }

    /// Allows new names in a directory and no replaced ones, by chattr(1), or ends this. Returns whether
    /// it worked.
    private static func setAppendOnly(_ path: String, _ isOn: Bool) -> Bool {
        (try? ChildProcess.run(["chattr", isOn ? "+a" : "-a", path], seconds: 20))?.succeeded == true
    }

    private static let canSetAppendOnly: Bool = {
        guard let directory = try? TemporaryDirectory("append") else { return false }
        defer { _ = setAppendOnly(directory.path, false) }
        return setAppendOnly(directory.path, true)
    }()

    @Test(
        "An edit that fails at its last step keeps no second name",
        .enabled(if: canSetAppendOnly, "needs root and a file system with chattr +a"))
    func failed() throws {
        let desk = try desk()
        try desk.write("f", "one\n")
        let edit: [String: JSON] = ["path": "f", "edits": [["oldText": "one", "newText": "two"]]]
        try #require(Self.setAppendOnly(desk("."), true))
        let failed = try desk.call("edit_file", edit)
        try #require(Self.setAppendOnly(desk("."), false))
        #expect(failed.isError && !failed.texts.joined().contains("kept as"), "\(failed.texts)")
        // With a second name the next edit would write it in place.
        #expect(try desk.string("f") == "one\n" && desk.status("f").links == 1)
        let inode = try desk.status("f").inode
        #expect(try readText(kept(try desk.use("edit_file", edit))) == "one\n")
        #expect(try desk.string("f") == "two\n" && desk.status("f").inode != inode)
    }

    @Test("The content that copies and patches of several files replace is kept too")
    func replaced() throws {
        let desk = try desk()
        for name in ["s", "t"] { try desk.makeDirectory(name) }
        for name in ["s/a", "s/b", "t/a", "t/b"] { try desk.write(name, "\(name)\n") }
        func all(_ name: String) throws -> [String] {
            let place = desk.directory("a/kept") + desk(name)
            return try TestSupport.names(in: place).map { String(decoding: $0, as: UTF8.self) }.sorted()
                .map { try readText("\(place)/\($0)") }
        }
        try desk.use(
            "copy_files", ["source_path": "s", "destination_path": "t", "on_conflict": "overwrite"])
        #expect(try all("t/a") == ["t/a\n"] && all("t/b") == ["t/b\n"])
        let patch = "--- a\n+++ a\n@@ -1 +1 @@\n-s/a\n+A\n--- b\n+++ b\n@@ -1 +1 @@\n-s/b\n+B\n"
        let reply = try desk.use("edit_file_apply_patch", ["path": "t", "patch": .text(patch)])
        #expect(reply.texts.joined().contains("the content before is kept as "))
        try desk.use(
            "edit_file_copy",
            ["source_path": "s/a", "destination_path": "t/a", "on_conflict": "overwrite"])
        #expect(try all("t/a") == ["t/a\n", "s/a\n", "A\n"] && all("t/b") == ["t/b\n", "s/b\n"])
        #expect(try desk.string("t/a") == "s/a\n" && desk.string("t/b") == "B\n")
    }

    @Test("A file of several names is copied before it is written in place, up to a size")
    func linked() throws {
        var bounds = EditKeeper.Bounds()
        bounds.copied = 8 << 10
        let desk = try desk(bounds)
        try desk.write("f", "one\n")
        try desk.link("f", as: "g")
        let edit: [String: JSON] = ["path": "f", "edits": [["append": true, "newText": "two\n"]]]
        let place = try kept(try desk.use("edit_file", edit))
        #expect(try readText(place) == "one\n" && desk.string("g") == "one\ntwo\n")
        let large = String(repeating: "x", count: 20 << 10)
        try desk.write("f", large)
        let said = try desk.use("edit_file", edit).texts.joined()
        // Where extents can be shared there is no such bound.
        let isKept = TestEnvironment.sharesExtents
        let words = isKept ? "before is kept as " : "before is not kept: it has more than 8192 bytes"
        #expect(said.contains(words), "\(said)")
        #expect(try desk.string("g") == large + "two\n")
    }

    @Test("Only the newest contents are kept, and foreign files are not removed")
    func bounds() throws {
        var bounds = EditKeeper.Bounds()
        bounds.each = 3
        bounds.bytes = 512 << 10
        let desk = try desk(bounds)
        var last = ""
        for number in 0...6 {
            let reply = try desk.use("write_file", ["path": "f", "content": .text("\(number)\n")])
            if number > 0 { last = try kept(reply) }
        }
        let place = String(last.dropLast(last.split(separator: "/").last?.count ?? 0))
        let contents = try TestSupport.names(in: place).map {
            try readText(place + String(decoding: $0, as: UTF8.self))
        }
        #expect(contents.sorted() == ["3\n", "4\n", "5\n"])
        try writeFile(desk.directory("a/kept/mine"), "mine")
        let large = String(repeating: "x", count: 32 << 10)
        for number in 0..<40 {
            try desk.write("g\(number)", large)
            try desk.use(
                "edit_file", ["path": .text("g\(number)"), "edits": [["append": true, "newText": "y"]]])
        }
        let used = try ChildProcess.shell("du -sk '\(desk.directory("a/kept"))' | cut -f1")
        #expect((Int(used.prefix { $0.isNumber }) ?? .max) < 900)
        #expect(exists(desk.directory("a/kept/mine")))
        // The newest content is still there.
        let newest = desk.directory("a/kept") + desk("g39")
        #expect(try TestSupport.names(in: newest).count == 1)
    }

    @Test("Content larger than half of the bound does not push the others out")
    func large() throws {
        var bounds = EditKeeper.Bounds()
        bounds.bytes = 256 << 10
        let desk = try desk(bounds)
        try desk.write("small", "small\n")
        let edit: JSON = [["append": true, "newText": "y"]]
        let small = try kept(try desk.use("edit_file", ["path": "small", "edits": edit]))
        for kilobytes in [100, 200] {
            try desk.write("large", String(repeating: "x", count: kilobytes << 10))
            let said = try desk.use("edit_file", ["path": "large", "edits": edit]).texts.joined()
            #expect(said.contains("before is not kept: it has more than 131072") == (kilobytes == 200))
            if kilobytes == 100 { #expect(said.contains("before is kept as ")) }
        }
        #expect(try readText(small) == "small\n")
    }

    @Test("Kept content does not change later, neither by another name nor through a link")
    func stable() throws {
        let desk = try desk()
        for name in ["s", "t"] { try desk.makeDirectory(name) }
        for name in ["s/a", "s/l", "t/a", "t/real"] { try desk.write(name, "\(name)\n") }
        try desk.link("t/a", as: "t/other")
        try desk.symlink("real", at: "t/l")
        try desk.use(
            "copy_files", ["source_path": "s", "destination_path": "t", "on_conflict": "overwrite"])
        try File.open(desk("t/other"), flags: O_WRONLY).writeBytes(Array("later".utf8), at: 0)
        let place = desk.directory("a/kept") + desk("t/a")
        let name = try #require(try TestSupport.names(in: place).first)
        #expect(try readText("\(place)/\(String(decoding: name, as: UTF8.self))") == "t/a\n")
        #expect(try status(desk("t/real")).st_nlink == 1)
        #expect(try desk.string("t/l") == "s/l\n" && desk.string("t/real") == "t/real\n")
    }

    @Test(
        "In a workspace no content is kept, because the history has it",
        .enabled(if: Place.all.contains(.mount), "needs /dev/fuse"))
    func workspace() throws {
        let mount = try Desk(.mount)
        let directory = try TemporaryDirectory("kept")
        let ground = try HostGround(
            [(mount.root, false)], home: nil, keeper: try EditKeeper(directory("kept")))
        let desk = Desk(directory, ground, root: mount.root) { _ in }
        try desk.use("write_file", ["path": "f", "content": "one\n"])
        let reply = try desk.use("write_file", ["path": "f", "content": "two\n"])
        #expect(reply.texts.count == 1)
        #expect(try TestSupport.names(in: directory("kept")).isEmpty)
    }
}
