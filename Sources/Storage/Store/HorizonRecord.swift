// HorizonRecord: how far back the history of a workspace can be seen. It is a sealed file, written and synced
// before anything that only earlier moments need is released. It also has what the last release found.
//
// payload: version u32 | zero u32 | first u64 | time i64 | present bytes u64 | history bytes u64
//     | released u64 | count u32 | zero u32 | count times: sequence u64

package import Platform

package struct HorizonRecord: Equatable, Sendable {
    /// The earliest change after which the workspace can be seen; 0 for its beginning.
    package var first: UInt64
    /// Earlier moments that can be seen too: backups, and where forks began. Sorted.
    package var kept: [UInt64]
    /// When the last release was done, in nanoseconds since 1970; 0 for none.
    package var time: Int64 = 0
    /// The bytes of edit logs that the present content needs, and those that only the history needs.
    package var presentBytes: UInt64 = 0
    package var historyBytes: UInt64 = 0
    /// The bytes of edit logs that were released in all.
    package var releasedBytes: UInt64 = 0

    static let version: UInt32 = 1

    package init(first: UInt64 = 0, kept: [UInt64] = []) {
        self.first = first
        self.kept = kept
    }

    /// Whether the workspace can be seen as it was after a change.
    package func shows(_ sequence: UInt64) -> Bool {
        sequence >= first || kept.contains(sequence)
    }

    package static let fileName = "horizon"

    /// - Parameter directory: that of the workspace.
    package func write(to directory: String, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 64 + 8 * kept.count)
        writer.integer(Self.version)
        writer.integer(UInt32(0))
        writer.integer(first)
        writer.integer(time)
        for count in [presentBytes, historyBytes, releasedBytes] { writer.integer(count) }
        writer.integer(UInt32(clamping: kept.count))
        writer.integer(UInt32(0))
        for sequence in kept { writer.integer(sequence) }
        try SealedFile.write(
            writer.bytes, magic: Format.horizonMagic, copies: 2, to: "\(directory)/\(Self.fileName)",
            on: disk, durable: true)
    }

    /// Reads the record of a workspace. Without a file all of its history can be seen.
    package init(of workspace: UInt16, on disk: any Disk) throws(StorageError) {
        self.init()
        let path = "\(LogDirectory.workspacePath(workspace))/\(Self.fileName)"
        let payload: [UInt8]
        do throws(StorageError) {
            payload = try SealedFile.read(magic: Format.horizonMagic, copies: 2, from: path, on: disk)
        } catch {
            // A look that fails must not stand for a file that is not there.
            if error.errno == .noEntry { return }
            throw error
        }
        var reader = ByteReader(payload)
        try reader.version(atMost: Self.version, of: path)
        guard reader.integer(UInt32.self) != nil, let first: UInt64 = reader.integer(),
            let time: Int64 = reader.integer(), let present: UInt64 = reader.integer(),
            let history: UInt64 = reader.integer(), let released: UInt64 = reader.integer(),
            let count: UInt32 = reader.integer(), reader.integer(UInt32.self) != nil,
            UInt64(count) * 8 == UInt64(reader.remaining)
        else { throw .damaged(path: path, what: "it is too short") }
        for _ in 0..<count {
            guard let sequence: UInt64 = reader.integer() else { break }
            kept.append(sequence)
        }
        self.first = first
        self.time = time
        (presentBytes, historyBytes, releasedBytes) = (present, history, released)
    }
}
