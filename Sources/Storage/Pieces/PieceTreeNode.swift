// PieceTreeNode: the nodes of a piece tree. A leaf holds pieces. An inner node holds children that are
// all one level lower than itself. Every node but the root holds `minimum` to `maximum` entries, no
// piece is empty, and `summary` is always the sum over the entries.

extension PieceTree {
    /// Sums over a subtree.
    struct Summary: Equatable, Sendable {
        /// In bytes, including holes.
        var length: UInt64 = 0
        /// In bytes, without holes.
        var data: UInt64 = 0
        var pieces = 0
        /// The memory of the subtree's nodes in bytes, an estimate.
        var memory = 0

        static func += (sum: inout Summary, more: Summary) {
            sum.length += more.length
            sum.data += more.data
            sum.pieces += more.pieces
            sum.memory += more.memory
        }

        static func -= (sum: inout Summary, less: Summary) {
            sum.length -= less.length
            sum.data -= less.data
            sum.pieces -= less.pieces
            sum.memory -= less.memory
        }
    }

    /// Sendable because a tree changes a node only after it has proved that it holds the only reference
    /// to it (`makeUnique`). A node that two trees or threads can reach never changes.
    final class Node: @unchecked Sendable {
        static let maximum = 64
        static let minimum = 32
        /// The node of an empty tree. This reference keeps it from ever being unique.
        static let empty = Node(leaf: [])

        /// 0 for a leaf.
        let height: Int
        var summary: Summary
        /// Empty in an inner node.
        var pieces: ContiguousArray<Piece>
        /// Empty in a leaf.
        var children: ContiguousArray<Node>
        /// The children's lengths, kept here so that a search accesses only one child.
        var lengths: ContiguousArray<UInt64>

        init(leaf pieces: ContiguousArray<Piece>) {
            height = 0
            self.pieces = pieces
            children = []
            lengths = []
            summary = Node.summary(of: pieces)
        }

        init(over children: ContiguousArray<Node>, height: Int) {
            self.height = height
            pieces = []
            var sum = Summary()
            sum.memory = Node.innerMemory
            var lengths = ContiguousArray<UInt64>()
            lengths.reserveCapacity(Node.maximum)
            for child in children {
                sum += child.summary
                lengths.append(child.summary.length)
            }
            self.children = children
            self.lengths = lengths
            summary = sum
        }

        /// Copies the arrays at once, with room to grow, since a change follows.
        private init(copying node: Node) {
            height = node.height
            summary = node.summary
            pieces = []
            children = []
            lengths = []
            if node.isLeaf {
                pieces.reserveCapacity(Node.room(for: node.pieces.count + 2))
                pieces.append(contentsOf: node.pieces)
                summary.memory = Node.memory(ofLeaf: pieces)
            } else {
                children.reserveCapacity(Node.maximum)
                children.append(contentsOf: node.children)
                lengths.reserveCapacity(Node.maximum)
                lengths.append(contentsOf: node.lengths)
            }
        }

        var isLeaf: Bool { height == 0 }
        var count: Int { isLeaf ? pieces.count : children.count }

        /// Replaces a node that may be shared with a copy that is not.
        static func makeUnique(_ node: inout Node) {
            if !isKnownUniquelyReferenced(&node) { node = Node(copying: node) }
        }
    }
}

// MARK: - Memory

extension PieceTree.Node {
    /// Object and array headers, including the allocator's overhead.
    private static let leafOverhead = 144
    /// An inner node has room for `maximum` references and lengths.
    static let innerMemory = 208 + maximum * 16

    /// Returns the room to reserve for `count` pieces: doubled for small files, then in steps of 16, so
    /// that room grows seldom and little of it stays unused.
    static func room(for count: Int) -> Int {
        var room = 1
        while room < count { room += Swift.min(room, 16) }
        return room
    }

    static func summary(of pieces: ContiguousArray<Piece>) -> PieceTree.Summary {
        var sum = PieceTree.Summary()
        for piece in pieces {
            sum.length += piece.length
            if !piece.isHole { sum.data += piece.length }
        }
        sum.pieces = pieces.count
        sum.memory = memory(ofLeaf: pieces)
        return sum
    }

    static func memory(ofLeaf pieces: ContiguousArray<Piece>) -> Int {
        leafOverhead + pieces.capacity * MemoryLayout<Piece>.stride
    }
}

// MARK: - Search

extension PieceTree.Node {
    /// Returns the first child that ends at or after `offset`, and its start. `offset` is at most this
    /// inner node's length.
    func child(endingAtOrAfter offset: UInt64) -> (index: Int, start: UInt64) {
        var start: UInt64 = 0
        for index in lengths.indices {
            let end = start + lengths[index]
            if end >= offset { return (index, start) }
            start = end
        }
        return (lengths.count - 1, start - (lengths.last ?? 0))
    }

    /// Returns the entry that holds the byte at `offset`, and its start. Returns (`count`, length) at
    /// the end.
    func entry(holding offset: UInt64) -> (index: Int, start: UInt64) {
        var start: UInt64 = 0
        for index in 0..<count {
            let end = start + (isLeaf ? pieces[index].length : lengths[index])
            if end > offset { return (index, start) }
            start = end
        }
        return (count, start)
    }
}

// MARK: - Grouping

extension PieceTree.Node {
    /// Divides `total` entries into as few runs as the maximum allows, of about equal length. If there
    /// is more than one run, each is at least half full.
    private static func runs(_ total: Int) -> [Range<Int>] {
        let count = (total + maximum - 1) / maximum
        return (0..<count).map { total * $0 / count..<total * ($0 + 1) / count }
    }

    static func leaf(_ slice: ArraySlice<Piece>) -> PieceTree.Node {
        var pieces = ContiguousArray<Piece>()
        pieces.reserveCapacity(room(for: slice.count))
        pieces.append(contentsOf: slice)
        return PieceTree.Node(leaf: pieces)
    }

    static func leaves(_ pieces: [Piece]) -> [PieceTree.Node] {
        runs(pieces.count).map { leaf(pieces[$0]) }
    }

    /// Returns inner nodes over children of height `height - 1`.
    static func inners(_ children: [PieceTree.Node], height: Int) -> [PieceTree.Node] {
        runs(children.count).map { run in
            var group = ContiguousArray<PieceTree.Node>()
            group.reserveCapacity(maximum)
            group.append(contentsOf: children[run])
            return PieceTree.Node(over: group, height: height)
        }
    }

    /// Returns the same entries in as few nodes as can hold them, evenly filled. The nodes are
    /// neighbours of the same height. They are not changed.
    static func regrouped(_ nodes: [PieceTree.Node]) -> [PieceTree.Node] {
        guard let height = nodes.first?.height else { return [] }
        return height == 0
            ? leaves(nodes.flatMap(\.pieces)) : inners(nodes.flatMap(\.children), height: height)
    }

    /// Returns one tree over nodes of the same height, or the empty leaf if there are none.
    static func root(over nodes: [PieceTree.Node]) -> PieceTree.Node {
        var level = nodes
        while level.count > 1 { level = inners(level, height: level[0].height + 1) }
        return level.first ?? empty
    }
}
