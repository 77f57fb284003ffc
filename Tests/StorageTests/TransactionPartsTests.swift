// TransactionPartsTests: tests transactions that take several records. An interrupted transaction is
// present as a whole or not at all, and damage to one transaction does not lose another.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Transactions in parts")
struct TransactionPartsTests {
    private let id: UInt64 = 1 << 48
    private let runSeed = TestEnvironment.seed()

    private struct Written: Equatable {
        var sequence: UInt64
        var changes: [TreeChange]
    }

    private func open(_ disk: SimulatedDisk, part: Int) throws -> TreeLog {
        try TreeLog("tree.log", id: id, key: testKey, on: disk, now: 5, partLength: part)
    }

    /// Returns the transactions that the next process finds, in order. A lost transaction has no changes.
    private func replay(
        _ treeLog: TreeLog, afterPowerCut: Bool = false
    ) throws -> (found: [Written], result: ScanResult) {
        var found: [Written] = []
        let result = try treeLog.replay(from: 0, after: 0, afterPowerCut: afterPowerCut) {
            (header, payload) throws(StorageError) in
            guard header.kind == RecordKind.transaction.rawValue else { return }
            found.append(
                Written(
                    sequence: header.sequence,
                    changes: try treeLog.transaction(header, payload)?.changes ?? []))
        }
        return (found, result)
    }

    private static func changes(_ count: Int, _ random: inout SeededGenerator) -> [TreeChange] {
        (0..<count).map { _ in
            let number = random.next()
            switch Int.random(in: 0..<4, using: &random) {
            case 0:
                let record = InodeRecord(
                    number: number, mode: 0o100644, user: 1, group: 2, links: 1, time: 7)
                return .inode(number, before: nil, after: record)
            case 1:
                let count = Int.random(in: 0...300, using: &random)
                return .xattr(
                    number, [0x61], before: nil, after: .value(randomBytes(count, &random)))
            case 2:
                let name = FileName(trusted: Array("name-\(number)".utf8))
                return .entry(1, name, before: nil, after: Entry(inode: number, type: .regular))
            default: return .content(number, source: 3, sequence: 4)
            }
        }
    }

    /// Returns five transactions with the sequence numbers 2, 4, 6, 8 and 10.
    private func transactions(_ seed: UInt64) -> [Written] {
        var random = SeededGenerator(seed: seed)
        return (1...5).map { index in
            let count = index % 2 == 0 ? 40 : Int.random(in: 0...4, using: &random)
            return Written(sequence: UInt64(2 * index), changes: Self.changes(count, &random))
        }
    }

    private func stamp(_ sequence: UInt64) -> Stamp {
        Stamp(time: Int64(sequence) * 1_000, pid: 10, uid: 1000)
    }

    private func append(_ written: Written, to treeLog: TreeLog) throws(Errno) {
        try treeLog.append(
            .rename, written.changes, sequence: written.sequence, stamp: stamp(written.sequence))
    }

    private static let parts = [60, 200, 1000, 1 << 20]

