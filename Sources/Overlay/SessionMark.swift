// SessionMark and DatabaseSeal: how the next start knows how the last one ended.

internal import Platform
internal import Storage
import Glibc

/// A file in the workspace's directory while it is in use, holding the boot's id: one of another
/// boot says that the machine went down, so that logs may have lost what was never synced.
enum SessionMark {
    private static func path(_ directory: String) -> String { "\(directory)/in-use" }

    private static var bootID: [UInt8] {
        guard let file = try? File.open("/proc/sys/kernel/random/boot_id", flags: O_RDONLY),
            let bytes = try? file.readBytes(64, at: 0) else { return [] }
        return bytes
    }

    static func wasCutOff(_ directory: String, _ disk: any Disk) -> Bool {
        guard disk.exists(path(directory)) else { return false }
        guard let bytes = try? disk.open(path(directory), .readOnly).readAll() else { return true }
        return bytes != bootID
    }

    static func set(_ directory: String, _ disk: any Disk) {
        guard let file = try? disk.open(path(directory), .create) else { return }
        try? file.truncate(to: 0)
        try? file.writeBytes(bootID, at: 0)
        try? file.synchronize()
        try? disk.synchronizeDirectory(directory)
    }

    /// Everything is made durable first: after this, a power cut takes nothing.
    static func clear(_ directory: String, _ disk: any Disk) {
        guard (try? disk.synchronizeAll()) != nil else { return }
        try? disk.remove(path(directory))
    }
}

/// The checksum of a database file that was closed cleanly: it proves at the next start that no
/// byte changed, without reading row by row.
enum DatabaseSeal {
    private static func path(_ database: String) -> String { database + ".sum" }

    private static func sum(_ database: String) -> [UInt8]? {
        guard let file = try? File.open(database, flags: O_RDONLY),
            let bytes = try? file.readAll() else { return nil }
        var writer = ByteWriter()
        writer.integer(Checksum.xxh3(bytes))
        writer.integer(UInt64(bytes.count))
        return writer.bytes
    }

    static func fits(_ database: String) -> Bool {
        // A write-ahead log with content means that the file alone says nothing.
        if let log = try? File.open(database + "-wal", flags: O_RDONLY),
            let length = try? log.length(), length > 0 { return false }
        guard let seal = try? File.open(path(database), flags: O_RDONLY),
            let bytes = try? seal.readAll() else { return false }
        return bytes == sum(database)
    }

    static func write(_ database: String) {
        guard let sum = sum(database),
            let file = try? File.open(path(database), flags: O_RDWR | O_CREAT) else { return }
        try? file.truncate(to: 0)
        try? file.writeBytes(sum, at: 0)
    }

    static func remove(_ database: String) { unlink(path(database)) }

    static func exists(_ database: String) -> Bool { access(database, F_OK) == 0 }
}
