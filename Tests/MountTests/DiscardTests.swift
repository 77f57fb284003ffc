// Discarding and restoring workspaces on a mount, by control files and by the program.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Discards {
        private static func prepare(_ base: String) throws {
            try makeDirectory("\(base)/dir")
            try writeFile("\(base)/dir/file", "of the base")
        }

        @Test("A discarded workspace disappears and comes back whole, also after kill -9")
        func comesBack() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try writeFile(mount("one/dir/file"), "edited")
                try writeFile(mount("one/new"), "new")
                for step in ["at once", "after a remount", "after kill -9"] {
                    try same(try mount.command("discard", "one"), 0, step)
                    try same(try listing(mount.root), ["two"], step)
                    try refuse(ENOENT, step, access(mount("one/dir/file"), F_OK))
                    try refuse(ENOENT, step, access(mount("one"), F_OK))
                    if step == "after a remount" { try mount.remount() }
                    if step == "after kill -9" {
                        try mount.kill9()
                        try mount.start()
                    }
                    // The kernel knows that there is no such name.
                    try refuse(ENOENT, step, access(mount("one"), F_OK))
                    let line = try readText(mount(".draft/discard"))
                    try expect(line.hasPrefix("{\"name\":\"one\",\"id\":1,"), line)
                    try same(try mount.command("restore", "one"), 0, step)
                    try same(try listing(mount.root), ["one", "two"], step)
                    try same(try readText(mount("one/dir/file")), "edited", step)
                    try same(try readText(mount("one/new")), "new", step)
                    try same(try readText(mount(".draft/discard")), "", step)
                }
            }
        }

        @Test("An open file of a discarded workspace answers ESTALE and works again after the restore")
        func openFiles() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("one"))
                try writeFile(mount("one/new"), "first")
                let control = try must("open", open(mount("one/.draft"), O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                defer { close(control) }
                try withOpen(mount("one/new"), O_RDWR) { held in
                    // A page that only the kernel has yet.
                    let mapped = mmap(nil, 4_096, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                    let bytes = try #require(mapped != MAP_FAILED ? mapped : nil)
                    bytes.storeBytes(of: UInt8(ascii: "F"), as: UInt8.self)
                    try same(try mount.command("discard", "one"), 0, "discard")
                    try refuse(ESTALE, "write", Int32(pwrite(held, "x", 1, 0)))
                    var byte: UInt8 = 0
                    try refuse(ESTALE, "read", Int32(pread(held, &byte, 1, 0)))
                    try refuse(ESTALE, "a control file", faccessat(control, "limits", F_OK, 0))
                    munmap(bytes, 4_096)
                    // The name can be taken meanwhile.
                    try makeDirectory(mount("one"))
                    try refuse(ENOENT, "a workspace of that name", access(mount("one/new"), F_OK))
                    try same(try mount.command("restore", "one"), EEXIST, "restore")
                    try expect(try readText(mount(".draft/last-error")).contains("--as"), "last-error")
                    try same(try mount.command("restore", "one --as old"), 0, "restore")
                    try same(try readText(mount("old/new")), "First", "content")
                    try writeAll(held, Array("W".utf8), at: 0)
                }
                try same(try readText(mount("old/new")), "Wirst", "content")
            }
        }

        @Test("Removal for good frees the space, and --all-clean takes only what holds no changes")
        func space() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["full", "clean", "changed"] { try makeDirectory(mount(name)) }
                try same(try readText(mount("clean/dir/file")), "of the base", "a read is no change")
                try writeFile(mount("changed/new"), "x")
                let before = mount.storeBytes
                try writeFile(mount("full/large"), bytes(20 << 20, fill: 7))
                try expect(mount.storeBytes > before + 20 << 20, "the file is in the store")
                try same(try mount.command("discard", "--all-clean"), 0, "all clean")
                try same(try listing(mount.root), ["changed", "full"], "workspaces")
                try expect(try readText(mount(".draft/discard")).contains("\"clean\""), "it can come back")
                try same(try mount.command("discard", "full nosuch"), ENOENT, "a mistyped name")
                try same(try listing(mount.root), ["changed", "full"], "nothing is discarded")
                try same(try mount.command("discard", "full"), 0, "discard")
                try expect(mount.storeBytes > before + 20 << 20, "the file can come back")
                try same(try mount.command("discard", "--now"), 0, "for good")
                try expect(mount.storeBytes < before + 1 << 20, "the space is not back: \(mount.storeBytes)")
                // The disk frees the space of a removed file only when its last descriptor is closed.
                let files = "/proc/\(mount.pid)/fd"
                let open = try listing(files).compactMap { number -> String? in
                    // The listing's own descriptor is gone.
                    let target = try? linkTarget(Array("\(files)/\(number)".utf8CString))
                    return target.map { String(decoding: $0, as: UTF8.self) }
                }
                try expect(open.contains { $0.contains("/store/") }, "\(open)")
                // A thread keeps the last workspace that it served, with its tree log, until its next one.
                let deleted = open.filter { $0.hasSuffix("(deleted)") && $0.contains("/logs/") }
                try same(deleted, [], "descriptors of removed files")
                try same(try mount.command("restore", "full"), ENOENT, "restore")
                try withOpen(mount("changed/new"), O_RDONLY) { held in
                    var byte: UInt8 = 0
                    try same(pread(held, &byte, 1, 0), 1, "read")
                    try same(try mount.command("discard", "--now changed"), 0, "a live one")
                    try refuse(ESTALE, "read", Int32(pread(held, &byte, 1, 0)))
                }
                try same(try listing(mount.root), [], "workspaces")
            }
        }

        @Test("The retention of the store removes discarded workspaces by itself")
        func retention() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try expect(try readText(mount(".draft/limits")).contains("retention 1w\n"), "the default")
                try makeDirectory(mount("one"))
                try writeFile(mount("one/new"), "x")
                try same(try mount.command("discard", "one"), 0, "discard")
                try same(try mount.command("limits", "retention 1s"), 0, "limits")
                for _ in 0..<200 where try !readText(mount(".draft/discard")).isEmpty { usleep(100_000) }
                try same(try readText(mount(".draft/discard")), "", "it is still there")
                let events = try readText(mount(".draft/events"))
                try expect(events.contains("removed the workspace one"), events)
            }
        }

        @Test("The program lists, discards and restores, by names and by paths")
        func program() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                func run(_ words: String..., below: String = "") throws -> ChildResult {
                    try ChildProcess.run(
                        [TestEnvironment.binary] + words, seconds: 30, directory: mount(below))
                }
                for name in ["b", "a", "-c"] { try makeDirectory(mount(name)) }
                try writeFile(mount("a/new"), "content")
                try writeFile(mount("a/dir/file"), "edited")
                try must("unlink", unlink(mount("-c/dir/file")))
                try same(try run("list", "-q").text, "b\na\n-c\n", "in the order of their making")
                try same(try run("list", "-q", "--sort", "name").text, "-c\na\nb\n", "by name")
                let byFiles = try run("list", "-q", "--sort", "files", below: "a/dir").text
                try same(byFiles.prefix(2), "a\n", "by files")
                let rows = try run("list", "--changes").text.split(separator: "\n").map {
                    $0.split(separator: " ").prefix(12).joined(separator: " ")
                }
                try expect(rows.count == 4 && rows[0].hasPrefix("NAME ID FILES SIZE BEHIND ADDED"), "\(rows)")
                try expect(rows[2].hasPrefix("a 2 4") && rows[2].hasSuffix("0 1 1 0 0 0 0"), rows[2])
                try expect(rows[3].hasSuffix("0 0 0 1 0 0 0"), rows[3])
                let json = try run("list", "--json", "--changes").text.split(separator: "\n")
                try expect(json[1].contains("\"added\":1,\"modified\":1,\"deleted\":0"), "\(json)")
                try same(try run("discard", "--", "-c").status, 0, "a name like an option")
                try same(try run("discard", ".", below: "b").status, 0, "the workspace itself")
                try same(
                    try run("discard", "--json", mount("a")).text, "{\"discarded\": [\"a\"]}\n", "a path")
                try same(try listing(mount.root), [], "workspaces")
                try same(try run("discard", "a").status, 1, "twice")
                try expect(try run("discard").status == 2, "without a name")
                let list = try run("discard", "--list").text.split(separator: "\n")
                try same(list.count, 4, "the discarded ones and a title")
                try expect(list[1].hasPrefix("a "), "the last comes first: \(list)")
                try same(try run("restore", "a", "--as", "A").status, 0, "restore")
                try same(try readText(mount("A/new")), "content", "content")
                let refused = try run("restore", "a")
                try expect(
                    refused.status == 1 && refused.errorText.contains("no discarded workspace"),
                    refused.errorText)
                try same(try run("discard", "--now").text, "b\n-c\n", "the rest for good")
                try same(try run("discard", "--list").text, "", "nothing is left")
                try expect(try run("status").text.contains("discarded workspaces    0"), "status")
            }
        }

        @Test("A command runs in a workspace, and its result is in the list until something changes")
        func commands() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                func run(_ words: String..., below: String = "") throws -> ChildResult {
                    try ChildProcess.run(
                        [TestEnvironment.binary] + words, seconds: 30, directory: mount(below))
                }
                func result(_ name: String) throws -> Substring {
                    let rows = try run("list").text.split(separator: "\n").map { $0.split(separator: " ") }
                    let row = try #require(rows.first { $0.first.map(String.init) == name })
                    // The size has two words.
                    return row[6]
                }
                for name in ["one", "two"] { try makeDirectory(mount(name)) }
                try same(try result("one"), "-", "nothing was run")
                let script = "echo out; echo err >&2; pwd; echo new > file; exit 3"
                let ran = try run("run", "one/dir", "--", "sh", "-c", script)
                try same(ran.status, 3, "status")
                try same(ran.text, "out\n\(mount("one/dir"))\n", "output")
                try same(ran.errorText, "err\n", "errors")
                try same(try readText(mount("one/dir/file")), "new\n", "the change")
                try same(try result("one"), "3", "the list")
                let kept = try readText(mount("one/.draft/run"))
                try expect(kept.contains("\"status\":3,") && kept.contains("err\\n"), kept)
                try writeFile(mount("one/dir/file"), "newer")
                try same(try result("one"), "3*", "changed since")
                try same(try run("run", "two", "--", "printf", "a\\0b").output, Array("a\0b".utf8), "NUL")
                try same(try run("run", "two", "--", "sh", "-c", "kill -9 $$").status, 137, "a signal")
                try same(try result("two"), "137", "the list")
                for step in ["a remount", "kill -9"] {
                    if step == "kill -9" {
                        try mount.kill9()
                        try mount.start()
                    } else {
                        try mount.remount()
                    }
                    _ = try readText(mount("two/dir/file"))
                    try same(try result("two"), "137", step)
                }
                // Such a process keeps the outputs open.
                let left = try run("run", "two", "--", "sh", "-c", "sleep 5 & exit 4")
                try same(left.status, 4, "a process that stays behind")
                try same(try result("two"), "4", "the list")
                let long = "'yes | head -100000; exit 5'"
                let piped = "'\(TestEnvironment.binary)' run two -- sh -c \(long) | head -1 || true"
                try same(try ChildProcess.shell(piped, directory: mount.root), "y\n", "a reader that ends")
                try same(try result("two"), "5", "the list")
                let missing = try run("run", "three", "--", "true")
                try expect(
                    missing.status == 1 && missing.errorText.contains("no workspace"), missing.errorText)
                try same(try run("run", "one").status, 2, "without a command")
                try same(try run("run", ".", "--", "nosuchprogram", below: "one").status, 127, "no program")
                try same(try result("one"), "127", "no program")
                // The workspace is renamed, and then discarded, while the command runs in it.
                try same(try run("run", "one", "--", "sh", "-c", "mv ../one ../uno; exit 6").status, 6, "mv")
                try same(try result("uno"), "6", "the new name")
                let away = "'\(TestEnvironment.binary)' discard uno -C '\(mount.root)'; exit 7"
                let gone = try run("run", "uno", "--", "sh", "-c", away)
                try expect(gone.status == 7 && gone.errorText.contains("was not kept"), gone.errorText)
            }
        }

        @Test("The hooks of agents make, back up and discard workspaces")
        func hooks() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                func hook(_ verb: String, _ input: String, _ more: String...) throws -> ChildResult {
                    try writeFile("\(mount.base)/../input", input)
                    let words = [TestEnvironment.binary, "hook", verb] + more
                    let script = words.map { "'\($0)'" }.joined(separator: " ") + " < ../input"
                    return try ChildProcess.run(
                        ["sh", "-c", "exec " + script], seconds: 30, directory: mount.base)
                }
                let first = #"{"name": "agent/1", "cwd": "/"}"#
                let made = try hook("worktree-create", first, "-C", mount.root)
                let path = mount("agent-1")
                try same(made.text, "\(path)\n", "the path")
                try same(try readText("\(path)/dir/file"), "of the base", "the workspace")
                let other = #"{"worktree_name": "agent-1"}"#
                try same(try hook("worktree-create", other, "-C", mount.root).status, 1, "a name in use")
                try same(
                    try hook("worktree-create", other, "-C", mount.root, "--reuse").text, "\(path)\n",
                    "reuse")
                let dots = try hook("worktree-create", #"{"name": ".."}"#, "-C", mount.root, "--reuse")
                try same(dots.status, 1, "a name that is none")
                let call = #"{"cwd": "\#(path)/dir", "tool_name": "Edit it"}"#
                func backups() throws -> [Substring] {
                    try readText("\(path)/.draft/backup").split(separator: "\n")
                }
                try same(try hook("checkpoint", call, "--keep", "2").status, 0, "nothing to keep")
                try same(try backups().count, 0, "backups")
                for step in 1...4 {
                    try writeFile("\(path)/new", "step \(step)")
                    for _ in 1...3 { try same(try hook("checkpoint", call, "--keep", "2").status, 0, "hook") }
                    try same(try backups().count, min(step, 2), "backups after step \(step)")
                }
                try expect(try backups().allSatisfy { $0.contains("\"comment\":\"Edit it\"") }, "comments")
                // The backup that a rollback makes is of the state before.
                try writeFile("\(path)/.draft/backup", "hook-mine\n")
                try writeFile("\(path)/.draft/rollback", "@0\n")
                for _ in 1...2 { try same(try hook("checkpoint", call, "--keep", "2").status, 0, "hook") }
                try same(try backups().count { $0.contains("\"name\":\"hook-20") }, 2, "of the hook")
                try expect(try backups().contains { $0.contains("hook-mine") }, "that of the user stays")
                try expect(try backups().last?.contains("\"name\":\"hook-20") == true, "after the rollback")
                try same(try hook("checkpoint", #"{"cwd": "/"}"#).status, 0, "outside")
                let removal = #"{"worktree_path": "\#(path)"}"#
                for step in 1...2 { try same(try hook("worktree-remove", removal).status, 0, "\(step)") }
                try same(try listing(mount.root), [], "workspaces")
                try expect(try readText(mount(".draft/discard")).contains("agent-1"), "it can come back")
                for wrong in ["", "[]", "{", "{}"] {
                    for verb in ["worktree-create", "worktree-remove", "checkpoint"] {
                        let result = try hook(verb, wrong)
                        try expect(
                            result.status == 1 && result.errorText.hasPrefix("draftfs: "), verb + wrong)
                    }
                }
            }
        }

        @Test("In a mount of one workspace the verbs for the list say what is missing")
        func single() throws {
            try mounted(prepare: Self.prepare) { mount in
                let result = try ChildProcess.run(
                    [TestEnvironment.binary, "list"], seconds: 30, directory: mount.root)
                try expect(
                    result.status == 1 && result.errorText.contains("without --workspace"),
                    result.errorText)
                try refuse(ENOENT, "no such file", access(mount(".draft/discard"), F_OK))
            }
        }
    }
}
