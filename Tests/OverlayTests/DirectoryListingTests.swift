// DirectoryListingTests: tests listings of merged directories, in parts, and while names are made and
// removed.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct DirectoryListingTests {
    private func fixture(_ count: Int = 100) throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            for index in 0..<count { try writeFile("\(base)/base\(index)", "") }
        }
    }

    @Test("A listing has each name of the base and the workspace once")
    func merged() throws {
        let fixture = try fixture()
        for index in 0..<50 { try fixture.tree.makeFile("new\(index)") }
        try fixture.tree.unlink("base7")
        let names = try fixture.tree.names("")
        #expect(names.count == 149)
        #expect(!names.contains("base7"))
    }

    @Test(
        "Cookies grow, and reading in parts of any size gives the same names", arguments: [1, 2, 7])
    func parts(size: Int) throws {
        let fixture = try fixture()
        let whole = try fixture.tree.listPart(fixture.tree.root, after: 0, count: 1_000).names
        #expect(zip(whole, whole.dropFirst()).allSatisfy { $0.cookie < $1.cookie })
        var parts: [FileName] = []
        var cookie: UInt64 = 0
        while true {
            let (names, next) = try fixture.tree.listPart(
                fixture.tree.root, after: cookie, count: size, withInodes: true)
            if next == cookie { break }
            parts += names.map(\.name)
            cookie = next
        }
        #expect(parts == whole.map(\.name))
    }

    @Test("A listing continues at its cookie after its first names were removed and others made")
    func resume() throws {
        let fixture = try fixture()
        let tree = fixture.tree!
        let (first, cookie) = try tree.listPart(tree.root, after: 0, count: 40)
        for listed in first { try tree.unlink(listed.name, in: tree.root) }
        for index in 0..<40 { try tree.makeFile("new\(index)") }
        let rest = try tree.listPart(tree.root, after: cookie, count: 1_000).names.map(\.name)
        let old = Set(rest.filter { $0.description.hasPrefix("base") })
        #expect(old.count == 100 - first.count)
        #expect(old.isDisjoint(with: first.map(\.name)))
        #expect(Set(rest).count == rest.count)
    }

    @Test("The order is the same after reopening")
    func stableOrder() throws {
        let fixture = try fixture()
        try fixture.tree.makeFile("new")
        let before = try fixture.tree.listPart(fixture.tree.root, after: 0, count: 1_000).names
        try fixture.reopenAfterKill()
        let after = try fixture.tree.listPart(fixture.tree.root, after: 0, count: 1_000).names
        #expect(before.map(\.cookie) == after.map(\.cookie))
        #expect(before.map(\.name) == after.map(\.name))
    }

    @Test("The entries . and .. come first, and .. is the parent")
    func dots() throws {
        let fixture = try WorkspaceFixture()
        let inner = try fixture.tree.makeDirectory("d")
        var seen: [(String, InodeNumber)] = []
        try fixture.workspace.list(inner, after: 0, withInodes: true) { listed, number, _ in
            seen.append((listed.name.description, number))
            return true
        }
        #expect(seen.map(\.0) == [".", ".."])
        #expect(seen.map(\.1) == [inner, fixture.tree.root])
    }

    @Test("Names that are not valid UTF-8 are listed with their bytes")
    func bytes() throws {
        let fixture = try WorkspaceFixture()
        let name = try FileName([0xFF, 0xC3, 0x28])
        _ = try fixture.tree.makeNode(
            name, in: fixture.tree.root, mode: 0o100644, device: 0, target: [])
        #expect(try fixture.tree.list(fixture.tree.root) == [name.bytes: .regular])
    }

    @Test("Listing a file fails with ENOTDIR, and a removed directory is empty")
    func refusals() throws {
        let fixture = try WorkspaceFixture()
        let file = try fixture.tree.makeFile("f")
        #expect(throws: Errno.notDirectory) { try fixture.tree.list(file) }
        let directory = try fixture.tree.makeDirectory("d")
        try fixture.tree.removeDirectory("d")
        #expect(try fixture.tree.list(directory).isEmpty)
        #expect(throws: Errno.noEntry) {
            try fixture.tree.makeNode(
                try FileName("x"), in: directory, mode: 0o100644, device: 0, target: [])
        }
    }
}
