// Rollback of the whole workspace: content comes back whatever became of the file since.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct RollbackTests {
    private func rollBack(_ fixture: WorkspaceFixture, to sequence: UInt64) throws {
        _ = try fixture.workspace.rollback(
            to: .sequence(sequence), paths: [], keepsTimes: false, caller: fixture.tree.caller)
    }

    /// A first edit writes no mark, and a removed file has no row that would tell of it.
    @Test(
        "A file of the base whose log grew after its removal comes back as it was",
        arguments: [false, true])
    func editedWhileRemoved(reopens: Bool) throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base content") }
        var tree = fixture.tree!
        try tree.write("f", "edited")
        let moment = fixture.workspace.statistics.sequence
        try rollBack(fixture, to: 0)
        tree.forget()
        let held = try tree.resolve("f")
        try tree.unlink(try FileName("f"), in: tree.root)
        try tree.write(held, Array("nobody sees this".utf8), at: 0)
        tree.forget()
        if reopens { try fixture.reopen() }
        tree = fixture.tree!
        #expect(!tree.exists("f"))
        try rollBack(fixture, to: moment)
        #expect(try tree.text("f") == "editedontent")
        try rollBack(fixture, to: 0)
        #expect(try tree.text("f") == "base content")
    }
}
