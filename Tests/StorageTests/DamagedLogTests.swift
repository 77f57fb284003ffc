// DamagedLogTests: tests thousands of random damages of edit logs. Opening a log never crashes. A read
// throws, or returns the content of some version of the file.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Damaged edit logs")
struct DamagedLogTests {
    enum Damage: CaseIterable {
        case flip, zero, cut, duplicate, swap, noise, insert

        func apply(to bytes: inout [UInt8], _ random: inout SeededGenerator) {
            let start = Int.random(in: 0..<bytes.count, using: &random)
            let length = min(Int.random(in: 1...600, using: &random), bytes.count - start)
            let other = Int.random(in: 0...(bytes.count - length), using: &random)
            switch self {
            case .flip:
                bytes[start] ^= UInt8(1) << UInt8.random(in: 0..<8, using: &random)
            case .zero:
                for index in start..<(start + length) { bytes[index] = 0 }
            case .cut:
                bytes.removeLast(bytes.count - start)
            case .duplicate:
                bytes.replaceSubrange(
                    other..<(other + length), with: Array(bytes[start..<(start + length)]))
            case .swap:
                let block = 512
                let blocks = bytes.count / block
                guard blocks > 1 else { return }
                let first = Int.random(in: 0..<blocks, using: &random) * block
                let second = Int.random(in: 0..<blocks, using: &random) * block
                for index in 0..<block { bytes.swapAt(first + index, second + index) }
            case .noise:
                for index in start..<(start + length) {
                    bytes[index] = UInt8.random(in: 0...255, using: &random)
                }
            case .insert:
                bytes.insert(contentsOf: bytes[start..<(start + length)], at: other)
            }
        }
    }

    private struct Sample {
        let bench: LogBench
        let script: EditScript
        let good: [UInt8]

        init(_ seed: UInt64, withPieces: Bool) throws {
            bench = LogBench()
            let log = try bench.create()
            script = try EditScript(bench, log, edits: 14, seed: seed, longest: 700)
            if withPieces { try log.checkpoint(ifMoreThan: 0) }
            good = bench.bytes
        }
    }

    @Test("A damaged log never crashes and never gives bytes of no version", arguments: [false, true])
    func damages(withPieces: Bool) throws {
        var outcomes: [String: Int] = [:]
        for seed in TestSeeds.list("damaged logs") {
            let sample = try Sample(seed.value, withPieces: withPieces)
            let pieces = sample.bench.disk.contents(of: LogDirectory.piecesPath(testLog))
            for step in 0..<40 {
                if let pieces {
                    try restore(pieces, LogDirectory.piecesPath(testLog), sample.bench.disk)
                }
                let outcome = try check(sample, seed, step, hasPieces: withPieces)
                outcomes[outcome, default: 0] += 1
            }
        }
        // A single replayed seed need not show the rare outcomes.
        if TestSeeds.isReplay { return }
        #expect(outcomes["refused", default: 0] > 10, "\(outcomes)")
        #expect(outcomes["EIO", default: 0] > 50, "\(outcomes)")
        #expect(outcomes["an older version", default: 0] > (withPieces ? 0 : 50), "\(outcomes)")
    }

    private func restore(_ bytes: [UInt8], _ path: String, _ disk: SimulatedDisk) throws {
        _ = try disk.open(path, .create)
        disk.setContents(of: path, to: bytes)
    }

    private func check(
        _ sample: Sample, _ seed: TestSeed, _ step: Int, hasPieces: Bool
    ) throws -> String {
        let number = seed.value &* 1_000 &+ UInt64(step)
        var random = SeededGenerator(seed: number)
        var bytes = sample.good
        var names: [Damage] = []
        for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
            let damage = Damage.allCases[Int.random(in: 0..<7, using: &random)]
            damage.apply(to: &bytes, &random)
            names.append(damage)
        }
        sample.bench.disk.setContents(of: sample.bench.path, to: bytes)
        let place = "\(seed), step \(step), \(names)"
        let log: EditLog
        let report: ScanResult?
        do {
            (log, report) = try sample.bench.reopen()
        } catch is StorageError {
            return "refused"
        }
        let versions = sample.script.versions
        let content: [UInt8]
        do {
            content = try sample.bench.read(log)
        } catch {
            #expect(error as? Errno == .inputOutput, "\(place)")
            try checkParts(sample, log, place)
            return "EIO"
        }
        let isLast = content == versions[versions.count - 1]
        let index = versions.lastIndex(of: content)
        #expect(index != nil, "\(place): \(content.count) bytes that never were")
        if report == nil, !hasPieces {
            // Without a report, only a cut exactly between two records is possible, which cannot be
            // detected, or a cut in the header, which looks like a log that was never synced.
            let isAtBoundary = bytes.count < Format.logHeaderLength || sample.script.ends.contains {
                $0 >= UInt64(bytes.count) && $0 < UInt64(bytes.count) + 8
            }
            #expect(isLast || isAtBoundary, "\(place)")
        }
        try checkGoingOn(sample, content, number, place)
        return isLast ? "the last version" : "an older version"
    }

    /// Checks a log that cannot be read as a whole: each piece that can be read has the bytes of a version
    /// of the log's size.
    private func checkParts(_ sample: Sample, _ log: EditLog, _ place: String) throws {
        guard let pieces = try? log.pieces(in: 0..<UInt64(1 << 40)) else { return }
        let sized = sample.script.versions.filter { UInt64($0.count) == log.version.size }
        var at = 0
        for piece in pieces {
            let end = at + Int(piece.length)
            if let part = try? sample.bench.read([piece]) {
                #expect(sized.contains { Array($0[at..<end]) == part }, "\(place): bytes \(at)")
            }
            at = end
        }
    }

    /// Checks that a readable log takes further edits, and that the next process finds them.
    private func checkGoingOn(
        _ sample: Sample, _ content: [UInt8], _ number: UInt64, _ place: String
    ) throws {
        let log = try sample.bench.reopen().log
        sample.bench.sequence.advance(to: 1_000 &+ number)
        try sample.bench.write([1, 2, 3], at: UInt64(content.count), to: log)
        let again = try sample.bench.reopen()
        #expect(try sample.bench.read(again.log) == content + [1, 2, 3], "\(place): going on")
        // Damage before a truncation to nothing stays in the log and does no harm.
        #expect(again.report?.tornBytes ?? 0 == 0, "\(place): going on")
    }

    @Test("A log cut at any byte has the version of the last whole record")
    func everyCut() throws {
        let sample = try Sample(77, withPieces: false)
        for length in 64..<sample.good.count {
            sample.bench.disk.setContents(of: sample.bench.path, to: Array(sample.good[..<length]))
            let (log, _) = try sample.bench.reopen()
            let index = sample.script.ends.firstIndex(of: log.end)
            guard let index else {
                Issue.record("cut at \(length): it ends at \(log.end)")
                continue
            }
            let isRight = try sample.bench.read(log) == sample.script.versions[index]
            #expect(isRight, "cut at \(length)")
            if index + 1 < sample.script.ends.count {
                #expect(sample.script.ends[index + 1] > UInt64(length), "cut at \(length)")
            }
        }
    }
}
