// The additions of this module to a workspace: its moments, its history, and the commands that change many
// files.

package import Overlay

extension Workspace {
    /// The moments of a workspace's past: backups, and the tree at each moment.
    package var moments: Moments { Moments(workspace: self) }
    /// The changes of a workspace, read from its logs.
    package var changes: ChangeHistory { ChangeHistory(workspace: self) }
    /// Commands that change many files at once, all or nothing.
    package var commands: TreeCommands { TreeCommands(workspace: self) }
    /// Compares a workspace with the base, a moment or another workspace.
    package var comparison: Comparison { Comparison(workspace: self) }
    /// Checks whether a workspace may be removed, and performs the last step of a removal.
    package var removal: RemovalCheck { RemovalCheck(workspace: self) }

    /// Caches for the past, kept while the workspace is open.
    var pastMemory: PastMemory { attachment.value { PastMemory() } }
}
