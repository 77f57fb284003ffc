// History: the changes of a workspace, one by one.

package import Overlay
internal import Platform
internal import Storage

/// The changes of a workspace, read from its logs.
package struct ChangeHistory: Sendable {
    let workspace: Workspace
}

extension ChangeHistory {
    /// Returns the changes with sequence numbers in `range`, in order. Left out are names that were only
    /// touched, marks that draftfs makes for itself, and edits of a file whose last name was removed before
    /// the range and that is gone now.
    /// - Throws: EIO if the tree log is damaged. Of a damaged edit log only its own changes are missing.
    package func history(
        _ range: ClosedRange<UInt64>
    ) throws(CommandError) -> [HistoryItem] {
        let upper = min(range.upperBound, workspace.sequence.last)
        guard upper >= max(1, range.lowerBound) else { return [] }
        do throws(Errno) {
            if try upper <= firstThere() { return [] }
            var walk = try workspace.withTree { (tree) throws(Errno) in try HistoryWalk(tree, from: upper) }
            return try self.walk(&walk, to: range.lowerBound).reversed().map(item)
        } catch {
            throw CommandError(error, "the history cannot be read: \(error); run verify for details")
        }
    }

    func item(_ change: Change) -> HistoryItem {
        let event = change.event
        return HistoryItem(
            sequence: event.sequence, time: event.time, pid: event.pid, uid: event.uid,
            command: command(event), operation: event.operation, path: change.path ?? [],
            oldPath: change.oldPath, range: event.range)
    }
}

/// One change as history shows it.
package struct HistoryItem: Sendable {
    package var sequence: UInt64
    /// The time in nanoseconds since 1970.
    package var time: Int64
    package var pid: UInt32
    package var uid: UInt32
    /// The process's name when it made the change, if known.
    package var command: [UInt8]
    /// One of create, write, truncate, punch, share, edit, rename, unlink, …
    package var operation: String
    /// The path after the change, below the workspace's root.
    package var path: [UInt8]
    /// The path before a rename.
    package var oldPath: [UInt8]?
    /// The bytes that a content change wrote.
    package var range: Range<UInt64>?

    package init(
        sequence: UInt64, time: Int64, pid: UInt32, uid: UInt32, command: [UInt8],
        operation: String, path: [UInt8], oldPath: [UInt8]? = nil, range: Range<UInt64>? = nil
    ) {
        self.sequence = sequence
        self.time = time
        self.pid = pid
        self.uid = uid
        self.command = command
        self.operation = operation
        self.path = path
        self.oldPath = oldPath
        self.range = range
    }
}
