// DiskFormatDocumentTests: compares the page on the disk format with the code. The code writes the worked
// log of the page again, and its constants, kinds and operations are compared with the tables.

import Platform
import TestSupport
import Testing

@testable import Storage

@Suite("The page on the disk format agrees with the code")
struct DiskFormatDocumentTests {
    static let path = "\(TestEnvironment.packageRoot)/Sources/Storage/Storage.docc/DiskFormat.md"

    private func page() throws -> [Substring] {
        let file = try File.open(Self.path, flags: 0)
        return String(decoding: try file.readAll(), as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    /// Returns the lines from a heading to the next heading.
    private func section(_ title: String) throws -> [Substring] {
        let lines = try page()
        let start = try #require(lines.firstIndex { $0.hasPrefix("#") && $0.hasSuffix(" \(title)") })
        return Array(lines[(start + 1)...].prefix { !$0.hasPrefix("#") })
    }

    /// Returns the first two cells of each row of the tables in a section, without the table headings.
    private func rows(_ title: String) throws -> [(name: String, value: String)] {
        try section(title).compactMap { line in
            guard line.hasPrefix("| `") else { return nil }
            let cells = line.split(separator: "|").map {
                String($0.filter { $0 != " " && $0 != "`" && $0 != "," })
            }
            return cells.count >= 2 ? (cells[0], cells[1]) : nil
        }
    }

    // MARK: The worked log

    /// Returns the log of two writes to a base file of 500,000,000 bytes: one byte at 250,000,000, then
    /// 5,000 bytes "y" at 4,096.
    private func workedLog() throws -> [UInt8] {
        let directory = try TemporaryDirectory("format")
        let disk = HostDisk(root: try File.open(directory.path, flags: 0))
        for path in ["workspaces", "workspaces/0001", "workspaces/0001/logs"] {
            try disk.makeDirectory(path)
        }
        let logs = LogDirectory(disk, openFiles: 4, key: testKey)
        let id: UInt64 = 1 << 48 | 42
        let start: Int64 = 1_700_000_000_000_000_000
        let log = try EditLog.create(
            id, baseFile: id, baseLength: 500_000_000, now: start, in: logs)
        let sequence = SequenceCounter(1)
        func write(_ bytes: [UInt8], at offset: UInt64, after nanoseconds: Int64) throws {
            let stamp = Stamp(time: start + nanoseconds, pid: 4711, uid: 1000)
            try bytes.withUnsafeBytes { raw in
                _ = try log.write(raw, at: offset, stamp: stamp, sequence: sequence)
            }
        }
        try write([0x58], at: 250_000_000, after: 0)
        try write([UInt8](repeating: 0x79, count: 5000), at: 4096, after: 1_000_000)
        return try disk.open(LogDirectory.path(id), .readOnly).readAll()
    }

    /// Returns the bytes of a dump in the page. Its lines are "OFFSET  BYTES  words". A line "*" repeats
    /// the previous byte up to the next offset.
    private func documentedBytes(_ title: String = "A worked log", from start: Int = 0) throws -> [UInt8] {
        var bytes: [UInt8] = []
        var repeats = false
        for line in try section(title) {
            if line == "*" {
                repeats = true
                continue
            }
            let offset = line.prefix(8)
            guard offset.count == 8, let place = Int(offset, radix: 16) else { continue }
            let position = place - start
            if repeats, let last = bytes.last {
                bytes += [UInt8](repeating: last, count: max(0, position - bytes.count))
                repeats = false
            }
            #expect(bytes.count == position, "\(line)")
            for word in line.dropFirst(10).split(separator: " ", omittingEmptySubsequences: false) {
                guard word.count == 2, let byte = UInt8(word, radix: 16) else { break }
                bytes.append(byte)
            }
        }
        return bytes
    }

    private func dump(_ bytes: [UInt8], from first: Int = 0) -> String {
        func hex(_ value: Int, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        return stride(from: 0, to: min(bytes.count, 512), by: 8).map { start in
            hex(first + start, 8) + "  "
                + bytes[start..<min(start + 8, bytes.count)].map { hex(Int($0), 2) }
                .joined(separator: " ")
        }.joined(separator: "\n")
    }

    @Test func `The worked log is what the code writes`() throws {
        let real = try workedLog()
        let documented = try documentedBytes()
        #expect(documented.count == real.count)
        if documented != real {
            let place = zip(documented, real).enumerated().first { $1.0 != $1.1 }?.offset
            Issue.record(
                "they differ from byte \(place ?? min(documented.count, real.count)) on:\n\(dump(real))")
        }
    }

    @Test func `The worked filler is what a repair writes`() throws {
        let disk = SimulatedDisk(seed: 1)
        let file = try disk.open("log", .create)
        try file.writeBytes(try workedLog(), at: 0)
        let repair = LogRepair(
            file, log: 1 << 48 | 42, key: testKey, time: 1_700_000_000_000_000_000)
        #expect(try repair.fill(0x40..<0x98, before: 0, after: 3))
        let real = try file.readBytes(0x58, at: 0x40)
        let documented = try documentedBytes("A worked filler", from: 0x40)
        if documented != real { Issue.record("it is:\n\(dump(real, from: 0x40))") }
    }

    // MARK: Tables

    @Test func `The constants are the code's`() throws {
        func text(_ magic: UInt64) -> String {
            String(decoding: (0..<8).map { UInt8(truncatingIfNeeded: magic >> (8 * $0)) }, as: UTF8.self)
        }
        var inode = ByteWriter()
        InodeRecord(number: 1, mode: 0, user: 0, group: 0, links: 1, time: 0).encode(into: &inode)
        let known: [String: String] = [
            "storeVersion": "\(Format.storeVersion)", "logVersion": "\(Format.logVersion)",
            "sealedVersion": "\(Format.sealedVersion)",
            "databaseVersion": "\(Format.databaseVersion)",
            "logMagic": text(Format.logMagic), "superblockMagic": text(Format.superblockMagic),
            "workspaceMagic": text(Format.workspaceMagic), "piecesMagic": text(Format.piecesMagic),
            "cutMagic": text(Format.cutMagic), "pinMagic": text(Format.pinMagic),
            "pinVersion": "\(Format.pinVersion)", "pinFooterLength": "\(Format.pinFooterLength)",
            "limitsMagic": text(Format.limitsMagic), "usageMagic": text(Format.usageMagic),
            "runMagic": text(Format.runMagic), "releasedMagic": text(Format.releasedMagic),
            "horizonMagic": text(Format.horizonMagic),
            "keyMagic": text(Format.keyMagic),
            "recordMagic": String(text(UInt64(Format.recordMagic)).prefix(4)),
            "logHeaderLength": "\(Format.logHeaderLength)",
            "recordHeaderLength": "\(Format.recordHeaderLength)",
            "recordAlignment": "\(Format.recordAlignment)",
            "blockLength": "\(Format.blockLength)", "blockShift": "\(Format.blockShift)",
            "alignedPayloadLength": "\(Format.alignedPayloadLength)",
            "pageLength": "\(Format.pageLength)", "TreeLogStart.version": "\(TreeLogStart.version)",
            "maximumPayloadLength": "\(Format.maximumPayloadLength)",
            "partLength": "\(Format.partLength)",
            "Piece.encodedSize": "\(Piece.encodedSize)",
            "WorkspaceRecord.maximumID": "\(WorkspaceRecord.maximumID)",
            "InodeRecordwithouttarget": "\(inode.bytes.count)",
        ]
        var found: [String: String] = [:]
        for (name, value) in try rows("Constants") { found[name] = value }
        #expect(found == known)
    }

    @Test func `Record kinds and log kinds are the code's`() throws {
        let kinds = try rows("Record kinds")
        #expect(kinds.count == (0...255).count { RecordKind(rawValue: $0) != nil })
        for (name, value) in kinds {
            let kind = try #require(UInt8(value).flatMap { RecordKind(rawValue: $0) })
            #expect("\(kind)" == name)
        }
        let logKinds = (0...255).compactMap { LogKind(rawValue: $0) }
        let words = logKinds.map { "\($0.rawValue) \($0)" }.joined(separator: ", ")
        #expect(try section("Log header").contains { $0.hasSuffix("| kind of log: \(words) |") })
    }

    @Test func `Limits are the code's`() throws {
        let limits = try rows("Limits")
        #expect(limits.count == OperatorLimits.Key.allCases.count)
        for (name, value) in limits {
            let key = try #require(UInt32(value).flatMap { OperatorLimits.Key(rawValue: $0) })
            #expect("\(key)" == name)
        }
    }

    @Test func `Operations are the code's`() throws {
        let operations = try rows("Operations")
        #expect(operations.count == (0...255).count { TreeOperation(rawValue: $0) != nil })
        for (name, value) in operations {
            let operation = try #require(UInt8(value).flatMap { TreeOperation(rawValue: $0) })
            #expect("\(operation)" == name)
        }
    }

    @Test func `Flags of inodes are the code's`() throws {
        let known: [String: String] = [
            "hasLog": "\(InodeRecord.Flags.hasLog.rawValue)",
            "hasOrigin": "\(InodeRecord.Flags.hasOrigin.rawValue)",
            "hasXattrs": "\(InodeRecord.Flags.hasXattrs.rawValue)",
            "hasCapability": "\(InodeRecord.Flags.hasCapability.rawValue)",
            "followsBase": "\(InodeRecord.Flags.followsBase.rawValue)",
            "inheritsLog": "\(InodeRecord.Flags.inheritsLog.rawValue)",
        ]
        var found: [String: String] = [:]
        for (name, value) in try rows("Inode flags") { found[name] = value }
        #expect(found == known)
    }
}
