// Layers: the layers of a store that workspaces use now. The workspaces above a layer share it. A layer
// leaves memory with the last of them.

internal import Platform
package import Storage
internal import Synchronization

package final class Layers: Sendable {
    private struct Weak {
        weak var layer: Layer?
    }

    private let known = Mutex<[Layer.Name: Weak]>([:])
    let open = OpenLayers()

    package init() {}

    package func find(_ name: Layer.Name) -> Layer? { known.withLock { $0[name]?.layer } }

    /// Returns the generations of a workspace's layers that are in use.
    func generations(of workspace: UInt16) -> [UInt32] {
        known.withLock { known in
            known.filter { $0.key.workspace == workspace && $0.value.layer != nil }.map(\.key.generation)
        }
    }

    func add(_ layer: Layer) {
        known.withLock { known in
            if known.count > 64 { known = known.filter { $0.value.layer != nil } }
            known[layer.name] = Weak(layer: layer)
        }
    }

    /// Returns a layer; reads it from its database if it is not in use.
    /// - Throws: `damaged` if the database does not have all of the layer.
    func layer(
        _ name: Layer.Name, at path: String, over lower: Layer?
    ) throws(StorageError) -> Layer {
        if let known = find(name) { return known }
        let layer = try Layer(name, reading: path, over: lower, open)
        add(layer)
        return layer
    }
}

/// The layers whose databases are open: as many as the descriptors of a process allow beside others.
package final class OpenLayers: Sendable {
    private static let most = 48

    private struct Weak {
        weak var layer: Layer?
    }

    private let order = Mutex<[Weak]>([])

    package init() {}

    /// Notes a layer that was opened.
    /// - Returns: the layer to close instead.
    func note(_ layer: Layer) -> Layer? {
        order.withLock { order in
            order.removeAll { $0.layer == nil || $0.layer === layer }
            order.append(Weak(layer: layer))
            return order.count > Self.most ? order.removeFirst().layer : nil
        }
    }
}

extension Layer {
    /// Reads a layer from its database.
    /// - Throws: `damaged` if the database does not have all of the layer.
    package convenience init(
        _ name: Name, reading path: String, over lower: Layer?, _ open: OpenLayers = OpenLayers()
    ) throws(StorageError) {
        let database = try Self.open(path)
        let position = try database.position()
        guard position.isFrozen else {
            throw .damaged(path: path, what: "it is not the whole database of a layer")
        }
        var identity = BaseIdentity(of: name.workspace, over: lower?.identity)
        try identity.load(database)
        identity.freeze()
        var directories = LayeredNumbers(of: name.workspace, over: lower?.directoriesWithEntries)
        try directories.load(database)
        let own = directories.ownNumbers
        directories.freeze()
        var backups = lower?.backups ?? [:]
        try database.load(&backups)
        self.init(
            name, at: position, over: lower,
            FrozenTree(
                identity: identity, directoriesWithEntries: directories, backups: backups,
                batch: CheckpointBatch(), isWritten: true, database: nil, path: path, open: open),
            ownDirectories: own)
    }

    /// Opens the database of a layer for reading.
    static func open(_ path: String) throws(StorageError) -> TreeDatabase {
        // The rows of a layer that are needed often are in memory as inodes.
        try TreeDatabase(path, DatabaseSeal.hasLog(path) ? .readOnly : .immutable, cacheBytes: 256 << 10)
    }
}

extension LayeredNumbers {
    /// Takes the directories with entries that a database has.
    mutating func load(_ database: TreeDatabase) throws(StorageError) {
        for number in try database.directoriesWithEntries() { insertAbove(number) }
        for case .entry(let parent, _) in try database.removals() { insertAbove(parent) }
    }
}

extension TreeDatabase {
    /// Puts the backups of this database over those of the layers below.
    func load(_ backups: inout [FileName: BackupRecord]) throws(StorageError) {
        for (name, record) in try self.backups() { backups[name] = record }
        for case .backup(let bytes) in try removals() {
            if let name = try? FileName(bytes) { backups[name] = nil }
        }
    }
}
