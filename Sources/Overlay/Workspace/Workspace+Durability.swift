// Durability of a workspace: what fsync(2) and fsyncdir(2) wait for.

package import Platform
package import Storage

extension Workspace {
    /// fsync(2) and fdatasync(2): content, then names and attributes, survive a power cut.
    package func synchronize(_ number: InodeNumber) throws(Errno) {
        let (log, pins) = try withTree { (tree) throws(Errno) -> (EditLog?, Set<PinIdentity>) in
            let inode = try tree.inode(number)
            return (
                inode.type == .regular ? try tree.log(of: inode) : nil, tree.unsyncedPins
            )
        }
        try synchronizePins(pins)
        if let log {
            let last = log.lastSequence
            try log.synchronize()
            dueLogs.remove(number, upTo: last)
        }
        try synchronizeJournal()
    }

    /// Contents of other base files too: extents may be shared with them.
    func synchronizePins(_ pins: Set<PinIdentity>) throws(Errno) {
        if pins.isEmpty { return }
        try logs.pool.synchronize(pins)
        withTreeSafely { $0.unsyncedPins.subtract(pins) }
    }

    /// fsync(2) of a directory: every name and attribute of the workspace.
    package func synchronizeNames() throws(Errno) { try synchronizeJournal() }
}
