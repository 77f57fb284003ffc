// Patches of several files, and copies, that fail or are cancelled at any point leave all files as
// before.

import Glibc
import MCP
import Platform
import Synchronization
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct AllOrNothingTests {
    private static let patch = """
        --- a
        +++ a
        @@ -1,2 +1,3 @@
        -one
        +1
        +more of it
         two
        --- linked
        +++ linked
        @@ -1 +1,2 @@
        -x
        +y
        +z
        --- /dev/null
        +++ d/e/new
        @@ -0,0 +1 @@
        +new
        --- gone
        +++ /dev/null
        @@ -1 +0,0 @@
        -gone
        --- d/c
        +++ d/c
        @@ -1 +1 @@
        -c
        +C

        """

    private func desk(_ place: Place) throws -> Desk {
        let desk = try Desk(place)
        try desk.makeDirectory("d")
        try desk.write("a", "one\ntwo\n")
        try desk.write("linked", "x\n")
        try desk.link("linked", as: "d/other")
        try desk.write("gone", "gone\n")
        try desk.write("d/c", "c\n")
        try desk.setMode("a", 0o755)
        try desk.setXattr("a", "user.note", "kept")
        for (index, name) in ["a", "linked", "gone", "d/c"].enumerated() {
            try desk.setTime(name, 1_000_000_000_000_000_000 + Int64(index) * 1_000_000_000)
        }
        return desk
    }

    private func result(_ desk: Desk) throws {
        #expect(try desk.string("a") == "1\nmore of it\ntwo\n" && desk.string("d/c") == "C\n")
        #expect(try desk.string("linked") == "y\nz\n" && desk.string("d/other") == "y\nz\n")
        #expect(try desk.string("d/e/new") == "new\n" && !desk.exists("gone"))
        #expect(try desk.mode("a") == 0o755 && desk.xattrs("a") == ["user.note": "kept"])
        #expect(try desk.leftovers() == [])
    }

    @Test("A patch of several files whose n-th change fails changes nothing", arguments: Place.every)
    func failing(place: Place) throws {
        let desk = try desk(place)
        let before = try desk.image()
        var failures = 0
        while failures < 100 {
            let ground = FailingGround(desk.ground, failing: failures + 1)
            let run = PatchRun(ground)
            let targets = try run.plan(try PatchText(Self.patch), at: try desk.path("."))
            do {
                _ = try run.make(targets)
            } catch {
                #expect(error.kind == .bounds, "\(failures): \(error)")
                #expect(try desk.image() == before, "change \(failures + 1)")
                failures += 1
                continue
            }
            break
        }
        // There are five files, and each needs at least one change.
        #expect(failures >= 5 && failures < 100)
        try result(desk)
    }

    @Test(
        "A failed patch keeps what another process writes just before it is undone",
        arguments: Place.every.filter { $0 != .plain })
    func overtaken(place: Place) throws {
        let desk = try desk(place)
        let (ground, path) = (desk.ground, try desk.path("a"))
        // Everything is prepared and the file is edited. The next change fails.
        let failing = FailingGround(ground, failing: 4) { () throws(ToolError) in
            let size = try ground.status(path).size
            let theirs = ByteSplice(offset: size, delete: 0, insert: Array("theirs\n".utf8))
            _ = try ground.splice(path, [theirs], expecting: nil)
        }
        let run = PatchRun(failing)
        let targets = try run.plan(try PatchText(Self.patch), at: try desk.path("."))
        let error = #expect(throws: ToolError.self) { _ = try run.make(targets) }
        #expect(error?.description.contains("could not be restored") == true, "\(error as Any)")
        #expect(try desk.string("a") == "1\nmore of it\ntwo\ntheirs\n")
        #expect(try desk.string("linked") == "x\n" && desk.leftovers() == [])
    }

    /// Returns the content of the files in the stage, which the error must name.
    private func staged(_ desk: Desk, _ error: ToolError?) throws -> [String] {
        #expect(error?.description.contains("(its earlier content is now in ") == true, "\(error as Any)")
        return try desk.leftovers().filter { try desk.status($0).type == .regular }
            .map { try desk.string($0) }
    }

    @Test("A failed call keeps concurrent writes to its files, and the earlier content of these files")
    func meanwhile() throws {
        // Changes 5 to 15 are tried. Those after the removal and the first exchange, and before the last
        // one, count.
        var met = 0
        for failing in 5..<16 {
            let desk = try desk(.plain)
            let ground = desk.ground
            let (edited, gone) = (try desk.path("a"), try desk.path("gone"))
            let isDone = Atomic<Bool>(false)
            let failingGround = FailingGround(ground, failing: failing, meanwhile: { () throws(ToolError) in
                guard (try? ground.status(gone)) == nil else { return }
                try ground.create(gone, Array("of others\n".utf8))
                let size = try ground.status(edited).size
                let theirs = ByteSplice(offset: size, delete: 0, insert: Array("theirs\n".utf8))
                _ = try ground.splice(edited, [theirs], expecting: nil)
                isDone.store(true, ordering: .relaxed)
            })
            let run = PatchRun(failingGround)
            let targets = try run.plan(try PatchText(Self.patch), at: try desk.path("."))
            var failure: ToolError?
            do throws(ToolError) { _ = try run.make(targets) } catch { failure = error }
            guard isDone.load(ordering: .relaxed), let failure else { continue }
            met += 1
            #expect(try desk.string("gone") == "of others\n")
            #expect(try desk.string("a") == "1\nmore of it\ntwo\ntheirs\n")
            #expect(try desk.string("d/c") == "c\n" && desk.string("linked") == "x\n")
            let kept = try staged(desk, failure)
            #expect(kept.contains("gone\n") && kept.contains("one\ntwo\n"), "\(kept)")
        }
        #expect(met > 0)
    }

    @Test("A failed copy keeps concurrent writes and names the place of the earlier content")
    func copyMeanwhile() throws {
        let desk = try Desk(.plain)
        for name in ["s", "t"] { try desk.makeDirectory(name) }
        for name in ["s/a", "s/b", "t/a", "t/b"] { try desk.write(name, "\(name)\n") }
        var options = CopyOptions()
        options.conflict = .overwrite
        let (ground, path) = (desk.ground, try desk.path("t/a"))
        var met = 0
        for failing in 3..<10 {
            try desk.removeAll("t")
            try desk.makeDirectory("t")
            for name in ["t/a", "t/b"] { try desk.write(name, "\(name)\n") }
            let isDone = Atomic<Bool>(false)
            let failingGround = FailingGround(ground, failing: failing, meanwhile: { () throws(ToolError) in
                guard try ground.open(path).read(9, at: 0) == Array("s/a\n".utf8) else { return }
                let theirs = ByteSplice(offset: 4, delete: 0, insert: Array("theirs\n".utf8))
                _ = try ground.splice(path, [theirs], expecting: nil)
                isDone.store(true, ordering: .relaxed)
            })
            let (from, to) = (try desk.path("s"), try desk.path("t"))
            let run = CopyRun(
                failingGround, try CopyPlan(failingGround, from, options), to: to, options)
            var failure: ToolError?
            do throws(ToolError) { _ = try run.run() } catch { failure = error }
            guard isDone.load(ordering: .relaxed), let failure else { continue }
            met += 1
            #expect(try desk.string("t/a") == "s/a\ntheirs\n" && desk.string("t/b") == "t/b\n")
            #expect(try staged(desk, failure).contains("t/a\n"))
        }
        #expect(met > 0)
    }

    @Test("A patch that is cancelled at any point changes nothing", arguments: Place.every)
    func cancelled(place: Place) throws {
        let desk = try desk(place)
        let before = try desk.image()
        for asked in 1..<100 {
            let counter = Counter()
            var run = PatchRun(desk.ground)
            let targets = try run.plan(try PatchText(Self.patch), at: try desk.path("."))
            run.isCancelled = { counter.next() == asked }
            do {
                _ = try run.make(targets)
            } catch {
                #expect(error.kind == .cancelled)
                #expect(try desk.image() == before, "question \(asked)")
                continue
            }
            #expect(asked > 5)
            break
        }
        try result(desk)
    }

    @Test(
        "A copy that is cancelled early, or fails at its first or last changes or some between, is not made",
        arguments: Place.every)
    func copies(place: Place) throws {
        let desk = try Desk(place)
        for name in ["s", "s/d", "t"] { try desk.makeDirectory(name) }
        for number in 0..<600 { try desk.write("s/\(number)", "\(number)") }
        try desk.symlink("0", at: "s/d/link")
        for name in ["s/d/f", "t/0", "t/599"] { try desk.write(name, name) }
        let before = try desk.image("t")
        var options = CopyOptions()
        options.conflict = .overwrite
        func copy(_ ground: any Ground, _ isCancelled: @escaping () -> Bool) throws(ToolError) {
            let (from, to) = (try ground.roots.path(desk("s")), try ground.roots.path(desk("t")))
            var run = CopyRun(ground, try CopyPlan(ground, from, options), to: to, options)
            run.isCancelled = isCancelled
            _ = try run.run()
        }
        for asked in 1...2 {
            let counter = Counter()
            let error = #expect(throws: ToolError.self) {
                try copy(desk.ground) { counter.next() == asked }
            }
            #expect(error?.kind == .cancelled)
            #expect(try desk.image("t") == before && desk.leftovers() == [])
        }
        // The first changes, the last ones, and some in between.
        var failures = 0
        for number in [1, 2, 3, 7, 300, 601, 603, 605, 606, 607, 900, 1_100] {
            let ground = FailingGround(desk.ground, failing: number)
            do {
                try copy(ground) { false }
                try desk.removeAll("t")
                try desk.makeDirectory("t")
                for name in ["t/0", "t/599"] { try desk.write(name, name) }
            } catch {
                failures += 1
                let names = try desk.names("t")
                #expect(names == ["0", "599"], "change \(number)")
                #expect(try desk.string("t/0") == "t/0" && desk.string("t/599") == "t/599")
            }
            #expect(try desk.leftovers() == [])
        }
        #expect(failures > 3)
    }

    @Test(
        "A patch that does not fit on a full disk changes nothing",
        .enabled(if: TestEnvironment.isRoot, "mounts a tmpfs, which needs root"))
    func fullDisk() throws {
        let directory = try TemporaryDirectory("full")
        try makeDirectory(directory("root"))
        try ChildProcess.check(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", directory("root")])
        defer { detach(directory("root")) }
        let desk = try Desk(directory, root: directory("root"))
        let text = "first\n" + String(repeating: "a line of text\n", count: 12_000)
        for name in ["a", "b", "c", "linked"] { try desk.write(name, text) }
        try desk.link("linked", as: "linked2")
        let before = try desk.image()
        var patch = ""
        for name in ["a", "b", "linked", "c"] {
            patch += "--- \(name)\n+++ \(name)\n@@ -1 +1 @@\n-first\n+1\n"
        }
        let failed = try desk.failure(
            "edit_file_apply_patch", ["path": ".", "patch": .text(patch)])
        #expect(failed.kind == "bounds", "\(failed.sentence)")
        #expect(try desk.image() == before)
        // An edit of one file in place, which grows by more than the free space.
        let grown = try desk.failure(
            "edit_file",
            [
                "path": "linked",
                "edits": [["append": true, "newText": .text(String(repeating: "more", count: 200_000))]],
            ])
        #expect(grown.kind == "bounds", "\(grown.sentence)")
        #expect(try desk.image() == before)
    }

    @Test(
        "A patch whose last file may not grow changes nothing in a workspace",
        .enabled(if: Place.all.contains(.mount), "needs /dev/fuse; tools set no limits over a store"))
    func limited() throws {
        let desk = try Desk(.mount)
        try desk.write("a", "one\n")
        try desk.write("b", "one\n" + String(repeating: "x", count: 1_000))
        try writeFile(desk(".draft/limits"), "file-size 1100\n")
        let before = try desk.image()
        let long = String(repeating: "y", count: 500)
        let patch = "--- a\n+++ a\n@@ -1 +1 @@\n-one\n+1\n--- /dev/null\n+++ n\n@@ -0,0 +1 @@\n+n\n"
            + "--- b\n+++ b\n@@ -1 +1 @@\n-one\n+\(long)\n"
        let failed = try desk.failure("edit_file_apply_patch", ["path": ".", "patch": .text(patch)])
        #expect(failed.kind == "bounds", "\(failed.sentence)")
        #expect(try desk.image() == before)
    }
}

/// Counts how often it was called.
final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}
