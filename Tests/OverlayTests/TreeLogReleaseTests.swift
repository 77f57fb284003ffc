// TreeLogReleaseTests: the tree log gives the space of old changes back, and begins with the state that
// they led to. All that can be seen stays, with the databases and without them.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct TreeLogReleaseTests {
    static var limits: Limits {
        var limits = Limits()
        limits.leastTreeLog = 1
        return limits
    }

    /// A workspace with a base, files of its own, names that are gone, attributes and links.
    static func make() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture(limits: limits) { base in
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/f", "of the base")
            try writeFile("\(base)/gone", "of the base")
        }
        let tree = fixture.tree!
        try tree.write("d/f", "edited")
        try tree.unlink("gone")
        try tree.makeDirectory("own")
        try tree.makeFile("own/one")
        try tree.write("own/one", "one")
        try tree.link("own/one", to: "own/two")
        try tree.setXattr(
            Array("user.color".utf8), of: tree.resolve("own/one"), to: Array("red".utf8), mode: .either)
        try tree.changeMode("own/one", 0o600)
        try change(tree, rounds: 40)
        return fixture
    }

    static func change(_ tree: WorkspaceTree, rounds: Int) throws {
        for round in 0..<rounds {
            try tree.makeDirectory("passing")
            try tree.makeFile("passing/file")
            try tree.write("passing/file", "round \(round)")
            try tree.rename("passing/file", to: "own/three")
            try tree.removeDirectory("passing")
        }
        tree.forget()
    }

    @discardableResult
    static func release(_ fixture: WorkspaceFixture) throws -> ReleaseReport {
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        let report = Releases(fixture.set).run(request)
        for part in report.parts { #expect(part.fault == nil) }
        return report
    }

    /// What a tree shows: a line for each name.
    static func image(_ tree: WorkspaceTree) throws -> [String] {
        var lines: [String] = []
        var open = [""]
        while let path = open.popLast() {
            for (name, type) in try tree.list(tree.resolve(path)) {
                let path = (path.isEmpty ? "" : path + "/") + String(decoding: name, as: UTF8.self)
                let node = try tree.resolve(path)
                if type == .directory { open.append(path) }
                let facts = try tree.facts(node)
                let color = (try? tree.xattr(Array("user.color".utf8), of: node)) ?? []
                let content = type == .regular ? try tree.text(path) : ""
                lines.append("\(path) \(node) \(facts.mode) \(facts.links) \(color) \(content)")
            }
        }
        tree.forget()
        return lines.sorted()
    }

    /// The blocks of the tree log before its end, in bytes.
    static func blocks(_ fixture: WorkspaceFixture) throws -> Int {
        let path = fixture.storePath + "/workspaces/0001/tree.log"
        // Blocks behind the end are set aside for removals.
        let copy = fixture.directory("copy")
        try ChildProcess.check(["cp", "--sparse=always", path, copy], seconds: 60)
        defer { unlink(copy) }
        return Int(try status(copy).st_blocks) * 512
    }

    static func removeDatabases(_ directory: String) throws {
        for name in try TestSupport.names(in: directory).map({ String(decoding: $0, as: UTF8.self) })
        where name.contains(".db") {
            try must("unlink", unlink("\(directory)/\(name)"))
        }
    }

    @Test("Old changes give their space back, and all that can be seen stays, with databases and without")
    func release() throws {
        let fixture = try Self.make()
        for round in 0..<3 {
            let before = try Self.image(fixture.tree)
            let bytes = fixture.treeLogBytes
            let last = fixture.workspace.sequence.last
            let report = try Self.release(fixture)
            #expect(report.releasedBytes > 10_000)
            #expect(fixture.treeLogBytes < bytes / 2)
            #expect(try Self.blocks(fixture) <= 8_192)
            #expect(try Self.image(fixture.tree) == before)
            #expect(try fixture.workspace.verify().isClean)
            // The moment at which the log begins can be seen, and none before it.
            #expect(fixture.workspace.treeLog.front.first <= last)
            _ = try fixture.workspace.moments.view(at: last)
            #expect(throws: CommandError.self) { try fixture.workspace.moments.view(at: 5) }
            #expect(try fixture.workspace.changes.history(1...UInt64.max).isEmpty)
            let counted = fixture.treeLogBytes
            switch round {
            case 0: try fixture.reopen()
            case 1: try fixture.reopenAfterKill()
            default: try fixture.reopenAfterKill { try Self.removeDatabases($0) }
            }
            #expect(fixture.treeLogBytes == counted)
            #expect(try Self.image(fixture.tree) == before)
            #expect(try fixture.workspace.verify().isClean)
            let made = try fixture.tree.makeFile("new \(round)")
            #expect(!before.contains { $0.contains(" \(made) ") }, "a number was given out twice")
            #expect(try fixture.workspace.changes.history(1...UInt64.max).map(\.operation) == ["create"])
            try Self.change(fixture.tree, rounds: 30)
        }
        // No file was taken for one that lost its row.
        #expect(fixture.messages.filter { $0.contains("lost") || $0.contains("damaged") } == [])
    }

    @Test("Edits of a base file that were undone do not come back, with databases and without")
    func undone() throws {
        let fixture = try Self.make()
        let tree = fixture.tree!
        try tree.unlink("d/f")
        try writeFile(fixture.base("d/g"), "of the base")
        try tree.write("d/g", "undone")
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: tree.caller)
        try tree.changeMode("d/g", 0o600)
        #expect(try tree.text("d/g") == "of the base")
        let image = try Self.image(tree)
        let log = LogDirectory.path(try tree.resolve("d/g"))
        tree.forget()
        try Self.release(fixture)
        #expect(exists("\(fixture.storePath)/\(log)"))
        try fixture.reopenAfterKill { try Self.removeDatabases($0) }
        #expect(try fixture.tree.text("d/g") == "of the base")
        #expect(try Self.image(fixture.tree) == image)
    }

    @Test("A number that a removed file had is not given out again")
    func numbers() throws {
        let fixture = try Self.make()
        let gone = try fixture.tree.makeFile("last")
        try fixture.tree.unlink("last")
        fixture.tree.forget()
        try Self.release(fixture)
        try fixture.reopenAfterKill { try Self.removeDatabases($0) }
        #expect(try fixture.tree.makeFile("next") > gone)
    }

    @Test("Little is released only with much else")
    func worth() throws {
        let fixture = try WorkspaceFixture()
        for number in 0..<500 { try fixture.tree.makeFile("f\(number)") }
        fixture.tree.forget()
        try Self.release(fixture)
        #expect(fixture.workspace.treeLog.front.start == nil)
    }

    @Test("A backup keeps the changes after it")
    func backup() throws {
        let fixture = try Self.make()
        let image = try Self.image(fixture.tree)
        let moment = try fixture.workspace.moments.backup(
            FileName("kept"), comment: [], caller: fixture.tree.caller)
        try Self.change(fixture.tree, rounds: 10)
        try fixture.tree.unlink("own/two")
        try Self.release(fixture)
        #expect(fixture.workspace.treeLog.front.first <= moment.sequence)
        try fixture.reopenAfterKill { try Self.removeDatabases($0) }
        _ = try fixture.workspace.commands.rollback(
            to: .backup(FileName("kept")), paths: [], keepsTimes: false, caller: fixture.tree.caller)
        #expect(try Self.image(fixture.tree) == image)
        try fixture.workspace.moments.removeBackup(FileName("kept"), caller: fixture.tree.caller)
        try Self.release(fixture)
        #expect(fixture.workspace.treeLog.front.first > moment.sequence)
        #expect(try Self.image(fixture.tree) == image)
    }

    @Test("A moment after the release has the times that a released change has left")
    func times() throws {
        let fixture = try Self.make()
        let tree = fixture.tree!
        try tree.changeMode("own/one", 0o640)
        let wanted = try tree.workspace.attributes(tree.resolve("own/one")).modificationTime
        try Self.change(tree, rounds: 5)
        try Self.release(fixture)
        let moment = fixture.workspace.sequence.last
        #expect(fixture.workspace.treeLog.front.first > 0)
        try tree.write("own/one", "later")
        let view = try fixture.workspace.moments.view(at: moment)
        let node = try PastTree(view).resolve("own/one")
        #expect(try view.attributes(node).modificationTime == wanted)
        #expect(try PastTree(view).text("own/one") == "one")
    }

    @Test("The processes that wrote what is still there keep their names")
    func names() throws {
        let fixture = try Self.make()
        func writer() throws -> [UInt8]? {
            let parts = try fixture.workspace.changes.blame(fixture.tree.resolve("own/one"))
            guard case .change(let item)? = parts.first?.source else { return nil }
            return item.command
        }
        let command = try #require(try writer())
        #expect(!command.isEmpty)
        try Self.release(fixture)
        try fixture.reopenAfterKill { try Self.removeDatabases($0) }
        #expect(try writer() == command)
        try fixture.tree.write("own/one", "more")
        let last = try fixture.workspace.changes.history(1...UInt64.max).last
        #expect(last?.command == command)
    }

    @Test("A database that is older than the release is made again")
    func oldDatabase() throws {
        let fixture = try Self.make()
        #expect(fixture.workspace.maintenance.checkpoint())
        try Self.change(fixture.tree, rounds: 5)
        let database = "\(fixture.storePath)/workspaces/0001/tree.db"
        for suffix in ["", "-wal"] {
            try ChildProcess.check(["cp", database + suffix, fixture.directory("old" + suffix)], seconds: 60)
        }
        let image = try Self.image(fixture.tree)
        try Self.release(fixture)
        try fixture.reopenAfterKill { directory in
            for suffix in ["", "-wal"] {
                try ChildProcess.check(
                    ["cp", fixture.directory("old" + suffix), "\(directory)/tree.db" + suffix], seconds: 60)
            }
        }
        #expect(fixture.messages.contains { $0.contains("older than what") })
        #expect(try Self.image(fixture.tree) == image)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("The pool keeps what only the state names")
    func pool() throws {
        let fixture = try Self.make()
        try Self.release(fixture)
        #expect(fixture.set.store.logs.pool.usage.files == 1)
        #expect(PoolSweep(fixture.set).run().files == 0)
        try writeFile(fixture.base("d/f"), "other")
        #expect(try fixture.tree.text("d/f") == "edited base")
    }
}
