// Copies: kept attributes, filters, names, templates, conflicts and links. A failed copy leaves nothing
// behind.

import Glibc
import MCP
import Platform
import TestSupport
import Testing

@testable import ToolServer

@Suite struct CopyTests {
    /// Makes a small tree with an empty directory, links of both kinds, a hole and an attribute.
    private func tree(_ place: Place) throws -> Desk {
        let desk = try Desk(place)
        for name in ["s", "s/d", "s/d/e", "s/empty"] { try desk.makeDirectory(name) }
        try desk.write("s/a.txt", "alpha\n")
        try desk.write("s/d/b.txt", "beta\n")
        try desk.write("s/d/e/c.bin", [0, 1, 2, 0xff])
        try desk.write("s/it's \"odd\".txt", "quotes\n")
        try desk.setMode("s/a.txt", 0o751)
        try desk.link("s/a.txt", as: "s/d/a2.txt")
        try desk.symlink("../a.txt", at: "s/d/up")
        try desk.symlink("/etc/passwd", at: "s/out")
        try desk.setXattr("s/d/b.txt", "user.note", "kept")
        try desk.setSize("s/d/e/c.bin", 1 << 20)
        try desk.setTime("s/d/b.txt", 1_000_000_001_000_007_000)
        return desk
    }

    private func difference(_ desk: Desk, _ one: String, _ other: String) throws -> String {
        guard desk.store == nil else {
            let (one, other) = (try desk.image(one), try desk.image(other))
            return one.difference(from: other).map { "\($0)" }.joined(separator: "\n")
        }
        let (one, other) = (desk(one), desk(other))
        // Paths, types, modes, sizes, times of files and targets; then the bytes.
        let list = "find . \\( -type d -printf '%P %y %m\\n' \\) "
            + "-o -printf '%P %y %m %s %T@ %n %l\\n' | sort"
        return try ChildProcess.shell(
            "a=$(cd '\(one)'; \(list)); b=$(cd '\(other)'; \(list)); "
                + "diff <(echo \"$a\") <(echo \"$b\") || true; "
                + "diff -r --no-dereference '\(one)' '\(other)' || true")
    }

