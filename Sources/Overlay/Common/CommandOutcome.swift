// CommandOutcome: what a command did, and which of the kernel's caches it made stale.

package import Platform
package import Storage

/// What the kernel may still hold of the state before a command.
package struct StaleCaches: Sendable {
    /// Inodes whose attributes changed; true where the content changed too.
    package var inodes: [InodeNumber: Bool] = [:]
    package var entries: [(parent: InodeNumber, name: FileName)] = []

    package init() {}
}

/// What a quick command did.
package struct CommandOutcome: Sendable {
    /// The change that the command itself is.
    package var sequence: UInt64
    /// The automatic backup of the state before it.
    package var backup: FileName?
    /// Files and directories that it changed.
    package var changed: Int
    package var stale = StaleCaches()

    package init(sequence: UInt64, backup: FileName? = nil, changed: Int = 0) {
        self.sequence = sequence
        self.backup = backup
        self.changed = changed
    }
}
