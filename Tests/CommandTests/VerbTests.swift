// The verbs on a fake workspace: what they write, what they print, and their exit statuses.

import ArgumentParser
import Glibc
import TestSupport
import Testing

@testable import draftfs

extension CommandTests {
    @Suite struct Verbs {
        static let all = [
            "mount", "unmount", "status", "doctor", "fork", "list", "discard", "restore", "run", "hook",
            "commit", "merge",
            "backup", "rollback", "undo", "history", "log", "blame", "diff", "clone", "read", "edit", "copy",
            "edit-copy", "mcp", "verify", "gc", "limits", "drift", "refresh", "events", "progress", "top",
            "fsck", "completion", "generate-manual",
        ]

        @Test(arguments: all)
        func `Every verb has help and JSON`(verb: String) throws {
            let result = try Program.run([verb, "--help"])
            #expect(result.status == 0)
            #expect(result.text.contains("USAGE: draftfs \(verb)"))
            // mcp speaks nothing but JSON; the verbs below hook have the option.
            #expect(result.text.contains("--json") || verb == "mcp" || verb == "hook")
        }

        @Test func `These are all verbs`() {
            let names = Draftfs.configuration.subcommands.map { $0._commandName }
            #expect(names == Self.all)
        }

        @Test(arguments: [
            ["rollback"], ["nosuch"], ["undo", "0"], ["blame"], ["clone", "one"], ["edit", "f"],
            ["edit", "f", "--at", "x", "--delete", "1"], ["edit", "f", "--at", "1"],
            ["edit", "f", "--at", "1", "--insert", "a", "--insert-file", "b"],
            ["edit", "f", "--json-file", "-"], ["backup", "x", "--list"], ["completion", "tcsh"],
            ["backup", "--rename", "one"], ["backup", "--list", "--comment", "c"],
            ["drift", "--accept", "a", "--ours", "b"], ["diff", "--patch", "--json"],
            ["diff", "--stat", "--patch"], ["diff", "--name-only", "--json"], ["fsck"],
            ["history", "--limit", "-1"], ["log", "--pause", "-1"],
            ["commit", "-m", "x"], ["commit", "--branch", "b", "--ours"], ["refresh", "--ours", "--merge"],
            ["refresh", "what"], ["top", "--nosuch"],
        ])
        func `Wrong usage exits with 2`(arguments: [String]) throws {
            let fake = try FakeWorkspace()
            let result = try Program.run(arguments, directory: fake.root)
            #expect(result.status == 2, "\(arguments): \(result.errorText)")
            #expect(result.errorText.hasPrefix("draftfs: "))
            #expect(result.text.isEmpty)
        }

