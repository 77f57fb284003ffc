// OutdatedRecordsTests: a log of many small writes gets the space of those back that no moment needs.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct OutdatedRecordsTests {
    private static let page = 4_096
    private static let pages = 64

    /// Writes pages of a file, in no order, and returns its content.
    private static func writePages(
        _ tree: WorkspaceTree, _ content: inout [UInt8], times: Int, seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        let node = try tree.resolve("database")
        for _ in 0..<times {
            let at = Int.random(in: 0..<pages, using: &random) * page
            let bytes = (0..<page).map { _ in UInt8.random(in: 0...255, using: &random) }
            try tree.write(node, bytes, at: UInt64(at))
            content.replaceSubrange(at..<(at + page), with: bytes)
        }
    }

    private static func make(isInBase: Bool) throws -> (WorkspaceFixture, [UInt8]) {
        let content = [UInt8](repeating: 7, count: pages * page)
        let fixture = try WorkspaceFixture { base in
            if isInBase { try writeFile("\(base)/database", content) }
        }
        if !isInBase {
            try fixture.tree.makeFile("database")
            try fixture.tree.write(try fixture.tree.resolve("database"), content, at: 0)
        }
        return (fixture, content)
    }

    private static func release(_ fixture: WorkspaceFixture) throws {
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        for part in Releases(fixture.set).run(request).parts { #expect(part.fault == nil) }
    }

    private static func content(_ tree: WorkspaceTree) throws -> [UInt8] {
        try tree.contents(try tree.resolve("database"))
    }

    /// The bytes that the file's log has on the disk.
    private static func bytesOnDisk(_ fixture: WorkspaceFixture) throws -> Int {
        let number = try fixture.tree.resolve("database")
        var status = stat()
        let path = "\(fixture.storePath)/\(LogDirectory.path(number))"
        #expect(stat(path, &status) == 0)
        return Int(status.st_blocks) * 512
    }

    @Test("A database that is written a page at a time keeps its size", arguments: [false, true])
    func pages(isInBase: Bool) throws {
        var (fixture, content) = try Self.make(isInBase: isInBase)
        for turn in 0..<4 {
            try Self.writePages(fixture.tree, &content, times: 600, seed: UInt64(turn))
            let moment = fixture.workspace.sequence.last
            if turn == 1 { try fixture.tree.truncate("database", to: UInt64(content.count)) }
            #expect(try Self.bytesOnDisk(fixture) > 600 * Self.page)
            try Self.release(fixture)
            // A page of the file that lies across pages of the disk keeps three of them.
            #expect(try Self.bytesOnDisk(fixture) < 4 * content.count)
            #expect(fixture.logBytes < 2 * content.count)
            #expect(try Self.content(fixture.tree) == content)
            #expect(try fixture.workspace.verify().isClean)
            try Self.writePages(fixture.tree, &content, times: 30, seed: UInt64(turn + 100))
            switch turn {
            case 0: try fixture.reopenAfterKill()
            case 1: try fixture.reopen()
            case 2: fixture.tree.forget()
            default: break
            }
            #expect(try Self.content(fixture.tree) == content)
            #expect(throws: CommandError.self) { try fixture.workspace.moments.view(at: moment - 1) }
        }
    }

    @Test("What a release left between other records goes with a later one")
    func leftBetween() throws {
        var (fixture, content) = try Self.make(isInBase: false)
        try Self.writePages(fixture.tree, &content, times: 600, seed: 1)
        try Self.release(fixture)
        let node = try fixture.tree.resolve("database")
        for _ in 0..<3 {
            for at in stride(from: 0, to: content.count, by: Self.page) {
                try fixture.tree.write(node, Array(content[at..<(at + Self.page)]), at: UInt64(at))
            }
        }
        try Self.release(fixture)
        #expect(try Self.bytesOnDisk(fixture) < content.count + 32 << 10)
        #expect(try Self.content(fixture.tree) == content)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("What a backup shows stays until it goes, and forks keep theirs")
    func kept() throws {
        var (fixture, content) = try Self.make(isInBase: false)
        try Self.writePages(fixture.tree, &content, times: 300, seed: 1)
        let old = content
        _ = try fixture.workspace.moments.backup(
            try FileName("kept"), comment: [], caller: fixture.tree.caller)
        try Self.writePages(fixture.tree, &content, times: 300, seed: 2)
        try Self.release(fixture)
        let forked = content
        guard let record = fixture.set.find(try FileName("main")) else { return }
        _ = try fixture.set.forks.fork(
            record, as: try FileName("fork"), caller: Caller(user: 0, group: 0, pid: 1, umask: 0))
        try Self.writePages(fixture.tree, &content, times: 300, seed: 3)
        for turn in 0..<3 {
            try Self.release(fixture)
            #expect(try Self.content(fixture.tree) == content)
            #expect(try Self.content(try fixture.open("fork")) == forked)
            (try fixture.open("fork")).forget()
            let backup = try fixture.workspace.withTree { (tree) throws(Errno) in
                tree.backups.values.first { !$0.isAutomatic }
            }
            let past = PastTree(try fixture.workspace.moments.view(at: backup?.sequence ?? 0))
            let node = try past.lookup(try FileName("database"), in: past.root)
            #expect(try past.read(node, at: 0, count: old.count) == old, "turn \(turn)")
            try fixture.reopenAfterKill()
        }
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("A log is right if the list of what was released of it is lost")
    func lostList() throws {
        var (fixture, content) = try Self.make(isInBase: false)
        for turn in 0..<2 {
            try Self.writePages(fixture.tree, &content, times: 600, seed: UInt64(turn))
            try Self.release(fixture)
            let number = try fixture.tree.resolve("database")
            try fixture.reopenAfterKill { workspace in
                let path = "\(workspace)/../../\(LogDirectory.releasedPath(number))"
                #expect(access(path, F_OK) == 0)
                try writeFile(path, "not a list")
                _ = unlink("\(workspace)/../../\(LogDirectory.piecesPath(number))")
            }
            #expect(try Self.content(fixture.tree) == content)
        }
        try Self.writePages(fixture.tree, &content, times: 600, seed: 9)
        try Self.release(fixture)
        #expect(try Self.bytesOnDisk(fixture) < 4 * content.count)
        #expect(try Self.content(fixture.tree) == content)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("A log whose records are all needed gets none that stands for them")
    func needed() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeFile("database")
        let node = try fixture.tree.resolve("database")
        for line in 0..<4_000 {
            try fixture.tree.write(node, [UInt8](repeating: 1, count: 100), at: UInt64(line) * 100)
        }
        let before = fixture.logBytes
        for _ in 0..<2 { try Self.release(fixture) }
        #expect(fixture.logBytes <= before)
    }
}
