// DirectoryBufferTests: tests that entries are packed as struct fuse_dirent and struct fuse_direntplus.

import Platform
import Testing

@testable import Fuse

@Suite struct DirectoryBufferTests {
    @Test func `Entries are packed one behind the other until full`() {
        var buffer = DirectoryBuffer(capacity: 24 + 8 + 24 + 8 + 31)
        let first = buffer.add([0x61], inode: 5, type: .directory, nextCookie: 9)
        let second = buffer.add(
            Array("12345678".utf8), inode: 6, type: .symlink, nextCookie: UInt64(Int64.max))
        let third = buffer.add([0x62], inode: 7, type: .regular, nextCookie: 11)
        #expect(first && second && !third)
        let count = buffer.count
        #expect(count == 64)
        let raw = buffer.withBytes { RawBytes(Array($0)) }
        #expect(raw.get(UInt64.self, at: 0) == 5)
        #expect(raw.get(UInt64.self, at: 8) == 9)
        #expect(raw.get(UInt32.self, at: 16) == 1)
        #expect(raw.get(UInt32.self, at: 20) == UInt32(FileType.directory.rawValue))
        #expect(raw.get(UInt8.self, at: 24) == 0x61)
        #expect(raw.get(UInt64.self, at: 40) == UInt64(Int64.max))
        #expect(raw.get(UInt32.self, at: 52) == UInt32(FileType.symlink.rawValue))
    }

    @Test func `Entries with attributes carry node, times and type`() {
        var buffer = DirectoryBuffer(capacity: 400)
        let attributes = NodeAttributes(
            inode: 42, mode: 0o100644, size: 7, modificationTime: -1)
        let entry = NodeEntry(
            nodeID: 12, attributes: attributes, entryTimeout: 1.5, attributeTimeout: 2)
        let added = buffer.addPlus([0x66], entry, nextCookie: 3)
        #expect(added)
        let count = buffer.count
        #expect(count == 128 + 24 + 8)
        let raw = buffer.withBytes { RawBytes(Array($0)) }
        #expect(raw.get(UInt64.self, at: 0) == 12)
        #expect(raw.get(UInt64.self, at: 16) == 1)
        #expect(raw.get(UInt32.self, at: 32) == 500_000_000)
        #expect(raw.get(UInt64.self, at: 40) == 42)
        #expect(raw.get(UInt64.self, at: 48) == 7)
        #expect(raw.get(Int64.self, at: 72) == -1)
        #expect(raw.get(UInt32.self, at: 92) == 999_999_999)
        #expect(raw.get(UInt64.self, at: 128) == 42)
        #expect(raw.get(UInt64.self, at: 136) == 3)
        #expect(raw.get(UInt32.self, at: 148) == UInt32(FileType.regular.rawValue))
    }

    @Test(arguments: [-1, 0, 1, 31])
    func `A buffer too small takes nothing`(_ capacity: Int) {
        var buffer = DirectoryBuffer(capacity: capacity)
        let added = buffer.add([0x61], inode: 1, type: .regular, nextCookie: 1)
        let count = buffer.count
        #expect(!added)
        #expect(count == 0)
    }

    @Test func `A name of 255 bytes fits and a longer one is refused`() {
        var buffer = DirectoryBuffer(capacity: 4096)
        let long = buffer.add(
            [UInt8](repeating: 0xff, count: 255), inode: 1, type: .regular, nextCookie: 1)
        let tooLong = buffer.add(
            [UInt8](repeating: 0xff, count: 256), inode: 1, type: .regular, nextCookie: 2)
        #expect(long && !tooLong)
        let count = buffer.count
        #expect(count == 280)
    }
}
