// LogScannerTests: tests what a scan finds in logs that are whole, cut, overwritten or of another version.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Log scanner")
struct LogScannerTests {
    /// Makes a log with writes of these lengths.
    /// - Returns: the log, and the start of each record.
    private func makeLog(_ lengths: [Int]) throws -> (bench: LogBench, starts: [Int]) {
        let bench = LogBench()
        let log = try bench.create()
        var generator = SeededGenerator(seed: 5)
        var starts: [Int] = []
        for length in lengths {
            starts.append(Int(log.end))
            try bench.write(randomBytes(length, &generator), at: 0, to: log)
        }
        return (bench, starts)
    }

    private func scan(
        _ bench: LogBench, log: UInt64 = testLog
    ) throws -> (result: ScanResult, positions: [Int]) {
        var scanner = try LogScanner(
            bench.disk.open(bench.path, .readOnly), log: log, key: testKey)
        var positions: [Int] = []
        let result = try scanner.scan(from: 64, after: 0) { (record) throws(StorageError) in
            positions.append(Int(record.position))
        }
        return (result, positions)
    }

    private func change(_ bench: LogBench, _ body: (inout [UInt8]) -> Void) {
        var bytes = bench.bytes
        body(&bytes)
        bench.disk.setContents(of: bench.path, to: bytes)
    }

    @Test("A scan of a whole log finds each record")
    func whole() throws {
        let (bench, starts) = try makeLog([1, 5000, 70_000, 8])
        let (result, positions) = try scan(bench)
        #expect(positions == starts)
        #expect(result.records == 4 && result.lastSequence == 4)
        #expect(result.damage.isEmpty && result.tornBytes == 0)
    }

    @Test("An empty log has no records and no damage")
    func empty() throws {
        let (bench, _) = try makeLog([])
        let (result, positions) = try scan(bench)
        #expect(positions.isEmpty)
        #expect(result.end == 64 && result.records == 0 && result.tornBytes == 0)
    }

    @Test("A scan of a log cut at any byte finds the whole records and no damage")
    func tornTail() throws {
        let (whole, starts) = try makeLog([10, 300, 17_000])
        let bytes = whole.bytes
        for cut in (64..<bytes.count) where cut % 37 == 0 || cut > bytes.count - 9 || cut < 500 {
            whole.disk.setContents(of: whole.path, to: Array(bytes[..<cut]))
            let (result, positions) = try scan(whole)
            // A record ends at its last payload byte. The padding may be missing.
            let kept = zip(starts, [10, 300, 17_000]).filter {
                $0 + 72 + 8 * (($1 + 16_383) / 16_384) + $1 <= cut
            }.count
            #expect(positions == Array(starts[..<kept]), "cut at \(cut)")
            #expect(result.damage.isEmpty, "cut at \(cut)")
            #expect(result.end + result.tornBytes >= UInt64(cut), "cut at \(cut)")
        }
    }

    @Test("A flipped bit in a header or table loses only that record, and is reported")
    func flippedHeader() throws {
        for byte in [0, 4, 5, 6, 9, 17, 33, 41, 48, 52, 57, 64, 72, 79, 80] {
            let (bench, starts) = try makeLog([10, 20_000, 30])
            change(bench) { $0[starts[1] + byte] ^= 0x10 }
            let (result, positions) = try scan(bench)
            #expect(positions == [starts[0], starts[2]], "byte \(byte)")
            #expect(result.damage == [UInt64(starts[1])..<UInt64(starts[2])], "byte \(byte)")
            #expect(result.tornBytes == 0)
        }
    }

    @Test("A scan finds damage in the payload of the last record, a read finds it in others")
    func flippedPayload() throws {
        let (bench, starts) = try makeLog([10, 20_000, 30])
        change(bench) { $0[starts[2] + 85] ^= 1 }
        let last = try scan(bench)
        #expect(last.positions == Array(starts[..<2]))
        #expect(last.result.damage == [UInt64(starts[2])..<last.result.end])
        #expect(last.result.tornBytes == 0, "a whole record is no tail of a killed append")

        let (other, places) = try makeLog([10, 20_000, 30])
        change(other) { $0[places[1] + 100] ^= 1 }
        #expect(try scan(other).positions == places)
        let file = try other.disk.open(other.path, .readOnly)
        let table = try RecordTable(
            reading: file, log: testLog, key: testKey, at: UInt64(places[1]))
        #expect(!table.payloadIsGood(in: file))
    }

