// InitReplyTests: tests how flags are set and cleared in the reply to FUSE_INIT.

import Testing

@testable import Fuse

@Suite struct InitReplyTests {
    @Test func `Flags are added and taken away in the fourth word`() {
        let raw = RawBytes(count: 64)
        raw.set(UInt32(1 << 0 | 1 << 19), at: 12)
        let flags = InitReply.amend(
            raw.all, adding: .handleKillPrivilegeV2, removing: .handleKillPrivilege)
        #expect(flags == [.asyncRead, .handleKillPrivilegeV2])
        #expect(raw.get(UInt32.self, at: 12) == 1 << 0 | 1 << 28)
        #expect(raw.get(UInt32.self, at: 32) == 0)
    }

    @Test func `Flags of the upper half bring INIT_EXT with them`() {
        let raw = RawBytes(count: 64)
        let flags = InitReply.amend(raw.all, adding: .ioUring, removing: [])
        #expect(flags == [.ioUring, .initExtended])
        #expect(raw.get(UInt32.self, at: 12) == 1 << 30)
        #expect(raw.get(UInt32.self, at: 32) == 1 << 9)
    }

    @Test func `A short answer cannot have an upper half`() {
        let raw = RawBytes(count: 24)
        raw.set(UInt32(1 << 30), at: 12)
        let flags = InitReply.amend(raw.all, adding: [.ioUring, .posixACL], removing: [])
        #expect(flags == .posixACL)
        #expect(raw.get(UInt32.self, at: 12) == 1 << 20)
    }

    @Test func `An answer without flags stays as it is`() {
        for count in 0..<16 {
            let raw = RawBytes(count: count, filledWith: 7)
            #expect(InitReply.amend(raw.all, adding: .posixACL, removing: []) == nil)
            #expect(raw.bytes.allSatisfy { $0 == 7 })
        }
    }

    @Test func `Nothing else changes`() {
        let raw = RawBytes(count: 64, filledWith: 0xa5)
        _ = InitReply.amend(raw.all, adding: .posixACL, removing: .autoInvalidateData)
        for (index, byte) in raw.bytes.enumerated() where !(12..<16).contains(index) {
            #expect(byte == 0xa5, "byte \(index)")
        }
    }

    @Test func `What must not be agreed is not wanted`() {
        let refused: Capabilities = [
            .writebackCache, .atomicTruncate, .handleKillPrivilege, .explicitInvalidateData,
            .posixLocks, .fileLocks,
        ]
        #expect(Capabilities.wanted.isDisjoint(with: refused))
        #expect(Capabilities([.posixACL, .ioUring]).description == "POSIX_ACL OVER_IO_URING")
    }
}
