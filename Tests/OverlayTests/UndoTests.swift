// UndoTests: tests which changes are one step, and that the tree after an undo is the tree before the step.

import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct UndoTests {
    private func undo(
        _ fixture: WorkspaceFixture, _ count: Int = 1, _ paths: String...
    ) throws(CommandError) {
        _ = try fixture.workspace.commands.undo(
            count, paths: paths.map { Array($0.utf8) }, caller: fixture.tree.caller)
    }

    private func failure(_ body: () throws(CommandError) -> Void) -> CommandError? {
        do throws(CommandError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("A file that is made and written in one go is one step")
    func made() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeFile("a")
        try tree.makeFile("f")
        try tree.write("f", "first, ")
        try tree.write("f", "second", at: 7)
        try undo(fixture)
        #expect(try tree.names("") == ["a"])
        try undo(fixture)
        #expect(try tree.text("f") == "first, second")
        try undo(fixture, 3)
        #expect(try tree.names("") == ["a"])
    }

    @Test("Truncating a file to 0 and writing it is one step")
    func rewritten() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base content") }
        let tree = fixture.tree!
        try tree.truncate("f", to: 0)
        try tree.write("f", "new")
        try undo(fixture)
        #expect(try tree.text("f") == "base content")
        try undo(fixture)
        #expect(try tree.text("f") == "new")
    }

    @Test("An undo restores a file's time, also if the file's log exists before the edit")
    func times() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base content") }
        let tree = fixture.tree!
        let before = try fixture.workspace.attributes(tree.resolve("f")).modificationTime
        try tree.write("f", "x")
        try undo(fixture)
        #expect(try fixture.workspace.attributes(tree.resolve("f")).modificationTime == before)
        // The log exists already, and continues from the base content.
        try tree.write("f", "y")
        #expect(try fixture.workspace.attributes(tree.resolve("f")).modificationTime != before)
        try undo(fixture)
        #expect(try tree.text("f") == "base content")
        #expect(try fixture.workspace.attributes(tree.resolve("f")).modificationTime == before)
    }

    @Test("Writes at another offset, by another process or to another file are separate steps")
    func apart() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "0123456789") }
        let tree = fixture.tree!
        try tree.write("f", "a", at: 0)
        try tree.write("f", "b", at: 5)
        tree.caller.pid = 2
        try tree.write("f", "c", at: 6)
        try tree.makeFile("g")
        try undo(fixture)
        #expect(!tree.exists("g"))
        #expect(try tree.text("f") == "a1234bc789")
        // The steps are the undo, the making of g, and the write of the other process.
        try undo(fixture, 3)
        #expect(!tree.exists("g"))
        #expect(try tree.text("f") == "a1234b6789")
        try undo(fixture, 5)
        #expect(try tree.text("f") == "a123456789")
    }

    @Test("The steps of a path are those of files at and below it, under any name")
    func paths() throws {
        let fixture = try WorkspaceFixture {
            try makeDirectory("\($0)/d")
            try writeFile("\($0)/d/f", "base")
        }
        let tree = fixture.tree!
        try tree.write("d/f", "1")
        try tree.makeFile("other")
        try tree.write("d/f", "2")
        try tree.write("other", "text")
        try tree.rename("d/f", to: "d/g")
        try tree.makeFile("d/new")
        try undo(fixture, 1, "d")
        #expect(try tree.names("d") == ["g"])
        try undo(fixture, 2, "d/g")
        #expect(try tree.names("d") == ["f"])
        #expect(try tree.text("d/f") == "1ase")
        #expect(try tree.text("other") == "text")
        try undo(fixture, 1, "/other")
        #expect(!tree.exists("other"))
    }

    @Test("An undo of the path of a removed file restores it")
    func removed() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base") }
        let tree = fixture.tree!
        try tree.write("f", "edit")
        try tree.unlink("f")
        try tree.makeFile("g")
        try undo(fixture, 1, "f")
        #expect(try tree.text("f") == "edit")
        #expect(tree.exists("g"))
    }

    @Test("An undo of more steps than there are, or of fewer than one, is refused")
    func refused() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base") }
        let tree = fixture.tree!
        #expect(failure { () throws(CommandError) in try undo(fixture, 0) }?.errno == .invalid)
        #expect(failure { () throws(CommandError) in try undo(fixture, -3) }?.errno == .invalid)
        let none = failure { () throws(CommandError) in try undo(fixture) }
        #expect(none?.errno == .noEntry)
        try tree.write("f", "edit")
        _ = try fixture.workspace.moments.backup(try FileName("b"), comment: [], caller: tree.caller)
        let many = failure { () throws(CommandError) in try undo(fixture, 2) }
        #expect(many?.errno == .noEntry)
        #expect(many?.description.contains("only 1") == true)
        #expect(
            failure { () throws(CommandError) in try undo(fixture, 1, "g") }?.errno == .noEntry)
        #expect(try tree.text("f") == "edit")
        try undo(fixture)
        #expect(try tree.text("f") == "base")
    }

    @Test("An undo finds a step that is 5,000 changes back")
    func farBack() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base") }
        let tree = fixture.tree!
        try tree.write("f", "edit")
        try tree.makeFile("g")
        for turn in 0..<5_000 { try tree.write("g", "x", at: UInt64(turn * 2)) }
        tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        try undo(fixture, 1, "f")
        #expect(try tree.text("f") == "base")
        #expect(try tree.facts(try tree.resolve("g")).size == 9_999)
    }

    @Test("An undo skips sequence numbers that a damaged checkpoint claims and no record has")
    func claimedNumbers() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base") }
        try fixture.tree.write("f", "edit")
        fixture.workspace.maintenance.checkpoint()
        let position = CheckpointPosition(
            treeLog: fixture.treeLogBytes, sequence: 1 << 60, lastNumber: 1)
        try fixture.damageRows(at: position) { _, _ in }
        try fixture.tree.makeFile("g")
        // A search that visits each number would practically never end.
        let many = failure { () throws(CommandError) in try undo(fixture, 3) }
        #expect(many?.description.contains("only 2") == true)
        try undo(fixture, 2)
        #expect(try fixture.tree.text("f") == "base")
        #expect(try fixture.tree.names("") == ["f"])
    }
}