    @Test("Transactions are read back, and are found by number and time", arguments: parts)
    func roundTrip(part: Int) throws {
        for seed in runSeed..<(runSeed &+ 10) {
            let disk = SimulatedDisk(seed: seed)
            let written = transactions(seed)
            let first = try open(disk, part: part)
            for transaction in written { try append(transaction, to: first) }
            let treeLog = try open(disk, part: 1 << 20)
            let (found, result) = try replay(treeLog)
            #expect(found == written, "seed \(seed)")
            #expect(result.records == written.count && result.damage.isEmpty, "seed \(seed)")
            #expect(treeLog.end == first.end)
            for number in UInt64(0)...11 {
                var later: [UInt64] = []
                try treeLog.records(after: number) { header, _ in later.append(header.sequence) }
                #expect(later == written.map(\.sequence).filter { $0 > number }, "seed \(seed)")
                let last = written.map(\.sequence).last { $0 <= number } ?? 0
                #expect(try treeLog.lastRecord(upTo: number) == last, "seed \(seed)")
                let next = written.map(\.sequence).first { $0 > number }
                #expect(
                    try treeLog.lastSequence(at: Int64(number) * 1_000) == next.map { $0 - 1 } ?? .max)
                let isThere = number > 0 && number % 2 == 0 && number <= 10
                #expect(try treeLog.mayHave(transaction: number) == isThere, "seed \(seed)")
            }
        }
    }

    @Test("If a call fails, the transaction is absent and the next one is present", arguments: [1, 2, 3])
    func failures(times: Int) throws {
        var failed = 0
        for call in 0..<40 {
            let disk = SimulatedDisk(seed: UInt64(call))
            let treeLog = try open(disk, part: 200)
            let written = transactions(7)
            try append(written[0], to: treeLog)
            let end = treeLog.end
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: .noSpace, times: times))
            let isDone = (try? append(written[1], to: treeLog)) != nil
            disk.set(nil)
            if !isDone {
                failed += 1
                #expect(treeLog.end == end)
            }
            try append(written[2], to: treeLog)
            let expected = isDone ? Array(written[0...2]) : [written[0], written[2]]
            #expect(try replay(open(disk, part: 200)).found == expected, "call \(call)")
        }
        #expect(failed > 10)
    }

    @Test("After a kill at any call each is whole or not there, and no part is left")
    func kills() throws {
        var partial = 0
        for seed in 0..<UInt64(6) {
            for call in 0..<60 {
                let disk = SimulatedDisk(seed: seed &* 100 &+ UInt64(call))
                let treeLog = try open(disk, part: 150)
                disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
                let written = transactions(seed)
                var done = 0
                for transaction in written {
                    guard (try? append(transaction, to: treeLog)) != nil else { break }
                    done += 1
                }
                guard disk.isStopped else { break }
                let after = disk.afterKill()
                let next = try open(after, part: 150)
                let (found, result) = try replay(next)
                let place = "seed \(seed), call \(call)"
                #expect(found == Array(written[..<done]) || found == Array(written[...done]), "\(place)")
                #expect(result.damage.isEmpty, "\(place)")
                if result.tornBytes > 150 { partial += 1 }
                let length = UInt64(after.contents(of: "tree.log")?.count ?? 0)
                #expect(length <= next.end, "\(place)")
                let more = Written(sequence: 99, changes: written[1].changes)
                try append(more, to: next)
                #expect(try replay(open(after, part: 150)).found == found + [more], "\(place)")
            }
        }
        #expect(partial > 10)
    }

    @Test("After a power cut each transaction is whole or absent, and synced ones are present")
    func powerCuts() throws {
        for seed in runSeed..<(runSeed &+ 150) {
            let disk = SimulatedDisk(seed: seed)
            let treeLog = try open(disk, part: 700)
            try disk.synchronizeDirectory("")
            let written = transactions(seed)
            for (index, transaction) in written.enumerated() {
                try append(transaction, to: treeLog)
                if index == 1 { try treeLog.synchronize() }
            }
            let after = disk.afterPowerCut(seed: seed)
            let next = try open(after, part: 700)
            let (found, result) = try replay(next, afterPowerCut: true)
            #expect(found.count >= 2 && found == Array(written[..<found.count]), "seed \(seed)")
            #expect(result.damage.isEmpty, "seed \(seed)")
            let more = Written(sequence: 99, changes: written[3].changes)
            try append(more, to: next)
            #expect(try replay(open(after, part: 700)).found == found + [more], "seed \(seed)")
        }
    }

    // MARK: Damage

    private func verify(_ disk: SimulatedDisk) throws -> LogCheck {
        var verifier = LogVerifier(
            try disk.open("tree.log", .readOnly), kind: .tree, id: id, key: testKey,
            path: "tree.log")
        return try verifier.verify()
    }

    private func repair(_ disk: SimulatedDisk) throws {
        let file = try disk.open("tree.log", .readWrite)
        let repair = LogRepair(file, log: id, key: testKey, time: 1)
        for fault in try verify(disk).faults {
            switch fault.kind {
            case .lostRecords, .tornTail:
                // The last record of the file has no padding.
                var end = (fault.range.upperBound + 7) & ~7
                if fault.after == nil { end = max(end, fault.range.lowerBound + 72) }
                let isDone = try repair.fill(
                    fault.range.lowerBound..<end, before: fault.before, after: fault.after)
                #expect(isDone)
            case .block(let record, _): #expect(try repair.replace(record))
            case .padding: try repair.clear(fault.range)
            default: break
            }
        }
    }

    @Test("Damage of any record is found, and after a repair only its transaction is lost")
    func damage() throws {
        for seed in UInt64(0)..<3 {
            let disk = SimulatedDisk(seed: seed)
            let written = transactions(seed)
            let treeLog = try open(disk, part: 400)
            var starts: [UInt64] = []
            for transaction in written {
                starts.append(treeLog.end)
                try append(transaction, to: treeLog)
            }
            let good = disk.contents(of: "tree.log") ?? []
            #expect(try verify(disk).faults.isEmpty)
            for byte in stride(from: 64, to: good.count, by: 29) {
                let hit = (starts.lastIndex { $0 <= UInt64(byte) }) ?? 0
                var bytes = good
                bytes[byte] ^= 0x40
                disk.setContents(of: "tree.log", to: bytes)
                let faults = try verify(disk).faults
                let isPadding = faults.allSatisfy { if case .padding = $0.kind { true } else { false } }
                let place = "seed \(seed), byte \(byte)"
                #expect(faults.contains { $0.range.contains(UInt64(byte)) }, "\(place)")
                if isPadding { continue }
                let isRefused = (try? replay(open(disk, part: 400))).map {
                    !$0.result.damage.isEmpty
                } ?? true
                #expect(isRefused, "\(place)")
                disk.setContents(of: "tree.log", to: bytes)
                try repair(disk)
                #expect(try !verify(disk).hasDamage, "\(place)")
                let found = try replay(open(disk, part: 400)).found.filter { !$0.changes.isEmpty }
                var expected = written
                expected.remove(at: hit)
                #expect(found == expected.filter { !$0.changes.isEmpty }, "\(place)")
            }
        }
    }

    @Test("Damage across records loses only the transactions that it touches")
    func wideDamage() throws {
        var random = SeededGenerator(seed: runSeed)
        let disk = SimulatedDisk(seed: 1)
        let written = transactions(runSeed)
        let treeLog = try open(disk, part: 400)
        var starts: [UInt64] = []
        for transaction in written {
            starts.append(treeLog.end)
            try append(transaction, to: treeLog)
        }
        let good = disk.contents(of: "tree.log") ?? []
        for step in 0..<150 {
            let start = Int.random(in: 64..<good.count, using: &random)
            let end = min(good.count, start + Int.random(in: 1...3000, using: &random))
            var bytes = good
            for index in start..<end { bytes[index] = 0xaa }
            disk.setContents(of: "tree.log", to: bytes)
            // A pass that writes a filler may show a lost block after it, which the next pass repairs.
            for _ in 0..<3 { try repair(disk) }
            let place = "seed \(runSeed), step \(step), \(start)..<\(end)"
            #expect(try !verify(disk).hasDamage, "\(place)")
            let (found, result) = try replay(open(disk, part: 400))
            #expect(result.damage.isEmpty, "\(place)")
            let untouched = written.enumerated().filter { index, transaction in
                let next = index + 1 < starts.count ? Int(starts[index + 1]) : good.count
                return !transaction.changes.isEmpty && (next <= start || Int(starts[index]) >= end)
            }.map(\.element)
            #expect(untouched.allSatisfy { found.contains($0) }, "\(place)")
            #expect(found.allSatisfy { $0.changes.isEmpty || written.contains($0) }, "\(place)")
        }
    }

    @Test("Parts without the end of their transaction are a torn tail, and are cut off")
    func orphans() throws {
        let disk = SimulatedDisk(seed: 1)
        let written = transactions(3)
        let treeLog = try open(disk, part: 300)
        try append(written[0], to: treeLog)
        let end = treeLog.end
        try append(written[1], to: treeLog)
        let bytes = disk.contents(of: "tree.log") ?? []
        // The log is cut before the header of the last record.
        let starts = stride(from: Int(end), to: bytes.count - 72, by: 8).filter {
            bytes[$0] == 0x44 && bytes[$0 + 1] == 0x52 && bytes[$0 + 4] == 16
        }
        let last = try #require(starts.last)
        disk.setContents(of: "tree.log", to: Array(bytes[..<last]))
        let check = try verify(disk)
        #expect(check.end == end && check.lastSequence == written[0].sequence)
        #expect(check.faults.count == 1 && !check.hasDamage)
        #expect(check.faults.first?.range == end..<UInt64(last))
        let next = try open(disk, part: 300)
        #expect(try replay(next).found == [written[0]])
        #expect(next.end == end)
        #expect(disk.contents(of: "tree.log")?.count == Int(end))
    }
}

