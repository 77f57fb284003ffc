// RollbackTests: tests that a rollback restores the content of files and the names of directories, whatever
// happened to them since.

import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct RollbackTests {
    private func rollBack(_ fixture: WorkspaceFixture, to sequence: UInt64) throws {
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(sequence), paths: [], keepsTimes: false, caller: fixture.tree.caller)
    }

    /// A first edit writes no mark, and a removed file has no row that shows the edit.
    @Test(
        "A rollback restores a base file whose log grew after its removal",
        arguments: [false, true])
    func editedWhileRemoved(reopens: Bool) throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base content") }
        var tree = fixture.tree!
        try tree.write("f", "edited")
        let moment = fixture.workspace.accounts.statistics.sequence
        try rollBack(fixture, to: 0)
        tree.forget()
        let held = try tree.resolve("f")
        try tree.unlink(try FileName("f"), in: tree.root)
        try tree.write(held, Array("no name leads here".utf8), at: 0)
        tree.forget()
        if reopens { try fixture.reopen() }
        tree = fixture.tree!
        #expect(!tree.exists("f"))
        try rollBack(fixture, to: moment)
        #expect(try tree.text("f") == "editedontent")
        try rollBack(fixture, to: 0)
        #expect(try tree.text("f") == "base content")
    }

    private func names(_ fixture: WorkspaceFixture, _ path: String) throws -> [String] {
        let node = try fixture.tree.resolve(path)
        return try fixture.tree.list(node).keys.map { String(decoding: $0, as: UTF8.self) }.sorted()
    }

    @Test(
        "A directory that is restored for one name in it has no other name",
        arguments: [false, true], [false, true])
    func emptyDirectory(isOfBase: Bool, reopens: Bool) throws {
        let files = ["a", "b", "sub/c"]
        let fixture = try WorkspaceFixture { base in
            guard isOfBase else { return }
            for name in ["d", "d/sub"] { try makeDirectory("\(base)/\(name)") }
            for name in files { try writeFile("\(base)/d/\(name)", "of the base") }
        }
        let tree = fixture.tree!
        func rollBack(_ path: String, to sequence: UInt64) throws {
            _ = try fixture.workspace.commands.rollback(
                to: .sequence(sequence), paths: [Array(path.utf8)], keepsTimes: false,
                caller: tree.caller)
        }
        if isOfBase {
            try tree.changeMode("d", 0o700)
            try tree.write("d/a", "A")
        } else {
            for name in ["d", "d/sub"] { try tree.makeDirectory(name) }
            for name in files { try tree.makeFile("d/\(name)") }
            try tree.write("d/a", "Af the base")
        }
        let full = fixture.workspace.accounts.statistics.sequence
        for name in files { try tree.unlink("d/\(name)") }
        for name in ["d/sub", "d"] { try tree.removeDirectory(name) }
        let gone = fixture.workspace.accounts.statistics.sequence
        try rollBack("d", to: full)
        #expect(try names(fixture, "d") == ["a", "b", "sub"])
        // The rollback removes the tree while its directories have names.
        try rollBack("d", to: gone)
        #expect(!tree.exists("d"))
        if reopens { try fixture.reopenAfterKill() }
        try rollBack("d/a", to: full)
        #expect(try names(fixture, "d") == ["a"])
        #expect(try fixture.tree.text("d/a") == "Af the base")
        try rollBack("d/sub/c", to: full)
        #expect(try names(fixture, "d") == ["a", "sub"])
        #expect(try names(fixture, "d/sub") == ["c"])
        try rollBack("d", to: full)
        #expect(try names(fixture, "d") == ["a", "b", "sub"])
    }
}
