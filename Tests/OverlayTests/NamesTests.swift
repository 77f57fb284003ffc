// Tests of names over a base: hard links, renamed directories, whiteouts.

import Overlay
import Platform
import TestSupport
import Testing

private func linkedBase(_ base: String) throws {
    try makeDirectory("\(base)/d")
    try makeDirectory("\(base)/e")
    try writeFile("\(base)/d/one", "content")
    try ChildProcess.check(["ln", "\(base)/d/one", "\(base)/e/two"], seconds: 20)
}

@Suite struct HardLinkTests {
    @Test("An edit through one name of a base file shows under each name")
    func edits() throws {
        let fixture = try WorkspaceFixture(prepare: linkedBase)
        #expect(try fixture.tree.resolve("d/one") == fixture.tree.resolve("e/two"))
        try fixture.tree.write("e/two", "CON")
        #expect(try fixture.tree.text("d/one") == "CONtent")
        fixture.tree.forget()
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("d/one") == "CONtent")
        #expect(try fixture.tree.text("e/two") == "CONtent")
        #expect(try readText(fixture.base("d/one")) == "content")
    }

    @Test("Attributes set through one name show under each name after forgetting")
    func attributes() throws {
        let fixture = try WorkspaceFixture(prepare: linkedBase)
        try fixture.tree.changeMode("d/one", 0o600)
        fixture.tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        #expect(try fixture.tree.mode("e/two") == 0o600)
    }

    @Test("A file held by one name can be edited after the directory of its other name is forgotten")
    func forgottenDirectory() throws {
        let fixture = try WorkspaceFixture(prepare: linkedBase)
        let file = try fixture.tree.resolve("d/one")
        _ = try fixture.tree.resolve("e/two")
        fixture.tree.forget(except: [file, try fixture.tree.resolve("d")])
        try fixture.tree.write(file, Array("CON".utf8), at: 0)
        #expect(try fixture.tree.text("e/two") == "CONtent")
        #expect(try fixture.tree.text("d/one") == "CONtent")
    }

    @Test("Unlinking one name leaves the other, with one link fewer")
    func unlinking() throws {
        let fixture = try WorkspaceFixture(prepare: linkedBase)
        try fixture.tree.unlink("d/one")
        #expect(!fixture.tree.exists("d/one"))
        #expect(try fixture.tree.facts(fixture.tree.resolve("e/two")).links == 1)
        try fixture.reopenAfterKill()
        #expect(!fixture.tree.exists("d/one"))
        #expect(try fixture.tree.text("e/two") == "content")
        #expect(try fixture.tree.facts(fixture.tree.resolve("e/two")).links == 1)
        try fixture.tree.unlink("e/two")
        try fixture.reopen()
        #expect(!fixture.tree.exists("e/two"))
    }

    @Test("A rename onto another name of the same file does nothing")
    func renaming() throws {
        let fixture = try WorkspaceFixture(prepare: linkedBase)
        try fixture.tree.rename("d/one", to: "e/two")
        #expect(fixture.tree.exists("d/one") && fixture.tree.exists("e/two"))
    }

    @Test("The number of links is bounded, and directories cannot be linked")
    func bounds() throws {
        var limits = Limits()
        limits.links = 3
        let fixture = try WorkspaceFixture(limits: limits, prepare: linkedBase)
        try fixture.tree.link("d/one", to: "three")
        #expect(throws: Errno.tooManyLinks) { try fixture.tree.link("d/one", to: "four") }
        #expect(throws: Errno.notPermitted) { try fixture.tree.link("d", to: "five") }
    }
}

@Suite struct BaseDirectoryTests {
    private func fixture() throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try makeDirectory("\(base)/d/deep")
            try writeFile("\(base)/d/f", "f")
            try writeFile("\(base)/d/deep/g", "g")
        }
    }

    @Test("The children of a renamed base directory are read and edited through the new name")
    func renaming() throws {
        let fixture = try fixture()
        try fixture.tree.rename("d", to: "x")
        try fixture.tree.makeDirectory("y")
        try fixture.tree.rename("x/deep", to: "y/deeper")
        #expect(try fixture.tree.text("x/f") == "f")
        #expect(try fixture.tree.names("x") == ["f"])
        try fixture.tree.write("y/deeper/g", "G")
        for kill in [true, false] {
            if kill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
            #expect(try fixture.tree.names("") == ["x", "y"])
            #expect(try fixture.tree.text("y/deeper/g") == "G")
            #expect(try fixture.tree.names("y/deeper") == ["g"])
        }
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("d/f") }
    }

    @Test("A directory cannot be moved below itself")
    func loops() throws {
        let fixture = try fixture()
        #expect(throws: Errno.invalid) { try fixture.tree.rename("d", to: "d/deep/d") }
        #expect(throws: Errno.invalid) {
            try fixture.tree.rename("d", to: "d/deep", flags: .exchange)
        }
    }

    @Test("A whiteout hides a base name, and a new file of that name is another file")
    func whiteouts() throws {
        let fixture = try fixture()
        let old = try fixture.tree.resolve("d/f")
        try fixture.tree.unlink("d/f")
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("d/f") }
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("d") == ["deep"])
        let new = try fixture.tree.makeFile("d/f")
        #expect(new != old)
        #expect(try fixture.tree.text("d/f") == "")
        try fixture.tree.unlink("d/f")
        try fixture.reopen()
        #expect(try fixture.tree.names("d") == ["deep"])
    }

    @Test("A new directory with the name of a removed base directory has none of its children")
    func noResurrection() throws {
        let fixture = try fixture()
        #expect(throws: Errno.notEmpty) { try fixture.tree.removeDirectory("d") }
        for path in ["d/f", "d/deep/g"] { try fixture.tree.unlink(path) }
        try fixture.tree.removeDirectory("d/deep")
        try fixture.tree.removeDirectory("d")
        try fixture.tree.makeDirectory("d")
        #expect(try fixture.tree.names("d").isEmpty)
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("d").isEmpty)
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("d/f") }
        try fixture.tree.makeDirectory("d/deep")
        #expect(try fixture.tree.names("d/deep").isEmpty)
        try fixture.tree.removeDirectory("d/deep")
        try fixture.tree.removeDirectory("d")
    }

    @Test("A name that is moved away and back shows its base content again")
    func thereAndBack() throws {
        let fixture = try fixture()
        try fixture.tree.rename("d", to: "x")
        try fixture.tree.rename("x", to: "d")
        try fixture.tree.rename("d/f", to: "d/h")
        try fixture.tree.rename("d/h", to: "d/f")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("d") == ["deep", "f"])
        #expect(try fixture.tree.text("d/f") == "f")
    }

    @Test("An exchange of two directories moves all their children")
    func exchange() throws {
        let fixture = try fixture()
        try fixture.tree.makeDirectory("n")
        try fixture.tree.makeFile("n/new")
        try fixture.tree.rename("d/deep", to: "n", flags: .exchange)
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("n") == ["g"])
        #expect(try fixture.tree.names("d/deep") == ["new"])
    }
}
