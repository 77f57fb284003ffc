// PieceTreeJoin: the general way to change a piece tree. It cuts off the parts before and after the
// edit, and joins both to a tree of the new pieces. It never changes a node, so nodes may be shared,
// and nodes off the two cut paths are reused as they are. In the trees used here only the root may have
// fewer than the minimum of entries.

extension PieceTree.Node {
    private typealias Node = PieceTree.Node

    /// Returns the first `length` bytes.
    static func prefix(_ node: PieceTree.Node, _ length: UInt64) -> PieceTree.Node {
        if length == node.summary.length { return node }
        if length == 0 { return empty }
        let (index, start) = node.entry(holding: length)
        if node.isLeaf {
            var pieces = ContiguousArray(node.pieces[..<index])
            if length > start { pieces.append(node.pieces[index].prefix(length - start)) }
            return Node(leaf: pieces)
        }
        let whole = tree(of: node.children[..<index], height: node.height)
        return join(whole, prefix(node.children[index], length - start))
    }

    /// Returns the bytes after the first `length` bytes.
    static func suffix(_ node: PieceTree.Node, from length: UInt64) -> PieceTree.Node {
        if length == 0 { return node }
        if length == node.summary.length { return empty }
        let (index, start) = node.entry(holding: length)
        if node.isLeaf {
            var pieces = ContiguousArray(node.pieces[index...])
            pieces[0] = pieces[0].dropFirst(length - start)
            return Node(leaf: pieces)
        }
        let whole = tree(of: node.children[(index + 1)...], height: node.height)
        return join(suffix(node.children[index], from: length - start), whole)
    }

    /// Returns a tree of some of the children of a node of height `height`.
    private static func tree(of children: ArraySlice<Node>, height: Int) -> Node {
        if children.isEmpty { return empty }
        if children.count == 1, let only = children.first { return only }
        return Node(over: ContiguousArray(children), height: height)
    }

    /// Returns one tree with the pieces of `left`, then those of `right`. The pieces at the seam are
    /// not merged.
    static func join(_ left: PieceTree.Node, _ right: PieceTree.Node) -> PieceTree.Node {
        if left.count == 0 { return right }
        if right.count == 0 { return left }
        if left.height >= right.height { return root(over: append(right, to: left)) }
        return root(over: prepend(left, to: right))
    }

    /// Returns one or two nodes as high as `left`, which is at least as high as `right`.
    private static func append(_ right: Node, to left: Node) -> [Node] {
        if left.height == right.height { return levelled(left, right) }
        var children = Array(left.children)
        let last = children.removeLast()
        children +=
            left.height == right.height + 1
            ? levelled(last, right) : append(right, to: last)
        return inners(children, height: left.height)
    }

    /// Returns one or two nodes as high as `right`, which is higher than `left`.
    private static func prepend(_ left: Node, to right: Node) -> [Node] {
        let first = right.children[0]
        var children =
            right.height == left.height + 1
            ? levelled(left, first) : prepend(left, to: first)
        children += right.children[1...]
        return inners(children, height: right.height)
    }

    /// Returns two neighbours of the same height as one or two nodes with enough entries.
    private static func levelled(_ left: Node, _ right: Node) -> [Node] {
        if left.count >= minimum, right.count >= minimum { return [left, right] }
        return regrouped([left, right])
    }
}
