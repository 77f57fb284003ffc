// NegativeNames: names that the kernel was told do not exist, and so never asks for again. After a
// refresh it must, since the base may have them now. Bounded: what falls out is dropped by the kernel
// at once. Used only while the base is not watched.

internal import Fuse
package import Overlay
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
    private let isNeeded = Atomic<Bool>(true)

    init(capacity: Int = 32_768) { names = Mutex(LRUCache(capacity: capacity)) }

    /// Whether there is anything to remember: not while events tell what comes.
    func set(needed: Bool) { isNeeded.store(needed, ordering: .relaxed) }

    /// - Returns: a name that is not remembered any more, so that the kernel must drop it.
    func note(_ parent: UInt64, _ name: FileName) -> Key? {
        guard isNeeded.load(ordering: .relaxed) else { return nil }
        let key = Key(parent: parent, name: name)
        return names.withLock { $0.insert(key, for: key) }
    }

    /// The name leads somewhere now.
    func remove(_ parent: UInt64, _ name: FileName) {
        guard isNeeded.load(ordering: .relaxed) else { return }
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

extension DraftOperations {
    /// Makes what others changed in the base visible in a workspace, and has the kernel drop what is
    /// stale: the control file `refresh`.
    package func refresh(_ workspace: Workspace) {
        drop(workspace.refresh(), of: workspace)
        let root = nodeID(workspace.rootNumber, in: workspace)
        let missing = negatives.take { parent in
            parent == root || InodeNumbering.workspace(of: parent) == workspace.id
        }
        let names = missing.map {
            (parent: $0.parent == root ? workspace.rootNumber : $0.parent, name: $0.name)
        }
        for (parent, name) in workspace.namesOfBase(names) {
            notifier?.invalidateEntry(parent: nodeID(parent, in: workspace), name: name)
        }
    }
}
