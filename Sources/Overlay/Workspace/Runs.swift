// Runs: the result of the last command that was run in a workspace with `draftfs run`.

package import Storage
internal import Platform

package struct Runs: Sendable {
    let workspace: Workspace
}

extension Runs {
    /// Keeps the result of a command in place of the one before.
    /// - Parameter nanoseconds: How long it ran.
    package func note(
        status: Int32, nanoseconds: Int64, command: [UInt8], output: [UInt8]
    ) throws(CommandError) {
        let record = RunRecord(
            status: status, ended: workspace.clock.realtime(), nanoseconds: nanoseconds,
            sequence: workspace.sequence.last, command: command, output: output)
        do throws(StorageError) {
            try record.write(to: LogDirectory.workspacePath(workspace.id), on: workspace.disk)
        } catch {
            throw CommandError(error.errno, "the result of the command was not kept: \(error)")
        }
    }
}

extension Runs {
    /// Returns the result of the last command in a workspace, which need not be open; nil if there is none,
    /// or if it cannot be read.
    package static func last(in id: UInt16, of set: WorkspaceSet) -> RunRecord? {
        // It is a convenience: a damaged one must not hide the list. fsck reports it.
        try? RunRecord.read(from: LogDirectory.workspacePath(id), on: set.store.disk)
    }
}
