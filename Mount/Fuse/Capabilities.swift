// Capabilities: the flags of the FUSE_INIT exchange (FUSE_* of linux/fuse.h) in the kernel's
// numbering: bits 0 to 31 are `flags`, bits 32 to 63 are `flags2`. libfuse numbers most of them the
// same way (FUSE_CAP_*), but swaps two; `libraryFlags` translates.

internal import CFuse

/// The features that the kernel and the server may agree on when a mount starts.
package struct Capabilities: OptionSet, Sendable, Hashable, CustomStringConvertible {
    package let rawValue: UInt64

    package init(rawValue: UInt64) { self.rawValue = rawValue }

    private init(bit: Int) { rawValue = 1 << UInt64(bit) }

    package static let asyncRead = Capabilities(bit: 0)
    package static let posixLocks = Capabilities(bit: 1)
    package static let atomicTruncate = Capabilities(bit: 3)
    package static let exportSupport = Capabilities(bit: 4)
    package static let bigWrites = Capabilities(bit: 5)
    package static let dontMask = Capabilities(bit: 6)
    package static let fileLocks = Capabilities(bit: 10)
    package static let autoInvalidateData = Capabilities(bit: 12)
    package static let readDirectoryPlus = Capabilities(bit: 13)
    package static let readDirectoryPlusAuto = Capabilities(bit: 14)
    package static let asyncDirectIO = Capabilities(bit: 15)
    package static let writebackCache = Capabilities(bit: 16)
    package static let noOpen = Capabilities(bit: 17)
    package static let parallelDirectoryOperations = Capabilities(bit: 18)
    package static let handleKillPrivilege = Capabilities(bit: 19)
    package static let posixACL = Capabilities(bit: 20)
    package static let maximumPages = Capabilities(bit: 22)
    package static let cacheSymlinks = Capabilities(bit: 23)
    package static let noOpenDirectory = Capabilities(bit: 24)
    package static let explicitInvalidateData = Capabilities(bit: 25)
    package static let handleKillPrivilegeV2 = Capabilities(bit: 28)
    package static let extendedSetXattr = Capabilities(bit: 29)
    /// `flags2` is valid.
    package static let initExtended = Capabilities(bit: 30)
    package static let ioUring = Capabilities(bit: 41)

    /// The features that this module requests. It does not request: a writeback cache (the kernel
    /// would no longer accept file sizes from the server), atomic O_TRUNC (needs OPEN requests), the
    /// first version of kill-privilege, explicit invalidation, and locks (they stay in the kernel).
    package static let wanted: Capabilities = [
        .asyncRead, .exportSupport, .dontMask, .autoInvalidateData, .readDirectoryPlus,
        .readDirectoryPlusAuto, .asyncDirectIO, .noOpen, .parallelDirectoryOperations,
        .posixACL, .cacheSymlinks, .noOpenDirectory, .handleKillPrivilegeV2,
        .extendedSetXattr,
    ]

    /// The flags that libfuse 3.14 has a name for, except splice, which is never wanted: requests are
    /// read into buffers. The kernel's bits of POSIX_ACL and HANDLE_KILLPRIV are swapped with respect
    /// to libfuse.
    private static let library: [(flag: Capabilities, theirs: Int32)] = [
        (.asyncRead, FUSE_CAP_ASYNC_READ), (.posixLocks, FUSE_CAP_POSIX_LOCKS),
        (.atomicTruncate, FUSE_CAP_ATOMIC_O_TRUNC), (.exportSupport, FUSE_CAP_EXPORT_SUPPORT),
        (.dontMask, FUSE_CAP_DONT_MASK), (.fileLocks, FUSE_CAP_FLOCK_LOCKS),
        (.autoInvalidateData, FUSE_CAP_AUTO_INVAL_DATA),
        (.readDirectoryPlus, FUSE_CAP_READDIRPLUS),
        (.readDirectoryPlusAuto, FUSE_CAP_READDIRPLUS_AUTO),
        (.asyncDirectIO, FUSE_CAP_ASYNC_DIO), (.writebackCache, FUSE_CAP_WRITEBACK_CACHE),
        (.noOpen, FUSE_CAP_NO_OPEN_SUPPORT),
        (.parallelDirectoryOperations, FUSE_CAP_PARALLEL_DIROPS),
        (.posixACL, FUSE_CAP_POSIX_ACL), (.handleKillPrivilege, FUSE_CAP_HANDLE_KILLPRIV),
        (.cacheSymlinks, FUSE_CAP_CACHE_SYMLINKS),
        (.noOpenDirectory, FUSE_CAP_NO_OPENDIR_SUPPORT),
        (.explicitInvalidateData, FUSE_CAP_EXPLICIT_INVAL_DATA),
    ]

    /// The kernel's bits of all flags that libfuse has a name for.
    static let knownToLibrary = Capabilities(library.map { $0.flag })

    /// The same flags in libfuse's numbering (fuse_conn_info). Flags without a libfuse name are left
    /// out.
    var libraryFlags: UInt32 {
        Capabilities.library.reduce(0) { word, pair in
            contains(pair.flag) ? word | UInt32(bitPattern: pair.theirs) : word
        }
    }

    private static let names: [(Capabilities, String)] = [
        (.asyncRead, "ASYNC_READ"), (.posixLocks, "POSIX_LOCKS"),
        (.atomicTruncate, "ATOMIC_O_TRUNC"), (.exportSupport, "EXPORT_SUPPORT"),
        (.bigWrites, "BIG_WRITES"), (.dontMask, "DONT_MASK"), (.fileLocks, "FLOCK_LOCKS"),
        (.autoInvalidateData, "AUTO_INVAL_DATA"), (.readDirectoryPlus, "DO_READDIRPLUS"),
        (.readDirectoryPlusAuto, "READDIRPLUS_AUTO"), (.asyncDirectIO, "ASYNC_DIO"),
        (.writebackCache, "WRITEBACK_CACHE"), (.noOpen, "NO_OPEN_SUPPORT"),
        (.parallelDirectoryOperations, "PARALLEL_DIROPS"),
        (.handleKillPrivilege, "HANDLE_KILLPRIV"), (.posixACL, "POSIX_ACL"),
        (.maximumPages, "MAX_PAGES"),
        (.cacheSymlinks, "CACHE_SYMLINKS"), (.noOpenDirectory, "NO_OPENDIR_SUPPORT"),
        (.explicitInvalidateData, "EXPLICIT_INVAL_DATA"),
        (.handleKillPrivilegeV2, "HANDLE_KILLPRIV_V2"), (.extendedSetXattr, "SETXATTR_EXT"),
        (.initExtended, "INIT_EXT"), (.ioUring, "OVER_IO_URING"),
    ]

    /// The kernel's names of the flags. Flags without a name follow as one hexadecimal number.
    package var description: String {
        var rest = self
        var words: [String] = []
        for (flag, name) in Capabilities.names where contains(flag) {
            words.append(name)
            rest.remove(flag)
        }
        if !rest.isEmpty { words.append("0x" + String(rest.rawValue, radix: 16)) }
        return words.joined(separator: " ")
    }
}

/// The result of the FUSE_INIT exchange.
package struct ProtocolInfo: Sendable {
    package var major: UInt32
    package var minor: UInt32
    /// All flags that the kernel supports.
    package var offered: Capabilities
    /// The flags that both sides use.
    package var agreed: Capabilities
    /// The maximum size of a write request, in bytes.
    package var maximumWrite: Int
    /// The maximum size of a read-ahead, in bytes.
    package var maximumReadAhead: Int
}
