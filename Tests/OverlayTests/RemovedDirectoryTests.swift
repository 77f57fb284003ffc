// RemovedDirectoryTests: tests directories that a rollback removed while a process held them. No name can
// be moved out of them or made in them, and the link count of each inode is the number of its names.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct RemovedDirectoryTests {
    private func rollback(
        _ fixture: WorkspaceFixture, to sequence: UInt64, _ paths: String...
    ) throws {
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(sequence), paths: paths.map { Array($0.utf8) }, keepsTimes: false,
            caller: fixture.tree.caller)
    }

    private func expectClean(_ fixture: WorkspaceFixture) throws {
        let report = try fixture.workspace.verify()
        #expect(report.findings.isEmpty, "\(report.findings.map(\.sentence))")
    }

    @Test("No name comes out of a directory that a rollback removed, and none is made in it",
        arguments: [["s"], []])
    func gone(paths: [String]) throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeDirectory("s")
        let before = fixture.workspace.accounts.statistics.sequence
        let directory = try tree.makeDirectory("s/d")
        let file = try tree.makeFile("s/d/x")
        try tree.write("s/d/x", "hello")
        let below = try tree.makeDirectory("s/d/e")
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(before), paths: paths.map { Array($0.utf8) }, keepsTimes: false,
            caller: tree.caller)
        let parent = try tree.resolve("s")
        try tree.makeFile("s/other")
        for held in [directory, below] {
            for name in ["x", "e", "new"] { try refuse(tree, held, parent, try FileName(name)) }
            #expect(try tree.list(held).isEmpty)
        }
        #expect(throws: Errno.noEntry) { try tree.makeLink(to: file, FileName("y"), in: parent) }
        #expect(try tree.facts(file).links == 0 && tree.facts(directory).links == 0)
        #expect(try tree.read(file, at: 0, count: 9) == Array("hello".utf8))
        #expect(try tree.names("s") == ["other"])
        try expectClean(fixture)
        try fixture.reopen()
        #expect(try fixture.tree.names("s") == ["other"])
        try expectClean(fixture)
    }

    private func refuse(
        _ tree: WorkspaceTree, _ held: InodeNumber, _ parent: InodeNumber, _ name: FileName
    ) throws {
        let (here, other) = (try FileName("y"), try FileName("other"))
        for flags in [RenameFlags(), .noReplace, .exchange] {
            #expect(throws: Errno.noEntry) {
                try tree.rename(name, in: held, to: here, in: parent, flags: flags)
            }
            #expect(throws: Errno.noEntry) {
                try tree.rename(name, in: held, to: other, in: parent, flags: flags)
            }
            #expect(throws: Errno.noEntry) {
                try tree.rename(other, in: parent, to: name, in: held, flags: flags)
            }
        }
        for mode in [UInt32(0o100644), 0o040755, 0o120777, 0o010644] {
            #expect(throws: Errno.noEntry) {
                try tree.makeNode(name, in: held, mode: mode, device: 0, target: [1])
            }
        }
        let file = try tree.resolve("s/other")
        #expect(throws: Errno.noEntry) { try tree.makeLink(to: file, name, in: held) }
        #expect(throws: Errno.noEntry) { try tree.unlink(name, in: held) }
        #expect(throws: Errno.noEntry) { try tree.removeDirectory(name, in: held) }
        #expect(throws: Errno.noEntry) { try tree.lookup(name, in: held) }
    }

    @Test("A held base directory that was moved and then removed by a rollback gives no names")
    func movedBase() throws {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/b")
            try makeDirectory("\(base)/b/sub")
            try writeFile("\(base)/b/sub/f", "of the base")
        }
        let tree = fixture.tree!
        try tree.makeDirectory("s")
        let before = fixture.workspace.accounts.statistics.sequence
        let below = try tree.resolve("b/sub")
        let file = try tree.resolve("b/sub/f")
        try tree.rename("b", to: "s/b")
        try rollback(fixture, to: before, "s")
        let root = tree.root
        #expect(throws: Errno.noEntry) {
            try tree.rename(FileName("f"), in: below, to: FileName("y"), in: root, flags: [])
        }
        #expect(throws: Errno.noEntry) { try tree.makeLink(to: file, FileName("y"), in: root) }
        #expect(throws: Errno.noEntry) {
            try tree.makeNode(FileName("n"), in: below, mode: 0o100644, device: 0, target: [])
        }
        #expect(try tree.read(file, at: 0, count: 20) == Array("of the base".utf8))
        #expect(try tree.names("") == ["s"])
        try expectClean(fixture)
        try rollback(fixture, to: before)
        #expect(try tree.text("b/sub/f") == "of the base")
        try expectClean(fixture)
    }

    @Test("A rollback that fails because of a missing inode reports that reason")
    func reason() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeDirectory("s")
        try fixture.tree.makeFile("s/f")
        let number = try fixture.tree.resolve("s/f")
        let before = fixture.workspace.accounts.statistics.sequence
        try fixture.tree.makeFile("s/g")
        try fixture.damageRows { batch, _ in batch.inodes[number] = .some(nil) }
        let error = #expect(throws: CommandError.self) {
            try self.rollback(fixture, to: before, "s")
        }
        #expect(error?.description.contains("leads to inode \(number), which does not exist") == true)
        #expect(error?.description.contains("log that") == false, "\(error?.description ?? "")")
    }
}

