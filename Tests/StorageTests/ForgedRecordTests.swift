// ForgedRecordTests: tests records that an attacker put into a payload. They are right in all that the
// attacker can know: the log's id, the position, the next sequence numbers, the checksum algorithm. Only
// the key is not the store's. Each test also runs with the store's own key, and then the records are
// accepted: this shows that they are at a place where they would do harm.

import Platform
import TestSupport
import Testing

@testable import Storage

@Suite("Forged records")
struct ForgedRecordTests {
    private let attacker: ChecksumKey
    private let stamp = Stamp(time: 1, pid: 66, uid: 66)

    init() throws { attacker = try .random() }

    /// Returns a whole record for `position`, padded to 8 bytes.
    private func record(
        _ kind: RecordKind, _ sequence: UInt64, _ payload: [UInt8], log: UInt64,
        key: ChecksumKey, at position: UInt64
    ) -> [UInt8] {
        var header = RecordHeader(
            kind: kind, sequence: sequence, stamp: stamp, offset: 0,
            length: kind == .write ? UInt64(payload.count) : 0, payloadLength: payload.count)
        header.place(at: position)
        let sums = payload.isEmpty ? [] : [Checksum.xxh3(payload)]
        let bytes = header.bytes(sums, log: log, key: key, position: position) + payload
        return bytes + [UInt8](repeating: 0, count: Int(header.recordLength) - bytes.count)
    }

    /// Returns a payload of `count` bytes filled with records, for a payload that starts at `position` of a
    /// log.
    private func payload(
        _ count: Int, at position: UInt64,
        _ next: (_ position: UInt64, _ index: Int) -> [UInt8]?
    ) -> [UInt8] {
        let start = (position + 7) & ~7
        var bytes = [UInt8](repeating: 0x20, count: Int(start - position))
        var index = 0
        while let forged = next(position + UInt64(bytes.count), index),
            bytes.count + forged.count <= count {
            bytes += forged
            index += 1
        }
        return bytes + [UInt8](repeating: 0x20, count: count - bytes.count)
    }

    /// Returns the position of the payload of a write of `count` bytes that is appended at `end`.
    private func payloadPosition(_ count: Int, end: UInt64) -> UInt64 {
        var header = RecordHeader(
            kind: .write, sequence: 1, stamp: stamp, offset: 0, length: UInt64(count),
            payloadLength: count)
        header.place(at: end)
        return end + UInt64(header.payloadStart)
    }

    private func flip(_ bench: LogBench, at position: UInt64) {
        var bytes = bench.bytes
        bytes[Int(position)] ^= 0x10
        bench.disk.setContents(of: bench.path, to: bytes)
    }

    /// Makes a log of three writes. The payload of the second holds a record that empties the file and a
    /// record that writes "forged".
    /// - Returns: the log, and the range of the second record.
    private func threeWrites(
        _ key: ChecksumKey
    ) throws -> (bench: LogBench, start: UInt64, end: UInt64) {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write(Array("first".utf8), at: 0, to: log)
        let start = log.end
        let bytes = payload(900, at: payloadPosition(900, end: start)) { position, index in
            switch index {
            case 0: record(.truncate, 2, [], log: testLog, key: key, at: position)
            case 1:
                // It reaches to the end of the real record, so that no gap follows it.
                Array(record(
                    .write, 3, Array("forged".utf8) + [UInt8](
                        repeating: 0x20, count: Int(start + 980 - position) - 86),
                    log: testLog, key: key, at: position
                ).prefix(Int(start + 980 - position)))
            default: nil
            }
        }
        try bench.write(bytes, at: 0, to: log)
        let end = log.end
        bench.sequence.advance(to: 7)
        try bench.write(Array("third".utf8), at: 2000, to: log)
        return (bench, start, end)
    }

    @Test("Recovery does not take forged records out of a damaged record", arguments: [true, false])
    func recovery(isForged: Bool) throws {
        let (bench, start, end) = try threeWrites(isForged ? attacker : testKey)
        #expect(try bench.read(bench.reopen().log).count == 2005)
        flip(bench, at: start + 8)
        let (log, report) = try bench.reopen()
        if isForged {
            #expect(report?.damage == [start..<end])
            #expect(throws: Errno.inputOutput) { try bench.read(log) }
        } else {
            #expect(try bench.read(log).starts(with: Array("forged".utf8)))
        }
    }

    @Test("Check and repair do not take forged records for records after a gap", arguments: [true, false])
    func repair(isForged: Bool) throws {
        let (bench, start, end) = try threeWrites(isForged ? attacker : testKey)
        flip(bench, at: start + 8)
        flip(bench, at: start + 20)
        let file = try bench.disk.open(bench.path, .readWrite)
        var verifier = LogVerifier(
            file, kind: .edit, id: testLog, key: testKey, path: bench.path)
        let check = try verifier.verify()
        #expect(check.records == (isForged ? 2 : 4))
        let fault = try #require(check.faults.first)
        #expect((fault.range == start..<end) == isForged)
        guard isForged else { return }
        _ = try LogRepair(file, log: testLog, key: testKey, time: 1).fill(
            fault.range, before: fault.before, after: fault.after)
        #expect(throws: Errno.inputOutput) { try bench.read(bench.reopen().log) }
    }