    @Test("A damaged header of the last record is not cut off as a torn tail")
    func flippedLastHeader() throws {
        for byte in [0, 4, 9, 17, 33, 57, 64, 72, 79] {
            let (bench, starts) = try makeLog([10, 20])
            change(bench) { $0[starts[1] + byte] ^= 0x10 }
            let before = bench.bytes
            let (result, positions) = try scan(bench)
            #expect(positions == [starts[0]], "byte \(byte)")
            #expect(result.damage.count == 1 && result.tornBytes == 0, "byte \(byte)")
            let (log, report) = try bench.reopen()
            #expect(report?.damage.isEmpty == false, "byte \(byte)")
            #expect(throws: Errno.inputOutput) { try bench.read(log) }
            #expect(bench.bytes == before, "byte \(byte)")
        }
    }

    @Test("Damage before a damaged last record is not cut off, and reads fail with EIO")
    func damageAtTheEnd() throws {
        let (bench, starts) = try makeLog([10, 20, 30])
        change(bench) {
            $0[starts[1]] ^= 1
            $0[starts[2] + 85] ^= 1
        }
        let (result, positions) = try scan(bench)
        #expect(positions == [starts[0]])
        #expect(result.damage.first?.lowerBound == UInt64(starts[1]) && result.tornBytes == 0)
        let (log, report) = try bench.reopen()
        #expect(report?.damage.isEmpty == false)
        #expect(throws: Errno.inputOutput) { try bench.read(log) }
    }

    @Test("Garbage between records is reported as one range")
    func garbage() throws {
        let (bench, starts) = try makeLog([100, 9000, 9000, 100])
        var generator = SeededGenerator(seed: 8)
        let noise = randomBytes(starts[3] - starts[1], &generator)
        change(bench) { $0.replaceSubrange(starts[1]..<starts[3], with: noise) }
        let (result, positions) = try scan(bench)
        #expect(positions == [starts[0], starts[3]])
        #expect(result.damage == [UInt64(starts[1])..<UInt64(starts[3])])
    }

    @Test("A record that was moved to another position is not accepted")
    func moved() throws {
        let (bench, starts) = try makeLog([100, 100, 100])
        change(bench) { bytes in
            let record = Array(bytes[starts[0]..<starts[1]])
            bytes.replaceSubrange(starts[1]..<starts[2], with: record)
        }
        #expect(try scan(bench).positions == [starts[0], starts[2]])
        // The whole log is moved by 8 bytes.
        change(bench) { $0.insert(contentsOf: [UInt8](repeating: 0, count: 8), at: 64) }
        #expect(try scan(bench).positions.isEmpty)
    }

    @Test("Records of another log are not accepted")
    func otherLog() throws {
        let (bench, _) = try makeLog([100, 100])
        #expect(try scan(bench, log: testLog + 1).positions.isEmpty)
    }

    @Test("A log of another version is refused, and the message names the versions", arguments: [
        (3, "only up to 2"), (1, "only 2"),
    ])
    func otherVersion(version: UInt8, known: String) throws {
        let (bench, _) = try makeLog([1])
        change(bench) { bytes in
            bytes[8] = version
            var writer = ByteWriter()
            writer.integer(Checksum.xxh3(bytes[0..<56]))
            bytes.replaceSubrange(56..<64, with: writer.bytes)
        }
        do {
            _ = try bench.reopen()
            Issue.record("it was opened")
        } catch let error as StorageError {
            #expect(error.description.contains("format version \(version)"))
            #expect(error.description.contains(known))
            #expect(error.errno == .invalid)
        }
    }

    @Test("A damaged log header and the header of another log are refused")
    func badHeader() throws {
        for byte in [0, 8, 12, 16, 24, 32, 40, 48, 56, 63] {
            let (bench, _) = try makeLog([1])
            change(bench) { $0[byte] ^= 4 }
            #expect(throws: StorageError.self) { try bench.reopen() }
        }
        let bench = LogBench()
        let other = try bench.create(testLog + 256)
        try bench.write([1], at: 0, to: other)
        try bench.disk.rename(LogDirectory.path(testLog + 256), to: bench.path)
        #expect(throws: StorageError.self) { try bench.reopen() }
    }
}
