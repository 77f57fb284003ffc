// OutdatedRecords: a database that is written a page at a time has records in its log that are smaller than a
// page of the file system, and each of them has a header. Holes for their payloads alone give nothing back.
// So a log with many records that its content does not need gets a dedupe record, which has the content as it
// is. Once no moment before that can be seen, the records go as a whole.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

struct OutdatedRecords {
    let workspace: Workspace
    /// In bytes: how much the records must take (`Limits.leastShared`).
    let least: UInt64
    /// The length of a page in bytes.
    let page: UInt64
    /// Called for each log, without a lock.
    let pause: () throws(Errno) -> Void

    /// How many times as long as the dedupe record they must be.
    private static let leastGain: UInt64 = 4
    /// The number of logs that are remembered. Others are counted again.
    private static let most = 1 << 16

    /// Looks at all logs that have grown since the last time.
    /// - Throws: EINTR from `pause`, and what keeps the logs from being listed.
    func summarize() throws(StorageError) {
        let numbers: [UInt64]
        do throws(Errno) {
            numbers = try workspace.logs.numbers(of: workspace.id)
        } catch {
            throw .system(error, doing: "list the logs of", path: LogDirectory.workspacePath(workspace.id))
        }
        for number in numbers {
            do throws(Errno) {
                try pause()
                try summarize(number)
            } catch {
                if error == .interrupted {
                    throw .system(error, doing: "count outdated records of", path: "\(workspace.id)")
                }
                // The records stay: a log that cannot be read is told of by its readers.
            }
        }
    }

    private func summarize(_ log: UInt64) throws(Errno) {
        let length = try workspace.disk.open(LogDirectory.path(log), .readOnly).length()
        guard length >= least else { return }
        let known = workspace.pastMemory.countedLogs.withLock { known in
            if known.count >= Self.most { known = [:] }
            return known.updateValue(length, forKey: log)
        }
        if known == length { return }
        // Most logs have little more than their content, and need not be opened.
        let row = try workspace.withTree { (tree) throws(Errno) in try tree.row(log) }
        guard let row, row.links > 0, let needs = try LogNeeds(log, in: workspace.logs),
            row.flags.contains(.hasOrigin) || needs.byteCount >= row.allocated.adding(clamping: least),
            let content = try Deduplication(workspace).content(of: log) else { return }
        var needed = NeededRanges()
        needed.add(content.pieces)
        needed.finish()
        let cost = UInt64(Piece.encodedSize).multiplied(clamping: UInt64(content.pieces.pieceCount))
        let wanted = max(least, cost.multiplied(clamping: Self.leastGain))
        guard try outdatedBytes(log, needs, needed) >= wanted else { return }
        try Deduplication(workspace).run(
            log, to: content.pieces, from: content, sources: needed.logs.subtracting([log]))
    }

    private func outdatedBytes(
        _ log: UInt64, _ needs: LogNeeds, _ needed: NeededRanges
    ) throws(Errno) -> UInt64 {
        do throws(StorageError) {
            return try needs.outdatedBytes(page: page) { record, bytes in
                needed.needs(bytes, of: record, in: log)
            }
        } catch {
            throw error.errno
        }
    }
}
