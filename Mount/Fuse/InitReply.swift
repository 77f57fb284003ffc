// InitReply: adds flags to the reply to FUSE_INIT that libfuse 3.14 cannot send or omits
// (PARALLEL_DIROPS, HANDLE_KILLPRIV_V2, SETXATTR_EXT). These are pure functions on the bytes of
// `struct fuse_init_out` of linux/fuse.h, in host byte order.

enum InitReply {
    private static let flagsOffset = 12
    private static let flags2Offset = 32

    /// Sets `added` and clears `removed` in a fuse_init_out. The upper 32 bits are set only if the
    /// body is long enough to have `flags2`. Returns the resulting flags, or nil (and changes
    /// nothing) if the body is too short.
    static func amend(
        _ body: UnsafeMutableRawBufferPointer, adding added: Capabilities,
        removing removed: Capabilities
    ) -> Capabilities? {
        guard body.count >= flagsOffset + 4 else { return nil }
        var flags = UInt64(body.loadUnaligned(fromByteOffset: flagsOffset, as: UInt32.self))
        flags = (flags & ~removed.rawValue) | (added.rawValue & 0xffff_ffff)
        guard body.count >= flags2Offset + 4 else {
            flags &= ~Capabilities.initExtended.rawValue
            store(flags, in: body, at: flagsOffset)
            return Capabilities(rawValue: flags)
        }
        let upper = added.rawValue >> 32
        if upper != 0 { flags |= Capabilities.initExtended.rawValue }
        store(flags, in: body, at: flagsOffset)
        var flags2 = UInt64(body.loadUnaligned(fromByteOffset: flags2Offset, as: UInt32.self))
        flags2 |= upper
        store(flags2, in: body, at: flags2Offset)
        return Capabilities(rawValue: flags | flags2 << 32)
    }

    private static func store(
        _ word: UInt64, in body: UnsafeMutableRawBufferPointer, at offset: Int
    ) {
        body.storeBytes(
            of: UInt32(truncatingIfNeeded: word), toByteOffset: offset, as: UInt32.self)
    }
}
