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

    /// First in, first out: a look-up that finds nothing comes before each file that is made, so this
    /// has to be cheap, and what is asked for again is answered by the kernel anyway.
    private struct Names: Sendable {
        var known: Set<Key> = []
        /// What was noted last, the oldest at `next` once it is full. It may hold names that were
        /// removed since, and some of them twice.
        var noted: [Key] = []
        var next = 0
    }

    private let names = Mutex(Names())
    private let capacity: Int

    init(capacity: Int = 32_768) { self.capacity = max(1, capacity) }

    /// - Returns: a name that is not remembered any more, so that the kernel must drop it.
    func note(_ parent: UInt64, _ name: FileName) -> Key? {
        let key = Key(parent: parent, name: name)
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

    /// The name leads somewhere now.
    func remove(_ parent: UInt64, _ name: FileName) {
        names.withLock { _ = $0.known.remove(Key(parent: parent, name: name)) }
    }

    /// Gives back all names in directories for which `belongs` says so, and remembers them no more.
    func take(where belongs: (UInt64) -> Bool) -> [Key] {
        names.withLock { names in
            let found = names.known.filter { belongs($0.parent) }
            names.known.subtract(found)
            return Array(found)
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
