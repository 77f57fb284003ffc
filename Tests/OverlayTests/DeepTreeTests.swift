// DeepTreeTests: tests trees that are too deep for a recursive walk and for a path. Each walk over them
// ends on a thread with a small stack.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct DeepTreeTests {
    private static let depth = TestEnvironment.isFull ? 20_000 : 2_500
    private static let name = FileName(trusted: [0x64])

    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func depth<Tree: ReadableTree>(
        _ tree: Tree, _ top: String, _ name: FileName = DeepTreeTests.name
    ) throws -> (count: Int, bottom: Tree.Node) {
        var node = try tree.resolve(top)
        var count = 0
        while let next = try? tree.lookup(name, in: node) {
            node = next
            count += 1
        }
        return (count, node)
    }

    private func expectWhole(_ tree: WorkspaceTree, _ top: String, _ text: String) throws {
        let (count, bottom) = try depth(tree, top)
        #expect(count == Self.depth, "\(top)")
        let file = try tree.lookup(try FileName("file"), in: bottom)
        #expect(try tree.contents(file) == Array(text.utf8))
        #expect(try tree.facts(file).links == 2)
        #expect(try tree.facts(bottom).links == 2)
    }

    private func rollback(
        _ fixture: WorkspaceFixture, to moment: UInt64, _ paths: String...
    ) throws {
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(moment), paths: paths.map(path), keepsTimes: false,
            caller: fixture.tree.caller)
    }

    private func expectClean(_ fixture: WorkspaceFixture) throws {
        let report = try fixture.workspace.verify()
        #expect(report.findings.isEmpty, "\(report.findings.prefix(3).map(\.sentence))")
    }

    /// Makes nested directories below `top`, and a file with two names in the innermost.
    private func makeDeep(_ tree: WorkspaceTree, _ top: String) throws {
        var parent = try tree.makeDirectory(top)
        for _ in 0..<Self.depth {
            parent = try tree.makeNode(Self.name, in: parent, mode: 0o040755, device: 0, target: [])
        }
        let file = try tree.makeNode(
            try FileName("file"), in: parent, mode: 0o100644, device: 0, target: [])
        try tree.write(file, Array("deep".utf8), at: 0)
        try tree.makeLink(to: file, try FileName("link"), in: parent)
    }

    @Test("Thousands of nested directories are cloned, compared, rolled back, undone and verified")
    func deep() throws {
        let fixture = try WorkspaceFixture { try makeDirectory("\($0)/base") }
        try onSmallStack(bytes: 128 << 10) { try self.walk(fixture) }
    }

    private func walk(_ fixture: WorkspaceFixture) throws {
        let workspace = fixture.workspace
        try makeDeep(fixture.tree, "top")
        let made = workspace.accounts.statistics.sequence
        let view = PastTree(try workspace.moments.view(at: made))
        #expect(try depth(view, "top").count == Self.depth)
        _ = try workspace.commands.clone(path("top"), to: path("copy"), caller: fixture.tree.caller)
        try expectWhole(fixture.tree, "copy", "deep")
        try compare(fixture)
        try expectClean(fixture)
        try rollback(fixture, to: made, "copy")
        #expect(!fixture.tree.exists("copy"))
        _ = try workspace.commands.undo(1, paths: [], caller: fixture.tree.caller)
        try expectWhole(fixture.tree, "copy", "deep")
        try rollback(fixture, to: 0, "top", "copy")
        #expect(try fixture.tree.names("") == ["base"])
        try rollback(fixture, to: made, "top")
        try expectWhole(fixture.tree, "top", "deep")
        try expectClean(fixture)
        try rollback(fixture, to: 0)
        #expect(try fixture.tree.names("") == ["base"])
        try rollback(fixture, to: made)
        #expect(!fixture.tree.exists("copy"))
        #expect(try workspace.changes.history(made - 50...made).last?.operation == "link")
        #expect(try workspace.changes.history(1...made).allSatisfy { $0.path.count < 4_096 })
        fixture.tree.forget()
        try fixture.reopenAfterKill()
        try expectWhole(fixture.tree, "top", "deep")
        try removeAll(fixture.tree)
        _ = try fixture.workspace.commands.undo(1, paths: [path("top")], caller: fixture.tree.caller)
        try rollback(fixture, to: made, "top")
        try expectWhole(fixture.tree, "top", "deep")
        try expectClean(fixture)
    }

    private func compare(_ fixture: WorkspaceFixture) throws {
        let lines = try fixture.set.differences(of: fixture.workspace, from: .base)
        let tops = lines.filter { !$0.path.contains(0x2f) }.map {
            "\($0.status) \(String(decoding: $0.path, as: UTF8.self))"
        }
        #expect(tops == ["added copy", "added top"])
        #expect(lines.allSatisfy { $0.path.count < 4_096 + 256 } && lines.count > 2 * min(Self.depth, 2_000))
        var change = AttributeChange()
        change.mode = 0o700
        let before = fixture.workspace.accounts.statistics.sequence
        try fixture.tree.setAttributes(try depth(fixture.tree, "top").bottom, change)
        let deep = try fixture.set.differences(
            of: fixture.workspace, from: .moment(.sequence(before)))
        #expect(deep.count == 1 && deep[0].status == .modified && deep[0].path.starts(with: path("top/d/d")))
    }

    private func removeAll(_ tree: WorkspaceTree) throws {
        var nodes = [tree.root, try tree.resolve("top")]
        while let next = try? tree.lookup(Self.name, in: nodes[nodes.count - 1]) { nodes.append(next) }
        for name in ["file", "link"] { try tree.unlink(try FileName(name), in: nodes[nodes.count - 1]) }
        for index in (1..<nodes.count - 1).reversed() {
            try tree.removeDirectory(Self.name, in: nodes[index])
        }
        try tree.removeDirectory(try FileName("top"), in: tree.root)
    }

    @Test("A base that is deeper than a path can be is edited, cloned, compared and rolled back")
    func deepBase() throws {
        let name = "directory"
        let count = 450
        let fixture = try WorkspaceFixture { base in
            try makeDeepDirectory(base, name: name, depth: count) { bottom in
                let file = try must("openat", openat(bottom, "file", O_WRONLY | O_CREAT, 0o644))
                defer { close(file) }
                try writeAll(file, Array("of the base".utf8))
            }
        }
        try onSmallStack(bytes: 128 << 10) {
            let tree = fixture.tree!
            let (found, bottom) = try self.depth(tree, "", try FileName(name))
            #expect(found == count)
            let file = try tree.lookup(try FileName("file"), in: bottom)
            tree.forget(except: [file])
            try tree.write(file, Array("EDIT".utf8), at: 0)
            let edited = fixture.workspace.accounts.statistics.sequence
            let lines = try fixture.set.differences(of: fixture.workspace, from: .base)
            #expect(lines.count == 1 && lines[0].status == .modified && lines[0].type == .directory)
            try self.expectClean(fixture)
            _ = try fixture.workspace.commands.clone(
                self.path(name), to: self.path("copy"), caller: tree.caller)
            let copied = try self.depth(tree, "copy", try FileName(name)).bottom
            #expect(try tree.contents(tree.lookup(FileName("file"), in: copied)) == Array("EDIThe base".utf8))
            try self.rollback(fixture, to: edited, "copy")
            try self.rollback(fixture, to: 0, name)
            try self.rollback(fixture, to: 0)
            tree.forget()
            let again = try self.depth(tree, "", try FileName(name)).bottom
            #expect(try tree.contents(tree.lookup(FileName("file"), in: again)) == Array("of the base".utf8))
            try self.expectClean(fixture)
        }
    }
}
