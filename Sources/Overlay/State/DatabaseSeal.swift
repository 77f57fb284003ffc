// DatabaseSeal: proves that the database is the one that the last session left.

import Glibc
internal import Platform
internal import Storage

/// The checksum of a database file that was closed cleanly. At the next start it proves that no byte
/// changed, without a check of each row.
package enum DatabaseSeal {
    package enum State {
        /// There is no seal, or it proves nothing: the rows are checked one by one.
        case missing
        case fits
        /// The seal is intact, but the database does not match it.
        case unfit
        /// The seal itself is damaged.
        case damaged
    }

    static func path(_ database: String) -> String { database + ".sum" }

    private static func sum(_ database: String) -> [UInt8]? {
        guard let file = try? File.open(database, flags: O_RDONLY),
            let bytes = try? file.readAll() else { return nil }
        var writer = ByteWriter()
        writer.integer(Checksum.xxh3(bytes))
        writer.integer(UInt64(bytes.count))
        return writer.bytes
    }

    private static func own(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(Checksum.xxh3(bytes))
        return writer.bytes
    }

    package static func state(_ database: String) -> State {
        if hasLog(database) { return .missing }
        guard let seal = try? File.open(path(database), flags: O_RDONLY),
            let bytes = try? seal.readAll() else { return .missing }
        // A seal of 16 bytes is from an older draftfs, without a checksum of its own.
        guard bytes.count == 16 || bytes.count == 24 && own(bytes[..<16])[...] == bytes[16...]
        else { return .damaged }
        return bytes[..<16] == sum(database)?[...] ? .fits : .unfit
    }

    /// Returns whether there is a write-ahead log with content. Then the database file alone proves
    /// nothing.
    package static func hasLog(_ database: String) -> Bool {
        guard let log = try? File.open(database + "-wal", flags: O_RDONLY) else { return false }
        return ((try? log.length()) ?? 1) > 0
    }

    static func write(_ database: String) throws(Errno) {
        guard let sum = sum(database) else { throw .inputOutput }
        let file = try File.open(path(database), flags: O_RDWR | O_CREAT)
        try file.truncate(to: 0)
        try file.writeBytes(sum + own(sum[...]), at: 0)
    }

    /// Removes the seal durably: a power cut must not restore it beside a database that has changed.
    static func remove(_ database: String) {
        guard unlink(path(database)) == 0 else { return }
        let directory = database.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast().joined(separator: "/")
        try? File.open(directory, flags: O_RDONLY | O_DIRECTORY).synchronizeAll()
    }

    /// Returns whether there is a database. An empty file without a write-ahead log is the rest of one that
    /// a full disk prevented.
    package static func exists(_ database: String) -> Bool {
        guard let file = try? File.open(database, flags: O_RDONLY) else { return false }
        return ((try? file.length()) ?? 1) > 0 || hasLog(database)
    }

    /// Gives a closed database the name of another one. Neither has a write-ahead log with content.
    static func replaceDatabase(_ database: String, by new: String) throws(Errno) {
        guard Glibc.rename(new, database) == 0 else { throw Errno(Glibc.errno) }
        for suffix in ["-wal", "-shm"] { _ = Glibc.unlink(new + suffix) }
    }

    /// Removes the database and the files that SQLite has beside it.
    static func removeDatabase(_ database: String) {
        for suffix in ["-wal", "-shm", ""] { _ = Glibc.unlink(database + suffix) }
    }
}
