// DriftCopyTests: tests copies of files whose base file changed. A copy keeps its content when the
// original or the base file changes.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct DriftCopyTests {
    private static let old = bytes(20_000, fill: 1)
    private static let new = bytes(20_000, fill: 2)
    private static let edited = Array("edit".utf8) + old.dropFirst(4)

    /// The ways in which the original stops using the base file.
    enum End: CaseIterable, CustomTestStringConvertible {
        case theirs, ours, removal, rollback

        var testDescription: String { "\(self)" }
    }

    private func contents(_ fixture: WorkspaceFixture, _ path: String) throws -> [UInt8] {
        try fixture.tree.contents(try fixture.tree.resolve(path))
    }

    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func end(_ fixture: WorkspaceFixture, _ end: End, at moment: UInt64) throws {
        let caller = fixture.tree.caller
        switch end {
        case .theirs: _ = try fixture.workspace.commands.dropDrift(path("f"), caller: caller)
        case .ours: _ = try fixture.workspace.commands.keepOurs(path("f"), caller: caller)
        case .removal: try fixture.tree.unlink("f")
        case .rollback:
            _ = try fixture.workspace.commands.rollback(
                to: .sequence(moment), paths: [path("f")], keepsTimes: true, caller: caller)
        }
    }

    /// Makes a base file `f`, a copy of its unedited content, an edit of it, and a clone of the edited
    /// file.
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in try writeFile("\(base)/f", Self.old) }
        try fixture.tree.makeFile("plain")
        _ = try fixture.tree.copyRange(
            from: fixture.tree.resolve("f"), at: 0, to: fixture.tree.resolve("plain"), at: 0,
            length: 20_000)
        try fixture.tree.write("f", "edit")
        _ = try fixture.workspace.commands.clone(path("f"), to: path("clone"), caller: fixture.tree.caller)
        return fixture
    }

    @Test(
        "Copies keep what they read when the base file of the original is edited again",
        arguments: End.allCases)
    func editedAgain(way: End) throws {
        let fixture = try fixture()
        let before = fixture.workspace.accounts.statistics.sequence
        // The base file keeps its inode and gets another content.
        try withOpen(fixture.base("f"), O_WRONLY) { try writeAll($0, Self.new, at: 0) }
        try end(fixture, way, at: 0)
        fixture.tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        // The base file is visible under a name that has no entry in the workspace.
        let name = way == .rollback ? "f" : "g"
        if name == "g" { try must("rename", rename(fixture.base("f"), fixture.base("g"))) }
        #expect(try contents(fixture, name) == Self.new)
        try fixture.tree.write(name, "EDIT", at: 10)
        var wanted = Self.new
        wanted.replaceSubrange(10..<14, with: Array("EDIT".utf8))
        for step in 0..<3 {
            #expect(try contents(fixture, name) == wanted, "step \(step)")
            #expect(try contents(fixture, "plain") == Self.old, "step \(step)")
            #expect(try contents(fixture, "clone") == Self.edited, "step \(step)")
            #expect(try fixture.workspace.verify().isClean, "step \(step)")
            if step == 0 { try fixture.reopenAfterKill() } else { try fixture.reopen() }
        }
        // The base file now has an inode number of the workspace.
        try writeFile(fixture.base(name), bytes(30, fill: 3))
        try must("unlink", unlink(fixture.base(name)))
        #expect(try contents(fixture, name) == wanted)
        // A rollback to the moment before all of this.
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(before), paths: [], keepsTimes: true, caller: fixture.tree.caller)
        for step in 0..<2 {
            for copy in ["f", "clone"] {
                #expect(try contents(fixture, copy) == Self.edited, "step \(step)")
            }
            #expect(try contents(fixture, "plain") == Self.old, "step \(step)")
            #expect(try fixture.workspace.verify().isClean, "step \(step)")
            if step == 0 { try fixture.reopenAfterKill() }
        }
    }

    @Test("The pool keeps the content that copies need when the original is touched again")
    func touchedAgain() throws {
        let fixture = try fixture()
        try end(fixture, .rollback, at: 0)
        try fixture.tree.changeMode("f", 0o600)
        try must("unlink", unlink(fixture.base("f")))
        for step in 0..<2 {
            #expect(try contents(fixture, "clone") == Self.edited, "step \(step)")
            #expect(try contents(fixture, "plain") == Self.old, "step \(step)")
            if step == 0 { try fixture.reopenAfterKill() }
        }
    }
}
