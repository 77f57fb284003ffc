// Support: helpers for the tests of logs: an edit log on a simulated disk, a reader of the bytes of pieces,
// and random edits with a plain array as their model.

import Platform
import Storage
import TestSupport

/// The number of the log that most tests use: workspace 1, inode 7.
let testLog: UInt64 = 1 << 48 | 7

let testStamp = Stamp(time: 1_700_000_000_000_000_000, pid: 10, uid: 1000)

/// Returns random bytes without zeros, so that holes can be told from data.
func randomBytes(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
    let words = (0..<(count / 8 + 1)).map { _ in generator.next() | 0x0101_0101_0101_0101 }
    return words.withUnsafeBytes { Array($0.prefix(count)) }
}

struct LogBench {
    let disk: SimulatedDisk
    let logs: LogDirectory
    let sequence = SequenceCounter(0)

    init(_ disk: SimulatedDisk = SimulatedDisk(seed: 1)) {
        self.disk = disk
        for path in ["workspaces", "workspaces/0001", "workspaces/0001/logs"]
        where !disk.exists(path) {
            try? disk.makeDirectory(path)
        }
        logs = LogDirectory(disk, openFiles: 8, key: testKey)
    }

    var path: String { LogDirectory.path(testLog) }
    var bytes: [UInt8] { disk.contents(of: path) ?? [] }

    func create(_ id: UInt64 = testLog) throws -> EditLog {
        try EditLog.create(id, baseFile: 0, baseLength: 0, now: 1, in: logs)
    }

    /// Opens the log as the next process does, and returns the report of the scan, if any.
    func reopen(_ id: UInt64 = testLog) throws -> (log: EditLog, report: ScanResult?) {
        var report: ScanResult?
        let fresh = LogDirectory(disk, openFiles: 8, key: testKey)
        let log = try EditLog.open(id, in: fresh) { report = $0 }
        return (log, report)
    }

    func write(_ data: [UInt8], at offset: UInt64, to log: EditLog) throws {
        _ = try data.withUnsafeBytes {
            try log.write($0, at: offset, stamp: testStamp, sequence: sequence)
        }
    }

    func truncate(_ log: EditLog, to size: UInt64) throws {
        _ = try log.truncate(to: size, stamp: testStamp, sequence: sequence)
    }

    func punch(_ log: EditLog, _ range: Range<UInt64>) throws {
        _ = try log.punch(range, stamp: testStamp, sequence: sequence)
    }

    func splice(
        _ edits: [(Int, Int, [UInt8])], kind: RecordKind = .splice, in log: EditLog
    ) throws {
        let (splices, bytes) = PieceSplice.inserting(
            edits.map { (UInt64($0.0), UInt64($0.1), $0.2) }, log: log.id)
        _ = try log.splice(
            splices, bytes: bytes, kind: kind, stamp: testStamp, number: sequence.next)
    }

    func read(_ tree: PieceTree) throws -> [UInt8] { try read(Array(tree.allPieces)) }

    func read(_ log: EditLog) throws -> [UInt8] { try read(log.pieces(in: 0..<UInt64(1 << 40))) }

    func read(_ pieces: [Piece]) throws -> [UInt8] {
        let fresh = LogDirectory(disk, openFiles: 8, key: testKey)
        var bytes: [UInt8] = []
        for piece in pieces {
            var part = [UInt8](repeating: 0, count: Int(piece.length))
            if case .log(let log, let record, let skip) = piece.source {
                var cache: RecordTable?
                let file = try fresh.file(log)
                try part.withUnsafeMutableBytes {
                    try LogFile.readPayload(
                        into: $0, skip: Int(skip), from: file, log: log, key: testKey, at: record,
                        cache: &cache)
                }
            }
            bytes += part
        }
        return bytes
    }
}

/// Random edits of one log, and the content after each edit.
struct EditScript {
    var versions: [[UInt8]] = [[]]
    /// The end of the log after each version.
    var ends: [UInt64] = [UInt64(Format.logHeaderLength)]

    init(_ bench: LogBench, _ log: EditLog, edits: Int, seed: UInt64, longest: Int) throws {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<edits {
            var content = versions[versions.count - 1]
            switch Int.random(in: 0..<10, using: &generator) {
            case 0:
                let size = Int.random(in: 0...longest, using: &generator)
                try bench.truncate(log, to: UInt64(size))
                content = content.prefix(size)
                    + [UInt8](repeating: 0, count: max(0, size - content.count))
            case 1 where content.count > 1:
                let start = Int.random(in: 0..<(content.count - 1), using: &generator)
                let end = Int.random(in: (start + 1)..<content.count, using: &generator)
                try bench.punch(log, UInt64(start)..<UInt64(end))
                for index in start..<end { content[index] = 0 }
            case 2 where content.count > 10:
                let start = Int.random(in: 0..<(content.count - 5), using: &generator)
                let pieces = try log.pieces(in: UInt64(start)..<UInt64(start + 5))
                let target = Int.random(in: 0...content.count, using: &generator)
                _ = try log.share(
                    pieces, at: UInt64(target), stamp: testStamp, sequence: bench.sequence)
                content = Self.put(Array(content[start..<(start + 5)]), at: target, in: content)
            default:
                let offset = Int.random(in: 0...(content.count + 9), using: &generator)
                let data = randomBytes(Int.random(in: 1...longest, using: &generator), &generator)
                try bench.write(data, at: UInt64(offset), to: log)
                content = Self.put(data, at: offset, in: content)
            }
            versions.append(content)
            ends.append(log.end)
        }
    }

    private static func put(_ data: [UInt8], at offset: Int, in content: [UInt8]) -> [UInt8] {
        var content = content
        let needed = offset + data.count - content.count
        if needed > 0 { content += [UInt8](repeating: 0, count: needed) }
        content.replaceSubrange(offset..<(offset + data.count), with: data)
        return content
    }
}
