// RawRequest: looks into a request as the kernel wrote it (linux/fuse.h, byte order of this
// machine), before libfuse decodes it, for what libfuse 3.14 hides. Never reads or writes past
// the buffer, whatever its length.

/// One message from the kernel: a header of 40 bytes and the body.
struct RawRequest {
    let bytes: UnsafeMutableRawBufferPointer

    static let headerSize = 40

    private static let opcodeOffset = 4
    private static let uniqueOffset = 8

    /// nil for what is shorter than a header.
    init?(_ bytes: UnsafeMutableRawBufferPointer) {
        guard bytes.count >= RawRequest.headerSize else { return nil }
        self.bytes = bytes
    }

    var opcode: UInt32 {
        bytes.loadUnaligned(fromByteOffset: RawRequest.opcodeOffset, as: UInt32.self)
    }

    /// The kernel's number of this request, which the reply repeats.
    var unique: UInt64 {
        bytes.loadUnaligned(fromByteOffset: RawRequest.uniqueOffset, as: UInt64.self)
    }

    /// A 32-bit word of the body, nil past the end.
    func word(at offset: Int) -> UInt32? {
        let start = RawRequest.headerSize + offset
        guard start + 4 <= bytes.count else { return nil }
        return bytes.loadUnaligned(fromByteOffset: start, as: UInt32.self)
    }

    /// The flags in a FUSE_INIT request; `flags2` counts only under FUSE_INIT_EXT.
    var offeredCapabilities: Capabilities {
        guard let flags = word(at: 12) else { return [] }
        let lower = Capabilities(rawValue: UInt64(flags))
        guard lower.contains(.initExtended), let flags2 = word(at: 16) else { return lower }
        return Capabilities(rawValue: lower.rawValue | UInt64(flags2) << 32)
    }

    /// libfuse drops the write flags but hands on the file handle, which nobody uses here
    /// (there is no open): so `write_flags` of a fuse_write_in goes into its `fh`.
    func carryWriteFlags() {
        let flagsOffset = 20
        guard let flags = word(at: flagsOffset) else { return }
        bytes.storeBytes(
            of: UInt64(flags), toByteOffset: RawRequest.headerSize, as: UInt64.self)
    }

    /// The same for a fuse_setattr_in: `valid` goes into `fh`, which libfuse hands on under
    /// FATTR_FH. Some versions of libfuse drop FATTR_KILL_SUIDGID from `valid`.
    func carryAttributeFlags() {
        let handleOffset = 8
        let handleValid: UInt32 = 1 << 6
        guard word(at: handleOffset + 4) != nil, let valid = word(at: 0) else { return }
        let start = RawRequest.headerSize
        bytes.storeBytes(of: UInt64(valid), toByteOffset: start + handleOffset, as: UInt64.self)
        bytes.storeBytes(of: valid | handleValid, toByteOffset: start, as: UInt32.self)
    }

    /// Under SETXATTR_EXT the kernel sends a fuse_setxattr_in of 16 bytes, of which libfuse
    /// 3.14 knows the first 8. Moves header and first half up by 8 bytes, over the new half,
    /// with its one flag (FUSE_SETXATTR_ACL_KILL_SGID) as bit 31 of the known flags.
    /// Answers how many bytes to skip at the front.
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

    /// Where `foldExtendedSetXattr` puts FUSE_SETXATTR_ACL_KILL_SGID.
    static let killSetGroupID: UInt32 = 1 << 31
    /// FUSE_WRITE_KILL_SUIDGID, in what `carryWriteFlags` carries.
    static let writeKillSetID: UInt64 = 1 << 2
    /// FATTR_KILL_SUIDGID, in what `carryAttributeFlags` carries.
    static let attributeKillSetID: UInt64 = 1 << 11
}

/// The kernel's operation numbers (enum fuse_opcode of linux/fuse.h).
enum Opcode {
    static let setAttributes: UInt32 = 4
    static let write: UInt32 = 16
    static let setXattr: UInt32 = 21
    static let initialize: UInt32 = 26

    /// Indexed by number; empty where the kernel has none.
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