        @Test(arguments: [
            (["backup", "v1"], "backup", "v1\n"),
            (["backup", "v1", "--comment", "before the 'big' one"], "backup",
                "v1 'before the '\\''big'\\'' one'\n"),
            (["backup", "--delete", "v1"], "backup", "--delete v1\n"),
            (["backup", "--rename", "a b", "c"], "backup", "--rename 'a b' c\n"),
            (["rollback", "v1"], "rollback", "v1\n"),
            (["rollback", "@5", "a", "./b c"], "rollback", "@5 /a '/b c'\n"),
            (["rollback", "-10m", "--times", "a"], "rollback", "-10m --times /a\n"),
            (["undo"], "undo", "1\n"),
            (["undo", "3"], "undo", "3\n"),
            (["undo", "./3"], "undo", "1 /3\n"),
            (["undo", "2", "a", "b"], "undo", "2 /a /b\n"),
            (["clone", "a", "d/b"], "clone", "/a /d/b\n"),
            (["drift", "--accept", "a"], "drift", "accept /a\n"),
            (["drift", "--drop", "a"], "drift", "theirs /a\n"),
            (["drift", "--theirs", "a"], "drift", "theirs /a\n"),
            (["drift", "--ours", "a"], "drift", "ours /a\n"),
            (["verify", "--no-wait"], "verify", "\n"),
            (["verify", "--no-wait", "a", "."], "verify", "/a /\n"),
            (["limits", "memory", "64M"], "limits", "memory 64M\n"),
            (["edit", "a", "--at", "5", "--delete", "2", "--insert", "x\"y"], "edit",
                #"{"path": "/a", "edits": [{"at": 5, "delete": 2, "insert": "x\"y"}]}"#),
            (["edit", "a", "--at", "end", "--insert", ""], "edit",
                #"{"path": "/a", "edits": [{"at": "end", "insert": ""}]}"#),
        ] as [([String], String, String)])
        func `A verb writes its command`(
            arguments: [String], file: String, command: String
        ) throws {
            for extra in [[], ["--json"]] {
                let fake = try FakeWorkspace()
                let result = try Program.run(arguments + extra, directory: fake.root)
                #expect(result.status == 0, "\(arguments): \(result.errorText)")
                #expect(try fake.written(file) == command)
                if !extra.isEmpty { #expect(JSONValue(parsing: result.output) != nil) }
            }
        }

        @Test func `Paths are relative to where the command runs, or to the directory given`() throws {
            let fake = try FakeWorkspace()
            try makeDirectory(fake("sub"))
            try fake.run("undo", "x", below: "sub")
            #expect(try fake.written("undo") == "1 /sub/x\n")
            let result = try Program.run(["clone", "-C", fake("sub"), "one", "../two"])
            #expect(result.status == 0)
            #expect(try fake.written("clone") == "/sub/one /two\n")
        }

        @Test func `A backup without a name is named after the time`() throws {
            let fake = try FakeWorkspace()
            let name = try fake.run("backup").text.dropLast()
            #expect(name.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d-\d\d-\d\dZ/) != nil)
            #expect(try fake.written("backup") == "\(name)\n")
        }

        @Test func `Bytes of a file are inserted as base64, and JSON goes through as it is`() throws {
            let fake = try FakeWorkspace()
            try writeFile(fake.directory("bytes"), [0xff, 0, 0x0a])
            try fake.run("edit", "a", "--at", "0", "--insert-file", "../bytes")
            #expect(try fake.written("edit")
                == #"{"path": "/a", "edits": [{"at": 0, "insert_base64": "/wAK"}]}"#)
            let json = #"{"path":"b","edits":[{"at":1,"delete":1}]} "#
            try writeFile(fake.directory("json"), json)
            #expect(try fake.run("edit", "--json-file", "../json").status == 0)
            #expect(try fake.written("edit").hasPrefix(json))
        }

        @Test func `A failed write is explained by the sentence in last-error`() throws {
            let fake = try FakeWorkspace()
            try fake.set("last-error", "there is no backup v9:\n\u{1b}make one\n")
            // A write to the full device fails like a write to a control file.
            unlink(fake(".draft/rollback"))
            try must("symlink", symlink("/dev/full", fake(".draft/rollback")))
            let result = try fake.run("rollback", "v9")
            #expect(result.status == 1)
            #expect(result.errorText == "draftfs: there is no backup v9: \\x1bmake one\n")
            try fake.set("last-error", "")
            #expect(try fake.run("rollback", "v9").errorText
                == "draftfs: rollback failed: No space left on device\n")
        }

        @Test func `In the list of workspaces a sentence asks for one of them`() throws {
            let fake = try FakeWorkspace()
            try fake.set("status", #"{"workspaces": []}"#)
            unlink(fake(".draft/undo"))
            let result = try fake.run("undo")
            #expect(result.status == 1)
            #expect(result.errorText.contains("is the list of workspaces"))
        }

        @Test func `A store that is not there, or is a file, cannot be checked`() throws {
            let directory = try TemporaryDirectory("fsck")
            try writeFile(directory("file"), "x")
            for path in ["/nonexistent", directory("file")] {
                let result = try Program.run(["fsck", path])
                #expect(result.status == 1)
                #expect(result.errorText == "draftfs: there is no store at \(path)\n")
            }
        }
    }
}
