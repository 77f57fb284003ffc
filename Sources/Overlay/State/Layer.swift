// Layer: the rows and names of a workspace up to a change, frozen. The workspace itself goes on above it, and
// so do its forks. What no checkpoint had written yet is in memory until the workspace's next checkpoint.
// Several workspaces read a layer, so it has a lock of its own.

internal import Platform
package import Storage
internal import Synchronization

package final class Layer: Sendable {
    /// Which of the layers of a store it is.
    package struct Name: Hashable, Sendable {
        package var workspace: UInt16
        /// The number of layers that the workspace had before.
        package var generation: UInt32

        package init(workspace: UInt16, generation: UInt32) {
            self.workspace = workspace
            self.generation = generation
        }
    }

    package let name: Name
    /// The end of the workspace's tree log, and its counters, when the layer was frozen.
    package let position: CheckpointPosition
    /// The layer below. Nil if the base is below.
    package let lower: Layer?
    /// The identities of base files, those of the layers below included.
    let identity: BaseIdentity
    /// The directories that have entries in this layer or below.
    let directoriesWithEntries: LayeredNumbers
    /// Those that have entries, or removals of entries, in this layer.
    private let ownDirectories: Set<UInt64>
    /// Contents in the pool that may not be durable until the layer is written.
    let unsyncedPins: Set<PinIdentity>
    let backups: [FileName: BackupRecord]
    private let content: Mutex<Content>

    private struct Content: @unchecked Sendable {
        /// The changes that the database does not have yet, also for the next checkpoint to change.
        var batch: CheckpointBatch
        var isWritten: Bool
        /// Used only with the lock held.
        var database: TreeDatabase
    }

    /// Freezes the state of a tree.
    init(
        _ name: Name, at position: CheckpointPosition, over lower: Layer?, _ tree: FrozenTree,
        ownDirectories: Set<UInt64>
    ) {
        self.name = name
        self.position = position
        self.lower = lower
        identity = tree.identity
        directoriesWithEntries = tree.directoriesWithEntries
        backups = tree.backups
        unsyncedPins = tree.unsyncedPins
        self.ownDirectories = ownDirectories
        content = Mutex(Content(batch: tree.batch, isWritten: tree.isWritten, database: tree.database))
    }

    /// The state that is frozen.
    struct FrozenTree: @unchecked Sendable {
        var identity: BaseIdentity
        var directoriesWithEntries: LayeredNumbers
        var backups: [FileName: BackupRecord]
        var unsyncedPins: Set<PinIdentity> = []
        var batch: CheckpointBatch
        var isWritten: Bool
        var database: TreeDatabase
    }

    /// This layer and those below it, the newest first.
    var chain: [Layer] {
        var found: [Layer] = []
        var next: Layer? = self
        while let layer = next {
            found.append(layer)
            next = layer.lower
        }
        return found
    }

    /// A path on each device of the base except the root's, as far as files on it were touched.
    package var devices: [UInt32: [UInt8]] { identity.recordedDevices }

    /// Whether the database of the layer has all of it. Then it is durable, and so is the content of its
    /// files.
    package var isWritten: Bool { content.withLock { $0.isWritten } }

    /// Whether this layer and those below it are durable.
    var isDurable: Bool { chain.allSatisfy(\.isWritten) }

    /// Reads the database, and the changes that it does not have yet.
    func read<R: Sendable>(
        _ body: (CheckpointBatch, TreeDatabase) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        let result: Result<R, StorageError> = content.withLock { content in
            do throws(StorageError) {
                return .success(try body(content.batch, content.database))
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// Changes what the database does not have yet. Only a recovery does this, which learns the sizes of
    /// files from their logs after the replay.
    func amend(_ body: (inout CheckpointBatch) -> Void) {
        content.withLock { body(&$0.batch) }
    }

    /// Completes a database in memory.
    func writeInPlace() throws(StorageError) {
        let position = position
        let isOverLayer = lower != nil
        let result: Result<Void, StorageError> = content.withLock { content in
            do throws(StorageError) {
                try content.database.apply(content.batch, at: position, isOverLayer: isOverLayer)
            } catch {
                return .failure(error)
            }
            content.batch = CheckpointBatch()
            content.isWritten = true
            return .success(())
        }
        try result.get()
    }

    /// Takes over the database that has all of the layer.
    func becomeWritten(_ database: WrittenDatabase?) {
        content.withLock { content in
            if let database { content.database = database.database }
            content.batch = CheckpointBatch()
            content.isWritten = true
        }
    }

    /// Transfers a connection to a layer, which alone uses it afterwards.
    struct WrittenDatabase: @unchecked Sendable {
        let database: TreeDatabase
        init(_ database: TreeDatabase) { self.database = database }
    }
}

// MARK: Values

extension Layer {
    /// Searches this layer and those below, the newest first.
    /// - Parameter find: returns nil if a layer has neither a value nor a removal.
    func search<Value>(
        _ find: (Layer) throws(StorageError) -> Value??
    ) throws(StorageError) -> Value? {
        var next: Layer? = self
        while let layer = next {
            if let known = try find(layer) { return known }
            next = layer.lower
        }
        return nil
    }

    /// Returns the row of an inode, whatever the workspace in its number, in the numbers of the layer that
    /// has it.
    func find(_ number: InodeNumber) throws(StorageError) -> InodeRecord? {
        try search { (layer) throws(StorageError) in
            try layer.row(number.moved(to: layer.name.workspace))
        }
    }
}

// Numbers are those of the layer's own workspace. The outer nil says that this layer has no value; an inner
// nil stands for a removal.
extension Layer {
    func row(_ number: InodeNumber) throws(StorageError) -> InodeRecord?? {
        try read { (batch, database) throws(StorageError) in
            if let known = batch.inodes[number] { return known }
            if let found = try database.inode(number) { return found }
            if lower != nil, try database.isRemoved(.inode(number)) { return .some(nil) }
            return nil
        }
    }

    func entry(_ name: FileName, of parent: InodeNumber) throws(StorageError) -> Entry?? {
        guard ownDirectories.contains(parent.local) else { return nil }
        return try read { (batch, database) throws(StorageError) in
            if let known = batch.entries[parent]?[name] { return known }
            if let found = try database.entry(name, of: parent) { return found }
            if lower != nil, try database.isRemoved(.entry(parent, name.bytes)) { return .some(nil) }
            return nil
        }
    }

    func origin(_ number: InodeNumber) throws(StorageError) -> Origin?? {
        try read { (batch, database) throws(StorageError) in
            if let known = batch.origins[number] { return known }
            if let found = try database.origin(number) { return found }
            if lower != nil, try database.isRemoved(.origin(number)) { return .some(nil) }
            return nil
        }
    }

    /// Puts the entries of a directory over those of the layers below.
    func overlay(
        _ entries: inout [FileName: Entry], of parent: InodeNumber, in workspace: UInt16
    ) throws(StorageError) {
        guard ownDirectories.contains(parent.local) else { return }
        let changes = try read { (batch, database) throws(StorageError) in
            var changes: [FileName: Entry?] = [:]
            if lower != nil {
                for name in try database.removedNames(of: parent) {
                    if let name = try? FileName(name) { changes[name] = .some(nil) }
                }
            }
            try database.entries(of: parent) { name, entry in changes[name] = entry }
            changes.merge(batch.entries[parent] ?? [:]) { $1 }
            return changes
        }
        for (name, entry) in changes { entries[name] = entry?.moved(to: workspace) }
    }

    /// Puts the extended attributes of an inode over those of the layers below.
    func overlay(
        _ xattrs: inout [[UInt8]: XattrValue], of number: InodeNumber
    ) throws(StorageError) {
        let changes = try read { (batch, database) throws(StorageError) in
            var changes: [[UInt8]: XattrValue?] = [:]
            if lower != nil {
                for name in try database.removedXattrs(of: number) { changes[name] = .some(nil) }
            }
            for (name, value) in try database.xattrs(of: number) { changes[name] = value }
            changes.merge(batch.xattrs[number] ?? [:]) { $1 }
            return changes
        }
        for (name, value) in changes { xattrs[name] = value }
    }

    /// Returns the names that lead to an inode in this layer. Layers above may have changed them.
    func names(of number: InodeNumber) throws(StorageError) -> [(parent: InodeNumber, name: FileName)] {
        try read { (batch, database) throws(StorageError) in
            var found = try database.names(of: number)
            for (parent, names) in batch.entries {
                for (name, entry) in names where entry?.inode == number { found.append((parent, name)) }
            }
            return found
        }
    }

    /// Returns the inodes whose row in this layer satisfies a condition, which the database knows as a query.
    func numbers(
        _ query: (TreeDatabase) throws(StorageError) -> [InodeNumber], or isFound: (InodeRecord) -> Bool
    ) throws(StorageError) -> [InodeNumber] {
        try read { (batch, database) throws(StorageError) in
            var found = try query(database)
            for case (let number, let record?) in batch.inodes where isFound(record) { found.append(number) }
            return found
        }
    }
}
