// DriftSettlingTests: tests the commands that settle drift: accept, ours and theirs. After each of them the
// file, its copies and the past have only bytes that they had before.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct DriftSettlingTests {
    private static let size = 100_000
    private static let old = bytes(size, fill: 1)
    private static let new = bytes(size + 500, fill: 2)
    private static let edited = Array("edit".utf8) + old.dropFirst(4)

    /// - Parameter pin: whether the pool keeps base content.
    private func fixture(pin: Bool = true) throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            for name in ["f", "g"] { try writeFile("\(base)/\(name)", Self.old) }
            try writeFile("\(base)/e", "e")
        }
        if !pin { try fixture.workspace.accounts.setLimit(.pin, to: 0) }
        return fixture
    }

    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func contents(_ fixture: WorkspaceFixture, _ path: String = "f") throws -> [UInt8] {
        try fixture.tree.contents(try fixture.tree.resolve(path))
    }

    private func drifted(_ fixture: WorkspaceFixture) throws -> [String] {
        try fixture.workspace.baseFiles.driftedFiles()
            .map { String(decoding: $0.path, as: UTF8.self) }.sorted()
    }

    private func replace(_ fixture: WorkspaceFixture, _ name: String, _ bytes: [UInt8]) throws {
        try writeFile(fixture.base("new"), bytes)
        try must("rename", rename(fixture.base("new"), fixture.base(name)))
    }

    private func failure(
        _ body: () throws(CommandError) -> CommandOutcome
    ) -> CommandError? {
        do throws(CommandError) {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    @Test("Accept refuses where both were changed, and changes nothing", arguments: [true, false])
    func conflict(pin: Bool) throws {
        let fixture = try fixture(pin: pin)
        try fixture.tree.write("f", "edit")
        try replace(fixture, "f", Self.new)
        let last = fixture.workspace.accounts.statistics.sequence
        let error = failure { () throws(CommandError) in
            try fixture.workspace.commands.acceptDrift(path("f"), caller: fixture.tree.caller)
        }
        #expect(error?.errno == .busy)
        #expect(error?.description.contains("--merge") == true)
        #expect(error?.description.contains("ours") == true && error?.description.contains("theirs") == true)
        #expect(fixture.workspace.accounts.statistics.sequence == last)
        #expect(try drifted(fixture) == ["f"])
        if pin { #expect(try contents(fixture) == Self.edited) }
    }

    @Test("Accept settles a completely rewritten file, and one whose base has the same content")
    func clear() throws {
        let fixture = try fixture()
        try fixture.tree.changeMode("e", 0o600)
        try fixture.tree.write("f", "edit")
        try fixture.tree.truncate("g", to: 0)
        try fixture.tree.write("g", "mine")
        try writeFile(fixture.base("e"), "longer")
        try replace(fixture, "f", Self.old)
        try replace(fixture, "g", Self.new)
        #expect(try drifted(fixture) == ["f"])
        for name in ["f", "g"] {
            _ = try fixture.workspace.commands.acceptDrift(path(name), caller: fixture.tree.caller)
        }
        for step in 0..<3 {
            #expect(try fixture.tree.text("e") == "longer", "step \(step)")
            #expect(try fixture.tree.mode("e") == 0o600, "step \(step)")
            #expect(try contents(fixture) == Self.edited, "step \(step)")
            #expect(try fixture.tree.text("g") == "mine", "step \(step)")
            #expect(try drifted(fixture) == [], "step \(step)")
            #expect(try fixture.workspace.verify().isClean, "step \(step)")
            if step == 0 { try fixture.reopen() } else { try fixture.reopenAfterKill() }
        }
        // f needs only the base content in the pool.
        try must("unlink", unlink(fixture.base("f")))
        #expect(try contents(fixture) == Self.edited)
    }

    @Test("Ours keeps the whole content, a rollback brings the drift back, theirs shows the base")
    func choices() throws {
        let fixture = try fixture()
        let caller = fixture.tree.caller
        try fixture.tree.write("f", "edit")
        try fixture.tree.changeMode("f", 0o640)
        try fixture.tree.setXattr(
            Array("user.a".utf8), of: try fixture.tree.resolve("f"), to: [1, 2], mode: .create)
        try replace(fixture, "f", Self.new)
        let before = fixture.workspace.accounts.statistics.sequence
        let version = try #require(try fixture.workspace.baseFiles.driftedFiles().first?.version)
        let stale = failure { () throws(CommandError) in
            try fixture.workspace.commands.keepOurs(path("f"), over: path("1-2-3-4"), caller: caller)
        }
        #expect(stale?.errno == .busy)
        let outcome = try fixture.workspace.commands.keepOurs(
            path("f"), over: path(version), caller: caller)
        #expect(outcome.stale.entries.map { "\($0.name)" } == ["f"])
        #expect(try contents(fixture) == Self.edited)
        #expect(try drifted(fixture) == [])
        try replace(fixture, "f", bytes(10, fill: 3))
        try fixture.reopenAfterKill()
        #expect(try contents(fixture) == Self.edited)
        #expect(try fixture.tree.mode("f") == 0o640)
        #expect(try fixture.tree.xattr(Array("user.a".utf8), of: fixture.tree.resolve("f")) == [1, 2])
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(before), paths: [], keepsTimes: true, caller: caller)
        #expect(try contents(fixture) == Self.edited)
        #expect(try drifted(fixture) == ["f"])
        let dropped = try fixture.workspace.commands.dropDrift(path("f"), caller: caller)
        for step in 0..<2 {
            #expect(try contents(fixture) == bytes(10, fill: 3), "step \(step)")
            #expect(try fixture.tree.mode("f") == 0o640)
            #expect(try drifted(fixture) == [])
            try fixture.reopenAfterKill()
        }
        let view = try fixture.workspace.moments.view(at: before)
        let node = try view.lookup(FileName("f"), in: view.root)
        var seen = [UInt8](repeating: 0, count: Self.size)
        let count = try seen.withUnsafeMutableBytes { try view.read(node, into: $0, at: 0) }
        #expect(count == Self.size && seen == Self.edited)
        let backup = try #require(dropped.backup)
        _ = try fixture.workspace.commands.rollback(
            to: .backup(backup), paths: [path("f")], keepsTimes: false, caller: caller)
        #expect(try contents(fixture) == Self.edited)
    }

    @Test("A settled file is listed again when the base moves on, and nothing of it is lost")
    func again() throws {
        let fixture = try fixture()
        let caller = fixture.tree.caller
        for name in ["f", "g"] { try fixture.tree.write(name, "edit") }
        for name in ["f", "g"] { try replace(fixture, name, Self.new) }
        _ = try fixture.workspace.commands.keepOurs(path("f"), caller: caller)
        _ = try fixture.workspace.commands.dropDrift(path("g"), caller: caller)
        for name in ["f", "g"] { try replace(fixture, name, bytes(10, fill: 3)) }
        for step in 0..<2 {
            #expect(try drifted(fixture) == ["f"], "step \(step)")
            #expect(try contents(fixture) == Self.edited, "step \(step)")
            // Without edits g follows the base.
            #expect(try contents(fixture, "g") == bytes(10, fill: 3), "step \(step)")
            let number = try fixture.tree.resolve("f")
            #expect(try fixture.workspace.baseFiles.baseContent(number, isNow: false) == Self.new)
            try fixture.reopenAfterKill()
        }
        // Accept does not settle a file that both sides changed.
        let busy = failure { () throws(CommandError) in
            try fixture.workspace.commands.acceptDrift(path("f"), caller: caller)
        }
        #expect(busy?.errno == .busy)
    }

    @Test("Copies and other names of a settled file keep what they have")
    func others() throws {
        let fixture = try fixture()
        let caller = fixture.tree.caller
        try fixture.tree.write("f", "edit")
        _ = try fixture.workspace.commands.clone(path("f"), to: path("clone"), caller: caller)
        try fixture.tree.link("f", to: "hard")
        try replace(fixture, "f", Self.new)
        _ = try fixture.workspace.commands.dropDrift(path("f"), caller: caller)
        for step in 0..<2 {
            #expect(try contents(fixture) == Self.new, "step \(step)")
            #expect(try contents(fixture, "clone") == Self.edited, "step \(step)")
            #expect(try contents(fixture, "hard") == Self.edited, "step \(step)")
            #expect(try fixture.tree.facts(fixture.tree.resolve("hard")).links == 1)
            #expect(try fixture.workspace.verify().isClean)
            try fixture.reopen()
        }
        // The new file can be edited, and drifts again.
        try fixture.tree.write("f", "EDIT", at: 10)
        try replace(fixture, "f", Self.old)
        var wanted = Self.new
        wanted.replaceSubrange(10..<14, with: Array("EDIT".utf8))
        #expect(try contents(fixture) == wanted)
        #expect(try drifted(fixture).contains("f"))
    }

    @Test(
        "Ours fails for a file whose former base content is not in the pool",
        .disabled(if: TestEnvironment.sharesExtents, "shared extents are always kept"))
    func notKept() throws {
        let fixture = try fixture(pin: false)
        let caller = fixture.tree.caller
        for name in ["f", "g"] { try fixture.tree.write(name, "edit") }
        try replace(fixture, "f", Self.new)
        try must("unlink", unlink(fixture.base("g")))
        let refused = failure { () throws(CommandError) in
            try fixture.workspace.commands.keepOurs(path("f"), caller: caller)
        }
        #expect(refused?.errno == .inputOutput && refused?.description.contains("theirs") == true)
        let gone = failure { () throws(CommandError) in
            try fixture.workspace.commands.acceptDrift(path("g"), caller: caller)
        }
        #expect(gone?.errno == .noEntry)
        for name in ["f", "g"] {
            let outcome = try fixture.workspace.commands.dropDrift(path(name), caller: caller)
            #expect(outcome.backup != nil)
        }
        #expect(try contents(fixture) == Self.new)
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("g") }
        try fixture.reopen()
        #expect(try contents(fixture) == Self.new)
        #expect(try drifted(fixture) == [])
    }

    @Test("A file whose base file is gone keeps its content")
    func goneBase() throws {
        let fixture = try fixture()
        try fixture.tree.write("f", "edit")
        try must("unlink", unlink(fixture.base("f")))
        _ = try fixture.workspace.commands.keepOurs(path("f"), caller: fixture.tree.caller)
        #expect(try drifted(fixture) == [])
        try fixture.reopenAfterKill()
        #expect(try contents(fixture) == Self.edited)
        #expect(try fixture.tree.names("").contains("f"))
    }

    @Test("The former and the current base content of each file can be read")
    func baseContents() throws {
        let fixture = try fixture()
        try fixture.tree.write("f", "edit")
        try replace(fixture, "f", Self.new)
        let number = try fixture.tree.resolve("f")
        #expect(try fixture.workspace.baseFiles.baseContent(number, isNow: false) == Self.old)
        #expect(try fixture.workspace.baseFiles.baseContent(number, isNow: true) == Self.new)
        let untouched = try fixture.tree.resolve("e")
        #expect(try fixture.workspace.baseFiles.baseContent(untouched, isNow: false) == path("e"))
        let own = try fixture.tree.makeFile("own")
        #expect(throws: CommandError.self) {
            try fixture.workspace.baseFiles.baseContent(own, isNow: true)
        }
    }
}

