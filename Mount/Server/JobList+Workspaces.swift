// Jobs of a workspace, which their reports name.

internal import Control
internal import Overlay
internal import Platform
internal import Storage

extension JobList {
    /// Starts a job.
    /// - Parameter workspace: nil for the whole store.
    func start(
        _ verb: String, of workspace: Workspace?, in set: WorkspaceSet, unit: String,
        isCancellable: Bool = true
    ) -> Job {
        let name = set.records.first { $0.id == workspace?.id }.map { "\($0.name)" } ?? ""
        return start(verb, workspace: name, unit: unit, isCancellable: isCancellable)
    }
}
