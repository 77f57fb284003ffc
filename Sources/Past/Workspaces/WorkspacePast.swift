// What this module adds to a workspace: its moments, its history, and the commands that change many files.

package import Overlay

extension Workspace {
    /// The moments of a workspace's past: named ones, and how the tree was then.
    package var moments: Moments { Moments(workspace: self) }
    /// The changes of a workspace, as its logs tell them.
    package var changes: ChangeHistory { ChangeHistory(workspace: self) }
    /// Commands that change many files at once, whole or not at all.
    package var commands: TreeCommands { TreeCommands(workspace: self) }
    /// How a workspace differs from the base, a moment or another workspace.
    package var comparison: Comparison { Comparison(workspace: self) }
    /// Whether a workspace may be removed, and its last step.
    package var removal: RemovalCheck { RemovalCheck(workspace: self) }

    /// What is remembered of the past while the workspace is open.
    var pastMemory: PastMemory { attachment.value { PastMemory() } }
}
