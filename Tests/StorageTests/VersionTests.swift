// VersionTests: tests the versions of an edit log: the content after each change, splices, and records that
// are withdrawn or were never committed.

import Platform
import TestSupport
import Testing

@testable import Storage

@Suite("Versions of an edit log")
struct VersionTests {
    @Test("Each version reads as it was, with and without a piece checkpoint", arguments: TestSeeds.all())
    func everyVersion(seed: TestSeed) throws {
        var random = seed.generator
        let bench = LogBench()
        let log = try bench.create()
        var now: [UInt8] = []
        var versions: [(sequence: UInt64, bytes: [UInt8])] = [(0, [])]
        for step in 0..<60 {
            if Int.random(in: 0..<3, using: &random) == 0, !now.isEmpty {
                let at = Int.random(in: 0...now.count, using: &random)
                let gone = Int.random(in: 0...(now.count - at), using: &random)
                let fresh = [UInt8](repeating: UInt8(step), count: Int.random(in: 0...40, using: &random))
                try bench.splice([(at, gone, fresh)], in: log)
                now.replaceSubrange(at..<(at + gone), with: fresh)
            } else {
                let fresh = [UInt8](repeating: UInt8(step), count: Int.random(in: 1...90, using: &random))
                let at = Int.random(in: 0...(now.count + 5), using: &random)
                try bench.write(fresh, at: UInt64(at), to: log)
                if now.count < at + fresh.count {
                    now += [UInt8](repeating: 0, count: at + fresh.count - now.count)
                }
                now.replaceSubrange(at..<(at + fresh.count), with: fresh)
            }
            versions.append((log.lastSequence, now))
            if step == 30 { try log.checkpoint(ifMoreThan: 1) }
        }
        for log in [log, try bench.reopen().log] {
            #expect(try bench.read(log) == now, "\(seed)")
            for version in versions {
                let found = try log.content(at: version.sequence)
                #expect(found.version.sequence == version.sequence, "\(seed)")
                #expect(
                    try bench.read(found.pieces) == version.bytes,
                    "\(seed), change \(version.sequence)")
            }
        }
    }

    @Test("The splices of one record are applied together, at the offsets before the record")
    func several() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write(Array("0123456789".utf8), at: 0, to: log)
        try bench.splice([(0, 1, Array("ab".utf8)), (3, 2, []), (10, 0, Array("!".utf8))], in: log)
        #expect(try bench.read(log) == Array("ab1256789!".utf8))
        #expect(try bench.read(bench.reopen().log) == Array("ab1256789!".utf8))
    }

    @Test("A splice outside the file changes nothing")
    func outside() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        #expect(throws: Errno.invalid) { try bench.splice([(4, 0, [9])], in: log) }
        #expect(try bench.read(log) == [1, 2, 3])
    }

    @Test("Withdrawn records leave only zeros after the former end of the log")
    func withdrawn() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        let before = bench.bytes
        let mark = log.beginProvisional()
        try bench.splice([(0, 3, [7])], in: log)
        log.withdraw(to: mark)
        #expect(bench.bytes.starts(with: before))
        #expect(bench.bytes.dropFirst(before.count).allSatisfy { $0 == 0 })
        #expect(try bench.read(log) == [1, 2, 3])
    }

    @Test("An uncommitted restore is cut off, and a committed restore remains")
    func uncommitted() throws {
        let bench = LogBench()
        let log = try bench.create()
        try bench.write([1, 2, 3], at: 0, to: log)
        try bench.splice([(0, 3, [7])], kind: .restore, in: log)
        let number = log.lastSequence
        try EditLogRecovery.cutUncommitted(
            testLog, after: 0, in: bench.logs, afterPowerCut: false) { $0 == number }
        #expect(try bench.read(bench.reopen().log) == [7])
        try EditLogRecovery.cutUncommitted(
            testLog, after: 0, in: bench.logs, afterPowerCut: false) { _ in false }
        #expect(try bench.read(bench.reopen().log) == [1, 2, 3])
    }

    @Test("A damaged record makes its version and later ones unreadable, but no earlier one")
    func damage() throws {
        let bench = LogBench()
        let log = try bench.create()
        for value in 1...4 { try bench.write([UInt8(value)], at: UInt64(value), to: log) }
        let sequences = (1...4).map(UInt64.init)
        var bytes = bench.bytes
        bytes[64 + 2 * 88] ^= 1
        bench.disk.setContents(of: bench.path, to: bytes)
        let (damaged, _) = try bench.reopen()
        #expect(try damaged.content(at: sequences[1]).version.size == 3)
        for late in sequences[2...] {
            #expect(throws: Errno.inputOutput) { try damaged.content(at: late) }
        }
    }

    @Test("A payload of splices from a damaged disk is refused, or its splices are in order and fit a file")
    func damagedPayload() throws {
        let seeds = TestSeeds.list("damaged splices")
        let (splices, bytes) = PieceSplice.inserting([(0, 4, [1, 2]), (9, 0, [3])], log: 5)
        #expect(splices.count == 2 && bytes == [1, 2, 3])
        let whole = PieceSplice.encode(splices, bytes: bytes)
        let head = whole.count - bytes.count
        #expect(PieceSplice.decode(whole) == splices)
        for length in 0..<head { #expect(PieceSplice.decode(Array(whole.prefix(length))) == nil) }
        var refused = 0
        for seed in seeds {
            var random = seed.generator
            for step in 0..<200 {
                var payload = (0..<Int.random(in: 0...120, using: &random)).map { _ in
                    UInt8.random(in: 0...(Bool.random(using: &random) ? 3 : 255), using: &random)
                }
                if step % 2 == 0 {
                    payload = whole
                    let byte = Int.random(in: 0..<head, using: &random)
                    payload[byte] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                }
                guard let found = PieceSplice.decode(payload) else {
                    refused += 1
                    continue
                }
                requireUsable(found, "\(seed), step \(step)")
            }
        }
        // Of the random payloads hardly one is that of splices.
        #expect(refused > seeds.count * 90)
    }

    private func requireUsable(_ splices: [PieceSplice], _ place: String) {
        var end: UInt64 = 0
        for splice in splices {
            #expect(splice.offset >= end && splice.offset <= PieceTree.maximumLength, "\(place)")
            #expect(splice.delete <= PieceTree.maximumLength, "\(place)")
            end = splice.offset + splice.delete
        }
        let pieces = splices.flatMap(\.pieces)
        #expect(pieces.allSatisfy { $0.isValid }, "\(place)")
        var room = PieceTree.maximumLength
        for piece in pieces {
            #expect(piece.length <= room, "\(place)")
            room -= min(room, piece.length)
        }
    }
}
