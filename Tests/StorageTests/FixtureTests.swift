// FixtureTests: tests the store in Fixtures/v3, which the first code of format version 3 wrote. Code with
// that version must read it, and must write the same bytes for the same changes.

import Glibc
import Platform
import Storage
import TestSupport
import Testing

@Suite("Fixture of format version 3")
struct FixtureTests {
    private static let files: [UInt64] = [1 << 48 | 1 << 47 | 1, 1 << 48 | 1 << 47 | 2]
    private static let names = ["one-byte", "bytes-5000"]
    private static let contents: [[UInt8]] = [
        [0x61], (0..<5000).map { UInt8(truncatingIfNeeded: $0 * 7 + 1) },
    ]
    private static let root: UInt64 = 1 << 48 | 2
    private static let copied = 100..<200

    private static var fixture: String {
        let parts = "\(#filePath)".split(separator: "/").dropLast()
        return "/" + parts.joined(separator: "/") + "/Fixtures/v3"
    }

    private static func transaction(_ index: Int) -> [TreeChange] {
        var record = InodeRecord(
            number: files[index], mode: 0o100_644, user: 1000, group: 1000, links: 1,
            time: testStamp.time)
        record.flags = .hasLog
        return [
            .entry(
                root, FileName(trusted: Array(names[index].utf8)), before: nil,
                after: Entry(inode: files[index], type: .regular)),
            .inode(files[index], before: nil, after: record),
        ]
    }

    /// The content of the second file after all edits: a part is shared at 6,000, then a hole is made and
    /// the end is cut off.
    private static var expected: [UInt8] {
        var bytes = contents[1] + [UInt8](repeating: 0, count: 1000) + contents[1][copied]
        for index in 10..<20 { bytes[index] = 0 }
        return Array(bytes[..<6050])
    }

    private static func make(_ path: String) throws {
        let store = try Store.open(
            path, basePath: Array("/base".utf8), baseInode: 2, holder: "the fixture", now: 1,
            key: testKey)
        let id = try store.createWorkspace(FileName("fixture"), now: 2).id
        let treeLog = try TreeLog(
            "\(LogDirectory.workspacePath(id))/tree.log", id: UInt64(id) << 48, key: store.logs.key,
            on: store.disk, now: 3)
        let sequence = SequenceCounter(0)
        _ = try treeLog.replay(from: 0, after: 0) { (_, _) throws(StorageError) in }
        for index in 0..<2 {
            let log = try EditLog.create(
                files[index], baseFile: 0, baseLength: 0, now: 4, in: store.logs)
            try treeLog.append(
                .transaction, sequence: sequence.next(), stamp: testStamp,
                payload: TreeChange.encode(.create, transaction(index)))
            _ = try contents[index].withUnsafeBytes {
                try log.write($0, at: 0, stamp: testStamp, sequence: sequence)
            }
            if index == 0 { continue }
            _ = try log.share(
                log.pieces(in: UInt64(copied.lowerBound)..<UInt64(copied.upperBound)), at: 6000,
                stamp: testStamp, sequence: sequence)
            _ = try log.punch(10..<20, stamp: testStamp, sequence: sequence)
            _ = try log.truncate(to: 6050, stamp: testStamp, sequence: sequence)
        }
    }

    @Test("The store opens with all its names and bytes")
    func opens() throws {
        let directory = try TemporaryDirectory("fixture")
        let path = directory("store")
        _ = try ChildProcess.run(["cp", "-r", Self.fixture, path], seconds: 30)
        let store = try Store.open(
            path, basePath: Array("/base".utf8), baseInode: 2, holder: "a test", now: 9)
        #expect(store.workspaces.map(\.name.description) == ["fixture"])
        #expect(store.superblock.key == testKey)
        let treeLog = try TreeLog(
            "workspaces/0001/tree.log", id: 1 << 48, key: store.logs.key, on: store.disk, now: 9)
        var changes: [[TreeChange]] = []
        let result = try treeLog.replay(from: 0, after: 0) { (_, payload) throws(StorageError) in
            if let (operation, list) = TreeChange.decode(payload), operation == .create {
                changes.append(list)
            }
        }
        #expect(result.damage.isEmpty && result.tornBytes == 0 && result.records == 2)
        #expect(changes == [Self.transaction(0), Self.transaction(1)])
        let logs = store.logs
        for (file, bytes) in zip(Self.files, [Self.contents[0], Self.expected]) {
            let log = try EditLog.open(file, in: logs) { Issue.record("\($0)") }
            #expect(log.version.size == UInt64(bytes.count))
            #expect(try Self.read(log, logs) == bytes)
        }
    }

    private static func read(_ log: EditLog, _ logs: LogDirectory) throws -> [UInt8] {
        var bytes: [UInt8] = []
        for piece in try log.pieces(in: 0..<log.version.size) {
            var part = [UInt8](repeating: 0, count: Int(piece.length))
            if case .log(let id, let record, let skip) = piece.source {
                var cache: RecordTable?
                try part.withUnsafeMutableBytes {
                    try LogFile.readPayload(
                        into: $0, skip: Int(skip), from: try logs.file(id), log: id, key: logs.key,
                        at: record, cache: &cache)
                }
            }
            bytes += part
        }
        return bytes
    }

    @Test("The same changes write the same bytes as in the fixture")
    func sameBytes() throws {
        let directory = try TemporaryDirectory("fixture")
        try Self.make(directory("store"))
        let paths = ["workspaces/0001/workspace", "workspaces/0001/tree.log"]
            + Self.files.map { LogDirectory.path($0) }
        for path in paths {
            let old = try File.open("\(Self.fixture)/\(path)", flags: O_RDONLY).readAll()
            let new = try File.open(directory("store/" + path), flags: O_RDONLY).readAll()
            #expect(old == new, "\(path)")
        }
    }
}
