// TreeLogStartTests: the state that a tree log begins with, when it is damaged or missing, and beside
// layers and forks.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct TreeLogStartTests {
    private typealias Support = TreeLogReleaseTests

    private static func damage(_ path: String, at position: Int64) throws {
        try withOpen(path, O_RDWR) { file in
            let bytes = try readBytes(file, 8, at: position)
            try writeAll(file, bytes.map { ~$0 }, at: position)
        }
    }

    /// The positions that a test damages: the header, the first record, a record with rows, the last one.
    private static let places: [Double] = [0.01, 0.03, 0.1, 0.4, 0.95]

    @Test("A damaged state is reported, harms nothing while there is a database, and is made again from it")
    func damaged() throws {
        for place in Self.places {
            let fixture = try Support.make()
            try Support.release(fixture)
            // A rollback has its content in edit logs.
            try fixture.tree.write("own/one", "more than one")
            _ = try fixture.workspace.commands.undo(1, paths: [], caller: fixture.tree.caller)
            try Support.change(fixture.tree, rounds: 3)
            let image = try Support.image(fixture.tree)
            let steps = try fixture.workspace.changes.history(1...UInt64.max).count
            try fixture.reopenAfterKill { directory in
                let length = try status("\(directory)/tree.start").st_size
                try Self.damage("\(directory)/tree.start", at: Int64(Double(length) * place) & ~7)
            }
            #expect(try Support.image(fixture.tree) == image)
            #expect(try fixture.workspace.changes.history(1...UInt64.max).count >= steps)
            let found = try fixture.workspace.verify().findings.filter { $0.severity == .error }
            #expect(!found.isEmpty && found.allSatisfy { $0.file.hasSuffix("tree.start") }, "\(place)")
            try Support.change(fixture.tree, rounds: 1)
            // A release does not take what is left, and says why.
            var request = ReleaseRequest()
            request.age = 0
            let report = Releases(fixture.set).run(request)
            #expect(report.parts.contains { $0.fault?.contains("tree.start is damaged") ?? false })
            let changed = try Support.image(fixture.tree)
            let repair = try fixture.repaired()
            #expect(repair.outcome == .repaired)
            #expect(try Support.image(fixture.tree) == changed)
            #expect(try fixture.workspace.verify().isClean)
            let first = fixture.workspace.horizon.record.first
            let history = try fixture.workspace.changes.history(1...UInt64.max)
            #expect(history.count >= steps)
            #expect(history.allSatisfy { $0.sequence > fixture.workspace.treeLog.front.first })
            _ = try fixture.workspace.moments.view(at: first)
            try fixture.reopenAfterKill { try Support.removeDatabases($0) }
            #expect(try Support.image(fixture.tree) == changed)
            try Support.change(fixture.tree, rounds: 20)
            try Support.release(fixture)
            #expect(try fixture.workspace.verify().isClean)
        }
    }

    @Test("A missing state is made again from the database")
    func missing() throws {
        let fixture = try Support.make()
        try Support.release(fixture)
        try Support.change(fixture.tree, rounds: 3)
        let image = try Support.image(fixture.tree)
        try fixture.reopenAfterKill { try must("unlink", unlink("\($0)/tree.start")) }
        #expect(try Support.image(fixture.tree) == image)
        #expect(!(try fixture.workspace.verify().isClean))
        // No other state takes its place, and nothing is swept that only it names.
        try Support.change(fixture.tree, rounds: 30)
        var request = ReleaseRequest()
        request.age = 0
        let report = Releases(fixture.set).run(request)
        #expect(report.parts.contains { $0.fault?.contains("it is missing") ?? false })
        #expect(PoolSweep(fixture.set).run().files == 0)
        #expect(try Support.image(fixture.tree).count == image.count)
        #expect(try fixture.repaired().outcome == .repaired)
        let last = try Support.image(fixture.tree)
        try fixture.reopenAfterKill { try Support.removeDatabases($0) }
        #expect(try Support.image(fixture.tree) == last)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("A damaged state is made again also if no record follows it", arguments: 0..<3)
    func whole(rounds: Int) throws {
        let fixture = try Support.make()
        // The last record has another length each time.
        try fixture.tree.makeFile("own/" + String(repeating: "n", count: 1 + 3 * rounds))
        fixture.tree.forget()
        try Support.release(fixture)
        try fixture.reopenAfterKill { try Self.damage("\($0)/tree.start", at: 400) }
        #expect(try fixture.repaired().outcome == .repaired)
        try Support.change(fixture.tree, rounds: 1)
        #expect(try fixture.workspace.verify().isClean)
        _ = try fixture.workspace.moments.view(at: fixture.workspace.horizon.record.first)
        let image = try Support.image(fixture.tree)
        try Support.change(fixture.tree, rounds: 20)
        try Support.release(fixture)
        try fixture.reopenAfterKill { try Support.removeDatabases($0) }
        #expect(try Support.image(fixture.tree).count == image.count)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("Lost records of a log of which nothing was released are not taken for released ones")
    func lostRecords() throws {
        let fixture = try Support.make()
        #expect(fixture.workspace.maintenance.checkpoint())
        try fixture.reopenAfterKill { directory in
            try withOpen("\(directory)/tree.log", O_RDWR) {
                try writeAll($0, [UInt8](repeating: 0, count: 4_032), at: 64)
            }
        }
        let repair = try fixture.repaired()
        #expect(repair.check.findings.contains { $0.file.hasSuffix("tree.log") })
        #expect(!exists("\(fixture.storePath)/workspaces/0001/tree.start"))
        #expect(fixture.workspace.treeLog.front.first == 0)
    }

    @Test("Without the state and without a database a workspace does not open as an empty one")
    func nothing() throws {
        let fixture = try Support.make()
        try Support.release(fixture)
        #expect(throws: StorageError.self) {
            try fixture.reopenAfterKill { directory in
                try Support.removeDatabases(directory)
                try Self.damage("\(directory)/tree.start", at: 400)
            }
        }
    }

    @Test("A state of an unknown version is refused with a sentence")
    func version() throws {
        let fixture = try Support.make()
        try Support.release(fixture)
        let error = #expect(throws: StorageError.self) {
            try fixture.reopenAfterKill { directory in
                var bytes = try readFile("\(directory)/tree.start")
                bytes[8] = 99
                var writer = ByteWriter()
                writer.integer(Checksum.xxh3(bytes[0..<56]))
                bytes.replaceSubrange(56..<64, with: writer.bytes)
                try writeFile("\(directory)/tree.start", bytes)
            }
        }
        #expect("\(error as Any)".contains("version 99"))
    }

    @Test("A fork keeps what it needs of its parent, and both come back without databases")
    func forks() throws {
        let fixture = try Support.make()
        let first = try Support.image(fixture.tree)
        let fork = try fixture.fork("fork")
        let forked = try Support.image(fork)
        try Support.change(fixture.tree, rounds: 20)
        try fixture.tree.unlink("own/two")
        try Support.change(fork, rounds: 20)
        try fork.write("own/one", "fork")
        try fork.unlink("d/f")
        let (image, inFork) = (try Support.image(fixture.tree), try Support.image(fork))
        try Support.release(fixture)
        let front = fixture.workspace.treeLog.front
        #expect(front.first > 0 && front.generation == 0)
        #expect(fork.workspace.treeLog.front.first > fork.workspace.fork?.sequence ?? .max)
        for _ in 0..<2 {
            try fixture.reopenAfterKill { directory in
                try Support.removeDatabases(directory)
                try Support.removeDatabases(directory.dropLast(4) + "0002")
            }
            #expect(try Support.image(fixture.tree) == image)
            let again = try fixture.open("fork")
            #expect(try Support.image(again) == inFork)
            #expect(try again.workspace.verify().isClean)
            // The fork can be seen from its beginning on.
            let view = try again.workspace.moments.view(
                at: #require(again.workspace.fork).sequence)
            #expect(try PastTree(view).text("own/one") == "one")
        }
        #expect(first.count == forked.count)
    }

    /// A workspace that had three forks, and whose tree log was released since.
    private func layered() throws -> WorkspaceFixture {
        let fixture = try Support.make()
        for round in 0..<3 {
            let fork = try fixture.fork("fork\(round)")
            try Support.change(fork, rounds: 1)
            try Support.change(fixture.tree, rounds: 20)
            try fixture.tree.makeFile("own/round \(round)")
            try fixture.tree.setXattr(
                Array("user.color".utf8), of: fixture.tree.resolve("own/one"), to: Array("\(round)".utf8),
                mode: .either)
        }
        try fixture.tree.unlink("own/two")
        for round in 0..<3 {
            let record = try #require(fixture.set.find(FileName("fork\(round)")))
            try fixture.set.discards.takeOut(record)
            fixture.set.discards.removeData(record)
        }
        try Support.release(fixture)
        #expect(fixture.workspace.treeLog.front.generation == 3)
        return fixture
    }

    @Test("A workspace that had forks gets the space of its tree log back once they are gone")
    func layers() throws {
        // With its layers, without the last database, with damaged layers, and without any.
        for names in [
            [], ["tree.3.db"], ["tree.1.db"], ["tree.db"], ["tree.db", "tree.1.db", "tree.2.db", "tree.3.db"],
        ] {
            let fixture = try layered()
            let image = try Support.image(fixture.tree)
            try fixture.reopenAfterKill { directory in
                for name in names {
                    for suffix in ["-wal", ".sum"] { unlink("\(directory)/\(name)" + suffix) }
                    if names.count > 1 {
                        unlink("\(directory)/\(name)")
                    } else {
                        try Self.damage("\(directory)/\(name)", at: 0)
                    }
                }
            }
            let isRebuilt = fixture.messages.contains { $0.contains("rebuilt") }
            #expect(isRebuilt == (names.count == 1), "\(names)")
            #expect(try Support.image(fixture.tree) == image, "\(names)")
            #expect(try fixture.workspace.verify().isClean, "\(names)")
            let known = fixture.messages.count
            try fixture.reopen()
            try fixture.reopenAfterKill()
            #expect(!fixture.messages[known...].contains { $0.contains("rebuilt") }, "\(names)")
            #expect(try Support.image(fixture.tree) == image, "\(names)")
            #expect(!fixture.messages.contains { $0.contains("lost") })
            // What was made again from the state does not need it.
            try fixture.reopenAfterKill { try Self.damage("\($0)/tree.start", at: 400) }
            #expect(try Support.image(fixture.tree) == image, "\(names)")
            try fixture.reopenAfterKill { try Self.damage("\($0)/tree.start", at: 400) }
            #expect(try fixture.workspace.verify().isClean, "\(names)")
            // A fork begins with a layer that can be made again.
            let fork = try fixture.fork("later")
            #expect(try Support.image(fork).count == image.count)
            try fixture.reopenAfterKill { try Support.removeDatabases($0) }
            #expect(try Support.image(fixture.tree) == image)
            #expect(try Support.image(try fixture.open("later")).count == image.count)
        }
    }
}
