// Freeze: makes the present rows and names of a tree a layer, which never changes, and goes on above it.
// Nothing is written or copied for it, whatever the tree's size: the database stays where it is, and what it
// does not have yet stays in memory until the next checkpoint.

internal import Platform
internal import Storage

struct Freeze {
    let tree: Tree

    /// Freezes the tree. The tree log has a record of it already. No edit is under way.
    /// - Parameters:
    ///   - sequence: the number of that record.
    ///   - top: an empty database in memory, for what comes after.
    @discardableResult
    func run(at sequence: UInt64, _ top: TreeDatabase) -> Layer {
        let batch = tree.pending.freeze { number in
            guard let inode = tree.inodes[number] else { return nil }
            defer {
                inode.isDirty = false
                inode.isFlushing = false
            }
            guard inode.isDirty else { return nil }
            return .some(inode.rowToWrite)
        }
        tree.identity.freeze()
        let ownDirectories = tree.directoriesWithEntries.ownNumbers
        tree.directoriesWithEntries.freeze()
        var position = CheckpointPosition(
            treeLog: tree.treeLog.end, sequence: sequence, lastNumber: tree.inodes.lastNumber,
            isFrozen: true)
        // After a replay that began with a state the earlier generations are in this one.
        position.isWhole = tree.generation > 0 && tree.rows.lower?.name.workspace != tree.workspace
        let layer = Layer(
            Layer.Name(workspace: tree.workspace, generation: tree.generation), at: position,
            over: tree.rows.lower,
            Layer.FrozenTree(
                identity: tree.identity, directoriesWithEntries: tree.directoriesWithEntries,
                backups: tree.backups, unsyncedPins: tree.unsyncedPins,
                batch: batch, isWritten: false, database: tree.rows.top,
                open: tree.layers.open),
            ownDirectories: ownDirectories)
        tree.rows = LayeredRows(of: tree.workspace, top, over: layer)
        tree.generation += 1
        tree.unwrittenLayers.append(layer)
        tree.layers.add(layer)
        // Recovery reads marks after the layer only, so each later edit needs one.
        tree.openLogs.unmarkAll()
        for inode in Array(tree.inodes.values) where tree.isIdle(inode) { tree.release(inode) }
        return layer
    }
}
