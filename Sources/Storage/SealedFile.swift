// SealedFile: a small file that is written whole and checked whole: magic, version, payload,
// checksum, as many copies as asked for, one after the other. A reader takes the first good copy.
//
// copy: magic u64 | version u32 | payload length u32 | payload | XXH3 of all before, u64

package import Platform

package enum SealedFile {
    /// Replaces `path` atomically: a new file, optionally synced, then rename(2).
    package static func write(
        _ payload: [UInt8], magic: UInt64, copies: Int, to path: String, on disk: any Disk,
        durable: Bool
    ) throws(StorageError) {
        var writer = ByteWriter(capacity: payload.count + 24)
        writer.integer(magic)
        writer.integer(Format.sealedVersion)
        writer.integer(UInt32(payload.count))
        writer.raw(payload)
        writer.integer(Checksum.xxh3(writer.bytes))
        var bytes = writer.bytes
        for _ in 1..<Swift.max(1, copies) { bytes += writer.bytes }
        let temporary = path + ".new"
        do throws(Errno) {
            let file = try disk.open(temporary, .create)
            try file.truncate(to: 0)
            try file.writeBytes(bytes, at: 0)
            if durable { try file.synchronize() }
            try disk.rename(temporary, to: path)
        } catch {
            try? disk.remove(temporary)
            throw .system(error, doing: "write", path: path)
        }
    }

    /// The payload of the first good copy.
    /// - Throws: `newerVersion`, `damaged`, or `system` (ENOENT when there is no such file).
    package static func read(
        magic: UInt64, from path: String, on disk: any Disk
    ) throws(StorageError) -> [UInt8] {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try disk.open(path, .readOnly).readAll()
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        // Copies are equally long; a damaged length must not hide the others, so every position
        // where the magic stands is tried.
        var start = 0
        while start + 24 <= bytes.count {
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
        throw .damaged(path: path, what: "no copy in it has a right checksum")
    }
}

extension DiskFile {
    package func writeBytes(_ bytes: [UInt8], at offset: UInt64) throws(Errno) {
        let result: Result<Void, Errno> = bytes.withUnsafeBytes { raw in
            do throws(Errno) {
                try write(raw, UnsafeRawBufferPointer(start: nil, count: 0), at: offset)
                return .success(())
            } catch {
                return .failure(error)
            }
        }
        try result.get()
    }

    /// Up to `count` bytes from `offset`; fewer only where the file ends.
    package func readBytes(_ count: Int, at offset: UInt64) throws(Errno) -> [UInt8] {
        var failure: Errno?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            do throws(Errno) {
                filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    package func readAll() throws(Errno) -> [UInt8] {
        try readBytes(Int(clamping: try length()), at: 0)
    }
}
