// Checks of edits: what a failing command leaves of an edit and of changes of other processes, and that a
// check needs permission.

import Glibc
import MCP
import TestSupport
import Testing

@testable import ToolServer

@Suite(.enabled(if: TestEnvironment.canMount, "needs /dev/fuse")) struct CheckTests {
    private static func desk() throws -> Desk {
        try Desk(.mount) { $0.allowed = [.read, .write, .check] }
    }

    private static func edit(_ check: String, _ more: [String: JSON] = [:]) -> [String: JSON] {
        let edits: JSON = [["oldText": "one", "newText": "1"]]
        return more.merging(["path": "f", "edits": edits, "check": .text(check)]) { $1 }
    }

    @Test("An edit whose check succeeds stays, and the reply has the output")
    func success() throws {
        let desk = try Self.desk()
        try desk.write("f", "one\n")
        let reply = try desk.use("edit_file", Self.edit("cat f; pwd; echo bad >&2"))
        #expect(reply["check"]?["exit_status"] == 0)
        let output = reply["check"]?["output"]?.text ?? ""
        #expect(output.hasPrefix("1\n") && output.contains("mnt") && output.contains("bad\n"))
        #expect(try desk.string("f") == "1\n")
    }

    @Test("An edit whose check fails is undone, and changes of other files stay")
    func failure() throws {
        let desk = try Self.desk()
        try desk.write("f", "one\n")
        try must("chmod", chmod(desk("f"), 0o640))
        let failed = try desk.failure(
            "edit_file", Self.edit("echo other > g; echo it is wrong; exit 3"))
        #expect(failed.kind == "check_failed")
        #expect(failed.sentence.contains("exit status 3") && failed.sentence.contains("it is wrong"))
        #expect(try desk.string("f") == "one\n" && desk.string("g") == "other\n")
        #expect(try status(desk("f")).st_mode & 0o777 == 0o640)
        // The same call succeeds once the check succeeds.
        try desk.use("edit_file", Self.edit("grep -q 1 f"))
        #expect(try desk.string("f") == "1\n")
    }

    @Test("What another process writes into the file during its check is not undone")
    func others() throws {
        let desk = try Self.desk()
        try desk.write("f", "one\n")
        try desk.write("g", "g\n")
        let root = desk.root
        _ = WorkerThread.start {
            for _ in 0..<20_000 where !TestSupport.exists("\(root)/begun") { usleep(500) }
            _ = try? ChildProcess.shell("echo theirs >> '\(root)/f'; touch '\(root)/go'")
        }
        let wait = "touch begun; while [ ! -e go ]; do sleep 0.01; done; echo wrong; exit 3"
        let failed = try desk.failure("edit_file", Self.edit(wait))
        #expect(failed.kind == "check_failed" && failed.sentence.contains("exit status 3"))
        #expect(failed.sentence.contains("f was changed by another process"))
        #expect(failed.sentence.contains("wrong"))
        #expect(failed.sentence.contains("nothing was undone"))
        #expect(try desk.string("f") == "1\ntheirs\n")
        // The files of a patch are undone together or not at all.
        try desk.write("f", "one\n")
        let patch = "--- f\n+++ f\n@@ -1 +1 @@\n-one\n+1\n--- g\n+++ g\n@@ -1 +1 @@\n-g\n+G\n"
        let both = try desk.failure(
            "edit_file_apply_patch",
            ["path": ".", "patch": .text(patch), "check": "echo by the check >> g; false"])
        #expect(both.sentence.contains("g was changed by another process or by the check"))
        #expect(try desk.string("f") == "1\n" && desk.string("g") == "G\nby the check\n")
    }

    @Test("A failing check keeps concurrent writes to other files, and earlier writes")
    func before() throws {
        let desk = try Self.desk()
        try desk.write("f", "one\n")
        try desk.use("edit_file", Self.edit("echo more >> f"))
        #expect(try desk.string("f") == "1\nmore\n")
        let again: [String: JSON] = ["edits": [["oldText": "more", "newText": "less"]]]
        let failed = try desk.failure(
            "edit_file", Self.edit("echo g > g; false").merging(again) { $1 })
        #expect(failed.sentence.contains("the files are as before the call"))
        #expect(try desk.string("f") == "1\nmore\n" && desk.string("g") == "g\n")
    }

    @Test("A check that does not end is killed with its children, and the edit is undone")
    func endless() throws {
        let desk = try Self.desk()
        try desk.write("f", "one\n")
        let failed = try desk.failure(
            "edit_file",
            Self.edit("sleep 1000 & echo $! > pid; yes", ["check_seconds": 1]))
        #expect(failed.kind == "check_failed" && failed.sentence.contains("longer than allowed"))
        #expect(failed.sentence.utf8.count < 4_096)
        #expect(try desk.string("f") == "one\n")
        let pid = try #require(Int32(try desk.string("pid").prefix { $0.isNumber }))
        // The process is gone, or init has not reaped it yet.
        let state = (try? readText("/proc/\(pid)/stat")) ?? "0 (sleep) Z"
        #expect(state.contains(") Z"))
    }

    @Test("A failing check undoes the files that a patch makes and removes")
    func patch() throws {
        let desk = try Self.desk()
        try desk.write("f", "one\n")
        try desk.write("gone", "two\n")
        let patch = "--- f\n+++ f\n@@ -1 +1 @@\n-one\n+1\n--- /dev/null\n+++ d/e/new\n@@ -0,0 +1 @@\n+x\n"
            + "--- gone\n+++ /dev/null\n@@ -1 +0,0 @@\n-two\n"
        let arguments: [String: JSON] = ["path": ".", "patch": .text(patch)]
        let failed = try desk.failure(
            "edit_file_apply_patch",
            arguments.merging(["check": "test ! -e gone && cat d/e/new && grep -q 2 f"]) { $1 })
        #expect(failed.kind == "check_failed", "\(failed.sentence)")
        #expect(try desk.string("f") == "one\n" && desk.string("gone") == "two\n")
        #expect(!exists(desk("d")))
        let reply = try desk.use(
            "edit_file_apply_patch", arguments.merging(["check": "grep -q 1 f"]) { $1 })
        #expect(reply["files"] == 3 && reply["created"] == true)
        #expect(try desk.string("d/e/new") == "x\n" && !exists(desk("gone")))
    }

    @Test("Without permission, and outside of workspaces, an edit with a check is refused")
    func refused() throws {
        let plain = try Desk { $0.allowed = [.read, .write, .check] }
        // A check is a program. In a store without a mount it would find no files.
        let store = try Desk(.store) { $0.allowed = [.read, .write, .check] }
        let closed = try Desk(.mount)
        for (desk, kind) in [(plain, "unsupported"), (store, "unsupported"), (closed, "denied")] {
            try desk.write("f", "one\n")
            #expect(try desk.failure("edit_file", Self.edit("touch ran")).kind == kind)
            #expect(try desk.string("f") == "one\n" && !desk.exists("ran"))
        }
        let lonely = try closed.failure(
            "edit_file", ["path": "f", "edits": [["append": true, "newText": "x"]], "check_seconds": 3])
        #expect(lonely.kind == "usage")
    }
}
