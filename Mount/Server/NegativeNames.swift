// NegativeNames: names that the kernel was told do not exist, and so never asks for again. After a
// refresh it must, since the base may have them now. Bounded: what falls out is dropped by the kernel
// at once. Kept even while the base is watched: whoever asks for a refresh does not wait for events.

internal import Overlay
internal import Platform
internal import Storage
internal import Synchronization

final class NegativeNames: Sendable {
    struct Key: Hashable, Sendable {
        /// The node id of the directory.
        var parent: UInt64
        var name: FileName
    }

    private let names: Mutex<LRUCache<Key, Key>>

    init(capacity: Int = 32_768) { names = Mutex(LRUCache(capacity: capacity)) }

    /// - Returns: a name that is not remembered any more, so that the kernel must drop it.
    func note(_ parent: UInt64, _ name: FileName) -> Key? {
        let key = Key(parent: parent, name: name)
        return names.withLock { $0.insert(key, for: key) }
    }

    /// The name leads somewhere now.
    func remove(_ parent: UInt64, _ name: FileName) {
        names.withLock { _ = $0.removeValue(for: Key(parent: parent, name: name)) }
    }

    /// Gives back all names in directories for which `belongs` says so, and remembers them no more.
    func take(where belongs: (UInt64) -> Bool) -> [Key] {
        names.withLock { cache in
            let found = cache.keys.filter { belongs($0.parent) }
            for key in found { cache.removeValue(for: key) }
            return found
        }
    }
}

extension NegativeNames {
    /// Those of a workspace, remembered no more.
    func take(of workspace: Workspace) -> [(parent: InodeNumber, name: FileName)] {
        // The root of the mount is a workspace's only where that is mounted alone.
        let missing = take { parent in
            parent == DraftOperations.rootNode
                || InodeNumbering.workspace(of: parent) == workspace.id
        }
        return missing.map { key in
            let isRoot = key.parent == DraftOperations.rootNode
            return (isRoot ? workspace.rootNumber : key.parent, key.name)
        }
    }
}
