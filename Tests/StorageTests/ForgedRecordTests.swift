// Records that somebody has put into a payload, right in all that he can know: the log's id, the place,
// the next sequence numbers, the way checksums are made. Only the store's key is another one. Each test
// does the same with the store's own key too, and sees the records taken for real: so they are where
// they would do harm.

import Platform
import TestSupport
import Testing

@testable import Storage

@Suite("Forged records")
struct ForgedRecordTests {
    private let attacker: ChecksumKey
    private let stamp = Stamp(time: 1, pid: 66, uid: 66)

    init() throws { attacker = try .random() }

    /// A whole record for `position`, padded to 8 bytes.
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

    /// A payload of `count` bytes, to be found from `position` of a log on, filled with records.
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

    /// Where the payload of a write of `count` bytes will lie in a log that ends at `end`.
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

    /// A log of three writes, of which the second one's payload holds an emptying of the file and a
    /// write of "forged", and where the second one stands.
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
                // As long as the real one goes on, so that no gap is left behind it.
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

    @Test("Recovery after damage of the record around them does not take them", arguments: [true, false])
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

    @Test("A check and a repair do not take them for what comes after a gap", arguments: [true, false])
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

    /// A log in which record 2 is a small one, record 3 is large and full of records of number 1, and
    /// record 4 comes last.
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

    @Test("A bisection that lands between them is not led astray", arguments: [true, false])
    func bisection(isForged: Bool) throws {
        let bench = try full(isForged ? attacker : testKey)
        let log = try bench.reopen().log
        // All real ones are of a later time.
        let before = try log.lastSequence(at: 100, upTo: .max)
        #expect(before == (isForged ? 0 : 1))
        var scanner = try LogScanner(
            bench.disk.open(bench.path, .readOnly), log: testLog, key: testKey)
        let found = try scanner.bisect { $0.sequence > 1 }
        #expect((found.position == 64 + 88) == isForged)
    }

    @Test("A history has the changes that were made, and no others", arguments: [true, false])
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

    /// A tree log of three transactions; the second one's payload, an attribute's value for instance,
    /// holds a transaction.
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

    @Test("Nobody makes a transaction by what he writes into an attribute", arguments: [true, false])
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

    @Test("What looks like records with large tables is passed over without a look at these")
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
        // So that the log goes on as far as those tables would.
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
