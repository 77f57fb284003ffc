// RawRequestTests: tests what is read and rewritten in raw requests, at the offsets of linux/fuse.h.

import Testing

@testable import Fuse

@Suite struct RawRequestTests {
    @Test func `A message shorter than a header is no request`() {
        for count in 0..<RawRequest.headerSize {
            let raw = RawBytes(count: count)
            #expect(RawRequest(raw.all) == nil)
        }
    }

    @Test func `Opcode and number are read from the header`() throws {
        let raw = RawBytes(count: 40)
        raw.set(UInt32(16), at: 4)
        raw.set(UInt64(0x1122_3344_5566), at: 8)
        let request = try #require(RawRequest(raw.all))
        #expect(request.opcode == Opcode.write)
        #expect(request.unique == 0x1122_3344_5566)
        #expect(request.word(at: 0) == nil)
    }

    @Test func `Offered flags have an upper half only with INIT_EXT`() throws {
        let raw = RawBytes(count: 40 + 64)
        raw.set(UInt32(1 << 28), at: 40 + 12)
        raw.set(UInt32(1 << 9), at: 40 + 16)
        let request = try #require(RawRequest(raw.all))
        #expect(request.offeredCapabilities == .handleKillPrivilegeV2)
        raw.set(UInt32(1 << 28 | 1 << 30), at: 40 + 12)
        #expect(
            request.offeredCapabilities == [.handleKillPrivilegeV2, .initExtended, .ioUring])
    }

    @Test func `An INIT of the old short form offers its lower flags only`() throws {
        let raw = RawBytes(count: 40 + 16)
        raw.set(UInt32(1 << 30 | 1), at: 40 + 12)
        let request = try #require(RawRequest(raw.all))
        #expect(request.offeredCapabilities == [.initExtended, .asyncRead])
    }

    @Test func `Write flags travel in the file handle`() throws {
        let raw = RawBytes(count: 40 + 40 + 3)
        raw.set(UInt32(0b101), at: 40 + 20)
        try #require(RawRequest(raw.all)).carryWriteFlags()
        #expect(raw.get(UInt64.self, at: 40) == 0b101)
        #expect(raw.get(UInt64.self, at: 40) & RawRequest.writeKillSetID != 0)
    }

    @Test func `Attribute flags travel in the file handle, which becomes valid`() throws {
        let raw = RawBytes(count: 40 + 88)
        raw.set(UInt32(1 << 11 | 1 << 3), at: 40)
        try #require(RawRequest(raw.all)).carryAttributeFlags()
        #expect(raw.get(UInt64.self, at: 48) == 1 << 11 | 1 << 3)
        #expect(raw.get(UInt32.self, at: 40) == 1 << 11 | 1 << 3 | 1 << 6)
    }

    @Test func `The extended setxattr becomes the short one`() throws {
        let name = Array("user.a\0value".utf8)
        let raw = RawBytes(count: 40 + 16 + name.count)
        raw.set(UInt32(21), at: 4)
        raw.set(UInt64(77), at: 8)
        raw.set(UInt32(5), at: 40)
        raw.set(UInt32(2), at: 44)
        raw.set(UInt32(1), at: 48)
        for (index, byte) in name.enumerated() { raw.set(byte, at: 56 + index) }
        let skipped = try #require(RawRequest(raw.all)).foldExtendedSetXattr()
        #expect(skipped == 8)
        let rest = RawBytes(Array(raw.bytes.dropFirst(skipped)))
        #expect(rest.get(UInt32.self, at: 4) == Opcode.setXattr)
        #expect(rest.get(UInt64.self, at: 8) == 77)
        #expect(rest.get(UInt32.self, at: 40) == 5)
        #expect(rest.get(UInt32.self, at: 44) == 2 | RawRequest.killSetGroupID)
        #expect(Array(rest.bytes.dropFirst(48)) == name)
    }

    @Test func `Truncated bodies are left as they are`() throws {
        for count in 40..<56 {
            let raw = RawBytes(count: count, filledWith: 0xff)
            let request = try #require(RawRequest(raw.all))
            request.carryWriteFlags()
            request.carryAttributeFlags()
            #expect(request.foldExtendedSetXattr() == 0, "\(count) bytes")
            #expect(raw.bytes.allSatisfy { $0 == 0xff }, "\(count) bytes")
        }
    }

    @Test func `Names of operations stand at their numbers`() {
        #expect(Opcode.names[Int(Opcode.write)] == "WRITE")
        #expect(Opcode.names[Int(Opcode.setXattr)] == "SETXATTR")
        #expect(Opcode.names[Int(Opcode.initialize)] == "INIT")
        #expect(Opcode.names[47] == "COPY_FILE_RANGE")
        #expect(Opcode.names.count <= Worker.opcodeLimit)
    }
}
