// Every magic number, version, kind and size of the store's files. The long form, with worked
// bytes, is Storage.docc/DiskFormat.md; a test reads both.

package enum Format {
    /// Version of the store's layout as a whole; a store of any other one is refused. Version 3 has
    /// checksums of records that are made with a secret of the store, and a number of its own for the
    /// root.
    package static let storeVersion: UInt32 = 3
    /// Version of log files (edit logs and tree logs).
    package static let logVersion: UInt32 = 2
    /// Version of sealed files (superblock, workspace record, limits, usage, pieces).
    package static let sealedVersion: UInt32 = 1
    /// `PRAGMA user_version` of the tree database.
    package static let databaseVersion: Int32 = 2

    /// "draftlog", "draftsup", "draftwks", "draftpcs", "draftcut", "draftlim", "draftuse", "draftkey",
    /// "draftpin" in ASCII, little endian.
    package static let logMagic = magic("draftlog")
    package static let superblockMagic = magic("draftsup")
    package static let workspaceMagic = magic("draftwks")
    package static let piecesMagic = magic("draftpcs")
    package static let cutMagic = magic("draftcut")
    package static let limitsMagic = magic("draftlim")
    package static let usageMagic = magic("draftuse")
    package static let keyMagic = magic("draftkey")
    package static let pinMagic = magic("draftpin")
    /// Version of the files of the pool.
    package static let pinVersion: UInt32 = 1
    /// "DREC" in ASCII, little endian.
    package static let recordMagic: UInt32 = 0x4345_5244

    package static let logHeaderLength = 64
    package static let recordHeaderLength = 72
    package static let recordAlignment: UInt64 = 8
    /// A payload is checked in blocks of 16 KiB, so that a small read of a large record
    /// reads and hashes little.
    package static let blockShift: UInt8 = 14
    package static let blockLength = 1 << 14
    /// Payloads of this length and more start on a page (FICLONERANGE and O_DIRECT stay possible).
    package static let alignedPayloadLength = 64 << 10
    package static let pageLength: UInt64 = 4096
    /// The last bytes of a file of the pool.
    package static let pinFooterLength = 80
    /// A longer payload is refused by readers, and never written.
    package static let maximumPayloadLength = 256 << 20
    /// A transaction whose changes take more is written in parts of about this length, so that a
    /// bisection that lands in one of them reads little.
    package static let partLength = 1 << 20

    private static func magic(_ text: StaticString) -> UInt64 {
        var value: UInt64 = 0
        text.withUTF8Buffer { bytes in
            for (index, byte) in bytes.enumerated() { value |= UInt64(byte) << (8 * UInt64(index)) }
        }
        return value
    }
}

/// What a record says happened.
package enum RecordKind: UInt8, Sendable {
    // Edit logs.
    /// The payload stands at `offset`.
    case write = 1
    /// The file is `offset` bytes long now.
    case truncate = 2
    /// `length` bytes from `offset` are a hole.
    case punch = 3
    /// The payload is a list of pieces that stand at `offset`, `length` bytes in all.
    case share = 4
    /// The payload is a list of splices that happen together: bytes go, pieces and new bytes come.
    case splice = 5
    /// As a splice, but part of a transaction of the tree log, whose number it has. Without that
    /// transaction it does not count.
    case restore = 6
    // Tree logs.
    /// The payload is a list of tree changes that happen together.
    case transaction = 16
    /// The payload lists inodes whose edit logs may have grown past the checkpoint.
    case contentMark = 17
    /// The payload is a run of changes of the transaction that follows, and has the same number.
    /// Without that one it is nothing.
    case part = 18
    /// The payload names the process whose number the records after it carry.
    case process = 20
    // Both.
    /// Stands where records were lost, so that what follows stays readable.
    case gap = 19
}

/// What a log file holds.
package enum LogKind: UInt32, Sendable {
    case edit = 1
    case tree = 2
}
