// Placeholders of this branch, replaced one by one.

internal import Platform
package import Storage

private func missing(_ what: String) -> CommandError { CommandError(.notImplemented, "\(what) is not there yet") }

extension Workspace {
    package func undo(
        _ count: Int, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw missing("undo") }
    package func history(
        _ range: ClosedRange<UInt64>
    ) throws(CommandError) -> [HistoryItem] { throw missing("history") }
    package func blame(_ number: InodeNumber) throws(CommandError) -> [BlameRange] { throw missing("blame") }
}

extension WorkspaceSet {
    package func differences(
        of workspace: Workspace, from ground: DiffGround
    ) throws(CommandError) -> [Difference] { throw missing("diff") }
}

