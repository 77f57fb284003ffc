// PieceTree: the index from the bytes of a file to the pieces that hold them, a copy-on-write B+tree
// keyed by accumulated length. Copies cost O(1) and share nodes until one is changed. Invariants: no
// piece is empty, no two neighbouring pieces can be merged, and the length is at most `maximumLength`.

/// The pieces of one file in order, as a value.
package struct PieceTree: Sendable {
    /// The greatest length of a file, in bytes: the maximum of `off_t`.
    package static let maximumLength = UInt64(Int64.max)

    private(set) var root: Node

    /// Makes the tree of an empty file.
    package init() { root = .empty }

    /// Makes a tree of pieces from memory. They must be valid and at most `maximumLength` bytes
    /// together. Empty pieces are ignored and neighbours are merged.
    package init(_ pieces: some Sequence<Piece>) {
        var builder = Builder()
        for piece in pieces { builder.append(piece) }
        root = builder.finish()
        precondition(length <= Self.maximumLength, "pieces exceed the greatest file length")
    }

    /// Makes a tree of pieces from a disk. Returns nil if one is not valid or they are too long together.
    package init?(validating pieces: some Sequence<Piece>) {
        var builder = Builder()
        var left = Self.maximumLength
        for piece in pieces {
            guard piece.isValid, piece.length <= left else { return nil }
            left -= piece.length
            builder.append(piece)
        }
        root = builder.finish()
    }

    /// In bytes, including holes.
    package var length: UInt64 { root.summary.length }
    package var pieceCount: Int { root.summary.pieces }
    /// The number of bytes outside holes.
    package var allocatedBytes: UInt64 { root.summary.data }
    /// The memory of all nodes in bytes, an estimate. Nodes shared with copies are included.
    package var memoryBytes: Int { root.summary.memory }

    /// Returns the piece that holds the byte at `offset`, and the offset of that piece's first byte.
    /// Returns nil at and after the end.
    package func piece(at offset: UInt64) -> (start: UInt64, piece: Piece)? {
        guard offset < length else { return nil }
        var node = root
        var base: UInt64 = 0
        while true {
            let (index, start) = node.entry(holding: offset - base)
            base += start
            if node.isLeaf { return (base, node.pieces[index]) }
            node = node.children[index]
        }
    }
}

// MARK: - Changes

extension PieceTree {
    /// Replaces the bytes in `range` with `pieces`. The lengths may differ: this is an overwrite, an
    /// insertion (empty range) or a deletion (no pieces). The range is clamped to the length, empty
    /// pieces are ignored and neighbours are merged. The pieces must be valid and the result at most
    /// `maximumLength` bytes. O(log n + pieces given and removed).
    package mutating func replace(_ range: Range<UInt64>, with pieces: [Piece]) {
        var low = Swift.min(range.lowerBound, length)
        var high = Swift.min(range.upperBound, length)
        var fresh = Self.coalesced(pieces)
        if fresh.isEmpty, low == high { return }

        // Neighbours that merge at either seam become part of the edit. The rest of the tree then needs
        // no merging.
        let left = low > 0 ? piece(at: low - 1) : nil
        let right = piece(at: high)
        let before = left.map { $0.piece.prefix(low - $0.start) }
        let after = right.map { $0.piece.dropFirst(high - $0.start) }
        if fresh.isEmpty {
            if let left, let right, let before, let after,
                let whole = before.merged(with: after)
            {
                fresh = [whole]
                low = left.start
                high = right.start + right.piece.length
            }
        } else {
            if let left, let before, let merged = before.merged(with: fresh[0]) {
                fresh[0] = merged
                low = left.start
            }
            let last = fresh.count - 1
            if let right, let after, let merged = fresh[last].merged(with: after) {
                fresh[last] = merged
                high = right.start + right.piece.length
            }
        }
        splice(low, high, fresh)
        precondition(length <= Self.maximumLength, "file exceeds its greatest length")
    }

    /// Writes `piece` over the bytes at `offset`. If `offset` is greater than the length, a hole fills
    /// the gap. `offset` and the piece's length together are at most `maximumLength`.
    package mutating func overwrite(at offset: UInt64, with piece: Piece) {
        if piece.length == 0 { return }
        if offset > length {
            replace(length..<length, with: [.hole(offset - length), piece])
        } else {
            replace(offset..<offset + piece.length, with: [piece])
        }
    }

    /// Cuts the file off at `newLength`, or extends it to there with a hole.
    package mutating func truncate(to newLength: UInt64) {
        if newLength > length {
            replace(length..<length, with: [.hole(newLength - length)])
        } else {
            replace(newLength..<length, with: [])
        }
    }

    /// Makes the bytes in `range` a hole. The length stays the same.
    package mutating func punch(_ range: Range<UInt64>) {
        let inside = range.clamped(to: 0..<length)
        replace(inside, with: [.hole(inside.upperBound - inside.lowerBound)])
    }

    /// Inserts `pieces` at `offset` and moves what follows up. Appends them if `offset` is beyond the
    /// end.
    package mutating func insert(at offset: UInt64, _ pieces: [Piece]) {
        replace(offset..<offset, with: pieces)
    }

    /// Removes the bytes in `range` and moves down what follows.
    package mutating func delete(_ range: Range<UInt64>) { replace(range, with: []) }

    private mutating func splice(_ low: UInt64, _ high: UInt64, _ fresh: [Piece]) {
        if low == 0, high == length {
            root = Node.root(over: Node.leaves(fresh))
            return
        }
        if fresh.count <= Node.quickEditLimit, Node.edit(&root, low, high, fresh) {
            if root.count > Node.maximum {
                root = Node.root(over: Node.regrouped([root]))
            } else if root.count == 1, !root.isLeaf {
                root = root.children[0]
            }
            return
        }
        let middle = Node.root(over: Node.leaves(fresh))
        let head = Node.join(Node.prefix(root, low), middle)
        root = Node.join(head, Node.suffix(root, from: high))
    }

    /// Returns the pieces without empty ones, with neighbours merged.
    private static func coalesced(_ pieces: [Piece]) -> [Piece] {
        var result: [Piece] = []
        result.reserveCapacity(pieces.count)
        for piece in pieces where piece.length > 0 {
            if let merged = result.last?.merged(with: piece) {
                result[result.count - 1] = merged
            } else {
                result.append(piece)
            }
        }
        return result
    }
}

// MARK: - Building

extension PieceTree {
    /// Fills leaves from left to right.
    private struct Builder {
        private var leaves: [Node] = []
        private var current: [Piece] = []

        mutating func append(_ piece: Piece) {
            if piece.length == 0 { return }
            if let merged = current.last?.merged(with: piece) {
                current[current.count - 1] = merged
                return
            }
            // The last piece of a full leaf may still grow, so the leaf is closed only now.
            if current.count == Node.maximum { close() }
            current.append(piece)
        }

        private mutating func close() {
            leaves.append(Node.leaf(current[...]))
            current.removeAll(keepingCapacity: true)
        }

        mutating func finish() -> Node {
            if !current.isEmpty { close() }
            if let last = leaves.last, last.count < Node.minimum, leaves.count > 1 {
                leaves.replaceSubrange(
                    (leaves.count - 2)..., with: Node.regrouped(Array(leaves.suffix(2))))
            }
            return Node.root(over: leaves)
        }
    }
}