/// A file of which only the attributes were changed follows the base, also at earlier moments.
@Suite struct TouchedPastTests {
    @Test("The past of a file that was only touched is readable after the base file has changed")
    func touchedOnly() throws {
        let fixture = try WorkspaceFixture { base in
            for name in ["f", "g"] { try writeFile("\(base)/\(name)", "content \(name)") }
        }
        try fixture.workspace.accounts.setLimit(.pin, to: 0)
        for name in ["f", "g"] {
            try fixture.tree.changeMode(name, 0o600)
        }
        let moment = fixture.workspace.sequence.last
        // The change time of the base file becomes another one, and its content stays.
        try must("link", link(fixture.base("f"), fixture.base("linked")))
        try writeFile(fixture.base("g"), "another content")
        for sequence in [0, moment] {
            let past = try PastTree(fixture.workspace.moments.view(at: sequence))
            #expect(try past.text("f") == "content f")
            #expect(try past.text("g").hasPrefix("another c"))
        }
        let since = try fixture.set.differences(
            of: fixture.workspace, from: .moment(.sequence(moment)))
        #expect(since.isEmpty, "\(since)")
        // An edit makes the content its own: then a change of the base is drift.
        try fixture.tree.write("f", "C")
        try writeFile(fixture.base("f"), "drifted")
        let past = try PastTree(fixture.workspace.moments.view(at: moment))
        #expect(throws: Errno.inputOutput) { try past.text("f") }
    }
}
