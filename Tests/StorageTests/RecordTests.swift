// RecordTests: tests the header of a record: its encoding on disk, its checksum, and the invalid headers
// that are refused.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Record")
struct RecordTests {
    private func encoded(_ header: RecordHeader) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Format.recordHeaderLength)
        bytes.withUnsafeMutableBytes { header.encode(into: $0) }
        return bytes
    }

    private func header(payload: Int) -> RecordHeader {
        var header = RecordHeader(
            kind: .write, sequence: 9, stamp: testStamp, offset: 100, length: UInt64(payload),
            payloadLength: payload)
        header.place(at: 64)
        return header
    }

    @Test("A header is read back as it was written", arguments: [0, 1, 16_384, 16_385, 65_536])
    func roundTrip(payload: Int) {
        let header = header(payload: payload)
        let decoded = encoded(header).withUnsafeBytes { RecordHeader(decoding: $0) }
        #expect(decoded == header)
        #expect(header.blockCount == (payload + 16_383) / 16_384)
        #expect(header.recordLength % 8 == 0)
        if payload >= 65_536 { #expect((64 + UInt64(header.payloadStart)) % 4096 == 0) }
    }

    @Test("The first bytes of a header have the documented layout")
    func layout() {
        let bytes = encoded(header(payload: 1))
        #expect(Array(bytes[0..<8]) == [0x44, 0x52, 0x45, 0x43, 1, 14, 0, 0])
        #expect(Array(bytes[8..<16]) == [9, 0, 0, 0, 0, 0, 0, 0])
        #expect(Array(bytes[48..<56]) == [1, 0, 0, 0, 80, 0, 0, 0])
    }

    @Test("An invalid header is refused", arguments: [
        (0, 0x45), (6, 1), (5, 8), (5, 17), (51, 0xff), (52, 0), (54, 1), (39, 0x80),
        (47, 0x80),
    ])
    func refusals(index: Int, value: Int) {
        var bytes = encoded(header(payload: 1))
        bytes[index] = UInt8(value)
        #expect(bytes.withUnsafeBytes { RecordHeader(decoding: $0) } == nil)
        #expect(bytes[0..<71].withUnsafeBytes { RecordHeader(decoding: $0) } == nil)
    }

    @Test("Random bytes after the magic never trap")
    func randomHeaders() {
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<5000 {
            var bytes = randomBytes(Format.recordHeaderLength, &generator)
            bytes.replaceSubrange(0..<4, with: [0x44, 0x52, 0x45, 0x43])
            bytes.replaceSubrange(6..<8, with: [0, 0])
            bytes[5] = UInt8.random(in: 9...16, using: &generator)
            bytes[51] &= 0x0f
            bytes[55] = 0
            bytes[54] = 0
            bytes[39] &= 0x3f
            bytes[47] &= 0x3f
            let decoded = bytes.withUnsafeBytes { RecordHeader(decoding: $0) }
            if let decoded { #expect(decoded.recordLength >= 72) }
        }
    }

    @Test("The checksum depends on the log, the position and the key")
    func checksumPlace() throws {
        let bytes = encoded(header(payload: 0))
        func sum(_ log: UInt64, _ position: UInt64, _ key: ChecksumKey = testKey) -> UInt64 {
            bytes.withUnsafeBytes {
                RecordHeader.headerSum($0, log: log, key: key, position: position)
            }
        }
        #expect(sum(1, 64) == sum(1, 64))
        let other = sum(1, 64, try .random())
        #expect(Set([sum(1, 64), sum(2, 64), sum(1, 72), sum(64, 1), other]).count == 5)
    }

    @Test("Keys are random, and a key of a wrong length is refused")
    func keys() throws {
        #expect(try ChecksumKey.random() != .random())
        #expect(ChecksumKey([1, 2, 3]) == nil)
        // The sum with a key must differ from the sum with the library's default secret.
        let bytes = [UInt8](repeating: 7, count: 72)
        let keyed = bytes.withUnsafeBytes { testKey.xxh3($0) }
        #expect(keyed != Checksum.xxh3(bytes))
    }
}