/// Tests the link counts that verify finds in rows, and their repair.
@Suite struct LinkCheckTests {
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/base", "of the base") }
        try fixture.tree.makeDirectory("d")
        try fixture.tree.makeDirectory("d/e")
        try fixture.tree.makeFile("f")
        try fixture.tree.link("f", to: "d/g")
        try fixture.tree.changeMode("base", 0o600)
        return fixture
    }

    @Test("A wrong link count is found, and corrected by a repair",
        arguments: [("f", UInt32(1), UInt32(2)), ("f", 7, 2), ("d", 2, 3), ("d", 9, 3)])
    func counts(path: String, wrong: UInt32, right: UInt32) throws {
        let fixture = try fixture()
        let number = try fixture.tree.resolve(path)
        #expect(try fixture.workspace.verify().findings.isEmpty)
        try fixture.damageRows { batch, row in
            var record = try #require(try row(number))
            record.links = wrong
            batch.inodes[number] = .some(record)
        }
        let report = try fixture.workspace.verify()
        #expect(report.errors == 1 && report.findings.first?.what.contains("link count \(wrong),") == true,
            "\(report.findings.map(\.sentence))")
        #expect(try fixture.repaired().outcome == .repaired)
        #expect(try fixture.tree.facts(fixture.tree.resolve(path)).links == right)
        #expect(try fixture.workspace.verify().findings.isEmpty)
    }

    @Test("A name that leads to an inode without links is found, and removed by a repair")
    func withoutLinks() throws {
        let fixture = try fixture()
        let number = try fixture.tree.resolve("f")
        try fixture.damageRows { batch, row in
            var record = try #require(try row(number))
            record.links = 0
            batch.inodes[number] = .some(record)
        }
        let report = try fixture.workspace.verify()
        #expect(report.errors == 2, "\(report.findings.map(\.sentence))")
        #expect(report.findings.allSatisfy { $0.what.contains("which does not exist") })
        #expect(try fixture.repaired().outcome == .repaired)
        #expect(try fixture.tree.names("") == ["base", "d"])
        #expect(try fixture.tree.names("d") == ["e"])
        #expect(try fixture.workspace.verify().findings.isEmpty)
    }

    @Test("A base file with more names than links is found")
    func base() throws {
        let fixture = try fixture()
        try fixture.tree.link("base", to: "d/again")
        #expect(try fixture.workspace.verify().findings.isEmpty)
        let number = try fixture.tree.resolve("base")
        try fixture.damageRows { batch, row in
            var record = try #require(try row(number))
            record.links = 1
            batch.inodes[number] = .some(record)
        }
        #expect(try fixture.workspace.verify().errors == 1)
        #expect(try fixture.repaired().outcome == .repaired)
        #expect(try fixture.tree.facts(fixture.tree.resolve("base")).links == 2)
    }
}
