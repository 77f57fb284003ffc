// Deduplication: lets a file of a workspace read its content from elsewhere, where the same bytes are.

package import Platform
package import Storage

package struct Deduplication: Sendable {
    private let workspace: Workspace

    package init(_ workspace: Workspace) { self.workspace = workspace }

    /// Lets a file read its content from elsewhere. No process and no moment sees a difference.
    /// - Parameters:
    ///   - content: the same bytes, from edit logs.
    ///   - sources: the other logs that the content refers to.
    /// - Returns: false if the file was changed since `known` was taken of it.
    @discardableResult
    package func run(
        _ number: InodeNumber, to content: PieceTree, from known: LogDedupe, sources: Set<UInt64>
    ) throws(Errno) -> Bool {
        // After a power cut the record must not refer to what was lost, nor to a log whose number was given
        // to another file.
        try workspace.logs.synchronizeExisting(sources)
        try workspace.treeLog.synchronize()
        guard try isSettled(number, known) else { return false }
        let caller = Caller(user: 0, group: 0, pid: 0, umask: 0)
        var isDone = false
        try workspace.content.edit(
            number, isRelease: true, needsBase: false, caller: caller
        ) { (log, _) throws(Errno) in
            isDone = try known.append(content, to: log) { workspace.sequence.last }
            return nil
        }
        // Its number says that there are moments after this one: only they do without the former pieces.
        if isDone {
            try workspace.withTree { (tree) throws(Errno) in
                try tree.edits.appendMark([number], stamp: caller.stamp(tree.clock.realtime()))
            }
        }
        return isDone
    }

    /// Returns the content of a file with a log of its own; nil for any other.
    package func content(of number: InodeNumber) throws(Errno) -> LogDedupe? {
        try workspace.withTree { (tree) throws(Errno) in
            guard let row = try tree.row(number), row.links > 0, row.type == .regular,
                row.flags.contains(.hasLog), !row.flags.contains(.inheritsLog) else { return nil }
            return try tree.edits.log(of: tree.inode(number)).flatMap { LogDedupe($0) }
        }
    }

    /// Returns whether the file still has that log: no edit is to begin here.
    private func isSettled(_ number: InodeNumber, _ known: LogDedupe) throws(Errno) -> Bool {
        try content(of: number)?.sequence == known.sequence
    }
}
