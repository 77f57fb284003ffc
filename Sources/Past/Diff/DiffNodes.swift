// DiffNodes: finds whether two files differ, and in what. Content is compared by its pieces first; bytes
// are read only where the pieces differ.

internal import Overlay
internal import Platform
internal import Storage

/// The difference between two files.
enum NodeDifference {
    case none, attributes, content, type
    /// The pieces do not decide: the bytes must be compared. Also whether the attributes differ.
    case unknown(DiffContent, DiffContent, attributes: Bool)
}

/// The content of a file on one side.
struct DiffContent: Sendable {
    var pieces: PieceTree
    /// The place of a file that was not touched: it is read from the base.
    var place: BasePlace?
    /// Whether the base file has changed since it was edited here: its pieces are not those of the other
    /// side.
    var isForeign = false
}

extension DiffSide {
    /// Returns whether a present file shows the base's content, whatever its row says.
    func follows(_ node: ViewNode) -> Bool {
        guard node.hasRow, node.record.flags.contains(.followsBase),
            !node.record.flags.contains(.hasLog), node.record.links == 1, node.place != nil
        else { return false }
        if EditLog.exists(node.number, in: tree.logs) { return false }
        // If it is not known, the contents are compared.
        return (try? AncestorLogs(node.number, in: tree.logs).isThere()) == false
    }

    func content(_ node: ViewNode) throws(Errno) -> DiffContent {
        if let pieces = node.pieces { return DiffContent(pieces: pieces) }
        let number = node.number
        if node.hasRow, node.record.flags.contains(.hasLog) {
            let log = try tree.historicLog(number)
            return DiffContent(
                pieces: state.sequence == .max
                    ? try log.snapshot()
                    : try log.content(
                        at: node.record.contentMoment(at: state.sequence, in: tree.logs)).pieces)
        }
        let size = node.record.size
        guard size > 0 else { return DiffContent(pieces: PieceTree()) }
        guard let place = node.place else { return DiffContent(pieces: PieceTree([.hole(size)])) }
        let pieces = PieceTree(try basePieces(node, place, size: size))
        if node.hasRow { return DiffContent(pieces: pieces) }
        var content = DiffContent(pieces: pieces, place: place)
        if let origin = try? tree.origin(number), let status = try? tree.base.status(place) {
            content.isForeign = !origin.fits(status)
        }
        return content
    }

    /// Returns the pieces of a base file. The holes of a sparse file stay holes in an edit log, so they
    /// must be known here too.
    private func basePieces(
        _ node: ViewNode, _ place: BasePlace, size: UInt64
    ) throws(Errno) -> [Piece] {
        let whole = [Piece(.base(file: node.number, offset: 0), length: size)]
        guard node.record.allocated < size else { return whole }
        let inode = Inode(node.record, isPersistent: false, place: place, parent: 0)
        return try tree.edits.baseHoles(of: inode, size: size) ?? whole
    }

    package func target(_ node: ViewNode) throws(Errno) -> [UInt8] {
        if let place = node.place { return try tree.base.symlinkTarget(place) }
        return node.record.symlinkTarget
    }
}

extension DiffNames {
    /// Compares the two nodes of a key.
    func compare(_ was: ViewNode, _ now: ViewNode) throws(Errno) -> NodeDifference {
        guard was.type == now.type else { return .type }
        let attributes = try attributesDiffer(was, now)
        let plain: NodeDifference = attributes ? .attributes : .none
        switch was.type {
        case .regular:
            // The row may not contain the present state of the base yet.
            if new.state.sequence == .max, was.place == now.place, new.follows(now),
                old.isBase || !was.hasRow || old.follows(was) {
                return plain
            }
            if was.record.size != now.record.size { return .content }
            let one: DiffContent
            let two: DiffContent
            do throws(Errno) {
                one = try old.content(was)
                two = try new.content(now)
            } catch {
                // The log is damaged: the content is not known, but the file was edited.
                return .content
            }
            guard one.pieces.length == two.pieces.length else { return .content }
            guard DiffRanges(one, two).first == nil else {
                return .unknown(one, two, attributes: attributes)
            }
            return plain
        case .symlink:
            return try old.target(was) == new.target(now) ? plain : .content
        case .characterDevice, .blockDevice:
            return was.record.specialDevice == now.record.specialDevice ? plain : .content
        default:
            return plain
        }
    }

    private func attributesDiffer(_ was: ViewNode, _ now: ViewNode) throws(Errno) -> Bool {
        let (one, two) = (was.record, now.record)
        if one.mode != two.mode || one.user != two.user || one.group != two.group { return true }
        let hasOwn = (was.hasRow && one.flags.contains(.hasXattrs))
            || (now.hasRow && two.flags.contains(.hasXattrs))
        if !hasOwn, was.place == now.place { return false }
        return try old.state.visibleXattrs(of: was) != new.state.visibleXattrs(of: now)
    }
}

/// The ranges of bytes whose pieces differ.
struct DiffRanges: Sequence, IteratorProtocol {
    private var one: AllPieces.Iterator
    private var two: AllPieces.Iterator
    private var left: Piece?
    private var right: Piece?
    private var at: UInt64 = 0
    private let isForeign: Bool

    init(_ first: DiffContent, _ second: DiffContent) {
        one = first.pieces.allPieces.makeIterator()
        two = second.pieces.allPieces.makeIterator()
        isForeign = first.isForeign || second.isForeign
    }

    var first: Range<UInt64>? {
        var copy = self
        return copy.next()
    }

    mutating func next() -> Range<UInt64>? {
        while true {
            if left == nil { left = one.next() }
            if right == nil { right = two.next() }
            guard let first = left, let second = right else { return nil }
            let length = Swift.min(first.length, second.length)
            let range = at..<(at + length)
            at = range.upperBound
            left = length == first.length ? nil : first.dropFirst(length)
            right = length == second.length ? nil : second.dropFirst(length)
            if !isSame(first.source, second.source) { return range }
        }
    }

    private func isSame(_ first: PieceSource, _ second: PieceSource) -> Bool {
        if case .base(let file, let offset) = first, case .base(let other, let otherOffset) = second {
            // Inodes of the base have the same number in each workspace, except for the workspace's bits.
            let isInBase = file & 1 << 47 == 0 && (file ^ other) & (1 << 48 - 1) == 0
            return !isForeign && offset == otherOffset && (file == other || isInBase)
        }
        return first == second
    }
}

extension Comparison {
    func bytes(_ range: Range<UInt64>, of content: DiffContent) throws(Errno) -> [UInt8] {
        try workspace.content.bytes(range, of: content.pieces, orOf: content.place)
    }
}

extension TimeView {
    /// Returns the content of a regular file.
    func content(of node: ViewNode) throws(Errno) -> DiffContent {
        try withState { (state) throws(Errno) in
            try DiffSide(state, keys: workspace.id, isBase: baseTop != nil).content(node)
        }
    }
}
