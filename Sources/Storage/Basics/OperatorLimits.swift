// OperatorLimits: the limits that users set for a workspace or the whole store, and the sealed file
// `limits` that keeps them (two copies, synced when written).
//
// payload: version u32 | count u32 | count times: key u32, zero u32, value u64

package import Platform

package struct OperatorLimits: Equatable, Sendable {
    package enum Key: UInt32, CaseIterable, Sendable {
        /// Bytes of edit logs and tree log.
        case bytes = 1
        /// The number of files and directories that have a row and a name.
        case files = 2
        /// Bytes of one file.
        case fileSize = 3
        /// Bytes of memory of the daemon.
        case memory = 4
        /// The least size in bytes of a file that is backed up before its first edit.
        case largeFile = 5
        /// Nanoseconds for which automatic backups are kept.
        case retention = 6
        /// The largest size in bytes of a base file whose content is copied at its first edit.
        case pin = 7
    }

    package static let fileName = "limits"
    static let version: UInt32 = 1

    /// The limits that were set. `none` means "no limit".
    private var values: [Key: UInt64] = [:]
    package static let none = UInt64.max

    package static let defaultMemory: UInt64 = 256 << 20
    package static let defaultLargeFile: UInt64 = 10 << 20
    package static let defaultPin: UInt64 = 10 << 20

    package init() {}

    /// The effective limit, or nil if there is none.
    package subscript(key: Key) -> UInt64? {
        switch values[key] {
        case nil:
            switch key {
            case .memory: Self.defaultMemory
            case .largeFile: Self.defaultLargeFile
            case .pin: Self.defaultPin
            default: nil
            }
        case Self.none: nil
        case let value?: value
        }
    }

    /// Returns whether the limit was set, to a value or to "no limit".
    package func isSet(_ key: Key) -> Bool { values[key] != nil }

    /// - Parameter value: Nil sets "no limit".
    package mutating func set(_ key: Key, to value: UInt64?) { values[key] = value ?? Self.none }

    /// Resets a limit to its default.
    package mutating func reset(_ key: Key) { values[key] = nil }

    // MARK: On disk

    package func write(to directory: String, on disk: any Disk) throws(StorageError) {
        let path = Self.path(directory)
        var writer = ByteWriter(capacity: 8 + 16 * values.count)
        writer.integer(Self.version)
        writer.integer(UInt32(values.count))
        for key in Key.allCases {
            guard let value = values[key] else { continue }
            writer.integer(key.rawValue)
            writer.integer(UInt32(0))
            writer.integer(value)
        }
        try SealedFile.write(
            writer.bytes, magic: Format.limitsMagic, copies: 2, to: path, on: disk, durable: true)
    }

    /// Reads the file in `directory`. Without a file the defaults apply.
    package init(from directory: String, on disk: any Disk) throws(StorageError) {
        let path = Self.path(directory)
        guard disk.exists(path) else { return }
        let payload = try SealedFile.read(
            magic: Format.limitsMagic, copies: 2, from: path, on: disk)
        var reader = ByteReader(payload)
        try reader.version(atMost: Self.version, of: path)
        guard let count: UInt32 = reader.integer() else {
            throw .damaged(path: path, what: "it is too short")
        }
        for _ in 0..<count {
            guard let raw: UInt32 = reader.integer(), reader.integer(UInt32.self) != nil,
                let value: UInt64 = reader.integer()
            else { throw .damaged(path: path, what: "it is too short") }
            if let key = Key(rawValue: raw) { values[key] = value }
        }
    }

    private static func path(_ directory: String) -> String {
        directory.isEmpty ? fileName : "\(directory)/\(fileName)"
    }
}
