// The operations of a workspace, each group a type of its own.

extension Workspace {
    /// Reads and edits the bytes of files.
    package var content: WorkspaceContent { WorkspaceContent(workspace: self) }
    /// What a workspace has of files of the base, and how it follows them.
    package var baseFiles: WorkspaceBaseFiles { WorkspaceBaseFiles(workspace: self) }
    /// Opens a workspace: what the last session left is made whole.
    package var recovery: Recovery { Recovery(workspace: self) }
    /// The background work of a workspace: checkpoints, memory that is let go, backups that expire.
    package var maintenance: Maintenance { Maintenance(workspace: self) }
    /// What a workspace takes and may take.
    package var accounts: WorkspaceAccounts { WorkspaceAccounts(workspace: self) }
}
