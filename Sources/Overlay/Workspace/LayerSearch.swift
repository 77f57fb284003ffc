// LayerSearch: finds the layers that a workspace was forked from, before the workspace is opened. A layer
// that no checkpoint has written yet is made again by the recovery of its workspace.

internal import Platform
internal import Storage

/// Finds the layers below a workspace that is to be opened.
struct LayerSearch {
    let set: WorkspaceSet
}

extension LayerSearch {
    /// Gets the layers that a workspace was forked from, also those of its ancestors. The caller holds the
    /// lock `opening`, and the result until the workspace is open.
    func layers(below record: WorkspaceRecord) throws(StorageError) -> [Layer] {
        var chain: [(fork: WorkspaceRecord.Fork, parent: WorkspaceRecord)] = []
        let known = Dictionary(uniqueKeysWithValues: set.store.allWorkspaces.map { ($0.id, $0) })
        var next = record
        while let fork = next.fork, chain.count < known.count {
            guard let parent = known[fork.workspace] else {
                throw .damaged(
                    path: LogDirectory.workspacePath(record.id),
                    what: "workspace \(fork.workspace), of which it is a fork, is missing")
            }
            chain.append((fork, parent))
            next = parent
        }
        var layers: [Layer] = []
        for (fork, parent) in chain.reversed() {
            let name = Layer.Name(workspace: fork.workspace, generation: fork.generation)
            if let layer = try findLayer(name, of: parent, over: layers.last) {
                layers.append(layer)
                continue
            }
            // No checkpoint has written the layer: recovery makes it again.
            // An open workspace has all of its layers in use.
            let workspace = set.opened(parent.id) == nil ? try set.recover(parent) : nil
            guard let layer = set.layers.find(name) else {
                throw .damaged(
                    path: LogDirectory.workspacePath(parent.id),
                    what: "the state that workspace \(record.id) was forked from is missing")
            }
            layers.append(layer)
            if parent.isRemoved { workspace?.close() }
        }
        return layers
    }

    private func findLayer(
        _ name: Layer.Name, of parent: WorkspaceRecord, over lower: Layer?
    ) throws(StorageError) -> Layer? {
        if let layer = set.layers.find(name) { return layer }
        let paths = set.store.databases(of: parent.id)
        if paths.areInMemory { return nil }
        var layer = lower
        let first = try Layer.firstGeneration(upTo: name.generation, of: paths)
        for generation in first...name.generation {
            do throws(StorageError) {
                layer = try set.layers.layer(
                    Layer.Name(workspace: parent.id, generation: generation), at: paths.path(generation),
                    over: layer)
            } catch {
                switch error {
                case .damaged, .outdated: return nil
                case .system(.accessDenied, _, _), .system(.noEntry, _, _): return nil
                default: throw error
                }
            }
        }
        return layer
    }
}
