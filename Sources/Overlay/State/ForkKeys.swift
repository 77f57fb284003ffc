// ForkKeys: the keys of the tree that may have changed since a fork began, and the values that they had then:
// those of the layer that it was forked from. No tree log is needed for them.

package import Platform
package import Storage

package struct ForkKeys: Sendable {
    package private(set) var inodes: Set<InodeNumber> = []
    package private(set) var entries: [InodeNumber: Set<FileName>] = [:]
    package private(set) var xattrs: [InodeNumber: Set<[UInt8]>] = [:]
    package private(set) var origins: Set<InodeNumber> = []
    private var workspace: UInt16

    /// The number of keys of a database that are read at once.
    private static let part = 5_000

    /// Collects the keys. The tree's lock is held.
    /// - Parameter lowest: the layer that the fork began with. It is below the tree.
    package init(of tree: Tree, above lowest: Layer) throws(StorageError) {
        workspace = tree.workspace
        for batch in tree.pending.batches { note(batch) }
        try note(tree.rows.top)
        for layer in (tree.rows.lower?.chain ?? []).prefix(while: { $0 !== lowest }) {
            // The layer's lock is held: no other layer is looked at meanwhile.
            let keys = try layer.read { (batch, database, _) throws(StorageError) in
                var keys = self
                keys.note(batch)
                try keys.note(database)
                return keys
            }
            self = keys
        }
    }

    private mutating func note(_ database: TreeDatabase) throws(StorageError) {
        var found = self
        try DatabaseBatches(of: database).visit(of: Self.part) { found.note($0) }
        self = found
    }

    /// Notes the keys of a database, which may be one of another workspace.
    private mutating func note(_ batch: CheckpointBatch) {
        inodes.formUnion(batch.inodes.keys.map { $0.moved(to: workspace) })
        origins.formUnion(batch.origins.keys.map { $0.moved(to: workspace) })
        for (parent, names) in batch.entries {
            entries[parent.moved(to: workspace), default: []].formUnion(names.keys)
        }
        for (number, names) in batch.xattrs {
            xattrs[number.moved(to: workspace), default: []].formUnion(names.keys)
        }
    }
}

extension LayeredRows {
    /// Returns the layer that a fork began with.
    /// - Parameter beginning: the last change that the fork has of the workspace that it was forked from.
    package func layer(at beginning: UInt64) -> Layer? {
        lower?.chain.first { $0.position.sequence == beginning }
    }
}
