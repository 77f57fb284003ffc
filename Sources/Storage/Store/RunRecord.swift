// RunRecord: the last command that was run in a workspace with `draftfs run`: its result, for the list of
// workspaces. It is a sealed file; without it nothing is lost but that result.
//
// payload: version u32 | status i32 | ended i64 | nanoseconds i64 | sequence u64 | command string |
//          output string

package import Platform

package struct RunRecord: Equatable, Sendable {
    /// The exit status, or 128 plus the number of the signal that ended the command.
    package var status: Int32
    /// In nanoseconds since 1970.
    package var ended: Int64
    /// How long it ran.
    package var nanoseconds: Int64
    /// The last change of the workspace when this was written. A later change may have another result.
    package var sequence: UInt64
    package var command: [UInt8]
    /// The end of standard output and standard error.
    package var output: [UInt8]

    /// The maximum numbers of bytes that are kept; of the output the last ones.
    package static let mostCommand = 4 << 10
    package static let mostOutput = 64 << 10
    private static let version: UInt32 = 1

    package init(
        status: Int32, ended: Int64, nanoseconds: Int64, sequence: UInt64, command: [UInt8], output: [UInt8]
    ) {
        self.status = status
        self.ended = ended
        self.nanoseconds = nanoseconds
        self.sequence = sequence
        self.command = Array(command.prefix(Self.mostCommand))
        self.output = Array(output.suffix(Self.mostOutput))
    }

    package static func path(_ directory: String) -> String {
        directory.isEmpty ? "run" : "\(directory)/run"
    }

    package func write(to directory: String, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 48 + command.count + output.count)
        writer.integer(Self.version)
        writer.integer(status)
        writer.integer(ended)
        writer.integer(nanoseconds)
        writer.integer(sequence)
        writer.string(command)
        writer.string(output)
        try SealedFile.write(
            writer.bytes, magic: Format.runMagic, copies: 1, to: Self.path(directory), on: disk,
            durable: false)
    }

    /// - Returns: nil if no command was run.
    package static func read(from directory: String, on disk: any Disk) throws(StorageError) -> RunRecord? {
        let path = Self.path(directory)
        guard disk.exists(path) else { return nil }
        let payload = try SealedFile.read(magic: Format.runMagic, copies: 1, from: path, on: disk)
        var reader = ByteReader(payload)
        try reader.version(atMost: Self.version, of: path)
        guard let status: Int32 = reader.integer(), let ended: Int64 = reader.integer(),
            let nanoseconds: Int64 = reader.integer(), let sequence: UInt64 = reader.integer(),
            let command = reader.string(), let output = reader.string()
        else { throw .damaged(path: path, what: "it is too short") }
        return RunRecord(
            status: status, ended: ended, nanoseconds: nanoseconds, sequence: sequence, command: command,
            output: output)
    }
}
