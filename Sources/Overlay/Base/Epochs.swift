// Epochs: the commits to the base of one store, in their order. Epoch 0 is the base before the first commit.

package import Platform
package import Storage
package import Synchronization

package final class Epochs: Sendable {
    /// The directory of the epochs. Nil for a store without databases on disk: nothing can be committed.
    package let directory: String?
    private let store: UInt64
    private let device: UInt64
    private let key: ChecksumKey
    private let tables = Mutex<[EpochTable]>([])
    private let last = Atomic<UInt64>(0)
    private let failure = Mutex<StorageError?>(nil)
    /// Held while a commit runs: one at a time.
    package let committing = Mutex<Void>(())

    /// Opens the epochs of a store.
    /// - Parameters:
    ///   - directory: the store's directory; nil if it has none.
    ///   - device: the device of the base's root.
    ///   - isReadOnly: whether a commit that was only planned is left where it is.
    package init(
        storeDirectory directory: String?, store: UInt64, device: UInt64, key: ChecksumKey,
        isReadOnly: Bool = false
    ) {
        (self.store, self.device, self.key) = (store, device, key)
        self.directory = directory.map { $0 + "/epochs" }
        guard let path = self.directory else { return }
        do throws(StorageError) {
            let names = try Self.names(path)
            for number in names {
                let table = try open(number)
                guard table.progress != .planned else {
                    // The commit had not begun to change anything.
                    table.close()
                    if !isReadOnly { Self.remove("\(path)/\(number)") }
                    continue
                }
                tables.withLock { $0.append(table) }
                last.store(number, ordering: .releasing)
            }
        } catch {
            failure.withLock { $0 = error }
        }
    }

    /// Opens the epoch of that number, or makes it.
    package func open(_ number: UInt64) throws(StorageError) -> EpochTable {
        guard let directory else {
            throw .system(.notSupported, doing: "keep epochs in", path: "a store in memory")
        }
        return try EpochTable(
            "\(directory)/\(number)", number: number, store: store, device: device, key: key)
    }

    /// Makes the directory of a new epoch.
    package func make(_ number: UInt64) throws(StorageError) -> EpochTable {
        guard let directory else { return try open(number) }
        do throws(Errno) {
            let store = try File.open(String(directory.dropLast("/epochs".count)), flags: OpenFlags.directory)
            let disk = HostDisk(root: store)
            if !disk.exists("epochs") { try disk.makeDirectory("epochs") }
            let path = "epochs/\(number)"
            if disk.exists(path) { try store.removeTree(Array(path.utf8)) }
            try disk.makeDirectory(path)
            try disk.makeDirectory(path + "/kept")
            try disk.synchronizeDirectory("epochs")
            try disk.synchronizeDirectory("")
        } catch {
            throw .system(error, doing: "make an epoch in", path: directory)
        }
        return try open(number)
    }

    private static func names(_ path: String) throws(StorageError) -> [UInt64] {
        do throws(Errno) {
            return try File.open(path, flags: OpenFlags.directory).listDirectory()
                .compactMap { UInt64(String(decoding: $0.name.bytes, as: UTF8.self)) }.sorted()
        } catch {
            if error == .noEntry { return [] }
            throw .system(error, doing: "list", path: path)
        }
    }

    /// Removes the directory of an epoch that is not needed.
    package static func remove(_ path: String) {
        // What cannot be removed now is tried again at the next start.
        guard let slash = path.lastIndex(of: "/"),
            let parent = try? File.open(String(path[..<slash]), flags: OpenFlags.directory) else { return }
        try? parent.removeTree(Array(path[path.index(after: slash)...].utf8))
    }

    /// What the names of this store's stages in the base begin with.
    package var stagePrefix: String { EpochTable.stagePrefix(store) }

    /// Whether anything was ever committed, or prepared for it.
    package var hasDirectory: Bool {
        directory.map { (try? File.open($0, flags: OpenFlags.directory)) != nil } ?? false
    }

    /// The number of the last commit, also while it is under way; 0 if there was none.
    package var newest: UInt64 { last.load(ordering: .acquiring) }

    /// The last commit that is done: what a new workspace begins with. While a commit is under way, new
    /// workspaces see the base as it was before.
    package var newestDone: UInt64 {
        tables.withLock { tables in
            guard let table = tables.last else { return 0 }
            return table.isApplying ? table.number - 1 : table.number
        }
    }

    /// Why the epochs cannot be read. Nil if they can.
    package var fault: StorageError? { failure.withLock { $0 } }

    /// Returns the commits after an epoch, the oldest first.
    package func after(_ epoch: UInt64) -> [EpochTable] {
        tables.withLock { tables in Array(tables.drop { $0.number <= epoch }) }
    }

    /// Makes a commit visible to all views: they see the base as it was before from now on.
    package func add(_ table: EpochTable) {
        tables.withLock { $0.append(table) }
        last.store(table.number, ordering: .releasing)
    }

    /// Removes the commits up to an epoch, which no workspace needs.
    package func removeAll(upTo epoch: UInt64) {
        let unneeded = tables.withLock { tables in
            // The last one stays: its number must not be given again.
            let unneeded = tables.dropLast().filter { $0.number <= epoch && !$0.isApplying }
            tables.removeAll { table in unneeded.contains { $0 === table } }
            return unneeded
        }
        for table in unneeded {
            table.close()
            Self.remove(table.directory)
        }
    }
}
