// PieceTreeCheck: the invariants of a piece tree, for tests and for a check on demand.

extension PieceTree {
    /// Returns a description of the first broken invariant, or nil. O(n).
    func checkInvariants() -> String? {
        if length > Self.maximumLength { return "length \(length) exceeds the maximum" }
        if !root.isLeaf, root.count < 2 { return "root has \(root.count) children" }
        if let problem = root.problem(isRoot: true) { return problem }
        var previous: Piece?
        var offset: UInt64 = 0
        for piece in allPieces {
            if !piece.isValid { return "invalid piece \(piece) at \(offset)" }
            if previous?.merged(with: piece) != nil { return "unmerged neighbours at \(offset)" }
            previous = piece
            offset += piece.length
        }
        return offset == length ? nil : "pieces have \(offset) bytes, the tree \(length)"
    }
}

extension PieceTree.Node {
    fileprivate func problem(isRoot: Bool) -> String? {
        if count > Self.maximum || (!isRoot && count < Self.minimum) {
            return "node of height \(height) has \(count) entries"
        }
        if isLeaf {
            if !children.isEmpty || !lengths.isEmpty { return "leaf with children" }
            return summary == Self.summary(of: pieces) ? nil : "wrong sums in a leaf: \(summary)"
        }
        if !pieces.isEmpty { return "inner node with pieces" }
        if lengths.count != children.count { return "lengths and children differ in number" }
        var sum = PieceTree.Summary()
        sum.memory = Self.innerMemory
        for (child, length) in zip(children, lengths) {
            if child.height != height - 1 { return "child of wrong height \(child.height)" }
            if child.summary.length != length { return "wrong length of a child" }
            if let problem = child.problem(isRoot: false) { return problem }
            sum += child.summary
        }
        return sum == summary ? nil : "wrong sums at height \(height): \(summary), not \(sum)"
    }
}
