// PieceTreeEdit: the fast way to change a piece tree. An edit within one leaf is made in place along
// one path from the root. Nodes shared with other trees are copied on that path. A leaf that becomes
// too full or too empty is balanced with a neighbour.

extension PieceTree.Node {
    /// The largest number of new pieces for this way. Longer edits take the general way.
    static let quickEditLimit = 32
    /// A full node gives entries to a neighbour only if both then have room for further edits: together
    /// at least this many entries.
    private static let slack = 8

    /// Replaces the bytes from `low` to `high` (offsets in the subtree) with `fresh`. Returns false,
    /// with the content unchanged, if the bytes do not lie within one leaf. The node itself may have
    /// too many or too few entries afterwards. Its children are within bounds.
    static func edit(
        _ node: inout PieceTree.Node, _ low: UInt64, _ high: UInt64, _ fresh: [Piece]
    ) -> Bool {
        if node.isLeaf {
            makeUnique(&node)
            node.splice(low, high, fresh)
            return true
        }
        let (index, start) = node.child(endingAtOrAfter: high)
        if start > low { return false }
        makeUnique(&node)
        let before = node.children[index].summary
        guard edit(&node.children[index], low - start, high - start, fresh) else { return false }
        let after = node.children[index].summary
        node.lengths[index] = after.length
        node.summary -= before
        node.summary += after
        node.mend(index)
        return true
    }

    /// Edits one leaf, which must be uniquely referenced.
    private func splice(_ low: UInt64, _ high: UInt64, _ fresh: [Piece]) {
        let (first, firstStart) = entry(holding: low)
        let inside = low > firstStart
        var next = first
        var end = firstStart
        var removedData: UInt64 = 0
        while next < pieces.count, end < high || (inside && next == first) {
            end += pieces[next].length
            if !pieces[next].isHole { removedData += pieces[next].length }
            next += 1
        }
        var parts: [Piece] = []
        parts.reserveCapacity(fresh.count + 2)
        if inside { parts.append(pieces[first].prefix(low - firstStart)) }
        parts.append(contentsOf: fresh)
        if end > high, next > first {
            let last = pieces[next - 1]
            parts.append(last.dropFirst(last.length - (end - high)))
        }
        put(parts, at: first..<next)
        var addedLength: UInt64 = 0
        var addedData: UInt64 = 0
        for part in parts {
            addedLength += part.length
            if !part.isHole { addedData += part.length }
        }
        summary.length = summary.length - (end - firstStart) + addedLength
        summary.data = summary.data - removedData + addedData
        summary.pieces = pieces.count
        summary.memory = Self.memory(ofLeaf: pieces)
    }

    private func put(_ parts: [Piece], at range: Range<Int>) {
        let needed = pieces.count - range.count + parts.count
        if needed > pieces.capacity { pieces.reserveCapacity(Self.room(for: needed)) }
        pieces.replaceSubrange(range, with: parts)
    }

    /// Balances the child at `index` with a neighbour, or splits it, if its number of entries is out of
    /// bounds.
    private func mend(_ index: Int) {
        let count = children[index].count
        if count > Self.maximum {
            let allowed = 2 * Self.maximum - Self.slack
            if index > 0, children[index - 1].count + count <= allowed {
                regroup(index - 1..<index + 1)
            } else if index + 1 < children.count, children[index + 1].count + count <= allowed {
                regroup(index..<index + 2)
            } else {
                regroup(index..<index + 1)
            }
        } else if count < Self.minimum, children.count > 1 {
            let left = index > 0 ? index - 1 : index
            regroup(left..<left + 2)
        }
    }

    private func regroup(_ range: Range<Int>) {
        let nodes = Self.regrouped(Array(children[range]))
        for child in children[range] { summary.memory -= child.summary.memory }
        for node in nodes { summary.memory += node.summary.memory }
        children.replaceSubrange(range, with: nodes)
        lengths.replaceSubrange(range, with: nodes.map(\.summary.length))
    }
}
