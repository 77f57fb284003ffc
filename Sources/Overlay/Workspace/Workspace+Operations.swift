// The operations of a workspace, each group in its own type.

extension Workspace {
    /// Reads and edits the bytes of files.
    package var content: WorkspaceContent { WorkspaceContent(workspace: self) }
    /// Relates a workspace to files of the base, and follows their changes.
    package var baseFiles: WorkspaceBaseFiles { WorkspaceBaseFiles(workspace: self) }
    /// Opens a workspace and completes what the last session left unfinished.
    package var recovery: Recovery { Recovery(workspace: self) }
    /// The background work of a workspace: checkpoints, freeing of memory, expiry of backups.
    package var maintenance: Maintenance { Maintenance(workspace: self) }
    /// The space that a workspace uses, and its limits.
    package var accounts: WorkspaceAccounts { WorkspaceAccounts(workspace: self) }
}
