// WithdrawTests: tests records that are withdrawn because their transaction failed. Nothing of them remains
// in the synced state, in a piece checkpoint, or for the next opening of the log.

import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite("Withdrawn records")
struct WithdrawTests {
    private func bytes(_ count: Int, _ seed: UInt64) -> [UInt8] {
        var generator = SeededGenerator(seed: seed)
        return randomBytes(count, &generator)
    }

    private func restore(_ bytes: [UInt8], in bench: LogBench, _ log: EditLog) throws {
        try bench.splice(
            [(0, Int(log.version.size), bytes)], kind: .restore, in: log)
    }

    /// Returns the content after a power cut, read as recovery reads it.
    private func afterPowerCut(_ bench: LogBench, seed: UInt64) throws -> [UInt8] {
        let after = LogBench(bench.disk.afterPowerCut(seed: seed))
        let log = try EditLog.open(testLog, in: after.logs, afterPowerCut: true) { _ in }
        return try after.read(log)
    }

    @Test("After a withdrawal of synced records a later write must be synced again")
    func syncedBefore() throws {
        for seed in 0..<UInt64(30) {
            let bench = LogBench()
            let log = try bench.create()
            try bench.write([1, 2, 3], at: 0, to: log)
            try bench.disk.synchronizeAll()
            let mark = log.beginProvisional()
            try restore(bytes(9000, seed), in: bench, log)
            try log.synchronize()
            #expect(log.isDurable)
            log.withdraw(to: mark)
            #expect(!log.isDurable)
            try bench.write([4, 5], at: 1, to: log)
            #expect(!log.isDurable)
            try log.synchronize()
            #expect(try afterPowerCut(bench, seed: seed) == [1, 4, 5], "seed \(seed)")
        }
    }

    @Test("A sync of the whole disk before a cut does not make later records durable")
    func syncedWhole() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1], at: 0, to: log)
        let mark = log.beginProvisional()
        try restore(bytes(9000, 1), in: bench, log)
        let end = log.logEnd
        log.withdraw(to: mark)
        try bench.write([4], at: 0, to: log)
        log.noteDurable(upTo: end)
        #expect(!log.isDurable)
        log.noteDurable(upTo: log.logEnd)
        #expect(log.isDurable)
    }

    @Test("A sync that runs during a withdrawal does not cover records after the cut")
    func syncedMeanwhile() throws {
        for seed in 0..<UInt64(30) {
            let bench = LogBench()
            try bench.disk.synchronizeAll()
            let hooked = HookedDisk(bench.disk)
            let logs = LogDirectory(hooked, openFiles: 8, key: testKey)
            let log = try EditLog.create(testLog, baseFile: 0, baseLength: 0, now: 1, in: logs)
            try bench.write([1, 2, 3], at: 0, to: log)
            try log.synchronize()
            let mark = log.beginProvisional()
            try restore(bytes(9000, seed), in: bench, log)
            // The withdrawal comes after the sync has read the end of the log.
            hooked.afterNextSync {
                log.withdraw(to: mark)
                try? bench.write([4, 5], at: 1, to: log)
            }
            try log.synchronize()
            #expect(!log.isDurable)
            try log.synchronize()
            #expect(try afterPowerCut(bench, seed: seed) == [1, 4, 5], "seed \(seed)")
        }
    }

    @Test("A piece checkpoint with withdrawn records is not used, and a later one is written")
    func checkpoint() throws {
        let bench = LogBench()
        let log = try bench.create()
        for value in 1...4 { try bench.write([UInt8(value)], at: UInt64(value), to: log) }
        let mark = log.beginProvisional()
        try restore([9, 9, 9], in: bench, log)
        try log.checkpoint(ifMoreThan: 0)
        log.withdraw(to: mark)
        try bench.write(bytes(500, 3), at: 0, to: log)
        let content = try bench.read(log)
        #expect(try bench.read(bench.reopen().log) == content)
        try log.checkpoint(ifMoreThan: 4)
        let written = try #require(PieceCheckpoint(log: testLog, on: bench.disk))
        #expect(written.position == log.end)
        #expect(try bench.read(bench.reopen().log) == content)
    }

    @Test("A piece checkpoint is written again after a failed attempt")
    func failedCheckpoint() throws {
        let bench = LogBench()
        let log = try bench.create()
        for value in 1...4 { try bench.write([UInt8(value)], at: UInt64(value), to: log) }
        bench.disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace))
        #expect(throws: StorageError.self) { try log.checkpoint(ifMoreThan: 3) }
        try log.checkpoint(ifMoreThan: 3)
        #expect(PieceCheckpoint(log: testLog, on: bench.disk)?.position == log.end)
    }

    @Test("If the cut fails, the log does not open until the cut succeeds")
    func failedCut() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        let mark = log.beginProvisional()
        try restore([7], in: bench, log)
        bench.disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace, times: 2))
        log.withdraw(to: mark)
        #expect(bench.logs.pendingCuts(of: 1) == [testLog])
        // The log was closed, and the same process opens it again.
        #expect(throws: StorageError.self) { try EditLog.open(testLog, in: bench.logs) { _ in } }
        let again = try EditLog.open(testLog, in: bench.logs) { _ in }
        #expect(try bench.read(again) == [1, 2, 3])
        #expect(bench.logs.pendingCuts(of: 1).isEmpty)
        try bench.write([8], at: 3, to: again)
        #expect(try bench.read(bench.reopen().log) == [1, 2, 3, 8])
    }

    @Test("If the cut fails, the next record is appended at the place of the cut")
    func appendedAfterFailedCut() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        let mark = log.beginProvisional()
        try restore(bytes(900, 2), in: bench, log)
        bench.disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace))
        log.withdraw(to: mark)
        try bench.write([8], at: 3, to: log)
        #expect(bench.logs.pendingCuts(of: 1).isEmpty)
        #expect(try bench.read(bench.reopen().log) == [1, 2, 3, 8])
    }
}

