// TreeLogTests: tests that the tree log returns its records in order, cuts off a torn tail, and reports or
// refuses damage.

import Glibc
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite("Tree log")
struct TreeLogTests {
    private let disk = SimulatedDisk(seed: 4)
    private let id: UInt64 = 1 << 48

    private func open() throws -> TreeLog { try TreeLog("tree.log", id: id, key: testKey, on: disk, now: 5) }

    private func replay(
        _ treeLog: TreeLog, from position: UInt64 = 0, after sequence: UInt64 = 0
    ) throws -> (payloads: [[UInt8]], result: ScanResult) {
        var payloads: [[UInt8]] = []
        let result = try treeLog.replay(from: position, after: sequence) {
            (_, payload) throws(StorageError) in payloads.append(payload)
        }
        return (payloads, result)
    }

    /// Makes a tree log with these payloads.
    /// - Returns: the end of the log before the first record and after each record.
    private func fill(_ payloads: [[UInt8]]) throws -> [UInt64] {
        let treeLog = try open()
        _ = try replay(treeLog)
        var ends: [UInt64] = [treeLog.end]
        for (index, payload) in payloads.enumerated() {
            try treeLog.append(
                .transaction, sequence: UInt64(index + 1), stamp: testStamp, payload: payload)
            ends.append(treeLog.end)
        }
        return ends
    }

    private let three: [[UInt8]] = [[1], [UInt8](repeating: 2, count: 20_000), [3, 3, 3]]

    @Test("Appended records are replayed in order")
    func roundTrip() throws {
        let ends = try fill(three)
        let treeLog = try open()
        let (payloads, result) = try replay(treeLog)
        #expect(payloads == three)
        #expect(result.lastSequence == 3 && result.records == 3)
        #expect(treeLog.end == ends[3])
        #expect(try replay(try open(), from: ends[1], after: 1).payloads == Array(three[1...]))
        #expect(try replay(try open(), from: ends[3], after: 3).payloads.isEmpty)
    }

    @Test("A log cut at any byte replays the whole records, and records can be appended")
    func tornTail() throws {
        let ends = try fill(three)
        let whole = disk.contents(of: "tree.log") ?? []
        for cut in stride(from: 64, to: whole.count, by: 61) {
            disk.setContents(of: "tree.log", to: Array(whole[..<cut]))
            let treeLog = try open()
            let kept = try replay(treeLog).payloads
            #expect(kept == Array(three.prefix(kept.count)), "cut at \(cut)")
            #expect(UInt64(cut) <= ends[kept.count + 1])
            try treeLog.append(.transaction, sequence: 9, stamp: testStamp, payload: [7])
            #expect(try replay(try open()).payloads == kept + [[7]], "cut at \(cut)")
        }
    }

    @Test("An incomplete header is written again")
    func tornHeader() throws {
        for length in 0..<64 {
            _ = try open()
            let bytes = disk.contents(of: "tree.log") ?? []
            disk.setContents(of: "tree.log", to: Array(bytes[..<length]))
            #expect(try replay(try open()).payloads.isEmpty)
        }
    }

    @Test("A damaged record in the middle is reported, or refused with its position")
    func damage() throws {
        let ends = try fill(three)
        let whole = disk.contents(of: "tree.log") ?? []
        var bytes = whole
        bytes[Int(ends[1])] ^= 1
        disk.setContents(of: "tree.log", to: bytes)
        #expect(try replay(try open()).result.damage == [ends[1]..<ends[2]])

        bytes = whole
        bytes[Int(ends[1]) + 200] ^= 1
        disk.setContents(of: "tree.log", to: bytes)
        let treeLog = try open()
        do {
            _ = try replay(treeLog)
            Issue.record("it was read")
        } catch let error as StorageError {
            #expect(error.errno == .inputOutput)
            #expect(error.description.contains("byte \(ends[1])"))
        }
    }

    @Test("The file of another log is refused")
    func otherLog() throws {
        _ = try open()
        #expect(throws: StorageError.self) {
            try TreeLog("tree.log", id: id + 1, key: testKey, on: disk, now: 1)
        }
    }

    @Test("Synced records survive a power cut", arguments: 0..<20)
    func powerCut(seed: Int) throws {
        let treeLog = try open()
        _ = try replay(treeLog)
        try disk.synchronizeDirectory("")
        for number in 1...6 {
            try treeLog.append(
                .transaction, sequence: UInt64(number), stamp: testStamp,
                payload: [UInt8](repeating: UInt8(number), count: 700))
            if number == 3 { try treeLog.synchronize() }
        }
        let after = disk.afterPowerCut(seed: UInt64(seed))
        let kept = try replay(TreeLog("tree.log", id: id, key: testKey, on: after, now: 1)).payloads
        #expect(kept.count >= 3)
        for (index, payload) in kept.enumerated() {
            #expect(payload == [UInt8](repeating: UInt8(index + 1), count: 700))
        }
    }

    @Test("A sync that waits for another one, which fails, fails as well")
    func waitingSync() throws {
        let treeLog = try open()
        _ = try replay(treeLog)
        try treeLog.append(.transaction, sequence: 1, stamp: testStamp, payload: [1])
        let isSyncing = Shared(false)
        let isWaiting = Shared(false)
        disk.beforeNextSync { [disk] in
            isSyncing.value = true
            for _ in 0..<500 where !isWaiting.value { usleep(10_000) }
            // The other thread needs time to reach its wait.
            usleep(50_000)
            disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .inputOutput))
        }
        let failures = Mutex<[Int: Errno]>([:])
        try onThreads(2) { index in
            if index == 1 {
                for _ in 0..<500 where !isSyncing.value { usleep(10_000) }
                isWaiting.value = true
            }
            do throws(Errno) {
                try treeLog.synchronize()
            } catch {
                failures.withLock { $0[index] = error }
            }
        }
        #expect(failures.withLock { $0 } == [0: .inputOutput, 1: .inputOutput])
        #expect(throws: Errno.inputOutput) { try treeLog.synchronize() }
    }

    @Test("The sequence counter only advances")
    func counter() {
        let counter = SequenceCounter(4)
        #expect(counter.next() == 5)
        counter.advance(to: 3)
        #expect(counter.last == 5)
        counter.advance(to: 9)
        #expect(counter.next() == 10)
    }
}
