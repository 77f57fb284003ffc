// Base files of which a workspace has changed the name or attributes only, and which the base then replaces
// or rewrites, as `git pull` does; and names that the base gets later than the workspace.

import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct UnwrittenDriftTests {
    enum Change: CaseIterable, CustomTestStringConvertible {
        case mode, times, xattr, rename, exchange, link, clone

        var testDescription: String { "\(self)" }
    }

    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func fixture(size: Int) throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            for name in ["f", "other"] { try writeFile("\(base)/\(name)", bytes(size, fill: 1)) }
        }
    }

    /// - Returns: the name under which the file is found then.
    private func make(_ change: Change, _ fixture: WorkspaceFixture) throws -> String {
        let tree = fixture.tree!
        switch change {
        case .mode: try tree.changeMode("f", 0o751)
        case .times:
            var change = AttributeChange()
            change.modificationTime = .at(1_000_000_000)
            try tree.setAttributes(try tree.resolve("f"), change)
        case .xattr:
            try tree.setXattr(path("user.a"), of: try tree.resolve("f"), to: [1], mode: .create)
        case .rename:
            try tree.rename("f", to: "renamed")
            return "renamed"
        case .exchange:
            try tree.rename("f", to: "other", flags: .exchange)
            return "other"
        case .link:
            try tree.link("f", to: "linked")
            return "linked"
        case .clone:
            _ = try fixture.workspace.clone(path("f"), to: path("copy"), caller: tree.caller)
            return "copy"
        }
        return "f"
    }

    @Test(
        "A small file keeps its content when only its name or attributes were changed",
        arguments: Change.allCases, [true, false])
    func small(change: Change, isReplaced: Bool) throws {
        let fixture = try fixture(size: 5_000)
        let name = try make(change, fixture)
        if isReplaced { try must("unlink", unlink(fixture.base("f"))) }
        try writeFile(fixture.base("f"), bytes(6_000, fill: 2))
        for step in 0..<2 {
            let found = try fixture.tree.contents(try fixture.tree.resolve(name))
            #expect(found == bytes(5_000, fill: 1), "step \(step)")
            let drifted = try fixture.workspace.driftedFiles().filter {
                // A file with two names is listed by the one that it has in the base.
                $0.path == path(name) || change == .link
            }
            #expect(drifted.map(\.isKept) == [true], "step \(step)")
            try fixture.reopenAfterKill()
        }
        // Nobody edited it, so there is nothing to decide.
        _ = try fixture.workspace.acceptDrift(path(name), caller: fixture.tree.caller)
        let found = try fixture.tree.contents(try fixture.tree.resolve(name))
        #expect(found == bytes(6_000, fill: 2))
        if change == .mode { #expect(try fixture.tree.mode(name) == 0o751) }
    }

    @Test("A change of names and attributes copies no large file", arguments: Change.allCases)
    func large(change: Change) throws {
        let fixture = try fixture(size: 300_000)
        let name = try make(change, fixture)
        let usage = fixture.set.store.logs.pool.usage
        // A copy is one of the content, and keeps it as an edit does.
        #expect(usage.bytes < 10_000 || change == .clone)
        if usage.files > 0 { return }
        try writeFile(fixture.base("f"), bytes(6_000, fill: 2))
        #expect(throws: Errno.inputOutput) {
            try fixture.tree.contents(try fixture.tree.resolve(name))
        }
        #expect(try fixture.workspace.driftedFiles().map(\.isKept) == [false])
        _ = try fixture.workspace.acceptDrift(path(name), caller: fixture.tree.caller)
        let found = try fixture.tree.contents(try fixture.tree.resolve(name))
        #expect(found == bytes(6_000, fill: 2))
    }

    @Test("What a workspace made stays in view when the base gets the same name, and diff tells")
    func hiding() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeDirectory("d")
        try fixture.tree.makeFile("d/mine")
        try fixture.tree.makeFile("f")
        try makeDirectory(fixture.base("d"))
        for name in ["d/late", "f"] { try writeFile(fixture.base(name), "of the base") }
        try fixture.reopen()
        #expect(try fixture.tree.names("") == ["d", "f"])
        #expect(try fixture.tree.names("d") == ["mine"])
        #expect(try fixture.tree.text("f") == "")
        let found = try fixture.set.differences(of: fixture.workspace, from: .base)
        let lines = found.map { "\($0.status) \(String(decoding: $0.path, as: UTF8.self))" }
        #expect(lines == ["deleted d/late", "added d/mine", "modified f"])
        #expect(try fixture.workspace.driftedFiles().isEmpty)
    }
}
