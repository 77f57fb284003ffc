// LRUCache: a dictionary that removes the least recently used value. It exists because
// swift-collections has no linked order with O(1) removal. It is not thread-safe: its owner locks.

/// At most `capacity` values by key. Both access and insertion make a key the most recently used.
package struct LRUCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private struct Node: Sendable {
        var key: Key
        var value: Value
        var older: Int
        var younger: Int
    }

    private var nodes: [Node] = []
    private var index: [Key: Int] = [:]
    private var oldest = -1
    private var youngest = -1
    package let capacity: Int

    package init(capacity: Int) { self.capacity = max(1, capacity) }

    package var count: Int { index.count }

    package mutating func value(for key: Key) -> Value? {
        guard let slot = index[key] else { return nil }
        if slot != youngest {
            unlink(slot)
            linkYoungest(slot)
        }
        return nodes[slot].value
    }

    /// Inserts a value and returns the evicted value, if any.
    @discardableResult
    package mutating func insert(_ value: Value, for key: Key) -> Value? {
        if let slot = index[key] {
            nodes[slot].value = value
            unlink(slot)
            linkYoungest(slot)
            return nil
        }
        var pushedOut: Value?
        if index.count >= capacity, oldest >= 0 { pushedOut = removeValue(for: nodes[oldest].key) }
        let node = Node(key: key, value: value, older: -1, younger: -1)
        let slot = nodes.count
        nodes.append(node)
        index[key] = slot
        linkYoungest(slot)
        return pushedOut
    }

    @discardableResult
    package mutating func removeValue(for key: Key) -> Value? {
        guard let slot = index.removeValue(forKey: key) else { return nil }
        unlink(slot)
        let value = nodes[slot].value
        if slot == nodes.count - 1 { nodes.removeLast() } else { moveLast(to: slot) }
        return value
    }

    /// All keys, in no particular order.
    package var keys: [Key] { Array(index.keys) }

    package mutating func removeAll() {
        nodes.removeAll()
        index.removeAll()
        oldest = -1
        youngest = -1
    }

    /// Moves the last node to `slot`, so that no unused slot keeps a value alive.
    private mutating func moveLast(to slot: Int) {
        let from = nodes.count - 1
        let node = nodes[from]
        nodes[slot] = node
        index[node.key] = slot
        if node.older >= 0 { nodes[node.older].younger = slot } else { oldest = slot }
        if node.younger >= 0 { nodes[node.younger].older = slot } else { youngest = slot }
        nodes.removeLast()
    }

    private mutating func unlink(_ slot: Int) {
        let node = nodes[slot]
        if node.older >= 0 { nodes[node.older].younger = node.younger } else { oldest = node.younger }
        if node.younger >= 0 { nodes[node.younger].older = node.older } else { youngest = node.older }
        nodes[slot].older = -1
        nodes[slot].younger = -1
    }

    private mutating func linkYoungest(_ slot: Int) {
        nodes[slot].older = youngest
        nodes[slot].younger = -1
        if youngest >= 0 { nodes[youngest].younger = slot } else { oldest = slot }
        youngest = slot
    }
}
