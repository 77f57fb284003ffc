// KeptBytes: bytes that were cut off a log, or replaced in it by a repair. They are kept in a file
// beside the log for inspection. draftfs itself reads these files only to verify their checksum.
//
// sealed payload: log u64 | position u64 | the bytes

package import Platform

package struct KeptBytes: Equatable, Sendable {
    package var log: UInt64
    /// The position in the log that the bytes were at.
    package var position: UInt64
    package var bytes: [UInt8]

    /// The largest number of bytes kept in one file.
    package static let maximum = 16 << 20

    package init(log: UInt64, position: UInt64, bytes: [UInt8]) {
        self.log = log
        self.position = position
        self.bytes = bytes
    }

    package func write(to path: String, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: bytes.count + 16)
        writer.integer(log)
        writer.integer(position)
        writer.raw(bytes)
        try SealedFile.write(
            writer.bytes, magic: Format.cutMagic, copies: 1, to: path, on: disk, durable: true)
    }

    package init(from path: String, on disk: any Disk) throws(StorageError) {
        let payload = try SealedFile.read(
            magic: Format.cutMagic, copies: 1, from: path, on: disk)
        var reader = ByteReader(payload)
        guard let log: UInt64 = reader.integer(), let position: UInt64 = reader.integer(),
            let bytes = reader.raw(reader.remaining)
        else { throw .damaged(path: path, what: "it is too short") }
        self.init(log: log, position: position, bytes: bytes)
    }

    /// Keeps `range` of a log in files named after the position of their bytes.
    package static func keep(
        _ range: Range<UInt64>, of file: any DiskFile, log: UInt64, path: String, on disk: any Disk
    ) throws(StorageError) {
        var at = range.lowerBound
        while at < range.upperBound {
            let bytes: [UInt8]
            do throws(Errno) {
                bytes = try file.readBytes(
                    Int(min(range.upperBound - at, UInt64(maximum))), at: at)
            } catch {
                throw .system(error, doing: "read", path: path)
            }
            if bytes.isEmpty { return }
            // An earlier repair may have kept bytes of the same position. Those are older and stay.
            var name = "\(path).damaged-\(at)"
            while disk.exists(name) { name += "-" }
            try KeptBytes(log: log, position: at, bytes: bytes).write(to: name, on: disk)
            at += UInt64(bytes.count)
        }
    }
}
