// SealedFile: a small file that is written and verified as a whole: magic, version, payload and
// checksum, in a given number of consecutive copies. A reader takes the first good copy.
//
// copy: magic u64 | version u32 | payload length u32 | payload | XXH3 of all before, u64

package import Platform

package enum SealedFile {
    /// Replaces `path` atomically: writes a new file and renames it (rename(2)). If `durable`, the file is
    /// synced before, and its directory after. If that last sync fails, the new file is there all the
    /// same, and a power cut may bring the old one back.
    package static func write(
        _ payload: [UInt8], magic: UInt64, copies: Int, to path: String, on disk: any Disk,
        durable: Bool
    ) throws(StorageError) {
        try prepare(payload, magic: magic, copies: copies, for: path, on: disk, durable: durable)
        try place(path, on: disk)
        guard durable else { return }
        do throws(Errno) {
            let parent = path.lastIndex(of: "/").map { path[..<$0] } ?? ""
            try disk.synchronizeDirectory(String(parent))
        } catch {
            throw .system(error, doing: "sync the directory of", path: path)
        }
    }

    /// Writes the file that `place` puts in place. If it is not durable, the caller syncs it before.
    package static func prepare(
        _ payload: [UInt8], magic: UInt64, copies: Int, for path: String, on disk: any Disk,
        durable: Bool
    ) throws(StorageError) {
        let copy = copy(of: payload, magic: magic)
        var bytes = copy
        for _ in 1..<Swift.max(1, copies) { bytes += copy }
        let temporary = path + ".new"
        do throws(Errno) {
            let file = try disk.open(temporary, .create)
            try file.truncate(to: 0)
            try file.writeBytes(bytes, at: 0)
            if durable { try file.synchronize() }
        } catch {
            try? disk.remove(temporary)
            throw .system(error, doing: "write", path: path)
        }
    }

    /// Gives a prepared file its name.
    package static func place(_ path: String, on disk: any Disk) throws(StorageError) {
        let temporary = path + ".new"
        do throws(Errno) {
            try disk.rename(temporary, to: path)
        } catch {
            try? disk.remove(temporary)
            throw .system(error, doing: "write", path: path)
        }
    }

    static func copy(of payload: [UInt8], magic: UInt64) -> [UInt8] {
        var writer = ByteWriter(capacity: payload.count + 24)
        writer.integer(magic)
        writer.integer(Format.sealedVersion)
        writer.integer(UInt32(payload.count))
        writer.raw(payload)
        writer.integer(Checksum.xxh3(writer.bytes))
        return writer.bytes
    }

    /// Returns the payload of the first good copy.
    /// - Parameter copies: If it is 1, the copy is expected only at the start of the file: the payload
    ///   may contain forged bytes that look like a copy.
    /// - Throws: `newerVersion`, `damaged`, or `system` (ENOENT if there is no such file).
    package static func read(
        magic: UInt64, copies: Int, from path: String, on disk: any Disk
    ) throws(StorageError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try disk.open(path, .readOnly).readAll()
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        // Copies have the same length. A damaged length must not hide the other copies, so every
        // position with the magic is tried.
        var start = 0
        while start + 24 <= bytes.count, start == 0 || copies > 1 {
            var reader = ByteReader(bytes, from: start)
            if reader.integer(UInt64.self) == magic, let version: UInt32 = reader.integer(),
                let length: UInt32 = reader.integer(), let payload = reader.raw(Int(length)),
                let sum: UInt64 = reader.integer(),
                sum == Checksum.xxh3(bytes[start..<(start + 16 + Int(length))]) {
                if version > Format.sealedVersion {
                    throw .newerVersion(
                        path: path, found: version, known: Format.sealedVersion)
                }
                return payload
            }
            start += 1
        }
        throw .damaged(path: path, what: "none of its copies has a right checksum")
    }
}
