// LayerMerge: writes the layers of a workspace into one, so that a look-up searches few of them and few
// databases are open, however often the workspace was forked. The merged database takes the place of the
// newest one of these layers: it has the same values. Older ones stay as long as forks begin with them.

internal import Platform
package import Storage
internal import Synchronization

package struct LayerMerge: Sendable {
    let set: WorkspaceSet

    /// The number of keys that are held in memory at once.
    private static let part = 5_000

    /// Merges the layers of one workspace that has too many. It may take long: it is not called by a thread
    /// that others wait for.
    package func run() {
        let merged: [UInt16: UInt32] = set.merged.withLock { known in
            defer { known = [:] }
            return known
        }
        for (id, generation) in merged {
            if let workspace = set.opened(id) { removeUnneeded(below: generation, of: workspace) }
        }
        for workspace in set.opened {
            let layers = workspace.withTreeSafely { Self.ownLayers(of: $0) }
            // An unwritten layer is written by the next checkpoint.
            guard layers.count > set.limits.layers, layers.allSatisfy(\.isWritten),
                !workspace.databases.areInMemory
            else { continue }
            do throws(StorageError) {
                try merge(layers, of: workspace)
            } catch {
                // It only costs time: a later round tries again.
                set.events.post(.notice, "layers of workspace \(workspace.id) are not merged: \(error)")
            }
            return
        }
    }

    /// The layers of the workspace itself, the newest first.
    private static func ownLayers(of tree: Tree) -> [Layer] {
        Array((tree.rows.lower?.chain ?? []).prefix { $0.name.workspace == tree.workspace })
    }

    private func merge(_ layers: [Layer], of workspace: Workspace) throws(StorageError) {
        guard let newest = layers.first, let oldest = layers.last else { return }
        let path = workspace.databases.path(newest.name.generation)
        let temporary = path + ".new"
        DatabaseSeal.removeDatabase(temporary)
        var position = newest.position
        position.isWhole = true
        try write(layers, of: workspace, to: temporary, at: position)
        do throws(Errno) {
            try newest.becomeWhole(
                temporary, over: oldest.lower,
                directories: layers.reduce(into: []) { $0.formUnion($1.directories) })
            try workspace.disk.synchronizeDirectory(LogDirectory.workspacePath(workspace.id))
        } catch {
            throw .system(error, doing: "replace", path: path)
        }
        // A search that began before may still look into the old ones.
        set.merged.withLock { $0[workspace.id] = newest.name.generation }
    }

    private func write(
        _ layers: [Layer], of workspace: Workspace, to path: String, at position: CheckpointPosition
    ) throws(StorageError) {
        let database = try TreeDatabase(path)
        defer { database.close() }
        for layer in layers.reversed() {
            let source = try Layer.open(workspace.databases.path(layer.name.generation))
            defer { source.close() }
            try DatabaseBatches(of: source).visit(of: Self.part) { (batch) throws(StorageError) in
                // Removals stay also over the base: a search may still continue with a merged layer.
                try database.apply(batch, at: CheckpointPosition(), isOverLayer: true)
            }
        }
        try database.apply(CheckpointBatch(), at: position)
        try database.flushLog()
    }

    /// Removes the databases of layers that no fork begins with, and no layer that a fork begins with needs.
    /// If it does not come to that, the next merge removes them.
    private func removeUnneeded(below generation: UInt32, of workspace: Workspace) {
        // A fork that is being opened reads these files under this lock.
        set.opening.withLock { _ in
            let forks = set.store.forks(of: workspace.id).compactMap { $0.fork?.generation }
            let needed = forks.filter { $0 < generation }.map { number in
                Layer.firstGeneration(upTo: number, of: workspace.databases)...number
            }
            for number in 0..<generation where !needed.contains(where: { $0.contains(number) }) {
                DatabaseSeal.removeDatabase(workspace.databases.path(number))
            }
        }
    }
}

extension Layer {
    /// Returns the generation at which the layers of a workspace up to `last` begin: that of the last
    /// database that has all of the generations before.
    package static func firstGeneration(upTo last: UInt32, of paths: DatabasePaths) -> UInt32 {
        var number = last
        while number > 0 {
            let path = paths.path(number)
            // A damaged one is met when the layers are read.
            if DatabaseSeal.exists(path), (try? open(path).position().isWhole) == true { return number }
            number -= 1
        }
        return 0
    }
}