/// A simulated disk that runs a closure in the middle of a sync: after the data is durable, before the call
/// returns.
private final class HookedDisk: Disk {
    let inner: SimulatedDisk
    private let action = Mutex<(@Sendable () -> Void)?>(nil)

    init(_ inner: SimulatedDisk) { self.inner = inner }

    func afterNextSync(_ body: @escaping @Sendable () -> Void) { action.withLock { $0 = body } }

    fileprivate func didSynchronize() {
        let body = action.withLock { action in
            defer { action = nil }
            return action
        }
        body?()
    }

    func open(_ path: String, _ mode: DiskOpenMode) throws(Errno) -> any DiskFile {
        HookedFile(try inner.open(path, mode), self)
    }
    func makeDirectory(_ path: String) throws(Errno) { try inner.makeDirectory(path) }
    func rename(_ old: String, to new: String) throws(Errno) { try inner.rename(old, to: new) }
    func remove(_ path: String) throws(Errno) { try inner.remove(path) }
    func removeTree(_ path: String) throws(Errno) { try inner.removeTree(path) }
    func list(_ path: String) throws(Errno) -> [String] { try inner.list(path) }
    func exists(_ path: String) -> Bool { inner.exists(path) }
    func clone(_ source: File, to path: String) throws(Errno) {
        try inner.clone(source, to: path)
    }
    func synchronizeDirectory(_ path: String) throws(Errno) {
        try inner.synchronizeDirectory(path)
    }
    func synchronizeAll() throws(Errno) { try inner.synchronizeAll() }
}

private final class HookedFile: DiskFile {
    private let inner: any DiskFile
    private let disk: HookedDisk

    init(_ inner: any DiskFile, _ disk: HookedDisk) {
        self.inner = inner
        self.disk = disk
    }

    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(Errno) -> Int {
        try inner.read(into: buffer, at: offset)
    }
    func write(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, at offset: UInt64
    ) throws(Errno) { try inner.write(first, second, at: offset) }
    func length() throws(Errno) -> UInt64 { try inner.length() }
    func truncate(to length: UInt64) throws(Errno) { try inner.truncate(to: length) }
    func synchronize() throws(Errno) {
        try inner.synchronize()
        disk.didSynchronize()
    }
}
