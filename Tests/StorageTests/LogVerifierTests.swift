// LogVerifierTests: tests the check of each byte of a log, and the repair of a log in place.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Log verifier")
struct LogVerifierTests {
    private func verify(_ bench: LogBench) throws -> LogCheck {
        let file = try bench.disk.open(bench.path, .readOnly)
        var verifier = LogVerifier(
            file, kind: .edit, id: testLog, key: testKey, path: bench.path)
        return try verifier.verify()
    }

    private func bench(_ sizes: [Int]) throws -> LogBench {
        let bench = LogBench()
        let log = try bench.create()
        for (index, size) in sizes.enumerated() {
            try bench.write([UInt8](repeating: UInt8(index + 1), count: size), at: 0, to: log)
        }
        return bench
    }

    @Test("An undamaged log has no faults, and all its records are counted")
    func good() throws {
        let bench = LogBench()
        let script = try EditScript(bench, try bench.create(), edits: 80, seed: 3, longest: 40_000)
        let check = try verify(bench)
        #expect(check.faults.isEmpty)
        #expect(check.records == 80)
        #expect(check.end == script.ends.last)
    }

    @Test("Each changed byte of a log lies in a reported fault")
    func everyByte() throws {
        let bench = try bench([5, 70_000, 300, 17_000])
        let good = bench.bytes
        for index in good.indices where index % 64 == 0 || index < 500 || index > good.count - 400 {
            var bytes = good
            bytes[index] ^= 0x10
            bench.disk.setContents(of: bench.path, to: bytes)
            let check = try verify(bench)
            let isNamed = check.faults.contains { $0.range.contains(UInt64(index)) }
            #expect(isNamed, "byte \(index): \(check.faults.map(\.range))")
        }
    }

    @Test("Padding before an aligned payload that is not zero is a fault, and is cleared")
    func padding() throws {
        let bench = try bench([70_000, 3])
        var bytes = bench.bytes
        let good = bytes
        bytes[64 + 72 + 8 * 5 + 20] = 9
        bench.disk.setContents(of: bench.path, to: bytes)
        let check = try verify(bench)
        #expect(check.faults.count == 1)
        let fault = try #require(check.faults.first)
        try LogRepair(bench.disk.open(bench.path, .readWrite), log: testLog, key: testKey, time: 1)
            .clear(fault.range)
        #expect(bench.bytes == good)
    }

