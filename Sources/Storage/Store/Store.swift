// Store: the directory with all of draftfs's data: its superblock, its lock and its workspaces.
//
// superblock            the base, the format version, and the key of the checksums
// key                   a second copy of that key
// lock                  held (flock) by the one daemon that may use the store; names that daemon
// workspaces/ID/        workspace (its record), tree.log, tree.db, logs/XX/NUMBER.log and .pieces

package import Platform
internal import Synchronization
import Glibc

package final class Store: Sendable {
    /// The path as given by the caller, for messages.
    package let path: String
    package let disk: any Disk
    package let superblock: Superblock
    /// Whether the directory at the base's path is another one than at the last use of the store.
    package let isBaseReplaced: Bool
    package let logs: LogDirectory
    /// The directory of the SQLite databases. Nil keeps them in memory (for tests on a simulated disk).
    package let databaseDirectory: String?
    private let lock: FileLock?
    /// Workspaces whose record cannot be read. They are left unchanged, and their ids stay in use.
    package let unreadable: [UInt16: StorageError]
    /// All workspaces, also the discarded ones. Serialises their making, renaming, discarding and removal.
    let registry: Mutex<[UInt16: WorkspaceRecord]>
    /// The highest id given out since the store was opened.
    let lastID = Atomic<UInt16>(0)

    /// The number of descriptors kept for edit logs. With those for the base it bounds the daemon's
    /// total.
    package static let openLogFiles = 256

    package init(
        path: String, disk: any Disk, superblock: Superblock, databaseDirectory: String?,
        lock: FileLock?, isBaseReplaced: Bool = false, maximumPayload: Int = Format.maximumPayloadLength
    ) throws(StorageError) {
        self.isBaseReplaced = isBaseReplaced
        self.path = path
        self.disk = disk
        self.superblock = superblock
        self.databaseDirectory = databaseDirectory
        self.lock = lock
        logs = LogDirectory(
            disk, openFiles: Self.openLogFiles, key: superblock.key, maximumPayload: maximumPayload)
        let (records, unreadable) = try Self.readWorkspaces(disk, path)
        registry = Mutex(records)
        self.unreadable = unreadable
    }

    /// Opens the store at `path`, or makes a new one there, and takes its lock.
    /// - Parameters:
    ///   - holder: Describes this process, for the error message of a second daemon.
    ///   - key: The key for a new store. Nil makes a random key.
    package static func open(
        _ path: String, basePath: [UInt8], baseInode: UInt64, holder: String, now: Int64,
        key: ChecksumKey? = nil
    ) throws(StorageError) -> Store {
        let root: File
        do throws(Errno) {
            let isNew = mkdir(path, 0o700) == 0
            if !isNew, errno != EEXIST { throw Errno.last }
            root = try File.open(path, flags: O_RDONLY | O_DIRECTORY)
            // The parent directory has a new entry. It may not be accessible, so the whole file system
            // is synced.
            if isNew { try root.synchronizeFileSystem() }
        } catch {
            throw .system(error, doing: "open the store", path: path)
        }
        let lock = try takeLock(root, path, holder)
        let disk = HostDisk(root: root)
        let (superblock, isReplaced) = try SpaceReserve(disk).whileFull(
            opening: { () throws(StorageError) in
                try openSuperblock(
                    disk, path, basePath: basePath, baseInode: baseInode, now: now, key: key)
            })
        // No other user may read the key, or file contents that the user has no permission for. This
        // fails if another user owns the directory, but the files in it are closed to others anyway.
        if let mode = try? root.status().mode, mode & 0o077 != 0 {
            _ = fchmod(root.descriptor, 0o700)
        }
        return try Store(
            path: path, disk: disk, superblock: superblock, databaseDirectory: path, lock: lock,
            isBaseReplaced: isReplaced)
    }

    /// Opens a store on any disk, without a lock. Its databases are in memory and rebuilt at each open.
    package static func open(
        on disk: any Disk, basePath: [UInt8], baseInode: UInt64, now: Int64,
        key: ChecksumKey? = nil, maximumPayload: Int = Format.maximumPayloadLength
    ) throws(StorageError) -> Store {
        let (superblock, isReplaced) = try openSuperblock(
            disk, "store", basePath: basePath, baseInode: baseInode, now: now, key: key)
        return try Store(
            path: "store", disk: disk, superblock: superblock, databaseDirectory: nil, lock: nil,
            isBaseReplaced: isReplaced, maximumPayload: maximumPayload)
    }

    /// Takes the lock, and waits for a daemon that is closing: an unmount returns before the last
    /// checkpoint is written.
    package static func takeLock(
        _ root: File, _ path: String, _ holder: String
    ) throws(StorageError) -> FileLock {
        var attempts = 0
        while true {
            var other = "another daemon"
            do throws(Errno) {
                let file = try File.open("lock", in: root, flags: O_RDWR | O_CREAT)
                if let lock = try FileLock(file) {
                    try write(ChecksummedText.encode(Array(holder.utf8)), to: file)
                    return lock
                }
                let text = ChecksummedText(decoding: try file.readBytes(16_384, at: 0)).text
                if !text.isEmpty { other = String(decoding: text, as: UTF8.self) }
            } catch {
                throw .system(error, doing: "lock the store", path: path)
            }
            attempts += 1
            let limit = other.hasPrefix(closing) ? lockAttemptsWhileClosing : lockAttempts
            if attempts >= limit { throw .locked(path: path, holder: other) }
            usleep(20_000)
        }
    }

    /// Writes the lock's holder into the lock file. It overwrites the old text, which needs no free
    /// block. If a longer text finds no space, the file is left empty. The lock is held anyway.
    package static func write(_ text: [UInt8], to lock: File) throws(Errno) {
        do throws(Errno) {
            try lock.writeBytes(text, at: 0)
            try lock.truncate(to: UInt64(text.count))
        } catch {
            guard error == .noSpace || error == .quota else { throw error }
            try lock.truncate(to: 0)
        }
    }

    private static let closing = "closing, "
    /// The number of attempts, 20 ms apart. After an unmount the daemon has that time to note that it
    /// is closing, and then a minute to close.
    private static let lockAttempts = 5
    private static let lockAttemptsWhileClosing = 3_000

    /// Notes in the lock file that its holder no longer serves requests.
    package func noteClosing() {
        guard let file = lock?.file, let bytes = try? file.readBytes(16_384, at: 0) else { return }
        let text = Array(Self.closing.utf8) + ChecksummedText(decoding: bytes).text
        // Without this note, a process that waits for the lock gives up earlier.
        try? Self.write(ChecksummedText.encode(text), to: file)
    }

    private static func openSuperblock(
        _ disk: any Disk, _ path: String, basePath: [UInt8], baseInode: UInt64, now: Int64,
        key: ChecksumKey?
    ) throws(StorageError) -> (Superblock, isReplaced: Bool) {
        if disk.exists(Superblock.path) {
            var superblock = try Superblock(from: disk)
            try checkKey(superblock, disk)
            if superblock.basePath == basePath, superblock.baseInode == baseInode {
                return (superblock, false)
            }
            // A base that was moved keeps its inode. A base that was recreated keeps its path. If
            // neither matches, it is another base, and edits would apply to the wrong files.
            guard superblock.basePath == basePath || superblock.baseInode == baseInode else {
                throw .foreignBase(
                    store: path, recorded: String(decoding: superblock.basePath, as: UTF8.self),
                    given: String(decoding: basePath, as: UTF8.self))
            }
            let isReplaced = superblock.baseInode != baseInode
            superblock.basePath = basePath
            superblock.baseInode = baseInode
            try superblock.write(to: disk)
            return (superblock, isReplaced)
        }
        return (
            try makeSuperblock(disk, path, basePath: basePath, baseInode: baseInode, now: now, key: key),
            false
        )
    }

    /// Makes a new store in an empty directory.
    private static func makeSuperblock(
        _ disk: any Disk, _ path: String, basePath: [UInt8], baseInode: UInt64, now: Int64,
        key: ChecksumKey?
    ) throws(StorageError) -> Superblock {
        let names: [String]
        do throws(Errno) {
            names = try disk.list("")
        } catch {
            throw .system(error, doing: "list the store", path: path)
        }
        // The making of a store may have been interrupted. What it left is reused.
        let isBegun = names.contains("workspaces")
        if isBegun, (try? disk.list("workspaces").isEmpty) != true {
            throw .damaged(path: path, what: "its superblock is missing")
        }
        let begun = [
            "lock", "workspaces", Superblock.path + ".new", StoreKey.path, StoreKey.path + ".new",
        ]
        if names.contains(where: { !begun.contains($0) }) {
            throw .damaged(path: path, what: "it is not a store, and it is not empty")
        }
        let superblock: Superblock
        do throws(Errno) {
            let fresh: ChecksumKey
            if let key { fresh = key } else { fresh = try .random() }
            superblock = Superblock(
                id: UInt64.random(in: 1...UInt64.max), created: now, basePath: basePath,
                baseInode: baseInode, key: fresh)
        } catch {
            throw .system(error, doing: "get random numbers for", path: path)
        }
        do throws(Errno) {
            if !isBegun { try disk.makeDirectory("workspaces") }
        } catch {
            throw .system(error, doing: "make a directory in the store", path: path)
        }
        try StoreKey(superblock).write(to: disk)
        // Syncs the store's directory, with the names of all that was made before.
        try superblock.write(to: disk)
        return superblock
    }

    /// Returns the paths of the databases of a workspace.
    package func databases(of id: UInt16) -> DatabasePaths {
        DatabasePaths(databaseDirectory.map { "\($0)/\(LogDirectory.workspacePath(id))" })
    }

    /// Returns the path of the first database of a workspace.
    package func databasePath(_ id: UInt16) -> String { databases(of: id).path(0) }

    /// Returns the greatest generation of which a workspace has a database file. Nil if it has none.
    package func lastGeneration(of id: UInt16) throws(Errno) -> UInt32? {
        if databaseDirectory == nil { return nil }
        return try disk.list(LogDirectory.workspacePath(id)).compactMap { DatabasePaths.generation($0) }.max()
    }
}
