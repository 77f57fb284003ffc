// Format: every magic number, version, kind and size in the store's files. The full description, with
// worked bytes, is Storage.docc/DiskFormat.md. A test reads both.

package enum Format {
    /// The version of the store's layout as a whole. A store of any other version is refused. Version 3
    /// has record checksums that use a secret of the store, and a separate number for the root.
    package static let storeVersion: UInt32 = 3
    /// The version of log files (edit logs and tree logs).
    package static let logVersion: UInt32 = 2
    /// The version of sealed files (superblock, workspace record, limits, usage, pieces).
    package static let sealedVersion: UInt32 = 1
    /// `PRAGMA user_version` of the tree database.
    package static let databaseVersion: Int32 = 3

    /// "draftlog", "draftsup", "draftwks", "draftpcs", "draftcut", "draftlim", "draftuse", "draftkey",
    /// "draftpin", "draftrel", "drafthor" in ASCII, little endian.
    package static let logMagic = magic("draftlog")
    package static let superblockMagic = magic("draftsup")
    package static let workspaceMagic = magic("draftwks")
    package static let piecesMagic = magic("draftpcs")
    package static let cutMagic = magic("draftcut")
    package static let limitsMagic = magic("draftlim")
    package static let usageMagic = magic("draftuse")
    package static let runMagic = magic("draftrun")
    package static let keyMagic = magic("draftkey")
    package static let pinMagic = magic("draftpin")
    package static let releasedMagic = magic("draftrel")
    package static let horizonMagic = magic("drafthor")
    /// The version of the files of the pool.
    package static let pinVersion: UInt32 = 1
    /// "DREC" in ASCII, little endian.
    package static let recordMagic: UInt32 = 0x4345_5244

    package static let logHeaderLength = 64
    package static let recordHeaderLength = 72
    package static let recordAlignment: UInt64 = 8
    /// A payload is verified in blocks of 16 KiB, so that a small read of a large record reads and
    /// hashes little.
    package static let blockShift: UInt8 = 14
    package static let blockLength = 1 << 14
    /// Payloads of this length and more start on a page boundary, so that FICLONERANGE and O_DIRECT
    /// stay possible.
    package static let alignedPayloadLength = 64 << 10
    package static let pageLength: UInt64 = 4096
    /// The length of the footer of a file of the pool, in bytes.
    package static let pinFooterLength = 80
    /// Readers refuse a longer payload, and it is never written.
    package static let maximumPayloadLength = 256 << 20
    /// A transaction with a longer list of changes is written in parts of about this length, so that a
    /// bisection that reaches one of them reads little.
    package static let partLength = 1 << 20

    private static func magic(_ text: StaticString) -> UInt64 {
        var value: UInt64 = 0
        text.withUTF8Buffer { bytes in
            for (index, byte) in bytes.enumerated() { value |= UInt64(byte) << (8 * UInt64(index)) }
        }
        return value
    }
}

/// The change that a record describes.
package enum RecordKind: UInt8, Sendable {
    // Edit logs.
    /// The payload is the content at `offset`.
    case write = 1
    /// The file is now `offset` bytes long.
    case truncate = 2
    /// `length` bytes from `offset` become a hole.
    case punch = 3
    /// The payload is a list of pieces for the content at `offset`, `length` bytes in all.
    case share = 4
    /// The payload is a list of splices that happen together: bytes are removed, pieces and new bytes
    /// inserted.
    case splice = 5
    /// As a splice, but part of the transaction of the tree log with the same number. Without that
    /// transaction it has no effect.
    case restore = 6
    /// The payload says from where else the whole content can be read, byte for byte the same. It has the
    /// number of the record before it: it is no change.
    case dedupe = 7
    // Tree logs.
    /// The payload is a list of tree changes that happen together.
    case transaction = 16
    /// The payload lists inodes whose edit logs may have grown past the checkpoint.
    case contentMark = 17
    /// The payload is a run of changes of the transaction that follows and has the same number. Without
    /// that transaction it has no effect.
    case part = 18
    /// The payload names the process whose number is in the records after it.
    case process = 20
    // The start of a tree log.
    /// The payload says what the file has, and where the log goes on. In the tree log itself it is the first
    /// record of one that has such a file, and has no payload.
    case start = 21
    /// The payload is a list of changes that lead to the state.
    case state = 22
    /// The payload names processes that made changes before.
    case names = 23
    // All.
    /// A filler in place of lost records, so that the records after it stay readable.
    case gap = 19
}

/// The kind of a log file.
package enum LogKind: UInt32, Sendable {
    case edit = 1
    case tree = 2
    /// The state that a tree log begins with.
    case start = 3
}