    @Test(
        "A scan passes over a filler of any length, and no payload can be read from it",
        arguments: [72, 80, 88, 144, 4_096, 65_616, 65_624, 65_680, 200_000, 1 << 20])
    func fillers(length: UInt64) throws {
        let bench = try bench([10])
        let log = try bench.reopen().log
        let start = log.end
        let file = try bench.disk.open(bench.path, .readWrite)
        let repair = LogRepair(file, log: testLog, key: testKey, time: 7)
        #expect(try repair.fill(start..<(start + length), before: 1, after: nil, atLeast: 40))
        bench.sequence.advance(to: 100)
        let check = try verify(bench)
        #expect(check.records == 2 && check.lastSequence == 40)
        #expect(check.end == start + length)
        #expect(!check.hasDamage)
        var table: RecordTable?
        #expect(throws: Errno.inputOutput) {
            var byte: [UInt8] = [0]
            try byte.withUnsafeMutableBytes {
                try LogFile.readPayload(
                    into: $0, skip: 0, from: file, log: testLog, key: testKey, at: start, cache: &table)
            }
        }
        let again = try bench.reopen().log
        #expect(again.end == start + length)
        #expect(throws: Errno.inputOutput) { try again.pieces(in: 0..<10) }
        try bench.truncate(again, to: 0)
        try bench.write([4], at: 0, to: again)
        #expect(try bench.read(bench.reopen().log) == [4])
    }

    @Test("No filler is written if no sequence number is free or the range is too short")
    func noRoom() throws {
        let bench = try bench([10])
        let repair = LogRepair(
            try bench.disk.open(bench.path, .readWrite), log: testLog, key: testKey, time: 7)
        let before = bench.bytes
        #expect(try !repair.fill(64..<160, before: 4, after: 5))
        #expect(try !repair.fill(64..<128, before: 4, after: nil))
        #expect(bench.bytes == before)
    }

    @Test("A lost block fails with EIO, the other blocks are readable, and it is not damage")
    func lostBlock() throws {
        for tail in [true, false] {
            let bench = try bench(tail ? [50_000] : [50_000, 3])
            var bytes = bench.bytes
            bytes[64 + 104 + 20_000] ^= 1
            bench.disk.setContents(of: bench.path, to: bytes)
            let fault = try #require(try verify(bench).faults.first)
            guard case .block(let record, let index) = fault.kind else {
                Issue.record("\(fault.kind)")
                return
            }
            let repair = LogRepair(
                try bench.disk.open(bench.path, .readWrite), log: testLog, key: testKey, time: 7)
            try repair.lose([index], of: record)
            let check = try verify(bench)
            #expect(!check.hasDamage && check.faults.count == 1)
            let (log, report) = try bench.reopen()
            #expect(report == nil)
            #expect(throws: Errno.self) { try bench.read(log.pieces(in: 16_390..<16_400)) }
            #expect(try bench.read(log.pieces(in: 100..<200)) == [UInt8](repeating: 1, count: 100))
            #expect(try bench.read(log.pieces(in: 40_000..<40_001)) == [1])
        }
    }

    @Test("A header with one flipped bit is repaired, and one with two is not")
    func header() throws {
        let header = LogHeader(kind: .edit, id: testLog, baseFile: 9, baseLength: 77, created: 5)
        for bit in 0..<512 {
            var bytes = header.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(LogHeader(mending: bytes) == header, "bit \(bit)")
            bytes[(bit / 8 + 7) % 64] ^= 1
            #expect(LogHeader(mending: bytes) == nil, "bit \(bit)")
        }
    }

    @Test("A piece checkpoint is compared with the log")
    func pieces() throws {
        let bench = LogBench()
        let log = try bench.create()
        _ = try EditScript(bench, log, edits: 50, seed: 8, longest: 300)
        #expect(try EditLog.check(testLog, on: bench.disk, key: testKey).pieces == .none)
        try log.checkpoint(ifMoreThan: 0)
        #expect(try EditLog.check(testLog, on: bench.disk, key: testKey).pieces == .fit)
        try bench.write([1, 2, 3], at: 5, to: log)
        #expect(try EditLog.check(testLog, on: bench.disk, key: testKey).pieces == .fit)
        let good = try #require(PieceCheckpoint(log: testLog, on: bench.disk))
        var wrong = good
        wrong.pieces.truncate(to: wrong.pieces.length + 1)
        try wrong.write(log: testLog, on: bench.disk)
        #expect(try EditLog.check(testLog, on: bench.disk, key: testKey).pieces != .fit)
        wrong = good
        wrong.position += 8
        try wrong.write(log: testLog, on: bench.disk)
        #expect(try EditLog.check(testLog, on: bench.disk, key: testKey).pieces != .fit)
    }

    @Test("A text with a checksum is read back, flipped bits are found, older texts are read")
    func texts() {
        let bytes = ChecksummedText.encode(Array("pid 5, mounted on /x".utf8))
        #expect(ChecksummedText(decoding: bytes).text == Array("pid 5, mounted on /x".utf8))
        #expect(!ChecksummedText(decoding: bytes).isDamaged)
        for bit in 0..<(8 * bytes.count) {
            var flipped = bytes
            flipped[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(ChecksummedText(decoding: flipped).isDamaged, "bit \(bit)")
        }
        #expect(!ChecksummedText(decoding: []).isDamaged)
        let older = ChecksummedText(decoding: Array("pid 5\n".utf8))
        #expect(!older.isDamaged && older.text == Array("pid 5".utf8))
        #expect(ChecksummedText(decoding: Array("another boot".utf8)).isDamaged)
    }

    @Test("Each byte of each copy of a sealed file is checked")
    func sealedCopies() throws {
        let disk = SimulatedDisk(seed: 1)
        try SealedFile.write(
            Array(1...20), magic: 77, copies: 2, to: "file", on: disk, durable: true)
        let good = disk.contents(of: "file") ?? []
        #expect(try SealedFile.check(magic: 77, copies: 2, path: "file", on: disk).damage.isEmpty)
        for index in good.indices {
            var bytes = good
            bytes[index] ^= 4
            disk.setContents(of: "file", to: bytes)
            let check = try SealedFile.check(magic: 77, copies: 2, path: "file", on: disk)
            #expect(check.payload == Array(1...20))
            #expect(check.damage.count == 1 && check.damage[0].contains(UInt64(index)), "\(index)")
        }
        disk.setContents(of: "file", to: good + [1])
        #expect(try !SealedFile.check(magic: 77, copies: 2, path: "file", on: disk).damage.isEmpty)
    }
}
