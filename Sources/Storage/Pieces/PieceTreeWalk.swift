// PieceTreeWalk: reads a piece tree in order: ranges, whole files, and the search for data and holes.

extension PieceTree {
    /// Calls `body` with each piece that has bytes in `range`, cut to the range, and its offset in the
    /// file, until `body` returns false. Returns whether all pieces were visited.
    @discardableResult
    package func forEach<Failure: Error>(
        in range: Range<UInt64>, _ body: (UInt64, Piece) throws(Failure) -> Bool
    ) throws(Failure) -> Bool {
        let inside = range.clamped(to: 0..<length)
        if inside.isEmpty { return true }
        return try root.visit(inside, from: 0, body)
    }

    /// Returns the pieces that have bytes in `range`, the first and the last cut to it.
    package func pieces(in range: Range<UInt64>) -> [Piece] {
        var result: [Piece] = []
        forEach(in: range) { _, piece in
            result.append(piece)
            return true
        }
        return result
    }

    /// All pieces in order.
    package var allPieces: AllPieces { AllPieces(root: root) }

    /// Returns the first offset from `offset` on that is not in a hole, or nil if only holes follow.
    /// Base pieces count as data. See SEEK_DATA in lseek(2).
    package func nextData(from offset: UInt64) -> UInt64? {
        guard let (start, piece) = piece(at: offset) else { return nil }
        if !piece.isHole { return offset }
        // Adjacent holes are merged, so after a hole comes data or the end.
        let end = start + piece.length
        return end < length ? end : nil
    }

    /// Returns the first offset from `offset` on that is in a hole. The end of the file counts as a
    /// hole. See SEEK_HOLE in lseek(2).
    package func nextHole(from offset: UInt64) -> UInt64 {
        if offset >= length { return offset }
        return root.hole(from: offset) ?? length
    }
}

extension PieceTree.Node {
    /// Visits `range`, which lies in this subtree and is not empty. `base` is the offset of the subtree.
    fileprivate func visit<Failure: Error>(
        _ range: Range<UInt64>, from base: UInt64,
        _ body: (UInt64, Piece) throws(Failure) -> Bool
    ) throws(Failure) -> Bool {
        var (index, start) = entry(holding: range.lowerBound)
        while index < count, start < range.upperBound {
            let end = start + (isLeaf ? pieces[index].length : lengths[index])
            let low = Swift.max(start, range.lowerBound)
            let high = Swift.min(end, range.upperBound)
            if isLeaf {
                let piece = pieces[index].dropFirst(low - start).prefix(high - low)
                if try !body(base + low, piece) { return false }
            } else {
                let part = low - start..<high - start
                if try !children[index].visit(part, from: base + start, body) { return false }
            }
            start = end
            index += 1
        }
        return true
    }

    /// Returns the first byte of a hole at or after `offset`, in this subtree. Subtrees without a hole
    /// are not searched.
    fileprivate func hole(from offset: UInt64) -> UInt64? {
        if summary.data == summary.length { return nil }
        var (index, start) = entry(holding: offset)
        while index < count {
            let low = Swift.max(start, offset)
            if isLeaf {
                if pieces[index].isHole { return low }
                start += pieces[index].length
            } else {
                if let found = children[index].hole(from: low - start) { return start + found }
                start += lengths[index]
            }
            index += 1
        }
        return nil
    }
}

/// The pieces of a tree as a sequence. It holds references to the nodes it walks, so the tree may
/// change meanwhile.
package struct AllPieces: Sequence, Sendable {
    fileprivate let root: PieceTree.Node

    package func makeIterator() -> Iterator { Iterator(root: root) }

    package struct Iterator: IteratorProtocol {
        private var leaf: PieceTree.Node
        private var index = 0
        /// The inner nodes above the leaf, each with the index of the next child.
        private var above: [(node: PieceTree.Node, next: Int)] = []

        fileprivate init(root: PieceTree.Node) {
            leaf = root
            descend()
        }

        private mutating func descend() {
            while !leaf.isLeaf {
                above.append((leaf, 1))
                leaf = leaf.children[0]
            }
            index = 0
        }

        package mutating func next() -> Piece? {
            if index == leaf.pieces.count {
                while let top = above.last, top.next == top.node.children.count {
                    above.removeLast()
                }
                guard let top = above.last else { return nil }
                above[above.count - 1].next += 1
                leaf = top.node.children[top.next]
                descend()
            }
            defer { index += 1 }
            return leaf.pieces[index]
        }
    }
}
