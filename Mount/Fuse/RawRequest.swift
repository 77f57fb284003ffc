// RawRequest: reads a request as the kernel wrote it (linux/fuse.h, host byte order) before libfuse
// decodes it, because libfuse 3.14 hides parts of it. It never reads or writes past the buffer.

/// One message from the kernel: a header of 40 bytes and a body.
struct RawRequest {
    let bytes: UnsafeMutableRawBufferPointer

    static let headerSize = 40

    private static let opcodeOffset = 4
    private static let uniqueOffset = 8

    /// Returns nil if the message is shorter than a header.
    init?(_ bytes: UnsafeMutableRawBufferPointer) {
        guard bytes.count >= RawRequest.headerSize else { return nil }
        self.bytes = bytes
    }

    var opcode: UInt32 {
        bytes.loadUnaligned(fromByteOffset: RawRequest.opcodeOffset, as: UInt32.self)
    }

    /// The kernel's number of this request; the reply repeats it.
    var unique: UInt64 {
        bytes.loadUnaligned(fromByteOffset: RawRequest.uniqueOffset, as: UInt64.self)
    }

    /// Returns a 32-bit word of the body, or nil past the end.
    func word(at offset: Int) -> UInt32? {
        let start = RawRequest.headerSize + offset
        guard start + 4 <= bytes.count else { return nil }
        return bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
    }

    /// The flags in a FUSE_INIT request. `flags2` is valid only with FUSE_INIT_EXT.
    var offeredCapabilities: Capabilities {
        guard let flags = word(at: 12) else { return [] }
        let lower = Capabilities(rawValue: UInt64(flags))
        guard lower.contains(.initExtended), let flags2 = word(at: 16) else { return lower }
        return Capabilities(rawValue: lower.rawValue | UInt64(flags2) << 32)
    }

    /// Copies `write_flags` of a fuse_write_in into its `fh`. libfuse drops the write flags but
    /// passes on the file handle, which is unused here because there is no open.
    func carryWriteFlags() {
        let flagsOffset = 20
        guard let flags = word(at: flagsOffset) else { return }
        bytes.storeBytes(
            of: UInt64(flags), toByteOffset: RawRequest.headerSize, as: UInt64.self)
    }

    /// Copies `valid` of a fuse_setattr_in into its `fh`, which libfuse passes on under FATTR_FH.
    /// Some versions of libfuse drop FATTR_KILL_SUIDGID from `valid`.
    func carryAttributeFlags() {
        let handleOffset = 8
        let handleValid: UInt32 = 1 << 6
        guard word(at: handleOffset + 4) != nil, let valid = word(at: 0) else { return }
        let start = RawRequest.headerSize
        bytes.storeBytes(of: UInt64(valid), toByteOffset: start + handleOffset, as: UInt64.self)
        bytes.storeBytes(of: valid | handleValid, toByteOffset: start, as: UInt32.self)
    }

    /// Shortens an extended fuse_setxattr_in. Under SETXATTR_EXT the kernel sends 16 bytes, of which
    /// libfuse 3.14 knows the first 8. This function moves the header and the first half up by 8
    /// bytes, over the new half, and stores the one new flag (FUSE_SETXATTR_ACL_KILL_SGID) as bit 31
    /// of the known flags.
    /// - Returns: how many bytes to skip at the front.
    func foldExtendedSetXattr() -> Int {
        let flagsOffset = 4
        let extraFlagsOffset = 8
        guard word(at: 12) != nil, let flags = word(at: flagsOffset),
            let extra = word(at: extraFlagsOffset), let base = bytes.baseAddress
        else { return 0 }
        let folded = (flags & ~RawRequest.killSetGroupID) | (extra & 1) << 31
        bytes.storeBytes(
            of: folded, toByteOffset: RawRequest.headerSize + flagsOffset, as: UInt32.self)
        (base + 8).copyMemory(from: base, byteCount: RawRequest.headerSize + 8)
        return 8
    }

    /// The bit in which `foldExtendedSetXattr` stores FUSE_SETXATTR_ACL_KILL_SGID.
    static let killSetGroupID: UInt32 = 1 << 31
    /// FUSE_WRITE_KILL_SUIDGID in the flags that `carryWriteFlags` copies.
    static let writeKillSetID: UInt64 = 1 << 2
    /// The flags of a fuse_setattr_in that name a field or a kill: bits 0 to 5, 7, 8, 10, 11. Before
    /// a write or fallocate that must clear setuid, Linux (6.18) sends a SETATTR with none of them,
    /// and takes the mode from the reply.
    static let attributeFields: UInt64 = 0b1101_1011_1111
    /// FATTR_KILL_SUIDGID in the flags that `carryAttributeFlags` copies.
    static let attributeKillSetID: UInt64 = 1 << 11
}

/// The kernel's operation numbers (enum fuse_opcode of linux/fuse.h).
enum Opcode {
    static let setAttributes: UInt32 = 4
    static let write: UInt32 = 16
    static let setXattr: UInt32 = 21
    static let initialize: UInt32 = 26

    /// The names, indexed by operation number; empty for unused numbers.
    static let names = [
        "", "LOOKUP", "FORGET", "GETATTR", "SETATTR", "READLINK", "SYMLINK", "", "MKNOD",
        "MKDIR", "UNLINK", "RMDIR", "RENAME", "LINK", "OPEN", "READ", "WRITE", "STATFS",
        "RELEASE", "", "FSYNC", "SETXATTR", "GETXATTR", "LISTXATTR", "REMOVEXATTR", "FLUSH",
        "INIT", "OPENDIR", "READDIR", "RELEASEDIR", "FSYNCDIR", "GETLK", "SETLK", "SETLKW",
        "ACCESS", "CREATE", "INTERRUPT", "BMAP", "DESTROY", "IOCTL", "POLL", "NOTIFY_REPLY",
        "BATCH_FORGET", "FALLOCATE", "READDIRPLUS", "RENAME2", "LSEEK", "COPY_FILE_RANGE",
        "SETUPMAPPING", "REMOVEMAPPING", "SYNCFS", "TMPFILE", "STATX", "COPY_FILE_RANGE_64",
    ]
}
