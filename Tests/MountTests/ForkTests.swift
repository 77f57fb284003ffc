// Forks of workspaces on a mount, by control files and by the program.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Forks {
        private static func prepare(_ base: String) throws {
            try makeDirectory("\(base)/dir")
            for index in 0..<40 { try writeFile("\(base)/dir/file\(index)", "of the base \(index)") }
        }

        @Test("A fork has all that its parent has, and each goes on alone, also after a remount and kill -9")
        func isolation() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("one"))
                try writeFile(mount("one/dir/file1"), "edited")
                try writeFile(mount("one/new"), "new")
                try must("unlink", unlink(mount("one/dir/file2")))
                try must("rename", rename(mount("one/dir/file3"), mount("one/moved")))
                try must("link", link(mount("one/new"), mount("one/linked")))
                try must("chmod", chmod(mount("one/dir/file4"), 0o600))
                // The kernel knows that there is no such name.
                try refuse(ENOENT, "before", access(mount("two"), F_OK))
                try writeFile(mount("one/.draft/fork"), "two")
                func check(_ when: String) throws {
                    try same(try listing(mount.root), ["one", "two"], when)
                    try same(try readText(mount("two/dir/file1")), "edited", when)
                    try same(try readText(mount("two/new")), "new", when)
                    try same(try readText(mount("two/moved")), "of the base 3", when)
                    try same(try readText(mount("two/dir/file5")), "of the base 5", when)
                    try refuse(ENOENT, when, access(mount("two/dir/file2"), F_OK))
                    try same(try status(mount("two/linked")).st_nlink, 2, when)
                    try same(try status(mount("two/dir/file4")).st_mode & 0o777, 0o600, when)
                    try same(try listing(mount("two/dir")).count, 38, when)
                }
                try check("at once")
                try writeFile(mount("one/new"), "of one")
                try writeFile(mount("one/later"), "x")
                try check("after a change of the parent")
                try mount.remount()
                try check("after a remount")
                try writeFile(mount("two/linked"), "of two")
                try mount.kill9()
                try mount.start()
                try same(try readText(mount("two/new")), "of two", "after kill -9")
                try same(try readText(mount("one/new")), "of one", "after kill -9")
                try refuse(ENOENT, "after kill -9", access(mount("two/later"), F_OK))
                let lines = try readText(mount(".draft/list")).split(separator: "\n")
                let line = try #require(lines.last)
                try expect(line.hasPrefix("{\"name\":\"two\""), "\(line)")
                try expect(line.contains("\"parent\":\"one\""), "\(line)")
                try same(try mount.command("discard", "--now one"), 0, "discard")
                try same(try readText(mount("two/dir/file1")), "edited", "without its parent")
            }
        }

        @Test("What is not written back yet is in the fork, and open files of the parent stay what they are")
        func openFiles() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("one"))
                try writeFile(mount("one/new"), "first line")
                try withOpen(mount("one/new"), O_RDWR) { held in
                    let mapped = mmap(nil, 4_096, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                    let bytes = try #require(mapped != MAP_FAILED ? mapped : nil)
                    defer { munmap(bytes, 4_096) }
                    bytes.storeBytes(of: UInt8(ascii: "F"), as: UInt8.self)
                    try writeFile(mount("one/.draft/fork"), "two")
                    try same(try readText(mount("two/new")), "First line", "a page that only the kernel had")
                    bytes.storeBytes(of: UInt8(ascii: "W"), as: UInt8.self)
                    try same(msync(bytes, 4_096, MS_SYNC), 0, "msync")
                    try same(try readText(mount("one/new")), "Wirst line", "the parent")
                    try same(try readText(mount("two/new")), "First line", "the fork")
                }
            }
        }

        @Test("git and sqlite find whole repositories and databases in a fork, and go on in both")
        func tools() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("one"))
                let git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-C"]
                try ChildProcess.check(git + [mount("one"), "init", "-q"], seconds: 60)
                try ChildProcess.check(git + [mount("one"), "add", "-A"], seconds: 60)
                try ChildProcess.check(git + [mount("one"), "commit", "-qm", "first"], seconds: 60)
                let table = "create table t(x); with recursive c(n) as "
                    + "(select 1 union all select n + 1 from c limit 500) insert into t select n from c;"
                try ChildProcess.check(["sqlite3", mount("one/data.db"), table], seconds: 60)
                try writeFile(mount("one/.draft/fork"), "two")
                for (name, text) in [("one", "a"), ("two", "b")] {
                    try writeFile(mount("\(name)/dir/file1"), text)
                    try ChildProcess.check(git + [mount(name), "commit", "-qam", text], seconds: 60)
                    try ChildProcess.check(
                        ["sqlite3", mount("\(name)/data.db"), "update t set x = '\(text)' where x < 100;"],
                        seconds: 60)
                }
                for (name, text) in [("one", "a"), ("two", "b")] {
                    try ChildProcess.check(git + [mount(name), "fsck", "--strict"], seconds: 60)
                    let log = try ChildProcess.check(
                        git + [mount(name), "log", "--format=%s"], seconds: 60)
                    try same(log, "\(text)\nfirst\n", "log of \(name)")
                    let rows = try ChildProcess.check(
                        [
                            "sqlite3", mount("\(name)/data.db"),
                            "pragma integrity_check; select count(*) from t where x = '\(text)';",
                        ], seconds: 60)
                    try same(rows, "ok\n99\n", "rows of \(name)")
                    try same(try readText(mount("\(name)/dir/file1")), text, name)
                }
            }
        }

        @Test("draftfs fork takes a workspace, a moment of one, or the base")
        func program() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                func run(_ words: [String], below: String = "") throws -> ChildResult {
                    try ChildProcess.run(
                        [TestEnvironment.binary] + words, seconds: 30, directory: mount(below))
                }
                try makeDirectory(mount("one"))
                try writeFile(mount("one/new"), "1")
                try same(try run(["backup", "kept"], below: "one").status, 0, "backup")
                try writeFile(mount("one/new"), "2")
                let rows: [(words: [String], content: String)] = [
                    (["one", "a"], "2"), (["one@kept", "b"], "1"), (["one@-0s", "c"], "2"),
                    ([mount("one"), "d"], "2"), (["./one/", "e"], "2"),
                ]
                for (words, content) in rows {
                    let result = try run(["fork"] + words)
                    try same(result.status, 0, "\(words): \(result.errorText)")
                    try same(try readText(mount("\(words[1])/new")), content, "\(words)")
                }
                try same(try run(["fork", "f"], below: "one/dir").status, 0, "the current workspace")
                try same(try readText(mount("f/new")), "2", "the current workspace")
                try same(try run(["fork", "@kept", "i"], below: "one/dir").status, 0, "a moment of it")
                try same(try readText(mount("i/new")), "1", "a moment of the current workspace")
                try same(try run(["backup", "7"], below: "one").status, 0, "a backup like a number")
                try same(try run(["fork", "one@7", "j"]).status, 0, "a backup like a number")
                try same(try readText(mount("j/new")), "2", "a backup like a number")
                try same(try run(["fork", "one", "k@1"]).status, 0, "a name with an @")
                try same(try run(["fork", "k@1@kept", "l"]).status, 0, "a moment behind a name with an @")
                try same(try readText(mount("l/new")), "1", "a moment behind a name with an @")
                let made = try run(["fork", "g", "--json"]).text
                try same(made, "{\"forked\": \"g\", \"moment\": null}\n", "json")
                try refuse(ENOENT, "from the base", access(mount("g/new"), F_OK))
                try same(try readText(mount("g/dir/file0")), "of the base 0", "from the base")
                for (words, part) in [
                    (["one", "a"], "already"), (["none", "h"], "no workspace named none"),
                    (["one@none", "h"], "no backup named none"), (["one", "x/y"], "not a path"),
                    (["one@", "h"], "moment"), (["one@99999", "h"], "no change"), (["a"], "already"),
                    (["-C", "nosuch", "h"], "no directory nosuch"), (["@kept", "h"], "before the @"),
                ] {
                    let result = try run(["fork"] + words)
                    try expect(
                        result.status == 1 && result.errorText.contains(part),
                        "\(words): \(result.status) \(result.errorText)")
                }
                let all = ["a", "b", "c", "d", "e", "f", "g", "i", "j", "k@1", "l", "one"]
                try same(try listing(mount.root), all, "workspaces")
                let table = try run(["list"]).text.split(separator: "\n").map { $0.split(separator: " ") }
                try expect(table[0].contains("FROM"), "\(table[0])")
                try expect(table[1].contains("base"), "\(table)")
                try expect(table[3].contains { $0.hasPrefix("one@") }, "\(table)")
            }
        }

        @Test("draftfs diff compares workspaces and their moments, and its patches make one of the other")
        func differences() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                func run(_ words: [String]) throws -> ChildResult {
                    try ChildProcess.run(
                        [TestEnvironment.binary, "diff"] + words, seconds: 60, directory: mount("one"))
                }
                try makeDirectory(mount("one"))
                try writeFile(mount("one/inherited"), "line\n")
                try writeFile(mount("one/.draft/backup"), "start")
                for name in ["two", "a@b", "x..y"] { try writeFile(mount("one/.draft/fork"), "'\(name)'") }
                try writeFile(mount("two/inherited"), "line\nof two\n")
                try writeFile(mount("two/.draft/backup"), "7")
                try writeFile(mount("two/later"), "later\n")
                try writeFile(mount("one/dir/file1"), "of one\n")
                try writeFile(mount("a@b/inherited"), "of a@b\n")
                let rows: [(words: [String], lines: [String])] = [
                    (["workspace:two"], ["D later", "M dir/file1", "M inherited"]),
                    (["two@start"], ["M dir/file1"]), (["workspace:two@start"], ["M dir/file1"]),
                    (["start..two@7"], ["M inherited"]), (["two@7..workspace:two"], ["A later"]),
                    (["workspace:two..two@7"], ["D later"]), (["workspace:two..workspace:two"], []),
                    (["start..workspace:two", "later"], ["A later"]), (["@0..two@0"], []),
                    (["workspace:a@b"], ["M dir/file1", "M inherited"]),
                    (["workspace:x..y"], ["M dir/file1"]),
                    (["start..-0s"], ["M dir/file1"]), (["two@-1w"], ["A inherited", "M dir/file1"]),
                ]
                for (words, expected) in rows {
                    let result = try run(words + ["--name-only"])
                    try same(result.status, 0, "\(words): \(result.errorText)")
                    let lines = try run(words).text.split(separator: "\n").map {
                        let fields = $0.split(separator: "\t").map(String.init)
                        return [fields.first ?? "", fields.last ?? ""].joined(separator: " ")
                    }
                    try same(lines.sorted(), expected.sorted(), "\(words)")
                    try same(
                        result.text.split(separator: "\n").map(String.init).sorted(),
                        expected.map { String($0.dropFirst(2)) }.sorted(), "\(words), the paths alone")
                }
                for (words, part) in [
                    (["workspace:none"], "no workspace none"), (["none@3"], "no workspace none"),
                    (["two@none"], "moment none"), (["start..none@3"], "no workspace none"),
                    (["two@"], "give a moment"), (["two@99999"], "moment @99999"),
                ] {
                    let result = try run(words)
                    try expect(
                        result.status == 1 && result.errorText.contains(part),
                        "\(words): \(result.status) \(result.errorText)")
                }
                let patch = try run(["two@start..workspace:two", "--patch"])
                try same(patch.status, 0, patch.errorText)
                let copy = try TemporaryDirectory()
                try ChildProcess.check(["cp", "-r", mount("one/.draft/backups/start"), copy.path + "/tree"])
                try writeFile(copy.path + "/patch", patch.text)
                try ChildProcess.check(["git", "-C", copy.path + "/tree", "apply", copy.path + "/patch"])
                try ChildProcess.check(["diff", "-r", copy.path + "/tree", mount("two")])
                let sums = try run(["two@start..workspace:two", "--stat"])
                try expect(sums.text.contains("+2") && sums.text.contains("2 files"), sums.text)
            }
        }
    }
}
