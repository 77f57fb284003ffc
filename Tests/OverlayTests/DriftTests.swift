// DriftTests: tests changes of the base behind a workspace. Edited files fail with EIO where they need lost
// base content, untouched files show the base, and edits never appear in another file.

import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite(.disabled(if: TestEnvironment.sharesExtents, "content is pinned, so nothing drifts"))
struct DriftTests {
    /// Makes a fixture whose pool keeps no base content.
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/f", bytes(100_000, fill: 1))
            try writeFile("\(base)/d/g", "g")
        }
        try fixture.workspace.accounts.setLimit(.pin, to: 0)
        return fixture
    }

    private func expectDrift(_ fixture: WorkspaceFixture) throws {
        let file = try fixture.tree.resolve("d/f")
        #expect(throws: Errno.inputOutput) { try fixture.tree.read(file, at: 1_000, count: 10) }
        #expect(try fixture.tree.read(file, at: 0, count: 4) == Array("edit".utf8))
        #expect(fixture.messages.contains { $0.contains("d/f") && $0.contains("EIO") })
    }

    @Test("After a base file is replaced, its bytes in an edited file are EIO, with an event")
    func replaced() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        _ = try fixture.tree.text("d/f")
        try writeFile(fixture.base("d/new"), bytes(100_000, fill: 2))
        try must("rename", rename(fixture.base("d/new"), fixture.base("d/f")))
        try expectDrift(fixture)
        try fixture.reopen()
        try expectDrift(fixture)
    }

    @Test("After a base file is changed in place, its bytes in an edited file are EIO")
    func changedInPlace() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        try withOpen(fixture.base("d/f"), O_WRONLY) { try writeAll($0, [1, 2, 3], at: 50_000) }
        try expectDrift(fixture)
    }

    @Test("An edited file remains with its edits after its base file is removed")
    func removed() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        try must("unlink", unlink(fixture.base("d/f")))
        fixture.tree.forget()
        try expectDrift(fixture)
        try fixture.tree.write(
            fixture.tree.resolve("d/f"), bytes(100_000, fill: 3), at: 0)
        #expect(try fixture.tree.contents(fixture.tree.resolve("d/f")) == bytes(100_000, fill: 3))
    }

    @Test("Untouched files show changes of the base")
    func untouched() throws {
        let fixture = try fixture()
        #expect(try fixture.tree.text("d/g") == "g")
        #expect(try fixture.tree.names("") == ["d"])
        try writeFile(fixture.base("d/g"), "longer")
        try writeFile(fixture.base("d/h"), "new")
        try writeFile(fixture.base("top"), "new")
        #expect(try fixture.tree.text("d/g") == "longer")
        fixture.tree.forget()
        #expect(try fixture.tree.text("d/g") == "longer")
        #expect(try fixture.tree.names("d") == ["f", "g", "h"])
        #expect(try fixture.tree.names("") == ["d", "top"])
        try writeFile(fixture.base("d/x"), "replaced")
        try must("rename", rename(fixture.base("d/x"), fixture.base("d/g")))
        #expect(try fixture.tree.text("d/g") == "replaced")
        #expect(fixture.messages.isEmpty)
    }

    @Test("A file that is moved in the base while it is held is found by its new name")
    func movedUntouched() throws {
        let fixture = try fixture()
        _ = try fixture.tree.text("d/g")
        try must("rename", rename(fixture.base("d/g"), fixture.base("moved")))
        #expect(try fixture.tree.text("moved") == "g")
        try fixture.tree.write("moved", "G")
        #expect(try fixture.tree.text("moved") == "G")
    }

    @Test("Edits in a base directory stay visible after it is removed and made again")
    func directoryMadeAnew() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/g", "edited")
        try fixture.tree.makeFile("d/own")
        try ChildProcess.check(["rm", "-r", fixture.base("d")], seconds: 20)
        for recreated in [false, true] {
            if recreated {
                try makeDirectory(fixture.base("d"))
                try writeFile(fixture.base("d/late"), "late")
            }
            try fixture.reopen()
            let names = recreated ? ["g", "late", "own"] : ["g", "own"]
            #expect(try fixture.tree.names("d") == names)
            #expect(try fixture.tree.text("d/g") == "edited")
        }
        #expect(try fixture.tree.text("d/late") == "late")
    }

    @Test("A new base file with the inode number of an edited one does not show its edits")
    func inodeReuse() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/g", "edited")
        let old = try status(fixture.base("d/g")).st_ino
        fixture.tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        try must("unlink", unlink(fixture.base("d/g")))
        // Some file systems do not reuse an inode number at once. Then this test proves less.
        for index in 0..<20 {
            try writeFile(fixture.base("d/again\(index)"), "new \(index)")
            let isSame = try status(fixture.base("d/again\(index)")).st_ino == old
            #expect(try fixture.tree.text("d/again\(index)") == "new \(index)")
            if isSame { break }
        }
        #expect(try fixture.tree.text("d/g") == "edited")
        let again = try fixture.tree.resolve("d/again0")
        #expect(try fixture.tree.resolve("d/g") != again)
        try fixture.tree.write("d/again0", "NEW")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("d/again0") == "NEW 0")
        #expect(try fixture.tree.text("d/g") == "edited")
        #expect(try fixture.tree.resolve("d/again0") == again)
    }

    @Test("A new base file with a reused inode number is shown while the old one is held")
    func inodeReuseUntouched() throws {
        let fixture = try fixture()
        #expect(try fixture.tree.text("d/g") == "g")
        try must("unlink", unlink(fixture.base("d/g")))
        try writeFile(fixture.base("d/other"), "other")
        #expect(try fixture.tree.text("d/other") == "other")
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("d/g") }
    }
}
