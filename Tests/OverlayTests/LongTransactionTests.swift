// LongTransactionTests: tests commands whose transactions are split into parts. Rollbacks, clones, undo,
// history and views work, the next process reads the parts, and damage to a part loses only its
// transaction.

import Check
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite("Long transactions")
struct LongTransactionTests {
    /// Makes a workspace in which most transactions have parts, with a backup `start`.
    /// - Returns: the fixture, and its state at the backup.
    private func fixture() throws -> (fixture: WorkspaceFixture, before: [String]) {
        var limits = Limits()
        limits.transactionPart = 120
        let fixture = try WorkspaceFixture(limits: limits) { base in
            try makeDirectory("\(base)/d")
            for number in 0..<12 { try writeFile("\(base)/d/f\(number)", "base \(number)") }
        }
        let tree = fixture.tree!
        for number in 0..<6 {
            try tree.write("d/f\(number)", "EDIT", at: 1)
            try tree.makeFile("d/new\(number)")
            try tree.write("d/new\(number)", "new \(number)")
        }
        try tree.setXattr(
            Array("user.a".utf8), of: try tree.resolve("d/f1"), to: [7, 8], mode: .create)
        _ = try fixture.workspace.moments.backup(try FileName("start"), comment: [], caller: tree.caller)
        return (fixture, try Self.state(tree))
    }

    private static func state(_ tree: WorkspaceTree, _ top: String = "d") throws -> [String] {
        try tree.names(top).sorted().map { name in
            "\(name): \(try tree.text("\(top)/\(name)"))"
        }
    }

    private func ruin(_ tree: WorkspaceTree) throws {
        for number in 0..<9 { try tree.write("d/f\(number)", "ruined", at: 3) }
        for number in 0..<3 { try tree.unlink("d/new\(number)") }
        try tree.removeXattr(Array("user.a".utf8), of: try tree.resolve("d/f1"))
    }

    private func rollBack(_ fixture: WorkspaceFixture, _ name: String = "start") throws {
        _ = try fixture.workspace.commands.rollback(
            to: .backup(FileName(name)), paths: [], keepsTimes: false, caller: fixture.tree.caller)
    }

    private func parts(_ fixture: WorkspaceFixture) throws -> Int {
        let disk = fixture.set.store.disk
        let file = try disk.open("workspaces/0001/tree.log", .readOnly)
        var scanner = try LogScanner(file, log: 1 << 48, key: fixture.set.store.logs.key)
        var count = 0
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { (record) throws(StorageError) in
            if record.header.kind == RecordKind.part.rawValue { count += 1 }
            return true
        }
        return count
    }

    @Test("A rollback, an undo and a clone work with parts, and the next process finds the same")
    func commands() throws {
        let (fixture, before) = try fixture()
        try ruin(fixture.tree)
        let ruined = try Self.state(fixture.tree)
        try rollBack(fixture)
        #expect(try Self.state(fixture.tree) == before)
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: fixture.tree.caller)
        #expect(try Self.state(fixture.tree) == ruined)
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: fixture.tree.caller)
        #expect(try Self.state(fixture.tree) == before)
        _ = try fixture.workspace.commands.clone(
            Array("d".utf8), to: Array("copy".utf8), caller: fixture.tree.caller)
        #expect(try Self.state(fixture.tree, "copy") == before)
        #expect(try parts(fixture) > 60)
        #expect(try fixture.workspace.verify().isClean)
        fixture.tree.forget()
        try fixture.reopenAfterKill()
        #expect(try Self.state(fixture.tree) == before)
        #expect(try Self.state(fixture.tree, "copy") == before)
        try fixture.reopen()
        #expect(try Self.state(fixture.tree, "copy") == before)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("History and rollbacks see each transaction in parts once, at its sequence number")
    func past() throws {
        let (fixture, before) = try fixture()
        let start = try #require(fixture.workspace.moments.backups.first?.sequence)
        try ruin(fixture.tree)
        try rollBack(fixture)
        _ = try fixture.workspace.commands.clone(
            Array("d".utf8), to: Array("copy".utf8), caller: fixture.tree.caller)
        let items = try fixture.workspace.changes.history(1...UInt64.max)
        #expect(Set(items.map(\.sequence)).count == items.count)
        #expect(items.filter { $0.operation == "rollback" || $0.operation == "clone" }.count == 2)
        // Rollbacks to the state before the rollback and to the state after it, by sequence number.
        let rollback = try #require(items.first { $0.operation == "rollback" })
        let ruined = fixture.tree!
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(rollback.sequence - 1), paths: [], keepsTimes: false,
            caller: ruined.caller)
        #expect(try Self.state(fixture.tree) != before)
        #expect(!fixture.tree.exists("copy"))
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(rollback.sequence), paths: [], keepsTimes: false, caller: ruined.caller)
        #expect(try Self.state(fixture.tree) == before)
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(start), paths: [], keepsTimes: false, caller: ruined.caller)
        #expect(try Self.state(fixture.tree) == before)
    }

    @Test("The loss of a part loses its transaction and no other")
    func lostPart() throws {
        let (fixture, before) = try fixture()
        try ruin(fixture.tree)
        try rollBack(fixture)
        try fixture.tree.makeFile("later")
        let items = try fixture.workspace.changes.history(1...UInt64.max)
        let number = try #require(items.first { $0.operation == "rollback" }).sequence
        fixture.tree.forget()
        try fixture.reopen()
        let key = fixture.set.store.logs.key
        // Damages one part of the rollback. Without a database the whole log is replayed.
        try fixture.reopenAfterKill { path in
            let disk = HostDisk(root: try File.open(path, flags: OpenFlags.directory))
            let file = try disk.open("tree.log", .readWrite)
            var scanner = try LogScanner(file, log: 1 << 48, key: key)
            var parts: [ScannedRecord] = []
            try scanner.headers(from: UInt64(Format.logHeaderLength)) {
                (record) throws(StorageError) in
                let isPart = record.header.kind == RecordKind.part.rawValue
                if isPart, record.header.sequence == number { parts.append(record) }
                return true
            }
            let part = parts[parts.count / 2]
            var byte = try file.readBytes(1, at: part.payloadPosition + 9)
            byte[0] ^= 0x11
            try file.writeBytes(byte, at: part.payloadPosition + 9)
            byte = try file.readBytes(1, at: part.payloadPosition + 10)
            byte[0] ^= 0x11
            try file.writeBytes(byte, at: part.payloadPosition + 10)
            for name in ["tree.db", "tree.db-wal", "tree.db-shm", "tree.db.sum"]
            where disk.exists(name) { try disk.remove(name) }
            let root = String(path.dropLast("/workspaces/0001".count))
            var options = Fsck.Options()
            options.repairs = true
            let report = try Fsck(root, options).run()
            #expect(report.outcome == .repaired)
            #expect(report.events.contains { $0.message.contains("in place of a part of it") })
            #expect(try Fsck(root).run().outcome == .clean)
        }
        // The content that the rollback restored is present. Names and attributes are those before it.
        #expect(fixture.tree.exists("later"))
        for number in 3..<6 {
            let name = "new\(number)"
            #expect(before.contains("\(name): \(try fixture.tree.text("d/\(name)"))"))
        }
        try fixture.tree.makeFile("goes on")
        #expect(try fixture.workspace.verify().isClean)
    }
}
