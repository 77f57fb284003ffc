// UsageRecord: the space that a workspace used when it was closed cleanly, so that the next open need
// not read every log. It is a sealed file that is removed when the workspace is opened. If it is
// missing or does not match the tree log, the space is counted again.
//
// payload: log files u64 | log bytes u64 | tree log bytes u64 | files u64 | last change i64

package import Platform

package struct UsageRecord: Equatable, Sendable {
    package var logFiles: UInt64
    package var logBytes: UInt64
    package var treeLogBytes: UInt64
    /// The number of files and directories that have a row and a name.
    package var files: UInt64
    /// When a process changed something last, in nanoseconds since 1970. Nil if that is not known.
    package var lastChange: Int64?
    /// The last commit to the base that it sees. Nil if that is not known.
    package var epoch: UInt64?

    package init(
        logFiles: UInt64, logBytes: UInt64, treeLogBytes: UInt64, files: UInt64, lastChange: Int64?,
        epoch: UInt64? = nil
    ) {
        self.logFiles = logFiles
        self.logBytes = logBytes
        self.treeLogBytes = treeLogBytes
        self.files = files
        self.lastChange = lastChange
        self.epoch = epoch
    }

    /// The bytes of all logs.
    package var bytes: UInt64 { logBytes.adding(clamping: treeLogBytes) }

    private static func path(_ workspace: UInt16) -> String {
        "\(LogDirectory.workspacePath(workspace))/usage"
    }

    package func write(_ workspace: UInt16, on disk: any Disk) throws(StorageError) {
        var writer = ByteWriter(capacity: 48)
        for number in [logFiles, logBytes, treeLogBytes, files] { writer.integer(number) }
        writer.integer(lastChange ?? 0)
        if let epoch { writer.integer(epoch) }
        try SealedFile.write(
            writer.bytes, magic: Format.usageMagic, copies: 1, to: Self.path(workspace), on: disk,
            durable: false)
    }

    package init?(of workspace: UInt16, on disk: any Disk) {
        guard disk.exists(Self.path(workspace)),
            let payload = try? SealedFile.read(
                magic: Format.usageMagic, copies: 1, from: Self.path(workspace), on: disk)
        else { return nil }
        var reader = ByteReader(payload)
        guard let logFiles: UInt64 = reader.integer(), let logBytes: UInt64 = reader.integer(),
            let treeLogBytes: UInt64 = reader.integer(), let files: UInt64 = reader.integer()
        else { return nil }
        // The first records ended here.
        let lastChange: Int64 = reader.integer() ?? 0
        self.init(
            logFiles: logFiles, logBytes: logBytes, treeLogBytes: treeLogBytes, files: files,
            lastChange: lastChange == 0 ? nil : lastChange, epoch: reader.integer())
    }

    /// Reads the record and removes it, since the workspace is about to change.
    /// - Throws: An errno if the record cannot be removed. It would be wrong at the next open.
    package static func take(
        _ workspace: UInt16, on disk: any Disk
    ) throws(Errno) -> UsageRecord? {
        guard disk.exists(path(workspace)) else { return nil }
        let found = UsageRecord(of: workspace, on: disk)
        try disk.remove(path(workspace))
        return found
    }
}
