// Commits to the base without a mount: files with several names, attributes, holes, other programs, and
// damage of what a commit keeps.

import Glibc
import Overlay
import Past
import Platform
import TestSupport
import Testing

@Suite struct CommitTests {
    private static func commit(
        _ fixture: WorkspaceFixture, _ name: String = "main", _ request: CommitRequest = CommitRequest(),
        copies: Bool = false
    ) throws -> CommitReport {
        try Commits(fixture.set).observed(alwaysCopies: copies) { nil }
            .commit(try fixture.open(name).workspace, request, time: 1)
    }

    private static func text(_ tree: WorkspaceTree, _ path: String) throws -> String {
        String(decoding: try tree.contents(try tree.resolve(path)), as: UTF8.self)
    }

    @Test("All names of an edited base file have the new content, and older workspaces the old", arguments: [
        false, true,
    ])
    func links(copies: Bool) throws {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/one", "old content")
            try must("link", link("\(base)/one", "\(base)/other"))
        }
        let before = try status(fixture.base("other"))
        // It knows one name only.
        try fixture.tree.write(try fixture.tree.resolve("one"), Array("new".utf8), at: 0)
        let sibling = try fixture.open("sibling")
        #expect(try Self.commit(fixture, copies: copies).number == 1)
        for name in ["one", "other"] {
            #expect(try readText(fixture.base(name)) == "new content", "\(name)")
            #expect(try status(fixture.base(name)).st_ino == before.st_ino, "\(name)")
            #expect(try Self.text(sibling, name) == "old content", "\(name)")
            #expect(try sibling.facts(try sibling.resolve(name)).links == 2, "\(name)")
        }
        #expect(try Self.text(try fixture.open("later"), "other") == "new content")
        try fixture.reopen()
        #expect(try Self.text(try fixture.open("sibling"), "other") == "old content")
        // A later commit of a workspace that removes one name leaves what was kept.
        let later = try fixture.open("later")
        try later.unlink(try FileName("one"), in: later.root)
        #expect(try Self.commit(fixture, "later", copies: copies).number == 2)
        #expect(try status(fixture.base("other")).st_nlink == 1)
        let old = try fixture.open("sibling")
        #expect(try Self.text(old, "one") == "old content")
        #expect(try Self.text(old, "other") == "old content")
    }

    @Test("A removed directory takes no name of a file along that has another one", arguments: [false, true])
    func linkInRemovedDirectory(copies: Bool) throws {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/gone")
            try writeFile("\(base)/gone/one", "content")
            try must("link", link("\(base)/gone/one", "\(base)/other"))
        }
        let tree = fixture.tree!
        _ = try fixture.open("sibling")
        try tree.unlink(try FileName("one"), in: try tree.resolve("gone"))
        try tree.removeDirectory(try FileName("gone"), in: tree.root)
        #expect(try Self.commit(fixture, copies: copies).number == 1)
        #expect(try status(fixture.base("other")).st_nlink == 1)
        // What another program writes into the file is not in what was kept.
        try writeFile(fixture.base("other"), "changed by another program")
        for _ in 0..<2 {
            let sibling = try fixture.open("sibling")
            #expect(try Self.text(sibling, "gone/one") == "content")
            #expect(try sibling.facts(try sibling.resolve("gone/one")).links == 2)
            try fixture.reopen()
        }
    }

    @Test("Attributes, times, holes and special files are the workspace's")
    func attributes() throws {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/file", "content")
            try makeDirectory("\(base)/directory")
        }
        let tree = fixture.tree!
        let sparse = try tree.makeNode(
            try FileName("sparse"), in: tree.root, mode: 0o100640, device: 0, target: [])
        try tree.write(sparse, Array("end".utf8), at: 64 << 20)
        try tree.setXattr(Array("user.a".utf8), of: sparse, to: [1, 2, 3], mode: .either)
        var change = AttributeChange()
        change.modificationTime = .at(1_000_000_000_123_456_789)
        try tree.setAttributes(sparse, change)
        _ = try tree.makeNode(try FileName("fifo"), in: tree.root, mode: 0o010600, device: 0, target: [])
        var mode = AttributeChange()
        mode.mode = 0o2750
        try tree.setAttributes(try tree.resolve("directory"), mode)
        try tree.setXattr(
            Array("user.b".utf8), of: try tree.resolve("file"), to: Array("value".utf8), mode: .either)
        let sibling = try fixture.open("sibling")
        #expect(try Self.commit(fixture).number == 1)
        let found = try status(fixture.base("sparse"))
        #expect(found.st_size == 64 << 20 + 3 && found.st_blocks < 64)
        #expect(found.st_mtim.tv_sec == 1_000_000_000 && found.st_mtim.tv_nsec == 123_456_789)
        #expect(found.st_mode == 0o100640)
        #expect(try status(fixture.base("fifo")).st_mode == 0o010600)
        #expect(try status(fixture.base("directory")).st_mode == 0o042750)
        let base = try File.open(fixture.basePath, flags: OpenFlags.directory)
        #expect(try base.extendedAttribute(Array("user.a".utf8), of: Array("sparse".utf8)) == [1, 2, 3])
        #expect(
            try base.extendedAttribute(Array("user.b".utf8), of: Array("file".utf8)) == Array("value".utf8))
        // The older workspace sees neither the mode nor the attribute.
        #expect(try sibling.facts(try sibling.resolve("directory")).mode == 0o040755)
        #expect(try sibling.xattrNames(of: try sibling.resolve("file")).isEmpty)
    }

    @Test("A change by another program after a commit shows in older workspaces, where the file stayed")
    func otherPrograms() throws {
        let fixture = try WorkspaceFixture { base in
            for name in ["moved", "replaced", "chmod"] { try writeFile("\(base)/\(name)", "of the base") }
        }
        let tree = fixture.tree!
        try tree.rename(
            try FileName("moved"), in: tree.root, to: try FileName("new"), in: tree.root, flags: [])
        try tree.write(try tree.resolve("replaced"), Array("OF".utf8), at: 0)
        var mode = AttributeChange()
        mode.mode = 0o600
        try tree.setAttributes(try tree.resolve("chmod"), mode)
        _ = try fixture.open("sibling")
        #expect(try Self.commit(fixture).changes.count == 3)
        try writeFile(fixture.base("new"), "rewritten")
        try writeFile(fixture.base("chmod"), "too")
        try fixture.reopen()
        let sibling = try fixture.open("sibling")
        #expect(try Self.text(sibling, "moved") == "rewritten")
        #expect(try Self.text(sibling, "chmod") == "too")
        #expect(try Self.text(sibling, "replaced") == "of the base")
    }

    @Test("A commit whose table is damaged closes the workspaces that need it, and shows nothing wrong")
    func damage() throws {
        let fixture = try WorkspaceFixture { base in
            for index in 0..<200 { try writeFile("\(base)/file\(index)", "of the base \(index)") }
        }
        for index in 0..<200 {
            try fixture.tree.write(try fixture.tree.resolve("file\(index)"), Array("OF".utf8), at: 0)
        }
        _ = try fixture.open("sibling")
        #expect(try Self.commit(fixture).number == 1)
        #expect(throws: (any Error).self) {
            try fixture.reopenAfterKill { path in
                let database = "\(path)/../../epochs/1/epoch.db"
                let size = try Int(status(database).st_size)
                let held = try must("open", open(database, O_RDWR))
                defer { close(held) }
                for offset in stride(from: 8_192, to: size, by: 512) {
                    try must("pwrite", pwrite(held, [UInt8](repeating: 0x5a, count: 64), 64, off_t(offset)))
                }
            }
        }
        #expect(fixture.messages.contains { $0.contains("epoch") })
    }

    @Test("What a commit prepared before it began is removed at the next start")
    func stage() throws {
        let fixture = try WorkspaceFixture { base in try writeFile("\(base)/file", "of the base") }
        let times = try status(fixture.basePath).st_mtim.tv_nsec
        try fixture.tree.write(try fixture.tree.resolve("file"), Array("OF".utf8), at: 0)
        let prefix = fixture.set.epochs.stagePrefix
        try ChildProcess.check(["mkdir", "-p", "\(fixture.storePath)/epochs/1/kept"], seconds: 10)
        try makeDirectory(fixture.base("\(prefix)1"))
        try writeFile(fixture.base("\(prefix)1/f1"), "prepared")
        #expect(try Array(fixture.tree.list(fixture.tree.root).keys) == [Array("file".utf8)])
        try fixture.reopen()
        try Commits(fixture.set).finishInterrupted()
        #expect(try names(in: fixture.basePath) == [Array("file".utf8)])
        #expect(fixture.set.epochs.newest == 0)
        #expect(try Self.commit(fixture).number == 1 && times != 0)
    }
}
