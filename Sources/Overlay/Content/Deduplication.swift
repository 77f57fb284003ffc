// Deduplication: lets a file of a workspace read its content from elsewhere, where the same bytes are.

package import Platform
package import Storage

package struct Deduplication: Sendable {
    private let workspace: Workspace

    package init(_ workspace: Workspace) { self.workspace = workspace }

    /// Lets a file read its content from elsewhere. No process and no moment sees a difference.
    /// - Parameters:
    ///   - content: the same bytes; what it refers to is durable.
    ///   - base: the file of the base that it refers to. The store keeps that as if it was edited.
    /// - Returns: false if the file was changed since `known` was taken of it.
    @discardableResult
    package func run(
        _ number: InodeNumber, to content: PieceTree, from known: LogDedupe, base: InodeNumber?
    ) throws(Errno) -> Bool {
        let caller = Caller(user: 0, group: 0, pid: 0, umask: 0)
        let wish = try base.flatMap { (base) throws(Errno) in try missingPin(base) }
        return try workspace.baseFiles.keeping(wish) { (kept) throws(Errno) in
            if let base, !kept.isEmpty { try notePin(of: base, kept, caller: caller) }
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
    }

    /// Returns the content to keep before something reads it that is no edit of the file itself.
    private func missingPin(_ base: InodeNumber) throws(Errno) -> PinWish? {
        try workspace.withTree { (tree) throws(Errno) in
            guard let origin = try tree.knownOrigin(base), !origin.isPinned else { return nil }
            let limit = tree.baseFiles.pinLimit
            if let limit, origin.size > limit, !tree.logs.pool.mayShareExtents { return nil }
            return PinWish(
                place: BasePlace(path: origin.path), identity: tree.baseFiles.pinIdentity(origin),
                limit: limit)
        }
    }

    private func notePin(
        of base: InodeNumber, _ kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) {
        try workspace.withTree { (tree) throws(Errno) in
            guard let before = try tree.knownOrigin(base), !before.isPinned,
                kept.contains(tree.baseFiles.pinIdentity(before)) else { return }
            var after = before
            after.isPinned = true
            var transaction = tree.begin(.touch, caller.stamp(tree.clock.realtime()))
            transaction.changes.append(.origin(base, before: before, after: after))
            try tree.commit(&transaction)
        }
    }
}
