// Concurrent changes right before a call makes names: they are kept, and the call is refused.

import Glibc
import MCP
import Platform
import Synchronization
import TestSupport
import Testing
import Tools

@testable import ToolServer

@Suite struct RaceTests {
    private static let theirs = "of others, just now\n"

    /// Makes a ground on which another process changes one file, once, right before its name is given or
    /// taken.
    private func ground(
        _ desk: Desk, _ name: String,
        _ change: @escaping @Sendable (any Ground, ToolPath) throws(ToolError) -> Void
    ) throws -> FailingGround {
        let (inner, path) = (desk.ground, try desk.path(name))
        let isDone = Atomic<Bool>(false)
        return FailingGround(
            inner,
            racing: { (moved) throws(ToolError) in
                if moved == path, !isDone.exchange(true, ordering: .relaxed) { try change(inner, path) }
            })
    }

    private func writing(_ desk: Desk, _ name: String) throws -> FailingGround {
        try ground(desk, name) { (ground, path) throws(ToolError) in
            _ = try ground.write(path, Array(Self.theirs.utf8))
        }
    }

    private func copy(
        _ ground: any Ground, _ desk: Desk, _ conflict: CopyOptions.Conflict
    ) throws -> ToolError? {
        var options = CopyOptions()
        options.conflict = conflict
        if conflict == .merge { options.mergeBase = try desk.path("base") }
        let (source, destination) = (try desk.path("theirs"), try desk.path("mine"))
        do throws(ToolError) {
            let plan = try CopyPlan(ground, source, options)
            _ = try CopyRun(ground, plan, to: destination, options).run()
            return nil
        } catch {
            return error
        }
    }

