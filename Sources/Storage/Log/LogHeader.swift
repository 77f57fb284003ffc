// LogHeader: the first bytes of every log. They name the log and the base content that it starts from.

package import Platform

package struct LogHeader: Equatable, Sendable {
    package var kind: LogKind
    package var id: UInt64
    /// The inode whose base content the file started with, or 0 for an empty file.
    package var baseFile: UInt64 = 0
    package var baseLength: UInt64 = 0
    package var created: Int64 = 0

    package init(
        kind: LogKind, id: UInt64, baseFile: UInt64 = 0, baseLength: UInt64 = 0, created: Int64
    ) {
        self.kind = kind
        self.id = id
        self.baseFile = baseFile
        self.baseLength = baseLength
        self.created = created
    }

    package var bytes: [UInt8] {
        var writer = ByteWriter(capacity: Format.logHeaderLength)
        writer.integer(Format.logMagic)
        writer.integer(Format.logVersion)
        writer.integer(kind.rawValue)
        writer.integer(id)
        writer.integer(baseFile)
        writer.integer(baseLength)
        writer.integer(created)
        writer.integer(UInt64(0))
        writer.integer(Checksum.xxh3(writer.bytes))
        return writer.bytes
    }

    package init(reading file: any DiskFile, path: String) throws(StorageError) {
        let bytes: [UInt8]
        do throws(Errno) {
            bytes = try file.readBytes(Format.logHeaderLength, at: 0)
        } catch {
            throw .system(error, doing: "read", path: path)
        }
        var reader = ByteReader(bytes)
        guard bytes.count == Format.logHeaderLength, reader.integer() == Format.logMagic,
            let version: UInt32 = reader.integer(), let rawKind: UInt32 = reader.integer(),
            let id: UInt64 = reader.integer(), let baseFile: UInt64 = reader.integer(),
            let baseLength: UInt64 = reader.integer(), let created: Int64 = reader.integer(),
            reader.integer(UInt64.self) != nil, let sum: UInt64 = reader.integer(),
            sum == Checksum.xxh3(bytes[0..<56])
        else { throw .damaged(path: path, what: "its header has a wrong checksum") }
        if version > Format.logVersion {
            throw .newerVersion(path: path, found: version, known: Format.logVersion)
        }
        if version < Format.logVersion {
            throw .olderVersion(path: path, found: version, known: Format.logVersion)
        }
        guard let kind = LogKind(rawValue: rawKind), baseLength <= UInt64(Int64.max) else {
            throw .damaged(path: path, what: "its header names an unknown kind of log")
        }
        self.init(
            kind: kind, id: id, baseFile: baseFile, baseLength: baseLength, created: created)
    }
}
