// InitReply: amends the answer to FUSE_INIT with flags that libfuse 3.14 cannot or forgets to
// send (PARALLEL_DIROPS, HANDLE_KILLPRIV_V2, SETXATTR_EXT). Pure functions on the bytes of
// `struct fuse_init_out` of linux/fuse.h, which is in the byte order of this machine.

enum InitReply {
    private static let flagsOffset = 12
    private static let flags2Offset = 32

    /// Sets `added` in a fuse_init_out; the upper half only in a body long enough to have
    /// `flags2`. Answers the flags that it then holds, nil (and no change) if it is too short.
    static func amend(
        _ body: UnsafeMutableRawBufferPointer, adding added: Capabilities
    ) -> Capabilities? {
        guard body.count >= flagsOffset + 4 else { return nil }
        var flags = UInt64(body.loadUnaligned(fromByteOffset: flagsOffset, as: UInt32.self))
        flags |= added.rawValue & 0xffff_ffff
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
