// LayerMerge: writes the layers of a workspace into one, so that a look-up searches few of them and few
// databases are open, however often the workspace was forked. The merged database takes the place of the
// newest one of these layers: it has the same values. Older ones stay as long as forks begin with them.

internal import Platform
package import Storage
internal import Synchronization

/// What was merged.
struct LayerMerges: Sendable {
    /// The workspaces whose layers were merged, with the generation that has them all.
    var done: [UInt16: UInt32] = [:]
    /// The newest generations for which it failed.
    var failed: [UInt16: UInt32] = [:]
}

package struct LayerMerge: Sendable {
    let set: WorkspaceSet

    /// The number of keys that are held in memory at once.
    private static let part = 5_000

    /// Merges the layers of one workspace that has too many. It may take long: it is not called by a thread
    /// that others wait for.
    package func run() {
        let merged: [UInt16: UInt32] = set.merges.withLock { merges in
            defer { merges.done = [:] }
            return merges.done
        }
        for (id, generation) in merged {
            if let workspace = set.opened(id) { removeUnneeded(below: generation, of: workspace) }
        }
        for workspace in set.opened {
            let layers = workspace.withTreeSafely { Self.ownLayers(of: $0) }
            // An unwritten layer is written by the next checkpoint.
            guard layers.count > set.limits.layers, layers.allSatisfy(\.isWritten),
                !workspace.databases.areInMemory, !workspace.logs.reserve.isShort,
                let newest = layers.first?.name.generation,
                set.merges.withLock({ $0.failed[workspace.id] }) != newest
            else { continue }
            do throws(StorageError) {
                try merge(layers, of: workspace)
            } catch {
                // It only costs time. It is tried again when there is one more layer, or after a restart.
                set.merges.withLock { $0.failed[workspace.id] = newest }
                set.events.post(.notice, "layers of workspace \(workspace.id) are not merged: \(error)")
                continue
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
        // It could not be replaced: a log beside it would be taken for one of the new database.
        if DatabaseSeal.hasLog(path) { throw .system(.busy, doing: "replace", path: path) }
        let temporary = workspace.databases.mergePath(newest.name.generation)
        DatabaseSeal.removeDatabase(temporary)
        defer { DatabaseSeal.removeDatabase(temporary) }
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
        set.merges.withLock { $0.done[workspace.id] = newest.name.generation }
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
            // A workspace whose record is unreadable may begin with any of them.
            guard set.store.unreadable.isEmpty else { return }
            let forks = set.store.forks(of: workspace.id).compactMap { $0.fork?.generation }
            // A fork that is being made has no record yet. A search may still look into a layer.
            let used = set.layers.generations(of: workspace.id)
            do throws(StorageError) {
                let needed = try (forks + used).filter { $0 < generation }.map {
                    (number) throws(StorageError) in
                    try Layer.firstGeneration(upTo: number, of: workspace.databases)...number
                }
                for number in 0..<generation where !needed.contains(where: { $0.contains(number) }) {
                    DatabaseSeal.removeDatabase(workspace.databases.path(number))
                }
            } catch {
                // Without knowing what is needed, nothing is removed.
                set.events.post(.notice, "merged layers of workspace \(workspace.id) are kept: \(error)")
            }
        }
    }
}

extension Layer {
    /// Returns the generation at which the layers of a workspace up to `last` begin: that of the last
    /// database that has all of the generations before.
    /// - Throws: `system`, if a database cannot be looked at now. Whether it has all is not known then.
    package static func firstGeneration(
        upTo last: UInt32, of paths: DatabasePaths
    ) throws(StorageError) -> UInt32 {
        var number = last
        while number > 0 {
            let path = paths.path(number)
            if DatabaseSeal.exists(path) {
                do throws(StorageError) {
                    if try open(path).position().isWhole { return number }
                } catch {
                    // A damaged one is met when the layers are read.
                    switch error {
                    case .damaged, .outdated: break
                    default: throw error
                    }
                }
            }
            number -= 1
        }
        return 0
    }
}
