// The nodes of a piece tree. A leaf holds pieces, an inner node holds children of one height
// below its own. Every node but the root holds `minimum` to `maximum` entries, no piece is
// empty, and `summary` is always the sum over what stands below.

extension PieceTree {
    /// Sums over a subtree.
    struct Summary: Equatable, Sendable {
        /// In bytes, holes included.
        var length: UInt64 = 0
        /// In bytes, holes left out.
        var data: UInt64 = 0
        var pieces = 0
        /// Memory of the subtree's nodes, an estimate.
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

    /// Sendable because a node is written only by a tree that has just proved to hold the one
    /// reference to it (`makeUnique`); a node that two trees or threads can reach never changes.
    final class Node: @unchecked Sendable {
        static let maximum = 64
        static let minimum = 32
        /// What an empty tree points to. This reference keeps it from ever being unique.
        static let empty = Node(leaf: [])

        /// 0 for a leaf.
        let height: Int
        var summary: Summary
        /// Empty in an inner node.
        var pieces: ContiguousArray<Piece>
        /// Empty in a leaf.
        var children: ContiguousArray<Node>
        /// The children's lengths, kept here so that a search touches one child only.
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

        /// Copies the arrays at once, with room to grow, since a change is about to follow.
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

        /// Replaces a node that others may see by a copy nobody else sees.
        static func makeUnique(_ node: inout Node) {
            if !isKnownUniquelyReferenced(&node) { node = Node(copying: node) }
        }
    }
}

// MARK: - Memory

extension PieceTree.Node {
    /// Object and array headers with the allocator's share.
    private static let leafOverhead = 144
    /// An inner node has room for `maximum` references and lengths.
    static let innerMemory = 208 + maximum * 16

    /// Room to reserve for `count` pieces: doubling for small files, then steps of 16, so that
    /// room grows seldom and little of it stays unused.
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
    /// The first child that ends at or after `offset`, and where it starts; `offset` is at most
    /// this inner node's length.
    func child(endingAtOrAfter offset: UInt64) -> (index: Int, start: UInt64) {
        var start: UInt64 = 0
        for index in lengths.indices {
            let end = start + lengths[index]
            if end >= offset { return (index, start) }
            start = end
        }
        return (lengths.count - 1, start - (lengths.last ?? 0))
    }

    /// The entry that holds the byte at `offset`, and where it starts; (`count`, length) at the
    /// end.
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
    /// Cuts `total` entries into as few runs as the maximum allows, all about equally long. With
    /// more than one run, each is at least half full.
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

    /// Inner nodes over children of height `height - 1`.
    static func inners(_ children: [PieceTree.Node], height: Int) -> [PieceTree.Node] {
        runs(children.count).map { run in
            var group = ContiguousArray<PieceTree.Node>()
            group.reserveCapacity(maximum)
            group.append(contentsOf: children[run])
            return PieceTree.Node(over: group, height: height)
        }
    }

    /// The same entries in as few nodes as can hold them, evenly filled. The nodes are neighbours
    /// of one height; the given ones stay as they were.
    static func regrouped(_ nodes: [PieceTree.Node]) -> [PieceTree.Node] {
        guard let height = nodes.first?.height else { return [] }
        return height == 0
            ? leaves(nodes.flatMap(\.pieces)) : inners(nodes.flatMap(\.children), height: height)
    }

    /// One tree over nodes of one height; the empty leaf for none.
    static func root(over nodes: [PieceTree.Node]) -> PieceTree.Node {
        var level = nodes
        while level.count > 1 { level = inners(level, height: level[0].height + 1) }
        return level.first ?? empty
    }
}
