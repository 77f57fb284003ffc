// EditLogTests: tests that the next process finds each edit, and that only valid piece checkpoints are
// used.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Edit log")
struct EditLogTests {
    @Test("Each kind of edit is read back, before and after the log is opened again")
    func edits() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write(Array("hello world".utf8), at: 0, to: log)
        try bench.write(Array("W".utf8), at: 6, to: log)
        try bench.truncate(log, to: 20)
        try bench.punch(log, 0..<2)
        _ = try log.share(
            log.pieces(in: 6..<11), at: 14, stamp: testStamp, sequence: bench.sequence)
        try bench.truncate(log, to: 18)
        let expected = [0, 0] + Array("llo World".utf8) + [0, 0, 0] + Array("Worl".utf8)
        #expect(try bench.read(log) == expected)
        let (again, report) = try bench.reopen()
        #expect(report == nil)
        #expect(try bench.read(again) == expected)
        #expect(again.version == log.version)
        #expect(again.end == log.end)
    }

    @Test("Random edits equal a plain array, also in the next process", arguments: 0..<6)
    func random(seed: Int) throws {
        let bench = LogBench()
        let log = try bench.create()
        let script = try EditScript(
            bench, log, edits: 120, seed: UInt64(seed), longest: seed < 3 ? 60 : 40_000)
        let last = script.versions[script.versions.count - 1]
        #expect(try bench.read(log) == last)
        #expect(try bench.read(bench.reopen().log) == last)
    }

    @Test("A log over base content begins as that content")
    func base() throws {
        let bench = LogBench()
        let log = try EditLog.create(testLog, baseFile: 33, baseLength: 100, now: 1, in: bench.logs)
        try bench.write([1, 2], at: 50, to: log)
        for log in [log, try bench.reopen().log] {
            let pieces = try log.pieces(in: 0..<1000)
            #expect(pieces.count == 3)
            #expect(pieces.first == Piece(.base(file: 33, offset: 0), length: 50))
            #expect(pieces.last == Piece(.base(file: 33, offset: 52), length: 48))
        }
    }

    @Test("Later edits do not change a snapshot")
    func snapshot() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        let snapshot = try log.snapshot()
        try bench.write([9, 9, 9, 9], at: 0, to: log)
        try bench.truncate(log, to: 0)
        #expect(try bench.read(snapshot.pieces(in: 0..<3)) == [1, 2, 3])
        #expect(snapshot.length == 3)
    }

    @Test("A write that fails changes nothing, and the next one works")
    func failingWrite() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        for times in 1...2 {
            bench.disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace, times: times))
            #expect(throws: Errno.noSpace) {
                try bench.write([UInt8](repeating: 7, count: 900), at: 0, to: log)
            }
            #expect(try bench.read(log) == [1, 2, 3])
        }
        try bench.write([4], at: 3, to: log)
        #expect(try bench.read(log) == [1, 2, 3, 4])
        #expect(try bench.read(bench.reopen().log) == [1, 2, 3, 4])
    }

    @Test("Sizes above the maximum file size are refused")
    func tooBig() throws {
        let bench = LogBench()
        let log = try bench.create()
        let limit = EditLog.maximumSize
        #expect(throws: Errno.fileTooBig) { try bench.write([1], at: limit, to: log) }
        #expect(throws: Errno.fileTooBig) { try bench.truncate(log, to: limit + 1) }
        #expect(throws: Errno.fileTooBig) { try bench.punch(log, 0..<(limit + 1)) }
        try bench.write([1], at: limit - 1, to: log)
        #expect(try bench.reopen().log.version.size == limit)
    }

    @Test("The first sync of an opened log makes its name durable too")
    func nameIsSynced() throws {
        let bench = LogBench()
        try bench.disk.synchronizeAll()
        try bench.write([5, 6], at: 0, to: try bench.create())
        let killed = LogBench(bench.disk.afterKillKeepingPending())
        try killed.reopen().log.synchronize()
        let after = LogBench(killed.disk.afterPowerCut(seed: 1))
        #expect(try after.read(after.reopen().log) == [5, 6])
    }

    // MARK: Piece checkpoints

    /// Makes a log with a record of each length, and writes its piece checkpoint.
    private func checkpointed(
        _ lengths: [Int]
    ) throws -> (bench: LogBench, log: EditLog, content: [UInt8]) {
        let bench = LogBench()
        let log = try bench.create()
        var generator = SeededGenerator(seed: 2)
        for length in lengths {
            try bench.write(randomBytes(length, &generator), at: log.version.size, to: log)
        }
        try log.checkpoint(ifMoreThan: 0)
        return (bench, log, try bench.read(log))
    }

    @Test("A piece checkpoint is used for any length of the last record", arguments: 1...9)
    func used(length: Int) throws {
        let (bench, _, content) = try checkpointed([8, 8, length])
        // Without the checkpoint the scan would report damage here.
        var bytes = bench.bytes
        bytes[64] ^= 1
        bench.disk.setContents(of: bench.path, to: bytes)
        let (log, report) = try bench.reopen()
        #expect(report == nil)
        #expect(log.version.size == UInt64(content.count))
        #expect(try bench.read(log.pieces(in: 8..<100)) == Array(content[8...]))
    }

    @Test("Records after a piece checkpoint are added to it")
    func stale() throws {
        let (bench, log, content) = try checkpointed([100, 3])
        try bench.write([1, 2, 3], at: 10, to: log)
        try bench.truncate(log, to: 50)
        let expected = Array(content[..<10] + [1, 2, 3] + content[13..<50])
        #expect(try bench.read(bench.reopen().log) == expected)
    }

    @Test("A damaged piece checkpoint is ignored")
    func damaged() throws {
        let (bench, _, content) = try checkpointed([100, 3])
        let path = LogDirectory.piecesPath(testLog)
        let good = bench.disk.contents(of: path) ?? []
        #expect(good.count > 64)
        for index in 0..<good.count {
            var bytes = good
            bytes[index] ^= 0x20
            bench.disk.setContents(of: path, to: bytes)
            #expect(try bench.read(bench.reopen().log) == content, "byte \(index)")
            bench.disk.setContents(of: path, to: Array(good[..<index]))
            #expect(try bench.read(bench.reopen().log) == content, "cut at \(index)")
        }
    }

    @Test("A piece checkpoint beyond the log's end is removed, and is not used later")
    func ahead() throws {
        let (bench, _, content) = try checkpointed([100, 40, 3])
        bench.disk.setContents(of: bench.path, to: Array(bench.bytes[..<(64 + 80 + 104)]))
        let (log, _) = try bench.reopen()
        #expect(!bench.disk.exists(LogDirectory.piecesPath(testLog)))
        #expect(try bench.read(log) == Array(content[..<100]))
        try bench.write([UInt8](repeating: 5, count: 400), at: 0, to: log)
        #expect(try bench.read(bench.reopen().log) == [UInt8](repeating: 5, count: 400))
    }

    @Test("A new log does not use the piece checkpoint of an earlier log with its number")
    func newLog() throws {
        let (bench, _, _) = try checkpointed([10, 20])
        // A log with records is part of the history, so it is never emptied.
        #expect(throws: Errno.exists) { try bench.create() }
        bench.disk.setContents(of: bench.path, to: [])
        let log = try bench.create()
        try bench.write([UInt8](repeating: 8, count: 600), at: 0, to: log)
        #expect(try bench.read(bench.reopen().log) == [UInt8](repeating: 8, count: 600))
    }

    // MARK: Damage

    @Test("After the loss of a record, reads fail with EIO until the file is truncated to 0")
    func lostRecord() throws {
        let bench = LogBench()
        let log = try bench.create()
        for value in 1...3 { try bench.write([UInt8(value)], at: UInt64(value), to: log) }
        var bytes = bench.bytes
        bytes[64 + 88] ^= 1
        bench.disk.setContents(of: bench.path, to: bytes)
        let (damaged, report) = try bench.reopen()
        #expect(report?.damage == [152..<240])
        #expect(throws: Errno.inputOutput) { try damaged.pieces(in: 0..<4) }
        #expect(throws: Errno.inputOutput) { try damaged.snapshot() }
        #expect(throws: Errno.inputOutput) { try bench.write([1], at: 0, to: damaged) }
        #expect(throws: Errno.inputOutput) { try bench.truncate(damaged, to: 1) }
        try bench.truncate(damaged, to: 0)
        try bench.write([4, 4], at: 0, to: damaged)
        #expect(try bench.read(damaged) == [4, 4])
        #expect(try bench.read(bench.reopen().log) == [4, 4])
    }

    @Test("A missing log fails with EIO, because the file itself exists")
    func missing() {
        do {
            _ = try LogBench().reopen()
            Issue.record("it was opened")
        } catch {
            #expect((error as? StorageError)?.errno == .inputOutput)
        }
    }
}
