// UnwrittenDriftTests: tests base files of which a workspace changed only the name or attributes, and which
// are then replaced or rewritten in the base, as `git pull` does; and names that the base gets later than
// the workspace.

import Check
import Glibc
import Overlay
import Past
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

    /// - Returns: the name of the file after the change.
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
            _ = try fixture.workspace.commands.clone(path("f"), to: path("copy"), caller: tree.caller)
            return "copy"
        }
        return "f"
    }

    private func contents(_ fixture: WorkspaceFixture, _ name: String) throws -> [UInt8] {
        try fixture.tree.contents(try fixture.tree.resolve(name))
    }

    @Test(
        "A file of which only name or attributes were changed shows what the base has",
        arguments: [Change.mode, .times, .xattr, .rename, .exchange], [true, false])
    func follows(change: Change, isReplaced: Bool) throws {
        for size in [5_000, 300_000] {
            let fixture = try fixture(size: size)
            let name = try make(change, fixture)
            let held = try fixture.tree.resolve(name)
            // The pool copies no large file.
            #expect(fixture.set.store.logs.pool.usage.bytes < 20_000)
            let treeLog = fixture.treeLogBytes
            #expect(try contents(fixture, name).count == size)
            #expect(fixture.treeLogBytes == treeLog)
            if isReplaced { try must("unlink", unlink(fixture.base("f"))) }
            try writeFile(fixture.base("f"), bytes(6_000, fill: 2))
            if size > 6_000 {
                // A process that has the file open reads without a lookup.
                let part = try fixture.tree.read(held, at: 1_000, count: 10)
                #expect(part == Array(bytes(6_000, fill: 2)[1_000..<1_010]))
            } else {
                let stale = fixture.workspace.baseFiles.refresh()
                #expect(stale.inodes[held] == true)
            }
            #expect(try fixture.workspace.attributes(held).size == 6_000)
            for step in 0..<2 {
                #expect(try contents(fixture, name) == bytes(6_000, fill: 2), "step \(step)")
                #expect(try fixture.workspace.baseFiles.driftedFiles().isEmpty, "step \(step)")
                #expect(try fixture.workspace.verify().isClean, "step \(step)")
                if step == 0 { try fixture.reopenAfterKill() }
            }
            if change == .mode { #expect(try fixture.tree.mode(name) == 0o751) }
            // An edit applies to the current base content, and the pool keeps that content.
            try writeFile(fixture.base("f"), bytes(7_000, fill: 3))
            try fixture.tree.write(name, "edit")
            try must("unlink", unlink(fixture.base("f")))
            let edited = Array("edit".utf8) + bytes(7_000, fill: 3).dropFirst(4)
            for step in 0..<2 {
                #expect(try contents(fixture, name) == edited, "step \(step)")
                #expect(try fixture.workspace.baseFiles.driftedFiles().map(\.isKept) == [true])
                if step == 0 { try fixture.reopenAfterKill() }
            }
        }
    }

    @Test(
        "A renamed file up to a size keeps its content when the base file is removed",
        arguments: [5_000, 300_000])
    func gone(size: Int) throws {
        let fixture = try fixture(size: size)
        try fixture.tree.rename("f", to: "renamed")
        try must("unlink", unlink(fixture.base("f")))
        for step in 0..<2 {
            let drifted = try fixture.workspace.baseFiles.driftedFiles()
            #expect(drifted.count == 1, "step \(step)")
            if drifted.first?.isKept == true {
                #expect(try contents(fixture, "renamed") == bytes(size, fill: 1), "step \(step)")
            } else {
                #expect(size > 64 << 10, "step \(step)")
                #expect(throws: Errno.inputOutput) { try contents(fixture, "renamed") }
            }
            try fixture.reopenAfterKill()
        }
    }

    @Test("A diff against the base shows no content change for a file without edits")
    func difference() throws {
        let fixture = try fixture(size: 5_000)
        try fixture.tree.changeMode("f", 0o751)
        try fixture.tree.rename("other", to: "renamed")
        fixture.tree.forget()
        for name in ["f", "other"] { try writeFile(fixture.base(name), bytes(6_000, fill: 2)) }
        for _ in 0..<2 {
            try fixture.reopenAfterKill()
            let found = try fixture.set.differences(of: fixture.workspace, from: .base)
            let lines = found.map { "\($0.status) \(String(decoding: $0.path, as: UTF8.self))" }
            #expect(lines == ["attributes f", "renamed renamed"])
            _ = try contents(fixture, "f")
        }
    }

    @Test("Copies never follow the base, nor does what they were made from")
    func copies() throws {
        let fixture = try fixture(size: 5_000)
        let old = bytes(5_000, fill: 1)
        for change in [Change.clone, .link] { _ = try make(change, fixture) }
        try fixture.tree.changeMode("other", 0o600)
        try fixture.tree.makeFile("range")
        _ = try fixture.tree.copyRange(
            from: fixture.tree.resolve("other"), at: 0, to: fixture.tree.resolve("range"), at: 0,
            length: 5_000)
        for name in ["f", "other"] {
            try must("unlink", unlink(fixture.base(name)))
            try writeFile(fixture.base(name), bytes(6_000, fill: 2))
        }
        for step in 0..<2 {
            for name in ["copy", "range", "other", "f", "linked"] {
                #expect(try contents(fixture, name) == old, "\(name), step \(step)")
            }
            let drifted = try fixture.workspace.baseFiles.driftedFiles()
            #expect(drifted.allSatisfy(\.isKept) && drifted.count == 3)
            try fixture.reopenAfterKill()
        }
        // The file has no edits, so accept succeeds.
        _ = try fixture.workspace.commands.acceptDrift(path("other"), caller: fixture.tree.caller)
        #expect(try contents(fixture, "other") == bytes(6_000, fill: 2))
        #expect(try contents(fixture, "range") == old)
        #expect(try fixture.tree.mode("other") == 0o600)
    }

    @Test("A rollback restores the former content of an edited file, and its copy keeps its own")
    func rolledBack() throws {
        let fixture = try fixture(size: 5_000)
        let caller = fixture.tree.caller
        try fixture.tree.changeMode("f", 0o600)
        let moment = fixture.workspace.accounts.statistics.sequence
        try fixture.tree.write("f", "edit")
        _ = try fixture.workspace.commands.clone(path("f"), to: path("copy"), caller: caller)
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(moment), paths: [path("f")], keepsTimes: true, caller: caller)
        try writeFile(fixture.base("f"), bytes(6_000, fill: 2))
        // The copy reads the base through the inode number of f.
        for step in 0..<2 {
            #expect(try contents(fixture, "f") == bytes(5_000, fill: 1), "step \(step)")
            let edited = Array("edit".utf8) + bytes(5_000, fill: 1).dropFirst(4)
            #expect(try contents(fixture, "copy") == edited, "step \(step)")
            try fixture.reopenAfterKill()
        }
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
        #expect(try fixture.workspace.baseFiles.driftedFiles().isEmpty)
    }
}
