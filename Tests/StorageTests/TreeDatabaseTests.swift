// TreeDatabaseTests: tests that applied rows are read back from the tree database, and that changed bytes
// are found.

import Glibc
import Platform
import Storage
import TestSupport
import Testing

@Suite("Tree database")
struct TreeDatabaseTests {
    private static func record(_ number: InodeNumber) -> InodeRecord {
        var record = InodeRecord(
            number: number, mode: 0o100_644, user: 1, group: 2, links: 1, time: 1_000)
        record.size = number * 1000
        record.flags = number % 2 == 0 ? [.hasLog] : [.hasOrigin]
        record.symlinkTarget = number % 5 == 0 ? Array("target \(number)".utf8) : []
        return record
    }

    private static func name(_ number: UInt64) -> FileName {
        FileName(trusted: Array("file-number-\(number)".utf8))
    }

    private static let position = CheckpointPosition(treeLog: 640, sequence: 12, lastNumber: 3)

    private static func batch(_ count: UInt64) throws -> CheckpointBatch {
        var batch = CheckpointBatch()
        let status = try FileStatus([0x2e], in: File.open("/", flags: 0))
        for number in 1...count {
            batch.inodes[number] = .some(record(number))
            batch.entries[1, default: [:]][name(number)] = .some(
                Entry(inode: number, type: .regular))
            batch.xattrs[number, default: [:]][Array("user.x".utf8)] = .some(
                .value(Array("value \(number)".utf8)))
            batch.origins[number] = Origin(
                path: Array("origin/\(number)".utf8), device: 0, status: status)
        }
        batch.devices[4] = [0x64]
        batch.aliases[AliasKey(device: 4, inode: 9, birthTime: 2)] = 77
        return batch
    }

    @Test("Applied rows are read back and verified")
    func roundTrip() throws {
        let database = try TreeDatabase(":memory:")
        #expect(try database.position() == CheckpointPosition())
        try database.apply(try Self.batch(50), at: Self.position)
        try database.verify()
        #expect(try database.position() == Self.position)
        #expect(try database.inode(10) == Self.record(10))
        #expect(try database.inode(51) == nil)
        var entries: [FileName: Entry] = [:]
        try database.entries(of: 1) { entries[$0] = $1 }
        #expect(entries.count == 50)
        #expect(entries[Self.name(7)] == Entry(inode: 7, type: .regular))
        #expect(try database.xattrs(of: 3) == [Array("user.x".utf8): .value(Array("value 3".utf8))])
        #expect(try database.origin(4)?.path == Array("origin/4".utf8))
        #expect(try database.devices() == [4: [0x64]])
        #expect(try database.aliases() == [AliasKey(device: 4, inode: 9, birthTime: 2): 77])
        #expect(try database.inodesWithLogs().count == 25)
        #expect(try database.counts() == (50, 50))
    }

    @Test("Nil removes a row, and a removed inode keeps its entries and attributes for a rollback")
    func removal() throws {
        let database = try TreeDatabase(":memory:")
        try database.apply(try Self.batch(5), at: Self.position)
        var batch = CheckpointBatch()
        batch.inodes[1] = .some(nil)
        batch.xattrs[2, default: [:]][Array("user.x".utf8)] = .some(nil)
        batch.xattrs[3, default: [:]][Array("user.x".utf8)] = .some(.hidden)
        try database.apply(batch, at: Self.position)
        #expect(try database.inode(1) == nil)
        #expect(try database.counts() == (4, 5))
        #expect(try database.xattrs(of: 2).isEmpty)
        #expect(try database.xattrs(of: 3) == [Array("user.x".utf8): .hidden])
        try database.verify()
    }

    @Test("Flipped bits in the file are found, or the rows are read as they were written")
    func flippedBits() throws {
        let directory = try TemporaryDirectory("database")
        let path = directory("tree.db")
        do {
            let database = try TreeDatabase(path)
            try database.apply(try Self.batch(40), at: Self.position)
            try database.flushLog()
            database.close()
        }
        let good = try File.open(path, flags: O_RDONLY).readAll()
        #expect(good.count > 8192)
        var random = SeededGenerator(seed: 6)
        var found = 0
        let damages = 250
        for damage in 0..<damages {
            var bytes = good
            let index = Int.random(in: 0..<bytes.count, using: &random)
            bytes[index] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            let copy = directory("damaged.db")
            for suffix in ["", "-wal", "-shm"] { _ = unlink(copy + suffix) }
            try File.open(copy, flags: O_RDWR | O_CREAT).writeBytes(bytes, at: 0)
            do {
                let database = try TreeDatabase(copy)
                try database.verify()
                try expectAllRows(database, "damage \(damage) at byte \(index)")
            } catch is StorageError {
                found += 1
            }
        }
        // Pages of tables without rows have no content.
        #expect(found > damages / 8)
    }

    /// Checks that no row differs. Rows may be missing.
    private func expectAllRows(_ database: TreeDatabase, _ when: String) throws {
        for number in 1...UInt64(40) {
            let inode = try database.inode(number)
            #expect(inode == nil || inode == Self.record(number), "\(when)")
        }
        try database.entries(of: 1) { name, entry in
            #expect(Self.name(entry.inode) == name, "\(when)")
        }
        let position = try database.position()
        #expect(position == Self.position || position == CheckpointPosition(), "\(when)")
    }

    @Test("A database of a newer version is refused, and the message names the version")
    func newerVersion() throws {
        let directory = try TemporaryDirectory("database")
        let path = directory("tree.db")
        try SQLiteConnection(path).execute("PRAGMA user_version = 4")
        do {
            _ = try TreeDatabase(path)
            Issue.record("it was opened")
        } catch {
            #expect(error.description.contains("format version 4"))
        }
    }

    @Test("A file that is not a database is damaged, so that it can be made again")
    func noDatabase() throws {
        let directory = try TemporaryDirectory("database")
        let path = directory("tree.db")
        let noise = [UInt8](repeating: 0x5a, count: 8192)
        try File.open(path, flags: O_RDWR | O_CREAT).writeBytes(noise, at: 0)
        do {
            _ = try TreeDatabase(path)
            Issue.record("it was opened")
        } catch {
            guard case .damaged = error else {
                Issue.record("\(error)")
                return
            }
        }
    }
}
