// What is only looked at leaves no trace, in the store and in the base.

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

    @Test("Reading, listing and looking grow no tree log and touch nothing")
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

    @Test("Calls that fail grow no tree log")
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

    @Test("A call that fails leaves no inode in memory")
    func failuresLeaveMemory() throws {
        let fixture = try fixture()
        #expect(throws: Errno.exists) { try fixture.tree.makeFile("d") }
        #expect(throws: Errno.isDirectory) { try fixture.tree.unlink("d") }
        #expect(throws: Errno.exists) { try fixture.tree.makeFile("link") }
        fixture.tree.forget()
        fixture.workspace.maintenance.sweep()
        #expect(fixture.workspace.accounts.statistics.cachedInodes == 1)
    }

    @Test("A forgotten inode leaves memory")
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

    @Test("An edit leaves the base as it was, to the byte")
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
