// Merges without a mount: files with several names, what is shared and not copied, how far back a merge
// looks, and what a release of history leaves of that.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct MergeTests {
    private let fixture: WorkspaceFixture

    init() throws {
        fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/one", "of the base")
            try must("link", link("\(base)/one", "\(base)/two"))
            try writeFile("\(base)/large", String(repeating: "all of it\n", count: 400_000))
        }
        let tree = fixture.tree!
        try Self.write("own", "own", in: tree)
        try tree.makeLink(to: try tree.resolve("own"), try FileName("own2"), in: tree.root)
        try fixture.fork("side")
    }

    private var side: WorkspaceTree { get throws { try fixture.open("side") } }
    private var main: WorkspaceTree { get throws { try fixture.open("main") } }

    private static func write(_ name: String, _ text: String, in tree: WorkspaceTree) throws {
        let number: InodeNumber
        do {
            number = try tree.resolve(name)
        } catch {
            number = try tree.makeNode(
                try FileName(name), in: tree.root, mode: 0o100644, device: 0, target: [])
        }
        try tree.write(number, Array(text.utf8), at: 0)
    }

    private static func text(_ tree: WorkspaceTree, _ path: String) throws -> String {
        String(decoding: try tree.contents(try tree.resolve(path)), as: UTF8.self)
    }

    @discardableResult
    private func merge(
        _ source: WorkspaceTree, into name: String, _ choice: ConflictChoice = .refuse
    ) throws -> MergeReport {
        let report = try Merges(fixture.set).merge(
            source.workspace, MergeRequest(into: try FileName(name), choice: choice), caller: source.caller)
        #expect(report.conflicts == [])
        return report
    }

    @Test("An edit shows under all names of a file, and one that replaced a name does not")
    func links() throws {
        try Self.write("one", "EDITED HERE", in: side)
        // `own2` becomes another file.
        try side.unlink(try FileName("own2"), in: side.root)
        try Self.write("own2", "new", in: side)
        try side.makeLink(to: try side.resolve("own2"), try FileName("own3"), in: side.root)
        try side.makeLink(to: try side.resolve("two"), try FileName("three"), in: side.root)
        try merge(side, into: "main")
        let tree = try main
        #expect(try Self.text(tree, "two") == "EDITED HERE")
        #expect(try Self.text(tree, "own") == "own")
        #expect(try Self.text(tree, "own3") == "new")
        #expect(try tree.resolve("own2") == tree.resolve("own3"))
        #expect(try tree.resolve("one") == tree.resolve("three"))
        #expect(try tree.facts(tree.resolve("one")).links == 3)
        #expect(try tree.facts(tree.resolve("own")).links == 1)
    }

    @Test("Of a large file only what was changed is copied")
    func shares() throws {
        try side.write(try side.resolve("large"), Array("here".utf8), at: 1 << 20)
        let before = try main.workspace.accounts.usage.logBytes
        try merge(side, into: "main")
        let tree = try main
        #expect(tree.workspace.accounts.usage.logBytes - before < 200_000)
        let expected = try side.contents(try side.resolve("large"))
        #expect(try tree.contents(try tree.resolve("large")) == expected)
    }

    @Test("Content and attributes are merged each by itself")
    func attributes() throws {
        try Self.write("own", "OWN", in: side)
        var change = AttributeChange()
        change.mode = 0o600
        let tree = try main
        try tree.setAttributes(try tree.resolve("own"), change)
        try merge(side, into: "main")
        #expect(try Self.text(tree, "own") == "OWN")
        #expect(try tree.facts(tree.resolve("own")).mode & 0o777 == 0o600)
    }

    @Test("A later merge begins where the last one ended, also after a release of history and a restart")
    func later() throws {
        try Self.write("own", "one", in: side)
        try merge(side, into: "main")
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        #expect(Releases(fixture.set).run(request).parts.allSatisfy { $0.fault == nil })
        try fixture.reopen()
        try Self.write("own", "two", in: side)
        let report = try merge(side, into: "main")
        #expect(report.changes.map { String(decoding: $0.path, as: UTF8.self) } == ["own", "own2"])
        #expect(try Self.text(main, "own") == "two")
        // The other way, and back.
        try Self.write("one", "of the main one", in: main)
        try merge(main, into: "side")
        try Self.write("one", "OF", in: side)
        try merge(side, into: "main")
        #expect(try Self.text(main, "two") == "OF the main one")
    }

    @Test("What was merged through a third workspace is known")
    func third() throws {
        try fixture.fork("other")
        try Self.write("own", "one", in: side)
        try merge(side, into: "other")
        try merge(try fixture.open("other"), into: "main")
        try Self.write("own", "two", in: side)
        let report = try merge(side, into: "main")
        #expect(report.changes.count == 2)
        #expect(try Self.text(main, "own2") == "two")
    }

    @Test("Workspaces that began with the base have it in common")
    func unrelated() throws {
        let other = try fixture.open("unrelated")
        try Self.write("one", "UNRELATED", in: other)
        try Self.write("new", "new", in: other)
        try merge(other, into: "main")
        #expect(try Self.text(main, "two") == "UNRELATEDse")
        #expect(try Self.text(main, "new") == "new")
        #expect(try Self.text(main, "own") == "own")
        // It is not known in the fork, which both changed since.
        try Self.write("one", "SIDE", in: side)
        let report = try Merges(fixture.set).merge(
            side.workspace, MergeRequest(into: try FileName("main")), caller: side.caller)
        #expect(report.conflicts.map(\.isContent) == [true])
    }

    @Test("A rename that is left out leaves the file there whose name it would take")
    func renameLeftOut() throws {
        try side.rename("large", to: "own")
        try main.write("large", "changed here too")
        let report = try merge(side, into: "main", .theirs)
        #expect(report.decided.count == 1)
        #expect(try Self.text(main, "own") == "own")
        #expect(try Self.text(main, "large").hasPrefix("changed here too"))
    }

    @Test("What does not conflict in a file is merged, though the other workspace keeps the rest")
    func partsLeft() throws {
        func setMode(_ mode: UInt32, _ tree: WorkspaceTree) throws {
            var change = AttributeChange()
            change.mode = mode
            try tree.setAttributes(try tree.resolve("large"), change)
        }
        func mode() throws -> UInt32 {
            try main.workspace.attributes(try main.resolve("large")).mode & 0o777
        }
        try side.write("large", "SIDE")
        try setMode(0o700, side)
        try main.write("large", "MAIN")
        let report = try merge(side, into: "main", .theirs)
        #expect(report.decided.map(\.isContent) == [true])
        #expect(report.changes.map(\.status) == [.attributes])
        #expect(try Self.text(main, "large").hasPrefix("MAINof it\n"))
        #expect(try mode() == 0o700)
        // The other way round.
        try main.write("large", "SIDE")
        try side.write("large", "side again")
        try setMode(0o711, side)
        try setMode(0o755, main)
        let other = try merge(side, into: "main", .theirs)
        #expect(other.decided.map(\.isContent) == [false])
        #expect(try Self.text(main, "large").hasPrefix("side againall"))
        #expect(try mode() == 0o755)
        #expect(try merge(side, into: "main").changes.isEmpty)
    }

    @Test("A limit refuses a merge, and nothing is left of it")
    func limits() throws {
        try side.write(try side.resolve("own"), [UInt8](repeating: 1, count: 300_000), at: 0)
        let tree = try main
        let used = tree.workspace.accounts.usage.logBytes
        try tree.workspace.accounts.setLimit(.bytes, to: used + 100_000)
        #expect(throws: CommandError.self) {
            try Merges(fixture.set).merge(
                side.workspace, MergeRequest(into: try FileName("main")), caller: side.caller)
        }
        #expect(try Self.text(tree, "own") == "own")
        #expect(try Set(tree.list(tree.root).keys.map { String(decoding: $0, as: UTF8.self) })
            == ["one", "two", "large", "own", "own2"])
    }
}
