// TreeLogRoomTests: tests the reserved room of a tree log on a full disk. Records can use the room, and a
// record that does not fit does not reduce it. The tests use a tmpfs with a fixed number of blocks.

import Glibc
import Platform
import Storage
import TestSupport
import Testing

@Suite(.enabled(if: TestEnvironment.isRoot, "a file system is mounted: needs root"))
struct TreeLogRoomTests {
    /// A tmpfs of 4 MiB, which is unmounted at the end.
    private final class SmallDisk {
        let directory: TemporaryDirectory
        let disk: HostDisk

        init() throws {
            directory = try TemporaryDirectory("room")
            try ChildProcess.check(
                ["mount", "-t", "tmpfs", "-o", "size=4m", "none", directory.path])
            disk = HostDisk(root: try File.open(directory.path, flags: O_RDONLY | O_DIRECTORY))
        }

        deinit { detach(directory.path) }

        func fill() throws {
            let file = try disk.open("filler", .create)
            let block = bytes(4_096, fill: 7)
            while (try? file.writeBytes(block, at: file.length())) != nil {}
        }
    }

    private func open(_ disk: any Disk) throws -> TreeLog {
        let treeLog = try TreeLog("tree.log", id: 1 << 48, key: testKey, on: disk, now: 5)
        _ = try treeLog.replay(from: 0, after: 0) { _, _ in }
        return treeLog
    }

    private func append(_ count: Int, _ sequence: UInt64, _ treeLog: TreeLog) throws {
        try treeLog.append(
            .transaction, sequence: sequence, stamp: testStamp, payload: bytes(count, fill: sequence))
    }

    @Test("On a full disk records use the room of the tree log, also after it is opened again")
    func kept() throws {
        let small = try SmallDisk()
        var treeLog = try open(small.disk)
        try append(500, 1, treeLog)
        try treeLog.keepRoom(256 << 10, own: 0)
        #expect(treeLog.room >= 256 << 10)
        #expect(try small.disk.open("tree.log", .readOnly).length() < 4_096)
        try small.fill()
        for number in 2...200 { try append(500, UInt64(number), treeLog) }
        treeLog = try open(small.disk)
        for number in 201...400 { try append(500, UInt64(number), treeLog) }
        var count = 0
        _ = try open(small.disk).replay(from: 0, after: 0) { _, _ in count += 1 }
        #expect(count == 400)
    }

    @Test("A record that does not fit into the room does not reduce the room")
    func tooLarge() throws {
        let small = try SmallDisk()
        let treeLog = try open(small.disk)
        try treeLog.keepRoom(256 << 10, own: 0)
        try small.fill()
        let room = treeLog.room
        for _ in 0..<3 {
            #expect(throws: Errno.noSpace) { try append(3 << 20, 1, treeLog) }
            try small.fill()
        }
        #expect(treeLog.room == room)
        for number in 1...400 { try append(500, UInt64(number), treeLog) }
    }

    @Test("A call that would grow the log is refused before it uses the room")
    func refused() throws {
        let small = try SmallDisk()
        let treeLog = try open(small.disk)
        try treeLog.keepRoom(100 << 10, own: 0)
        try small.fill()
        let room = treeLog.room
        #expect(throws: Errno.noSpace) { try treeLog.keepRoom(4 << 20, own: 500) }
        // A record that fits into the room is appended.
        try append(int(room) - 8_192, 1, treeLog)
        #expect(throws: Errno.noSpace) { try treeLog.keepRoom(100 << 10, own: 500) }
        #expect(throws: Errno.noSpace) {
            try treeLog.keepRoom(100 << 10, own: 20_000, isLenient: true)
        }
        try small.disk.remove("filler")
        try treeLog.keepRoom(100 << 10, own: 500)
        #expect(treeLog.room >= 100 << 10)
    }

    private func int(_ value: UInt64) -> Int { Int(clamping: value) }
}
