// WorkspaceFork: a fork of a workspace as it is now, or as it was at a moment. The fork of a moment is made
// of the present state, and goes back before it gets its name. So its history reaches over the moment.

package import Overlay
package import Platform
package import Storage

extension Forks {
    /// Makes a fork of a workspace.
    /// - Parameter moment: the state of the fork; nil for the present state.
    /// - Throws: EEXIST if a workspace has that name, ENOENT if there is no such moment, ENOSPC, EIO.
    package func fork(
        _ workspace: Workspace, as name: FileName, at moment: Moment? = nil, caller: Caller
    ) throws(CommandError) -> WorkspaceRecord {
        guard let record = set.records.first(where: { $0.id == workspace.id }) else {
            throw CommandError(.noEntry, "the workspace is gone: nothing was forked")
        }
        var target: UInt64?
        if let moment { target = try workspace.moments.sequence(of: moment) }
        let made: WorkspaceRecord
        do throws(Errno) {
            made = try fork(record, as: name, moment: target, caller: caller)
        } catch {
            if error == .stale, let target { try workspace.moments.refuseReleased(target) }
            throw CommandError(error, Self.failure(error, name))
        }
        guard let target else { return made }
        do throws(CommandError) {
            try goBack(made, to: target, caller)
            do throws(Errno) {
                return try finish(made)
            } catch {
                throw CommandError(error, Self.failure(error, name))
            }
        } catch {
            // It has no name yet.
            _ = try? set.discards.remove(made)
            throw error
        }
    }

    private func goBack(
        _ record: WorkspaceRecord, to target: UInt64, _ caller: Caller
    ) throws(CommandError) {
        let fork: Workspace
        do throws(StorageError) {
            fork = try set.workspace(record)
        } catch {
            throw CommandError(error.errno, "the fork cannot be opened: \(error)")
        }
        _ = try fork.commands.rollback(
            to: target, as: .rollback, comment: "before the fork went back to @\(target)", paths: [],
            keepsTimes: false, caller: caller)
    }

    private static func failure(_ error: Errno, _ name: FileName) -> String {
        switch error {
        case .exists: "there is a workspace named \(name) already: choose another name"
        case .noEntry, .stale: "the workspace was discarded or removed meanwhile: nothing was forked"
        case .noSpace, .quota: "the store is full: nothing was forked; make room and try again"
        default: "nothing was forked: \(error)"
        }
    }
}