@Suite("Too long payloads")
struct LongPayloadTests {
    @Test("A record with a payload above the maximum is refused, and nothing is written")
    func refused() throws {
        let bench = LogBench()
        let logs = LogDirectory(bench.disk, openFiles: 8, key: testKey, maximumPayload: 200)
        let log = try EditLog.create(testLog, baseFile: 0, baseLength: 0, now: 1, in: logs)
        try bench.write([UInt8](repeating: 1, count: 200), at: 0, to: log)
        let (before, version) = (bench.bytes, log.version)
        let last = bench.sequence.last
        #expect(throws: Errno.fileTooBig) {
            try bench.write([UInt8](repeating: 1, count: 201), at: 0, to: log)
        }
        let pieces = (0..<7).map {
            Piece(.log(log: testLog, record: 64, skip: UInt32(2 * $0)), length: 1)
        }
        #expect(throws: Errno.fileTooBig) {
            try log.share(pieces, at: 0, stamp: testStamp, sequence: bench.sequence)
        }
        for kind in [RecordKind.splice, .restore] {
            #expect(throws: Errno.fileTooBig) {
                try log.splice(
                    [.whole(pieces)], kind: kind, stamp: testStamp, number: bench.sequence.next)
            }
        }
        #expect(throws: Errno.fileTooBig) {
            try bench.splice([(0, 0, [UInt8](repeating: 1, count: 170))], in: log)
        }
        #expect(bench.bytes == before && log.version == version && bench.sequence.last == last)
        _ = try log.share(
            Array(pieces.prefix(6)), at: 0, stamp: testStamp, sequence: bench.sequence)
        #expect(try bench.read(log) == bench.read(bench.reopen().log))
    }
}
