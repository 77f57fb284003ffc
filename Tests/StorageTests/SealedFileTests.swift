// Tests of sealed files, of the superblock of a store and of the record of a workspace.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Sealed file")
struct SealedFileTests {
    private let disk = SimulatedDisk(seed: 1)
    private let magic: UInt64 = 0x1122_3344_5566_7788

    private func read(copies: Int = 2) throws(StorageError) -> [UInt8] {
        try SealedFile.read(magic: magic, copies: copies, from: "file", on: disk)
    }

    private func write(_ payload: [UInt8], copies: Int) throws {
        try SealedFile.write(
            payload, magic: magic, copies: copies, to: "file", on: disk, durable: true)
    }

    @Test("A sealed file is read back", arguments: [0, 1, 5000])
    func roundTrip(count: Int) throws {
        let payload = [UInt8](repeating: 3, count: count)
        try write(payload, copies: 1)
        #expect(try read(copies: 1) == payload)
        try write(payload, copies: 2)
        #expect(try read() == payload)
        #expect(!disk.exists("file.new"))
    }

    @Test("A damaged byte in a single copy is refused, and of two copies the other is used")
    func damage() throws {
        for copies in 1...2 {
            try write(Array(1...20), copies: copies)
            let good = disk.contents(of: "file") ?? []
            for index in good.indices {
                var bytes = good
                bytes[index] ^= 0x81
                disk.setContents(of: "file", to: bytes)
                if copies == 2 {
                    #expect(try read() == Array(1...20), "byte \(index)")
                } else {
                    #expect(throws: StorageError.self, "byte \(index)") { try read() }
                }
                disk.setContents(of: "file", to: Array(good[..<index]))
                if index < good.count / copies {
                    #expect(throws: StorageError.self, "cut at \(index)") { try read() }
                }
            }
        }
    }

    @Test("Bytes that look like a copy inside a damaged single copy are not used")
    func likeness() throws {
        try write([6, 6, 6], copies: 1)
        let likeness = disk.contents(of: "file") ?? []
        try write([1] + likeness + [2], copies: 1)
        var bytes = disk.contents(of: "file") ?? []
        bytes[bytes.count - 1] ^= 1
        disk.setContents(of: "file", to: bytes)
        #expect(throws: StorageError.self) { try read(copies: 1) }
        #expect(try SealedFile.check(magic: magic, copies: 1, path: "file", on: disk).payload == nil)
        // As the second of two copies these bytes are valid.
        #expect(try read(copies: 2) == [6, 6, 6])
    }

    @Test("A write that fails leaves the old file", arguments: 0..<5)
    func failingWrite(call: Int) throws {
        try write([1], copies: 2)
        disk.set(SimulatedDisk.Plan(callsBefore: call, errno: .noSpace))
        #expect(throws: StorageError.self) { try write([2, 2], copies: 2) }
        #expect(try read() == [1])
        #expect(!disk.exists("file.new"))
    }

    @Test("A durable write survives a power cut right after it", arguments: 0..<20)
    func powerCut(seed: UInt64) throws {
        for parent in ["a", "a/b"] { try disk.makeDirectory(parent) }
        try disk.synchronizeAll()
        for path in ["file", "a/b/file"] {
            for payload in [[1], [2, 2]] as [[UInt8]] {
                try SealedFile.write(
                    payload, magic: magic, copies: 1, to: path, on: disk, durable: true)
                let found = try SealedFile.read(
                    magic: magic, copies: 1, from: path, on: disk.afterPowerCut(seed: seed))
                #expect(found == payload, "\(path)")
            }
        }
    }

    @Test("A newer version is refused, and the message names it")
    func newerVersion() throws {
        var writer = ByteWriter()
        writer.integer(magic)
        writer.integer(UInt32(9))
        writer.integer(UInt32(0))
        writer.integer(Checksum.xxh3(writer.bytes))
        try write([], copies: 1)
        disk.setContents(of: "file", to: writer.bytes)
        do {
            _ = try read()
            Issue.record("it was read")
        } catch {
            #expect(error.description.contains("format version 9"))
        }
    }
}

@Suite("Superblock")
struct SuperblockTests {
    private let disk = SimulatedDisk(seed: 1)

    private var superblock: Superblock {
        Superblock(id: 5, created: 6, basePath: Array("/some/base".utf8), baseInode: 7, key: testKey)
    }

    @Test("The superblock is read back, also with either copy damaged")
    func roundTrip() throws {
        try superblock.write(to: disk)
        let good = disk.contents(of: Superblock.path) ?? []
        #expect(try Superblock(from: disk) == superblock)
        for start in [0, good.count / 2] {
            var bytes = good
            for index in start..<(start + good.count / 2) { bytes[index] = 0 }
            disk.setContents(of: Superblock.path, to: bytes)
            #expect(try Superblock(from: disk) == superblock)
        }
        disk.setContents(of: Superblock.path, to: [UInt8](repeating: 0, count: good.count))
        #expect(throws: StorageError.self) { try Superblock(from: disk) }
    }

    @Test("A store of another version is refused, and the message says what to do", arguments: [
        (4, "use the draftfs that wrote it, or a newer one"),
        (2, "use the draftfs that wrote it, or give another store with --store"),
        (1, "use the draftfs that wrote it, or give another store with --store"),
    ])
    func otherVersion(version: UInt32, advice: String) throws {
        var other = superblock
        other.version = version
        try other.write(to: disk)
        do {
            _ = try Superblock(from: disk)
            Issue.record("it was read")
        } catch {
            #expect(error.description.contains("superblock has format version \(version)"))
            #expect(error.description.contains(advice))
            #expect(error.errno == .invalid)
        }
    }

    @Test("A workspace's record is read back with any name, and one with number 0 is refused")
    func workspace() throws {
        for name in [[0x61], [0xff, 0xfe], [UInt8](repeating: 0x62, count: 255)] {
            let record = try WorkspaceRecord(id: 32_767, name: FileName(name), created: -1)
            try record.write(to: "workspace", on: disk)
            #expect(try WorkspaceRecord(from: "workspace", on: disk) == record)
        }
        let bad = WorkspaceRecord(id: 0, name: FileName(trusted: [0x61]), created: 1)
        try bad.write(to: "workspace", on: disk)
        #expect(throws: StorageError.self) { try WorkspaceRecord(from: "workspace", on: disk) }
    }
}