    /// Makes a log of four records. Record 3 is large, and its payload is full of records with sequence
    /// number 1.
    private func full(_ key: ChecksumKey) throws -> LogBench {
        let bench = LogBench()
        let log = try bench.create()
        for value in 1...2 { try bench.write([UInt8(value)], at: 0, to: log) }
        let count = 300_000
        let bytes = payload(count, at: payloadPosition(count, end: log.end)) { position, _ in
            record(.truncate, 1, [], log: testLog, key: key, at: position)
        }
        try bench.write(bytes, at: 0, to: log)
        try bench.write([4], at: 0, to: log)
        return bench
    }

    @Test("A bisection that lands among forged records ignores them", arguments: [true, false])
    func bisection(isForged: Bool) throws {
        let bench = try full(isForged ? attacker : testKey)
        let log = try bench.reopen().log
        // All real records have a later time.
        let before = try log.lastSequence(at: 100, upTo: .max)
        #expect(before == (isForged ? 0 : 1))
        var scanner = try LogScanner(
            bench.disk.open(bench.path, .readOnly), log: testLog, key: testKey)
        let found = try scanner.bisect { $0.sequence > 1 }
        #expect((found.position == 64 + 88) == isForged)
    }

    @Test("A history has no forged records", arguments: [true, false])
    func history(isForged: Bool) throws {
        let bench = try full(isForged ? attacker : testKey)
        var found: [UInt64] = []
        try EditLog.records(of: testLog, in: bench.logs, range: 2...9) {
            found.append($0.header.sequence)
        }
        #expect(found == (isForged ? [2, 3, 4] : [4]))
    }

    // MARK: The tree log

    private let treeLogID: UInt64 = 1 << 48

    /// Makes a tree log of three transactions. The payload of the second, for example the value of an
    /// extended attribute, holds a transaction.
    /// - Returns: the disk, and the range of the second record.
    private func treeLog(_ key: ChecksumKey) throws -> (disk: SimulatedDisk, start: UInt64, end: UInt64) {
        let disk = SimulatedDisk(seed: 1)
        let treeLog = try openTreeLog(disk)
        func append(_ sequence: UInt64, _ payload: [UInt8]) throws {
            try treeLog.append(
                .transaction, sequence: sequence, stamp: testStamp, payload: payload)
        }
        try append(1, [1])
        let start = treeLog.end
        try append(2, payload(900, at: payloadPosition(900, end: start)) { position, index in
            index > 0 ? nil : record(
                .transaction, 3, Array("forged".utf8), log: treeLogID, key: key, at: position)
        })
        let end = treeLog.end
        try append(7, [7])
        return (disk, start, end)
    }

    private func openTreeLog(_ disk: SimulatedDisk) throws -> TreeLog {
        let treeLog = try TreeLog("tree.log", id: treeLogID, key: testKey, on: disk, now: 1)
        _ = try treeLog.replay(from: 0, after: 0) { (_, _) throws(StorageError) in }
        return treeLog
    }

    @Test("No process can forge a transaction by its bytes in an attribute", arguments: [true, false])
    func transactions(isForged: Bool) throws {
        let (disk, start, end) = try treeLog(isForged ? attacker : testKey)
        var bytes = disk.contents(of: "tree.log") ?? []
        bytes[Int(start) + 8] ^= 0x10
        disk.setContents(of: "tree.log", to: bytes)
        var payloads: [[UInt8]] = []
        let treeLog = try TreeLog("tree.log", id: treeLogID, key: testKey, on: disk, now: 1)
        let result = try treeLog.replay(from: 0, after: 0) {
            (_, payload) throws(StorageError) in payloads.append(payload)
        }
        #expect(payloads == (isForged ? [[1], [7]] : [[1], Array("forged".utf8), [7]]))
        #expect((result.damage == [start..<end]) == isForged)
    }

    // MARK: The cost of a search

    @Test("The scan skips forged headers with large tables without reading the tables")
    func largeTables() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1], at: 0, to: log)
        let count = 100_000
        let bytes = payload(count, at: payloadPosition(count, end: log.end)) { position, _ in
            var header = RecordHeader(
                kind: .write, sequence: 9, stamp: stamp, offset: 0, length: 2_000_000,
                payloadLength: 2_000_000)
            header.blockShift = 9
            header.payloadStart = UInt32(header.tableEnd)
            return Array(
                header.bytes([], log: testLog, key: attacker, position: position)[..<72])
        }
        try bench.write(bytes, at: 0, to: log)
        // The log must be as long as those tables claim to be.
        for _ in 0..<3 { try bench.write([UInt8](repeating: 1, count: 1 << 20), at: 0, to: log) }
        var damaged = bench.bytes
        damaged[64 + 88 + 8] ^= 1
        bench.disk.setContents(of: bench.path, to: damaged)
        let calls = bench.disk.calls
        var scanner = try LogScanner(
            bench.disk.open(bench.path, .readOnly), log: testLog, key: testKey)
        let result = try scanner.scan(from: 64, after: 0) { (_) throws(StorageError) in }
        #expect(result.records == 4)
        #expect(bench.disk.calls - calls < 40)
    }
}
