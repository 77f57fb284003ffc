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
    /// The identities of base files, those of the layers below included.
    let identity: BaseIdentity
    /// The directories that have entries in this layer or below.
    let directoriesWithEntries: LayeredNumbers
    /// Contents in the pool that may not be durable until the layer is written.
    let unsyncedPins: Set<PinIdentity>
    let backups: [FileName: BackupRecord]
    private let content: Mutex<Content>
    private let open: OpenLayers

    private struct Content: @unchecked Sendable {
        /// The changes that the database does not have yet, also for the next checkpoint to change.
        var batch: CheckpointBatch
        var isWritten: Bool
        /// Used only with the lock held. Nil while the layer is written and its database is closed.
        var database: TreeDatabase?
        /// Where the database is. Nil for one in memory, which is never closed.
        var path: String?
        /// The layer below. Nil if the base is below.
        var lower: Layer?
        /// The directories that have entries, or removals of entries, in this layer, as local numbers.
        var directories: Set<UInt64>
        /// Whether the layers of the workspace below this one were merged into it.
        var isWhole = false
    }

    /// Freezes the state of a tree.
    init(
        _ name: Name, at position: CheckpointPosition, over lower: Layer?, _ tree: FrozenTree,
        ownDirectories: Set<UInt64>
    ) {
        self.name = name
        self.position = position
        identity = tree.identity
        directoriesWithEntries = tree.directoriesWithEntries
        backups = tree.backups
        unsyncedPins = tree.unsyncedPins
        open = tree.open
        content = Mutex(
            Content(
                batch: tree.batch, isWritten: tree.isWritten, database: tree.database, path: tree.path,
                lower: lower, directories: ownDirectories, isWhole: position.isWhole))
    }

    /// The state that is frozen.
    struct FrozenTree: @unchecked Sendable {
        var identity: BaseIdentity
        var directoriesWithEntries: LayeredNumbers
        var backups: [FileName: BackupRecord]
        var unsyncedPins: Set<PinIdentity> = []
        var batch: CheckpointBatch
        var isWritten: Bool
        var database: TreeDatabase?
        var path: String?
        var open: OpenLayers
    }

    /// The layer below. Nil if the base is below. A merge makes it another one: a search takes it before it
    /// looks into this layer, which then has at least what the former layers below had.
    package var lower: Layer? { content.withLock { $0.lower } }

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
    /// - Parameter body: is also told whether removals count.
    func read<R: Sendable>(
        _ body: (CheckpointBatch, TreeDatabase, _ hasRemovals: Bool) throws(StorageError) -> R
    ) throws(StorageError) -> R {
        var isOpened = false
        let result: Result<R, StorageError> = content.withLock { content in
            do throws(StorageError) {
                let database = try Self.database(&content, &isOpened)
                return .success(
                    try body(content.batch, database, content.lower != nil || content.isWhole))
            } catch {
                return .failure(error)
            }
        }
        // The lock of another layer is taken only while this one is free.
        if isOpened { open.note(self)?.close() }
        return try result.get()
    }

    private static func database(
        _ content: inout Content, _ isOpened: inout Bool
    ) throws(StorageError) -> TreeDatabase {
        if let known = content.database { return known }
        guard let path = content.path else {
            throw .damaged(path: ":memory:", what: "a layer has no database")
        }
        let database = try open(path)
        content.database = database
        isOpened = true
        return database
    }

    /// Closes the database until the next read, so that few are open.
    private func close() {
        content.withLock { content in
            if content.isWritten, content.path != nil { content.database = nil }
        }
    }

    /// Changes what the database does not have yet. Only a recovery does this, which learns the sizes of
    /// files from their logs after the replay.
    func amend(_ body: (inout CheckpointBatch) -> Void) {
        content.withLock { body(&$0.batch) }
    }

    /// Completes a database in memory.
    func writeInPlace() throws(StorageError) {
        let position = position
        let result: Result<Void, StorageError> = content.withLock { content in
            do throws(StorageError) {
                try content.database?.apply(
                    content.batch, at: position, isOverLayer: content.lower != nil)
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
    func becomeWritten(at path: String) {
        content.withLock { content in
            (content.database, content.path) = (nil, path)
            content.batch = CheckpointBatch()
            content.isWritten = true
        }
    }

    /// Puts a database in place that has all of the workspace's layers up to this one.
    /// - Parameter lower: the layer below these.
    func becomeWhole(
        _ database: String, over lower: Layer?, directories: Set<UInt64>
    ) throws(Errno) {
        let failure: Errno? = content.withLock { content in
            guard let path = content.path else { return .invalid }
            do throws(Errno) {
                // A log beside the old database would be taken for one of the new database.
                if DatabaseSeal.hasLog(path) { return .busy }
                try DatabaseSeal.replaceDatabase(path, by: database)
            } catch {
                return error
            }
            (content.database, content.lower, content.directories) = (nil, lower, directories)
            content.isWhole = true
            return nil
        }
        if let failure { throw failure }
    }

    /// The directories that have entries, or removals of entries, in this layer, as local numbers.
    var directories: Set<UInt64> { content.withLock { $0.directories } }

    private func mayHaveEntries(of directory: InodeNumber) -> Bool {
        content.withLock { $0.directories.contains(directory.local) }
    }

    /// Transfers a connection to a tree or a layer, which alone uses it afterwards.
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
            let below = layer.lower
            if let known = try find(layer) { return known }
            next = below
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
        try read { (batch, database, hasRemovals) throws(StorageError) in
            if let known = batch.inodes[number] { return known }
            if let found = try database.inode(number) { return found }
            if hasRemovals, try database.isRemoved(.inode(number)) { return .some(nil) }
            return nil
        }
    }

    func entry(_ name: FileName, of parent: InodeNumber) throws(StorageError) -> Entry?? {
        guard mayHaveEntries(of: parent) else { return nil }
        return try read { (batch, database, hasRemovals) throws(StorageError) in
            if let known = batch.entries[parent]?[name] { return known }
            if let found = try database.entry(name, of: parent) { return found }
            if hasRemovals, try database.isRemoved(.entry(parent, name.bytes)) { return .some(nil) }
            return nil
        }
    }

    func origin(_ number: InodeNumber) throws(StorageError) -> Origin?? {
        try read { (batch, database, hasRemovals) throws(StorageError) in
            if let known = batch.origins[number] { return known }
            if let found = try database.origin(number) { return found }
            if hasRemovals, try database.isRemoved(.origin(number)) { return .some(nil) }
            return nil
        }
    }

    /// Puts the entries of a directory over those of the layers below.
    func overlay(
        _ entries: inout [FileName: Entry], of parent: InodeNumber, in workspace: UInt16
    ) throws(StorageError) {
        guard mayHaveEntries(of: parent) else { return }
        let changes = try read { (batch, database, hasRemovals) throws(StorageError) in
            var changes: [FileName: Entry?] = [:]
            if hasRemovals {
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
        let changes = try read { (batch, database, hasRemovals) throws(StorageError) in
            var changes: [[UInt8]: XattrValue?] = [:]
            if hasRemovals {
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
        try read { (batch, database, _) throws(StorageError) in
            var found = try database.names(of: number)
            for (parent, names) in batch.entries {
                for (name, entry) in names where entry?.inode == number { found.append((parent, name)) }
            }
            return found
        }
    }

    /// Returns the files whose rows in this layer say that their content is in a log of the layer's
    /// workspace.
    package func filesWithLogs() throws(StorageError) -> [InodeNumber] {
        try numbers(
            { (database) throws(StorageError) in try database.inodesWithLogs() },
            or: { $0.flags.contains(.hasLog) && !$0.flags.contains(.inheritsLog) })
    }

    /// Returns the inodes whose row in this layer satisfies a condition, which the database knows as a query.
    func numbers(
        _ query: (TreeDatabase) throws(StorageError) -> [InodeNumber], or isFound: (InodeRecord) -> Bool
    ) throws(StorageError) -> [InodeNumber] {
        try read { (batch, database, _) throws(StorageError) in
            var found = try query(database)
            for case (let number, let record?) in batch.inodes where isFound(record) { found.append(number) }
            return found
        }
    }
}