    @Test("A copied tree has the same content and attributes", arguments: Place.every)
    func whole(place: Place) throws {
        let desk = try tree(place)
        let file = try desk.use("copy_file", ["source_path": "s", "destination_path": "new/copy"])
        #expect(file["details"]?["type"] == "directory" && file["details"]?["file_count"] == 7)
        #expect(try difference(desk, "s", "new/copy") == "")
        let all = try desk.use("copy_files", ["source_path": "s", "destination_path": "t"])
        #expect(all["files"] == 5 && all["links"] == 2 && all["directories"] == 4)
        #expect(try difference(desk, "s", "t") == "")
        #expect(try desk.xattrs("t/d/b.txt") == ["user.note": "kept"])
        #expect(try desk.status("t/d/e/c.bin").blocks < 64)
        if place != .plain { #expect(all["shared_bytes"] == all["bytes"]) }
        // A single file.
        let one = try desk.use("copy_file", ["source_path": "s/a.txt", "destination_path": "x.txt"])
        #expect(one["details"]?["size"] == 6)
        #expect(try desk.string("x.txt") == "alpha\n")
        #expect(try desk.names().count == 4)
    }

    @Test("A copied directory keeps its mode only where modes are kept", arguments: Place.every)
    func directoryModes(place: Place) throws {
        let desk = try tree(place)
        for name in ["s", "s/d"] { try desk.setMode(name, 0o711) }
        func copy(_ name: String, _ kept: JSON) throws {
            try desk.use(
                "copy_files", ["source_path": "s", "destination_path": .text(name), "preserve": kept])
        }
        try copy("t", ["mode"])
        #expect(try desk.mode("t") == 0o711 && desk.mode("t/d") == 0o711)
        try copy("u", ["times", "xattrs"])
        try desk.use("create_directory", ["path": "new"])
        let mode = try desk.mode("new")
        #expect(try desk.mode("u") == mode && desk.mode("u/d") == mode)
    }

    @Test("Filters choose by the rules of gitignore, by size and by age", arguments: Place.every)
    func filters(place: Place) throws {
        let desk = try tree(place)
        func copied(_ arguments: [String: JSON]) throws -> String {
            try desk.removeAll("t")
            try desk.use(
                "copy_files",
                arguments.merging(["source_path": "s", "destination_path": "t"]) { one, _ in one })
            return try desk.all("t").map { $0 + " " }.joined()
        }
        #expect(try copied(["include": ["b.*"]]) == "d d/b.txt ")
        #expect(try copied(["include": ["/d/"], "exclude": ["e", "up"]]) == "d d/a2.txt d/b.txt ")
        #expect(try copied(["include": ["*.txt", "!a*.txt", "!it*"]]) == "d d/b.txt ")
        #expect(try copied(["min_size": 100, "symlinks": "skip"]) == "d d/e d/e/c.bin empty ")
        #expect(try copied(["max_size": 5, "include": ["*.txt"]]) == "d d/b.txt ")
        #expect(try copied(["older_than_seconds": 1_000_000, "include": ["*"], "symlinks": "skip"])
            == "d d/b.txt d/e empty ")
        try desk.write("s/.gitignore", "*.bin\nempty/\n")
        try desk.write("s/d/.gitignore", "!c.bin\na2.txt\n")
        #expect(
            try copied(["gitignore": true, "symlinks": "skip", "exclude": ["it*"]])
                == ".gitignore a.txt d d/.gitignore d/b.txt d/e d/e/c.bin ")
    }

    @Test("Names are made by a pattern, flattened, numbered, and must differ", arguments: Place.every)
    func naming(place: Place) throws {
        let desk = try tree(place)
        try desk.use(
            "copy_files",
            [
                "source_path": "s", "destination_path": "flat", "flatten": true, "symlinks": "skip",
                "rename": "{nn}-{stem}.old{ext}", "include": ["*.txt"],
            ])
        #expect(
            try desk.names("flat")
                == ["01-a.old.txt", "02-it's \"odd\".old.txt", "03-a2.old.txt", "04-b.old.txt"])
        try desk.write("s/d/e/a.txt", "another\n")
        let clash: [String: JSON] = [
            "source_path": "s", "destination_path": "clash", "flatten": true, "include": ["a.txt"],
        ]
        #expect(try desk.failure("copy_files", clash).kind == "exists")
        #expect(!desk.exists("clash"))
        try desk.use("copy_files", clash.merging(["on_conflict": "rename"]) { $1 })
        #expect(try desk.string("clash/a (2).txt") == "another\n")
        #expect(try desk.failure("copy_files", clash.merging(["rename": "{what}"]) { $1 }).kind == "usage")
        #expect(try desk.failure("copy_files", clash.merging(["rename": "a/b"]) { $1 }).kind == "usage")
    }

    @Test("The rule decides about existing files, and a refusal changes nothing", arguments: Place.every)
    func conflicts(place: Place) throws {
        let desk = try tree(place)
        try desk.makeDirectory("t")
        try desk.write("t/a.txt", "there\n")
        try desk.write("t/mine", "mine\n")
        func copy(_ rule: String) throws -> ToolReply {
            try desk.call(
                "copy_files",
                [
                    "source_path": "s", "destination_path": "t", "on_conflict": .text(rule),
                    "symlinks": "skip",
                ])
        }
        #expect(try copy("fail").isError)
        #expect(try desk.names("t").count == 2)
        #expect(try copy("skip")["files"] == 4)
        #expect(try desk.string("t/a.txt") == "there\n" && desk.string("t/d/b.txt") == "beta\n")
        #expect(try copy("newer")["replaced"] == 0)
        #expect(try copy("overwrite")["replaced"] == 5)
        #expect(try desk.string("t/a.txt") == "alpha\n" && desk.string("t/mine") == "mine\n")
        let one: [String: JSON] = ["source_path": "s/a.txt", "destination_path": "t/mine"]
        try desk.use("copy_file", one.merging(["overwrite": true]) { $1 })
        #expect(try desk.string("t/mine") == "alpha\n")
        #expect(try desk.call("copy_file", one).isError)
        let beside = try desk.use(
            "copy_files",
            ["source_path": "s/d/b.txt", "destination_path": "t/mine", "on_conflict": "rename"])
        #expect(beside["files"] == 1)
        #expect(try desk.string("t/mine (2)") == "beta\n")
        for (source, destination, kind) in [
            ("s", "t/mine", "exists"), ("s", "s/d/x", "usage"), ("none", "x", "missing"),
        ] {
            let paths: [String: JSON] = [
                "source_path": .text(source), "destination_path": .text(destination),
            ]
            #expect(try desk.failure("copy_files", paths).kind == kind)
        }
        #expect(try desk.leftovers().isEmpty)
    }

    @Test("A directory is not copied into itself, not even through a symlink", arguments: Place.every)
    func intoItself(place: Place) throws {
        let desk = try tree(place)
        try desk.symlink("s", at: "way")
        let before = try desk.all()
        for (source, destination) in [("s", "way/x"), ("way/d", "s/d/e/x"), ("s/d", "way/d/new/x")] {
            for isDry in [true, false] {
                let failed = try desk.failure(
                    "copy_files",
                    [
                        "source_path": .text(source), "destination_path": .text(destination),
                        "dry_run": .boolean(isDry),
                    ])
                #expect(failed.kind == "usage" && failed.sentence.contains("cannot contain itself"))
            }
        }
        #expect(try desk.all() == before)
        try desk.use("copy_file", ["source_path": "way/d", "destination_path": "way/d2"])
        #expect(try desk.string("s/d2/b.txt") == "beta\n")
    }

    @Test("Templates are filled in texts and names; an unknown variable is refused", arguments: Place.every)
    func templates(place: Place) throws {
        let desk = try Desk(place)
        try desk.makeDirectory("s")
        try desk.makeDirectory("s/{{name}}")
        try desk.write("s/{{name}}/main.c", "// {{ name }} by {{who}}\nchar *s = \"\\{{x}}\";\n")
        try desk.write("s/data.bin", Array("{{name}}".utf8) + [0, 0, 1, 2, 3])
        let all: [String: JSON] = ["source_path": "s", "destination_path": "t"]
        let unknown = try desk.failure(
            "copy_files", all.merging(["variables": ["name": "demo"]]) { $1 })
        #expect(unknown.kind == "usage" && unknown.sentence.contains("main.c, line 1: {{who}}"))
        #expect(try desk.names().count == 1)
        let reply = try desk.use(
            "copy_files", all.merging(["variables": ["name": "demo", "who": "Ä"]]) { $1 })
        #expect(reply["templates"] == 1)
        #expect(try desk.string("t/demo/main.c") == "// demo by Ä\nchar *s = \"{{x}}\";\n")
        #expect(try desk.bytes("t/data.bin") == desk.bytes("s/data.bin"))
    }

    @Test("Symlinks inside are followed; those that lead out are skipped and named", arguments: Place.every)
    func symlinks(place: Place) throws {
        let desk = try tree(place)
        try desk.symlink("..", at: "s/d/loop")
        let reply = try desk.use(
            "copy_files", ["source_path": "s", "destination_path": "t", "symlinks": "follow"])
        #expect(try desk.string("t/d/up") == "alpha\n")
        #expect(try desk.status("t/d/up").type == .regular)
        #expect(!desk.exists("t/out") && !desk.exists("t/d/loop"))
        #expect(reply["skipped"] == 2 && reply.text.contains("leads out of the allowed directories"))
    }

    @Test("A dry run says what would happen and does nothing", arguments: Place.every)
    func dry(place: Place) throws {
        let desk = try tree(place)
        let reply = try desk.use(
            "copy_files", ["source_path": "s", "destination_path": "t", "dry_run": true])
        #expect(reply["files"] == 5 && reply["dry_run"] == true)
        #expect(try desk.names().count == 1)
        let odd = try desk.use(
            "copy_files",
            ["source_path": "s", "destination_path": "t", "dry_run": true, "portable": true])
        #expect(odd.text.contains("warning: it's \"odd\".txt: Windows names have no \""))
    }

    @Test("A batch copies matching files, and its lists stay short", arguments: Place.every)
    func batch(place: Place) throws {
        let desk = try Desk(place)
        try desk.makeDirectory("s")
        for number in 0..<300 { try desk.write("s/f\(number).py", "x\(number)") }
        try desk.write("s/other", "no")
        let reply = try desk.use(
            "copy_files_batch",
            [
                "source_base_path": "s", "destination_base_path": "t", "include_patterns": ["**/*.py"],
                "exclude_patterns": nil,
            ].mapValues { $0 ?? .null })
        #expect(reply["summary"]?["copied"] == 300 && reply["success"] == true)
        #expect((reply.structured?.line ?? "").utf8.count <= 4096)
        #expect(try desk.names("t").count == 300)
        let again = try desk.use(
            "copy_files_batch", ["source_base_path": "s", "destination_base_path": "t"])
        #expect(again["summary"]?["copied"] == 1 && again["summary"]?["skipped"] == 300)
        let missing = try desk.use("copy_files_batch", ["source_base_path": "none"])
        #expect(missing["success"] == false)
        let gone = try desk.use("delete_files_batch", ["base_path": "t", "include_patterns": ["f1*.py"]])
        #expect(gone["summary"]?["deleted"] == 111)
        #expect(try desk.names("t").count == 190)
        #expect((gone.structured?.line ?? "").utf8.count <= 4096)
    }

    @Test("In a batch * is an ordinary pattern, and a directory means its content", arguments: Place.every)
    func batchPatterns(place: Place) throws {
        let desk = try tree(place)
        func copied(_ patterns: JSON) throws -> String {
            try desk.removeAll("t")
            let reply = try desk.use(
                "copy_files_batch",
                [
                    "source_base_path": "s", "destination_base_path": "t", "include_patterns": patterns,
                    "exclude_patterns": ["it*", "out", "up"],
                ])
            #expect(reply["success"] == true)
            return try desk.all("t").map { $0 + " " }.joined()
        }
        func deleted(_ patterns: JSON) throws -> String {
            #expect(try copied(["*"]) == "a.txt d d/a2.txt d/b.txt d/e d/e/c.bin empty ")
            let reply = try desk.use(
                "delete_files_batch", ["base_path": "t", "include_patterns": patterns])
            #expect(reply["success"] == true)
            return try desk.all("t").filter { $0.contains(".") }.map { $0 + " " }.joined()
        }
        #expect(try copied(["*", "!*.txt"]) == "d d/e d/e/c.bin empty ")
        #expect(try copied(["a.txt", "*"]) == copied(["*"]))
        #expect(try deleted(["*", "!*.txt"]) == "a.txt d/a2.txt d/b.txt ")
        #expect(try deleted(["*"]) == "")
        #expect(try deleted(["e/"]) == "a.txt d/a2.txt d/b.txt ")
        #expect(try deleted(["/d", "!*.bin"]) == "a.txt d/e/c.bin ")
    }

    @Test("Files and directories are deleted, except for protected ones", arguments: Place.every)
    func deletion(place: Place) throws {
        let desk = try tree(place)
        func delete(_ path: String, recursive: Bool = false) throws -> ToolReply {
            try desk.use("delete_file", ["path": .text(path), "recursive": .boolean(recursive)])
        }
        #expect(try delete("s/a.txt")["details"]?["size"] == 6)
        #expect(try delete("s/out")["success"] == true && exists("/etc/passwd"))
        #expect(try delete("s/empty")["success"] == true)
        #expect(try delete("s")["success"] == false && desk.exists("s/d/b.txt"))
        #expect(try delete("none")["success"] == false)
        #expect(try delete(".", recursive: true)["success"] == false)
        #expect(desk.exists("s/d/b.txt"))
        if place != .store {
            // A ground over a store has one root, which no directory holds.
            let inner = try Desk(desk.directory, root: desk("s/d"))
            #expect(try inner.failure("move_file", ["source": ".", "destination": "x"]).kind == "denied")
        }
        #expect(try delete("/etc/passwd")["success"] == false)
        try desk.makeDirectory(".git")
        #expect(try delete(".git", recursive: true)["success"] == false && desk.exists(".git"))
        #expect(try delete("s", recursive: true)["details"]?["file_count"] == 5)
        #expect(!desk.exists("s"))
    }
}
