// UntouchedTests: tests that reads and failed calls change neither the store nor the base, and that edits
// do not change the base.

import Overlay
import Past
import Platform
import TestSupport
import Testing

@Suite struct UntouchedTests {
    private func fixture() throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/f", "content")
            try ChildProcess.check(["ln", "-s", "d/f", "\(base)/link"], seconds: 20)
        }
    }

    @Test("Reads, listings and lookups append nothing to the tree log and touch no file")
    func reads() throws {
        let fixture = try fixture()
        let before = fixture.treeLogBytes
        let walk = try TreeWalk(fixture.basePath).entries
        #expect(try fixture.tree.text("d/f") == "content")
        #expect(try fixture.tree.names("d") == ["f"])
        #expect(try fixture.tree.symlinkTarget(fixture.tree.resolve("link")) == Array("d/f".utf8))
        #expect(try fixture.tree.xattrNames(of: fixture.tree.resolve("d/f")).isEmpty)
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("d/none") }
        #expect(fixture.treeLogBytes == before)
        #expect(fixture.workspace.accounts.statistics.touchedInodes == 0)
        #expect(!fixture.workspace.removal.isTouched)
        #expect(fixture.logBytes == 0)
        #expect(try TreeWalk(fixture.basePath).entries == walk)
    }

    @Test("Failed calls append nothing to the tree log")
    func failures() throws {
        let fixture = try fixture()
        let before = fixture.treeLogBytes
        #expect(throws: Errno.exists) { try fixture.tree.makeFile("d/f") }
        #expect(throws: Errno.notEmpty) { try fixture.tree.removeDirectory("d") }
        #expect(throws: Errno.isDirectory) { try fixture.tree.unlink("d") }
        #expect(throws: Errno.notDirectory) { try fixture.tree.rename("d", to: "link") }
        #expect(fixture.treeLogBytes == before)
        #expect(!fixture.workspace.removal.isTouched)
    }

    @Test("Failed calls leave no inode in memory")
    func failuresLeaveMemory() throws {
        let fixture = try fixture()
        #expect(throws: Errno.exists) { try fixture.tree.makeFile("d") }
        #expect(throws: Errno.isDirectory) { try fixture.tree.unlink("d") }
        #expect(throws: Errno.exists) { try fixture.tree.makeFile("link") }
        fixture.tree.forget()
        fixture.workspace.maintenance.sweep()
        #expect(fixture.workspace.accounts.statistics.cachedInodes == 1)
    }

    @Test("A forgotten inode is removed from memory")
    func forgetting() throws {
        let fixture = try fixture()
        _ = try fixture.tree.text("d/f")
        _ = failure { () throws(Errno) in try fixture.tree.makeFile("d/f") }
        try fixture.tree.makeFile("new")
        try fixture.tree.write("new", "x")
        fixture.tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        #expect(fixture.workspace.accounts.statistics.cachedInodes == 1)
        #expect(fixture.workspace.accounts.statistics.kernelInodes == 0)
        #expect(fixture.workspace.accounts.statistics.openLogs == 0)
    }

    @Test("Edits do not change the base")
    func edits() throws {
        let fixture = try fixture()
        let walk = try TreeWalk(fixture.basePath).entries
        try fixture.tree.write("d/f", "CON")
        try fixture.tree.truncate("d/f", to: 5)
        try fixture.tree.changeMode("d", 0o700)
        try fixture.tree.rename("link", to: "d/link")
        try fixture.tree.unlink("d/f")
        #expect(try TreeWalk(fixture.basePath).entries == walk)
    }
}