    @Test(
        "A write succeeds despite concurrent writes, and is refused if they never end",
        arguments: Place.every)
    func overwritten(place: Place) throws {
        for turns in [10, Int.max] {
            let desk = try Desk(place)
            try desk.write("f", "at first")
            let (inner, path) = (desk.ground, try desk.path("f"))
            let count = Atomic<Int>(0)
            let ground = FailingGround(
                inner,
                splicing: { (path) throws(ToolError) in
                    let turn = count.add(1, ordering: .relaxed).newValue
                    // A different length each time.
                    if turn <= turns {
                        _ = try inner.write(path, [UInt8](repeating: 0x78, count: turn))
                    }
                })
            if turns == .max {
                let error = #expect(throws: ToolError.self) {
                    try ground.write(path, Array("mine".utf8))
                }
                #expect(error?.kind == .stale && error?.description.contains("other processes") == true)
            } else {
                try ground.write(path, Array("mine".utf8))
                #expect(try desk.string("f") == "mine" && count.load(ordering: .relaxed) == turns + 1)
            }
        }
    }

    private func trees(_ place: Place) throws -> Desk {
        let desk = try Desk(place)
        for tree in ["base", "mine", "theirs"] {
            try desk.makeDirectory(tree)
            try desk.write("\(tree)/a", "one\ntwo\nthree\nfour\n")
            try desk.write("\(tree)/b", "one\ntwo\nthree\nfour\n")
        }
        try desk.write("theirs/a", "one\ntwo\nthree\n4\n")
        try desk.write("theirs/b", "one\ntwo\nthree\n4\n")
        return desk
    }

    @Test(
        "A merge replaces nothing that has changed since it was read", arguments: Place.every,
        [false, true])
    func merge(place: Place, bothChanged: Bool) throws {
        let desk = try trees(place)
        if bothChanged { try desk.write("mine/b", "1\ntwo\nthree\nfour\n") }
        let before = try desk.string("mine/a")
        let error = try copy(try writing(desk, "mine/b"), desk, .merge)
        #expect(error?.kind == .stale, "\(error as Any)")
        #expect(try desk.string("mine/b") == Self.theirs && desk.string("mine/a") == before)
        #expect(try desk.leftovers() == [])
        // Without a concurrent change the copy succeeds.
        #expect(try copy(desk.ground, desk, .overwrite) == nil)
        #expect(try desk.string("mine/b") == "one\ntwo\nthree\n4\n")
    }

    @Test("A copy of newer files does not replace a file that just became newer", arguments: Place.every)
    func newer(place: Place) throws {
        let desk = try trees(place)
        for name in ["a", "b"] { try desk.setTime("mine/\(name)", 1_000_000_000) }
        let error = try copy(try writing(desk, "mine/b"), desk, .newer)
        #expect(error?.kind == .stale, "\(error as Any)")
        #expect(try desk.string("mine/b") == Self.theirs)
        #expect(try desk.string("mine/a") == "one\ntwo\nthree\nfour\n" && desk.leftovers() == [])
    }

    @Test("A file that becomes a directory is not replaced", arguments: Place.every)
    func directory(place: Place) throws {
        let desk = try trees(place)
        let ground = try ground(desk, "mine/b") { (ground, path) throws(ToolError) in
            try ground.remove(path)
            try ground.makeDirectory(path, withParents: false)
            try ground.create(path.appending(FileName(trusted: Array("x".utf8))), Array("x\n".utf8))
        }
        let error = try copy(ground, desk, .overwrite)
        #expect(error?.kind == .stale, "\(error as Any)")
        #expect(try desk.string("mine/b/x") == "x\n")
        #expect(try desk.string("mine/a") == "one\ntwo\nthree\nfour\n" && desk.leftovers() == [])
    }

    @Test("A patch in a plain directory edits and removes nothing that has just changed")
    func patch() throws {
        for (name, patch) in [
            ("base/a", "--- base/a\n+++ base/a\n@@ -1 +1 @@\n-one\n+1\n"),
            ("base/b", "--- base/b\n+++ /dev/null\n@@ -1,4 +0,0 @@\n-one\n-two\n-three\n-four\n"),
        ] {
            let desk = try trees(.plain)
            let other = "--- mine/a\n+++ mine/a\n@@ -1 +1 @@\n-one\n+1\n"
            let run = PatchRun(try writing(desk, name))
            let targets = try run.plan(try PatchText(Array((other + patch).utf8)), at: try desk.path("."))
            let error = #expect(throws: ToolError.self) { _ = try run.make(targets) }
            #expect(error?.kind == .stale, "\(name): \(error as Any)")
            #expect(try desk.string(name) == Self.theirs)
            #expect(try desk.string("mine/a") == "one\ntwo\nthree\nfour\n" && desk.leftovers() == [])
        }
    }

    @Test("An edit of a plain file never replaces what another process has put there meanwhile")
    func plainEdit() throws {
        let desk = try Desk(.plain)
        let text = "one\n" + String(repeating: "more of it\n", count: 200_000)
        var random = SystemRandomNumberGenerator()
        var outcomes: [String: Int] = [:]
        for _ in 0..<40 {
            try desk.write("f", text)
            try desk.write("theirs", Self.theirs)
            let (from, to) = (desk("theirs"), desk("f"))
            let wait = UInt32.random(in: 0...60_000, using: &random)
            let isDone = Atomic<Bool>(false)
            // Another process saves the file, as editors do.
            let isStarted = WorkerThread.start {
                usleep(wait)
                _ = rename(from, to)
                isDone.store(true, ordering: .releasing)
            }
            try #require(isStarted)
            let edit: JSON = [["oldText": "one", "newText": "two"]]
            let reply = try desk.call("edit_file", ["path": "f", "edits": edit])
            for _ in 0..<10_000 where !isDone.load(ordering: .acquiring) { usleep(1_000) }
            outcomes[reply["error"]?["kind"]?.text ?? "made", default: 0] += 1
            // Before, during or after the edit: the saved content is there.
            #expect(try desk.string("f") == Self.theirs, "\(reply.texts)")
            #expect(try desk.leftovers() == [])
        }
        #expect(outcomes.keys.allSatisfy { ["made", "no_match", "stale"].contains($0) }, "\(outcomes)")
    }
}
