// CapabilitiesTests: compares the flags of FUSE_INIT with the numbers in the kernel's linux/fuse.h and in
// libfuse's fuse_common.h. Both tables are written out here, because a wrong number causes no error.

import Testing

@testable import Fuse

@Suite struct CapabilitiesTests {
    /// The flags FUSE_* of linux/fuse.h.
    private static let kernel: [(Capabilities, UInt64, String)] = [
        (.asyncRead, 0x1, "ASYNC_READ"),
        (.posixLocks, 0x2, "POSIX_LOCKS"),
        (.atomicTruncate, 0x8, "ATOMIC_O_TRUNC"),
        (.exportSupport, 0x10, "EXPORT_SUPPORT"),
        (.bigWrites, 0x20, "BIG_WRITES"),
        (.dontMask, 0x40, "DONT_MASK"),
        (.fileLocks, 0x400, "FLOCK_LOCKS"),
        (.autoInvalidateData, 0x1000, "AUTO_INVAL_DATA"),
        (.readDirectoryPlus, 0x2000, "DO_READDIRPLUS"),
        (.readDirectoryPlusAuto, 0x4000, "READDIRPLUS_AUTO"),
        (.asyncDirectIO, 0x8000, "ASYNC_DIO"),
        (.writebackCache, 0x1_0000, "WRITEBACK_CACHE"),
        (.noOpen, 0x2_0000, "NO_OPEN_SUPPORT"),
        (.parallelDirectoryOperations, 0x4_0000, "PARALLEL_DIROPS"),
        (.handleKillPrivilege, 0x8_0000, "HANDLE_KILLPRIV"),
        (.posixACL, 0x10_0000, "POSIX_ACL"),
        (.maximumPages, 0x40_0000, "MAX_PAGES"),
        (.cacheSymlinks, 0x80_0000, "CACHE_SYMLINKS"),
        (.noOpenDirectory, 0x100_0000, "NO_OPENDIR_SUPPORT"),
        (.explicitInvalidateData, 0x200_0000, "EXPLICIT_INVAL_DATA"),
        (.handleKillPrivilegeV2, 0x1000_0000, "HANDLE_KILLPRIV_V2"),
        (.extendedSetXattr, 0x2000_0000, "SETXATTR_EXT"),
        (.initExtended, 0x4000_0000, "INIT_EXT"),
        (.ioUring, 0x200_0000_0000, "OVER_IO_URING"),
    ]

    /// The flags FUSE_CAP_* of libfuse 3.14.
    private static let library: [(Capabilities, UInt32)] = [
        (.asyncRead, 0x1), (.posixLocks, 0x2), (.atomicTruncate, 0x8), (.exportSupport, 0x10),
        (.dontMask, 0x40), (.fileLocks, 0x400), (.autoInvalidateData, 0x1000),
        (.readDirectoryPlus, 0x2000), (.readDirectoryPlusAuto, 0x4000), (.asyncDirectIO, 0x8000),
        (.writebackCache, 0x1_0000), (.noOpen, 0x2_0000),
        (.parallelDirectoryOperations, 0x4_0000), (.posixACL, 0x8_0000),
        (.handleKillPrivilege, 0x10_0000), (.cacheSymlinks, 0x80_0000),
        (.noOpenDirectory, 0x100_0000), (.explicitInvalidateData, 0x200_0000),
    ]

    @Test func `Each flag has the kernel's number and name`() {
        for (flag, number, name) in Self.kernel {
            #expect(flag.rawValue == number, "\(name)")
            #expect(flag.description == name)
        }
    }

    @Test func `Each flag that libfuse knows is handed to it under its own number`() {
        for (flag, number) in Self.library {
            #expect(flag.libraryFlags == number, "\(flag)")
        }
        #expect(Capabilities(Self.library.map { $0.0 }) == .knownToLibrary)
    }

    @Test func `What libfuse has no name for is not handed to it`() {
        for (flag, _, name) in Self.kernel where !Capabilities.knownToLibrary.contains(flag) {
            #expect(flag.libraryFlags == 0, "\(name)")
        }
    }

    @Test func `ACLs are asked for, and that the file system clears set-id bits by version 2`() {
        #expect(Capabilities.wanted.rawValue & 0x10_0000 != 0)
        #expect(Capabilities.wanted.rawValue & 0x1000_0000 != 0)
        #expect(Capabilities.wanted.rawValue & 0x8_0000 == 0)
        #expect(Capabilities.wanted.libraryFlags & 0x8_0000 != 0)
        #expect(Capabilities.wanted.libraryFlags & 0x10_0000 == 0)
    }

    /// Checks other numbers of linux/fuse.h that the module Fuse defines.
    @Test func `Flags inside of requests have the kernel's numbers`() {
        #expect(RawRequest.writeKillSetID == 4, "FUSE_WRITE_KILL_SUIDGID")
        #expect(RawRequest.attributeKillSetID == 0x800, "FATTR_KILL_SUIDGID")
        // MODE, UID, GID, SIZE, ATIME, MTIME; ATIME_NOW, MTIME_NOW; CTIME, KILL_SUIDGID.
        #expect(RawRequest.attributeFields == 0x3f | 0x80 | 0x100 | 0x400 | 0x800)
        #expect(Opcode.setAttributes == 4 && Opcode.write == 16)
        #expect(Opcode.setXattr == 21 && Opcode.initialize == 26)
        for (opcode, name) in [
            (1, "LOOKUP"), (3, "GETATTR"), (16, "WRITE"), (26, "INIT"), (35, "CREATE"),
            (42, "BATCH_FORGET"), (43, "FALLOCATE"), (44, "READDIRPLUS"), (45, "RENAME2"),
            (46, "LSEEK"), (47, "COPY_FILE_RANGE"), (50, "SYNCFS"), (51, "TMPFILE"),
            (53, "COPY_FILE_RANGE_64"),
        ] {
            #expect(Opcode.names[opcode] == name)
        }
    }
}
