// TreeChangeTests: tests that encoded tree changes decode to the same changes, that payloads of a wrong
// length decode to nil, and that damaged payloads never trap.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Tree change")
struct TreeChangeTests {
    private typealias Random = SeededGenerator

    private static func record(_ random: inout Random) -> InodeRecord {
        var record = InodeRecord(
            number: random.next(), mode: UInt32(truncatingIfNeeded: random.next()), user: 1,
            group: 2, links: 3, time: Int64(bitPattern: random.next()))
        record.size = random.next() >> 1
        record.allocated = random.next()
        record.sequence = random.next()
        record.contentSequence = random.next()
        record.specialDevice = random.next()
        record.birthTime = -5
        record.flags = [.hasLog, .hasXattrs]
        if Bool.random(using: &random) { record.symlinkTarget = randomBytes(40, &random) }
        return record
    }

    private static func maybe<T>(_ value: T, _ random: inout Random) -> T? {
        Bool.random(using: &random) ? value : nil
    }

    private static func origin(_ random: inout Random) throws -> Origin {
        var origin = Origin(
            path: randomBytes(30, &random), device: 3, status: try FileStatus([0x2e], in: root()))
        origin.isPinned = Bool.random(using: &random)
        return origin
    }

    private static func root() throws -> File { try File.open("/", flags: 0) }

    private static func change(_ random: inout Random) throws -> TreeChange {
        let number = random.next()
        let name = FileName(trusted: randomBytes(12, &random).map { $0 == 0x2f ? 0x30 : $0 })
        switch Int.random(in: 0..<8, using: &random) {
        case 0:
            let before = record(&random)
            let after = record(&random)
            return .inode(number, before: maybe(before, &random), after: maybe(after, &random))
        case 1:
            let entry = Entry(inode: random.next(), type: .regular)
            return .entry(
                number, name, before: maybe(.whiteout, &random), after: maybe(entry, &random))
        case 2:
            let count = Int.random(in: 0...90, using: &random)
            let value = XattrValue.value(randomBytes(count, &random))
            return .xattr(
                number, randomBytes(9, &random), before: maybe(.hidden, &random),
                after: maybe(value, &random))
        case 3:
            let before = Bool.random(using: &random) ? try origin(&random) : nil
            return .origin(number, before: before, after: try origin(&random))
        case 4: return .device(7, path: randomBytes(20, &random))
        case 5:
            let backup = BackupRecord(
                sequence: random.next(), time: -5, isAutomatic: Bool.random(using: &random),
                comment: randomBytes(30, &random))
            return .backup(name, before: maybe(backup, &random), after: maybe(backup, &random))
        case 6: return .content(number, source: random.next(), sequence: random.next())
        default: return .alias(number, device: 2, inode: random.next(), birthTime: -1)
        }
    }

    private static func payload(_ seed: Int) throws -> (changes: [TreeChange], bytes: [UInt8]) {
        var random = Random(seed: UInt64(seed))
        let changes = try (0..<(seed % 7)).map { _ in try change(&random) }
        return (changes, TreeChange.encode(.rename, changes))
    }

    @Test("Random transactions decode to the encoded changes")
    func roundTrip() throws {
        for seed in 0..<400 {
            let (changes, bytes) = try Self.payload(seed)
            let decoded = TreeChange.decode(bytes)
            #expect(decoded?.0 == .rename, "seed \(seed)")
            #expect(decoded?.1 == changes, "seed \(seed)")
        }
    }

    @Test("A payload that is cut or too long decodes to nil")
    func wrongLength() throws {
        for seed in 1..<40 {
            let bytes = try Self.payload(seed).bytes
            for length in 0..<bytes.count {
                #expect(TreeChange.decode(Array(bytes[..<length])) == nil, "\(seed), \(length)")
            }
            #expect(TreeChange.decode(bytes + [0]) == nil, "seed \(seed)")
        }
    }

    @Test("Damaged payloads never trap")
    func damaged() throws {
        let seeds = TestSeeds.list("damaged transactions")
        for (seed, step) in seeds.flatMap({ seed in (0..<80).map { (seed, $0) } }) {
            var random = Random(seed: seed.value &* 80 &+ UInt64(step))
            var bytes = try Self.payload(step % 40 + 1).bytes
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let index = Int.random(in: 0..<bytes.count, using: &random)
                bytes[index] = UInt8.random(in: 0...255, using: &random)
            }
            if let (operation, changes) = TreeChange.decode(bytes) {
                // Decoded changes can be encoded again.
                #expect(!TreeChange.encode(operation, changes).isEmpty, "\(seed), step \(step)")
            }
            #expect(TreeChange.decode([255] + bytes) == nil)
        }
    }
}
