// PowerCutTests: tests how logs are opened after a power cut, in which any sectors may be missing.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Logs after a power cut")
struct PowerCutTests {
    private func open(_ bench: LogBench, synced: UInt64 = 0) throws -> EditLog {
        try EditLog.open(
            testLog, in: LogDirectory(bench.disk, openFiles: 8, key: testKey), afterPowerCut: true,
            synced: synced
        ) { _ in }
    }

    /// Makes a log of three writes of 2000 bytes, of which the second has a torn payload.
    /// - Returns: the log, and the bytes of the first write.
    private func torn() throws -> (bench: LogBench, first: [UInt8]) {
        let bench = LogBench()
        let log = try bench.create()
        var generator = SeededGenerator(seed: 3)
        let first = randomBytes(2000, &generator)
        try bench.write(first, at: 0, to: log)
        let start = bench.bytes.count
        try bench.write(randomBytes(2000, &generator), at: 0, to: log)
        try bench.write(randomBytes(2000, &generator), at: 2000, to: log)
        var bytes = bench.bytes
        for index in (start + 600)..<(start + 1112) { bytes[index] = 0 }
        bench.disk.setContents(of: bench.path, to: bytes)
        return (bench, first)
    }

    @Test("A torn payload ends the log, and the overwritten content is back")
    func tornPayload() throws {
        let (bench, first) = try torn()
        #expect(try bench.read(open(bench)) == first)
        #expect(try bench.read(bench.reopen().log) == first)
    }

    @Test("The tails that two power cuts left are kept in separate files")
    func twoTails() throws {
        let (bench, _) = try torn()
        let log = try open(bench)
        let first = try KeptBytes(from: bench.path + ".cut", on: bench.disk)
        // The same tail is not kept twice if the log could not be cut.
        let end = bench.bytes.count
        bench.disk.setContents(of: bench.path, to: bench.bytes + first.bytes)
        let again = try open(bench)
        #expect(bench.bytes.count == end && again.end == log.end)
        #expect(!bench.disk.exists(bench.path + ".cut-\(first.position)"))
        bench.disk.setContents(of: bench.path, to: bench.bytes + [UInt8](repeating: 9, count: 40))
        _ = try open(bench)
        #expect(try KeptBytes(from: bench.path + ".cut", on: bench.disk) == first)
        let second = try KeptBytes(
            from: bench.path + ".cut-\(first.position)", on: bench.disk)
        #expect(second.position == first.position)
        #expect(second.bytes == [UInt8](repeating: 9, count: 40))
    }

    @Test("A torn record that was synced is damage, and nothing is cut off")
    func syncedPayload() throws {
        let (bench, _) = try torn()
        let length = bench.bytes.count
        let log = try open(bench, synced: 2)
        #expect(log.version.size == 4000)
        #expect(bench.bytes.count == length)
        #expect(throws: Errno.inputOutput) { try bench.read(log) }
    }

    @Test("A log with a zero header is emptied, and one with a damaged header is not")
    func header() throws {
        let bench = LogBench()
        try bench.write([1, 2, 3], at: 0, to: try bench.create())
        let good = bench.bytes
        var bytes = good
        bytes[9] ^= 1
        bench.disk.setContents(of: bench.path, to: bytes)
        try EditLogRecovery.emptyIfUnwritten(testLog, in: bench.logs)
        #expect(bench.bytes == bytes)
        bytes.replaceSubrange(0..<64, with: [UInt8](repeating: 0, count: 64))
        bench.disk.setContents(of: bench.path, to: bytes)
        try EditLogRecovery.emptyIfUnwritten(testLog, in: bench.logs)
        #expect(bench.bytes.isEmpty)
        #expect(bench.disk.exists(bench.path + ".cut"))
        #expect(!EditLog.exists(testLog, in: bench.logs))
    }

    @Test("An uncommitted restore is cut off after a power cut, with the records after it")
    func uncommitted() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        try bench.splice([(0, 3, [7])], kind: .restore, in: log)
        try bench.write([8], at: 1, to: log)
        func cut(_ afterPowerCut: Bool) throws -> [UInt8] {
            try EditLogRecovery.cutUncommitted(
                testLog, after: 0, in: bench.logs, afterPowerCut: afterPowerCut) { _ in false }
            return try bench.read(bench.reopen().log)
        }
        #expect(try cut(false) == [7, 8])
        #expect(try cut(true) == [1, 2, 3])
    }

    @Test("A tree log opens after a power cut at any call of its creation")
    func makingOfTreeLog() throws {
        for call in 0..<6 {
            let disk = SimulatedDisk(seed: UInt64(call))
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            _ = try? TreeLog("tree.log", id: 1, key: testKey, on: disk, now: 1)
            for seed in 0..<UInt64(60) {
                let after = disk.afterPowerCut(seed: seed)
                #expect(throws: Never.self, "call \(call), seed \(seed)") {
                    _ = try TreeLog("tree.log", id: 1, key: testKey, on: after, now: 1)
                }
            }
        }
    }

    @Test("A torn record in the middle ends a tree log")
    func tornTransaction() throws {
        let disk = SimulatedDisk(seed: 1)
        let treeLog = try TreeLog("tree.log", id: 1, key: testKey, on: disk, now: 1)
        var middle = 0
        for number in 1...3 {
            if number == 2 { middle = Int(treeLog.end) }
            try treeLog.append(
                .transaction, sequence: UInt64(number), stamp: testStamp,
                payload: [UInt8](repeating: UInt8(number), count: 2000))
        }
        var bytes = disk.contents(of: "tree.log") ?? []
        for index in (middle + 600)..<(middle + 1112) { bytes[index] = 0 }
        disk.setContents(of: "tree.log", to: bytes)
        var found: [UInt64] = []
        let result = try TreeLog("tree.log", id: 1, key: testKey, on: disk, now: 1).replay(
            from: 0, after: 0, afterPowerCut: true) { header, _ in found.append(header.sequence) }
        #expect(found == [1])
        #expect(result.end == UInt64(middle))
    }
}
