// The line index after edits equals an index that is counted from the new file.

import Platform
import TestSupport
import Testing
@testable import Tools

@Suite struct LineIndexTests {
    private static func counted(
        _ bytes: [UInt8], _ encoding: TextEncoding
    ) throws(ToolError) -> LineIndex {
        var index = LineIndex(
            size: UInt64(bytes.count), encoding: encoding, smallestBlock: 256)
        try index.extend(until: { _ in false }, read: reader(bytes))
        return index
    }

    private static func reader(
        _ bytes: [UInt8]
    ) -> LineIndex.Read {
        { (buffer, offset) throws(ToolError) in
            let part = bytes.dropFirst(Int(offset)).prefix(buffer.count)
            buffer.replaceSubrange(..<part.count, with: part)
            return part.count
        }
    }

    /// Returns a length that is mostly short.
    private static func length(_ random: inout SeededGenerator) -> Int {
        Int.random(in: 0...900, using: &random) >> Int.random(in: 0...9, using: &random)
    }

    @Test("After random edits the index equals a newly counted one", arguments: [
        TextEncoding.utf8, .utf16LittleEndian, .latin1,
    ])
    func edits(encoding: TextEncoding) throws {
        for seed in UInt64(0)..<200 {
            var random = SeededGenerator(seed: seed)
            let length = 700 + Int.random(in: 0..<2_000, using: &random) * 2
            var bytes = (0..<length).map { _ in
                UInt8.random(in: 0...9, using: &random) == 0
                    ? 0x0a : UInt8.random(in: 0...255, using: &random)
            }
            var index = try Self.counted(bytes, encoding)
            for step in 0..<6 {
                var splices: [ByteSplice] = []
                var at = 0
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    guard at < bytes.count else { break }
                    at = Int.random(in: at...min(bytes.count, at + 400), using: &random)
                    var delete = min(bytes.count - at, Self.length(&random))
                    var count = Self.length(&random)
                    if encoding.unit == 2 { (at, delete, count) = (at & ~1, delete & ~1, count & ~1) }
                    splices.append(
                        ByteSplice(
                            offset: UInt64(at), delete: UInt64(delete),
                            insert: (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }))
                    at += delete
                }
                for splice in splices.reversed() {
                    let start = Int(splice.offset)
                    bytes.replaceSubrange(start..<start + Int(splice.delete), with: splice.insert)
                }
                try index.apply(splices, read: Self.reader(bytes))
                let place = "seed \(seed), step \(step)"
                #expect(index.size == UInt64(bytes.count), "\(place)")
                try index.extend(until: { _ in false }, read: Self.reader(bytes))
                #expect(index.counted == (try Self.counted(bytes, encoding)).counted, "\(place)")
            }
        }
    }

    @Test("The number of blocks is bounded for any file size")
    func bounded() {
        for size: UInt64 in [0, 1, 1 << 30, 1 << 40, 1 << 50, UInt64(Int64.max)] {
            let index = LineIndex(size: size, encoding: .utf8)
            #expect(size / index.blockLength <= LineIndex.mostBlocks, "\(size)")
        }
    }
}
