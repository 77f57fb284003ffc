// Placeholders of this branch, replaced one by one.

package import Platform
package import Storage

private func missing(_ what: String) -> CommandError { CommandError(.notImplemented, "\(what) is not there yet") }

extension Workspace {
    package var backups: [Backup] { [] }
    package func sequence(of moment: Moment) throws(CommandError) -> UInt64 { throw missing("moments") }
    package func backup(
        _ name: FileName, comment: [UInt8], caller: Caller
    ) throws(CommandError) -> Backup { throw missing("backup") }
    package func removeBackup(_ name: FileName, caller: Caller) throws(CommandError) { throw missing("backup") }
    package func renameBackup(
        _ name: FileName, to newName: FileName, caller: Caller
    ) throws(CommandError) { throw missing("backup") }
    package func rollback(
        to moment: Moment, paths: [[UInt8]], keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw missing("rollback") }
    package func undo(
        _ count: Int, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw missing("undo") }
    package func clone(
        _ source: [UInt8], to target: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw missing("clone") }
    package func edit(
        _ path: [UInt8], _ splices: [Splice], caller: Caller
    ) throws(CommandError) -> CommandOutcome { throw missing("edit") }
    package func view(at sequence: UInt64) throws(CommandError) -> TimeView { throw missing("view") }
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

package final class ViewNode: Sendable {
    package let number: InodeNumber
    package let type: FileType
    init(number: InodeNumber, type: FileType) { self.number = number; self.type = type }
}

package final class TimeView: Sendable {
    package let sequence: UInt64
    init(sequence: UInt64) { self.sequence = sequence }
    package var root: ViewNode { ViewNode(number: 0, type: .directory) }
    package func lookup(_ name: FileName, in node: ViewNode) throws(Errno) -> ViewNode { throw .noEntry }
    package func list(_ node: ViewNode) throws(Errno) -> [(name: FileName, type: FileType)] { [] }
    package func attributes(_ node: ViewNode) throws(Errno) -> InodeAttributes { throw .noEntry }
    package func read(
        _ node: ViewNode, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int { 0 }
    package func symlinkTarget(_ node: ViewNode) throws(Errno) -> [UInt8] { throw .invalid }
    package func xattr(_ name: [UInt8], of node: ViewNode) throws(Errno) -> [UInt8] { throw .noData }
    package func xattrNames(of node: ViewNode) throws(Errno) -> [[UInt8]] { [] }
}
