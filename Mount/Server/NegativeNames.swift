// NegativeNames: the names that the kernel caches as missing and never looks up again. A refresh
// makes the kernel drop them, because the base may have them now. The number is bounded: the kernel
// drops a name at once when it leaves this list. Names are kept even while the base is watched,
// because a refresh does not wait for events.

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

    /// A first-in-first-out list. A lookup that finds nothing comes before each file that is made, so
    /// this must be cheap. The kernel answers repeated lookups itself.
    private struct Names: Sendable {
        var known: Set<Key> = []
        /// The names noted last; once full, the oldest is at `next`. It may contain names that were
        /// removed since, and some of them twice.
        var noted: [Key] = []
        var next = 0
    }

    private let names = Mutex(Names())
    private let capacity: Int

    init(capacity: Int = 32_768) { self.capacity = max(1, capacity) }

    /// Notes a name.
    /// - Returns: a name that was evicted, which the kernel must drop.
    func note(_ parent: UInt64, _ name: FileName) -> Key? {
        let key = Key(parent: parent, name: name.compact)
        return names.withLock { names in
            guard names.known.insert(key).inserted else { return nil }
            guard names.noted.count == capacity else {
                names.noted.append(key)
                return nil
            }
            let oldest = names.noted[names.next]
            names.noted[names.next] = key
            names.next = (names.next + 1) % capacity
            return oldest == key ? nil : names.known.remove(oldest)
        }
    }

    /// Removes a name that exists now.
    func remove(_ parent: UInt64, _ name: FileName) {
        names.withLock { _ = $0.known.remove(Key(parent: parent, name: name)) }
    }

    /// Removes and returns all names in the directories for which `belongs` returns true.
    func take(where belongs: (UInt64) -> Bool) -> [Key] {
        names.withLock { names in
            let found = names.known.filter { belongs($0.parent) }
            names.known.subtract(found)
            return Array(found)
        }
    }
}

extension NegativeNames {
    /// Removes and returns all names of a workspace.
    func take(of workspace: Workspace) -> [(parent: InodeNumber, name: FileName)] {
        // The mount's root belongs to a workspace only if that workspace is mounted alone.
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
