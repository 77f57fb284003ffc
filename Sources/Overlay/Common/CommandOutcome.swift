// CommandOutcome: the effect of a command, and the kernel's caches that it made stale.

package import Platform
package import Storage

/// The kernel's caches that may still hold the state before a command.
package struct StaleCaches: Sendable {
    /// The inodes whose attributes changed. True if the content changed too.
    package var inodes: [InodeNumber: Bool] = [:]
    package var entries: [(parent: InodeNumber, name: FileName)] = []

    package init() {}
}

/// The effect of a quick command.
package struct CommandOutcome: Sendable {
    /// The sequence number of the command's own change.
    package var sequence: UInt64
    /// The automatic backup of the state before it.
    package var backup: FileName?
    /// The number of files and directories that it changed.
    package var changed: Int
    package var stale = StaleCaches()
    /// The workspace that was changed, if it is not the one that was asked.
    package var workspace: UInt16?
    /// Whether the workspace shows another state of the base: then names that the kernel has as missing may
    /// be there.
    package var showsOtherBase = false

    package init(sequence: UInt64, backup: FileName? = nil, changed: Int = 0) {
        self.sequence = sequence
        self.backup = backup
        self.changed = changed
    }
}
