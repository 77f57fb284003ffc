// NewBaseTests: tests a base that was made again at the same path, by a restore or a new clone. Its root
// and files are other inodes, perhaps with numbers that other files had. All files of a workspace stay
// visible.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct NewBaseTests {
    private static let untouched = (0..<20).map { "u\($0)" }

    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try makeDirectory("\(base)/e")
            for name in ["f", "d/g", "e/h"] { try writeFile("\(base)/\(name)", "of the base") }
            for name in Self.untouched { try writeFile("\(base)/\(name)", "content of \(name)") }
        }
        try fixture.tree.makeDirectory("new")
        for name in ["new/x", "top", "d/own"] {
            try fixture.tree.makeFile(name)
            try fixture.tree.write(name, "mine")
        }
        _ = try fixture.workspace.moments.backup(
            FileName("before"), comment: [], caller: fixture.tree.caller)
        try fixture.tree.write("f", "EDIT")
        try fixture.tree.write("d/g", "EDIT")
        try fixture.tree.rename("e", to: "moved")
        try fixture.tree.unlink("u0")
        return fixture
    }

    private func check(_ fixture: WorkspaceFixture, _ place: String) throws {
        let tree = fixture.tree!
        let base = Array(Self.untouched.dropFirst())
        #expect(
            try tree.names("").sorted() == (["d", "f", "moved", "new", "top"] + base).sorted(), "\(place)")
        #expect(try tree.names("d").sorted() == ["g", "own"], "\(place)")
        for name in ["new/x", "top", "d/own"] { #expect(try tree.text(name) == "mine", "\(place)") }
        for name in ["f", "d/g"] { #expect(try tree.text(name) == "EDIThe base", "\(place): \(name)") }
        #expect(try tree.text("moved/h") == "of the base", "\(place)")
        for name in base { #expect(try tree.text(name) == "content of \(name)", "\(place)") }
        #expect(try fixture.workspace.verify().isClean, "\(place)")
        // A view of a moment shows the current base for untouched files.
        let moment = try #require(fixture.workspace.moments.backups.first { "\($0.name)" == "before" })
        let view = try fixture.workspace.moments.view(at: moment.sequence)
        for name in Self.untouched {
            let node = try view.lookup(FileName(name), in: view.root)
            #expect(try text(view, node) == "content of \(name)", "\(place): \(name)")
        }
        let own = try view.lookup(FileName("top"), in: view.root)
        #expect(try text(view, own) == "mine", "\(place)")
    }

    private func text(_ view: TimeView, _ node: ViewNode) throws -> String {
        var bytes = [UInt8](repeating: 0, count: 100)
        let count = try bytes.withUnsafeMutableBytes { try view.read(node, into: $0, at: 0) }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// Replaces the base by another directory at the same path, with equal files.
    private func replace(_ fixture: WorkspaceFixture) throws {
        let base = fixture.basePath
        try ChildProcess.shell(
            "cp -a '\(base)' '\(base)2'; mv '\(base)' '\(base)-old'; mv '\(base)2' '\(base)'")
    }

    @Test(
        "A copy of the base in its place hides nothing, and the old one works again",
        arguments: [true, false])
    func copy(isKill: Bool) throws {
        let fixture = try fixture()
        try check(fixture, "at first")
        try replace(fixture)
        if isKill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
        try check(fixture, "the copy")
        #expect(fixture.messages.contains { $0.contains("was made again") })
        let drifted = try fixture.workspace.baseFiles.driftedFiles()
        #expect(Set(drifted.map { String(decoding: $0.path, as: UTF8.self) }) == ["f", "d/g"])
        #expect(Set(drifted.map(\.isKept)) == [true])
        // New edits apply to the new base.
        try fixture.tree.write("u1", "EDIT")
        #expect(try fixture.tree.text("u1") == "EDITent of u1")
        try fixture.tree.makeFile("d/late")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("u1") == "EDITent of u1")
        let base = fixture.basePath
        try ChildProcess.shell("mv '\(base)' '\(base)3'; mv '\(base)-old' '\(base)'")
        try fixture.reopen()
        #expect(try fixture.tree.text("u1") == "EDITent of u1")
        #expect(try fixture.tree.names("d").sorted() == ["g", "late", "own"])
        try fixture.tree.unlink("d/late")
        _ = try fixture.workspace.commands.rollback(
            to: .backup(FileName("before")), paths: [Array("u1".utf8)], keepsTimes: true,
            caller: fixture.tree.caller)
        try check(fixture, "the old one")
    }

    @Test("A diff is the same after the base was made again", arguments: [true, false])
    func difference(isEdited: Bool) throws {
        let fixture = try WorkspaceFixture { base in
            for name in ["d", "d/sub", "d/sub/deep", "e", "e/sub"] {
                try makeDirectory("\(base)/\(name)")
                for index in 0..<3 { try writeFile("\(base)/\(name)/u\(index)", "of the base") }
            }
        }
        try fixture.tree.makeFile("d/own")
        try fixture.tree.makeFile("d/sub/deep/own")
        try fixture.tree.rename("e", to: "moved")
        try fixture.tree.makeFile("moved/own")
        try fixture.tree.unlink("moved/u1")
        if isEdited {
            try fixture.tree.write("d/u1", "EDIT")
            try fixture.tree.write("moved/sub/u2", "EDIT")
        }
        let before = try differences(fixture)
        #expect(before.contains("renamed moved") && before.contains("added d/own"))
        try replace(fixture)
        try fixture.reopen()
        #expect(try differences(fixture) == before)
        try fixture.reopenAfterKill()
        #expect(try differences(fixture) == before)
        // A diff against a moment also matches untouched files by their names.
        let moment = fixture.workspace.accounts.statistics.sequence
        try fixture.tree.makeFile("d/sub/late")
        let late = try fixture.set.differences(of: fixture.workspace, from: .moment(.sequence(moment)))
        #expect(late.map(\.path) == [Array("d/sub/late".utf8)])
    }

    private func differences(_ fixture: WorkspaceFixture) throws -> [String] {
        try fixture.set.differences(of: fixture.workspace, from: .base).map {
            "\($0.status) \(String(decoding: $0.path, as: UTF8.self))"
        }
    }

    @Test("Files of a new base with reused inode numbers are shown, now and in the past")
    func reusedNumbers() throws {
        let fixture = try fixture()
        let base = fixture.basePath
        // On most file systems the new files reuse the freed inode numbers.
        try ChildProcess.shell(
            "cp -a '\(base)' '\(base)2'; find '\(base)' -mindepth 1 -delete; cd '\(base)2'; "
                + "ls -r u* | xargs -I{} cp -a {} '\(base)/'; cp -a e d f '\(base)/'")
        try fixture.reopen()
        try check(fixture, "reused numbers")
        try fixture.reopenAfterKill()
        try check(fixture, "after a kill")
    }

    @Test("On a file system without birth times a reused inode number shows the new file")
    func withoutBirthTimes() throws {
        // All files of 13 bytes get the inode number of f.
        let taken = Shared<UInt64>(0)
        var probe = BaseProbe()
        probe.adjust = { status in
            var status = status
            status.birthTime = 0
            if taken.value > 0, status.size == 13 { status.inode = taken.value }
            return status
        }
        let fixture = try WorkspaceFixture(probe: probe) { base in
            try writeFile("\(base)/f", "of the base")
            try writeFile("\(base)/other", "thirteen byte")
        }
        try fixture.tree.write("f", "EDIT")
        let number = try fixture.tree.resolve("f")
        taken.value = UInt64(try status(fixture.base("f")).st_ino)
        fixture.tree.forget()
        #expect(try fixture.tree.text("other") == "thirteen byte")
        #expect(try fixture.tree.resolve("other") != number)
        #expect(try fixture.tree.text("f") == "EDIThe base")
        let view = try fixture.workspace.moments.view(at: 0)
        let node = try view.lookup(FileName("other"), in: view.root)
        #expect(try text(view, node) == "thirteen byte")
    }
}
