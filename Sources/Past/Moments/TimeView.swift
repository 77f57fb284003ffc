// TimeView: a workspace as it was after some change, as a read-only tree. Making it costs as much as
// changed since; while it is in use, the tree tells it of each further change.

package import Overlay
package import Platform
package import Storage
internal import Synchronization

package final class TimeView: ChangeObserver, Sendable {
    /// The number of the last change that the view contains.
    package let sequence: UInt64
    package let root: ViewNode
    let workspace: Workspace
    private let delta: Mutex<TreeDelta>
    /// The root of the base that is shown; nil for the workspace at the moment.
    let baseTop: [UInt8]?
    /// Recently read contents.
    private let contents = Mutex(LRUCache<InodeNumber, PieceTree>(capacity: 64))

    init(_ workspace: Workspace, _ state: TreeAtMoment) throws(Errno) {
        self.workspace = workspace
        sequence = state.sequence
        baseTop = state.isBase ? state.top : nil
        delta = Mutex(state.delta)
        root = try state.root()
    }

    package func note(_ change: TreeChange) { delta.withLock { $0.note(change) } }

    package func noteMarks(_ numbers: [InodeNumber]) { delta.withLock { $0.marked.formUnion(numbers) } }

    func withState<R: Sendable>(
        _ body: (TreeAtMoment) throws(Errno) -> R
    ) throws(Errno) -> R {
        if baseTop == nil, !workspace.horizon.shows(sequence) { throw .stale }
        // The delta changes only under the tree's lock.
        return try workspace.withTree { (tree) throws(Errno) in
            if let baseTop { return try body(TreeAtMoment(tree, baseAt: baseTop)) }
            return try body(TreeAtMoment(tree, delta.withLock { $0 }, at: sequence))
        }
    }

    /// Looks up a name.
    /// - Throws: ENOENT if it did not exist.
    package func lookup(_ name: FileName, in node: ViewNode) throws(Errno) -> ViewNode {
        guard node.type == .directory else { throw .notDirectory }
        return try withState { (state) throws(Errno) in
            guard let found = try state.child(name, of: node) else {
                throw .noEntry
            }
            return found
        }
    }

    /// Returns every name except `.` and `..`, in the order of their bytes.
    package func list(
        _ node: ViewNode
    ) throws(Errno) -> [(name: FileName, type: FileType)] {
        guard node.type == .directory else { throw .notDirectory }
        let names = try withState { (state) throws(Errno) in
            let entries = try state.entries(in: node.number)
            var names: [(name: FileName, type: FileType)] = []
            for (name, entry) in entries where !entry.isWhiteout { names.append((name, entry.type)) }
            if let path = node.basePath {
                for entry in try state.tree.base.list(path) where entries[entry.name] == nil {
                    names.append((entry.name, entry.type))
                }
            }
            return names
        }
        return names.sorted { $0.name < $1.name }
    }

    package func attributes(_ node: ViewNode) throws(Errno) -> InodeAttributes {
        node.record.attributes
    }

    /// Reads up to `buffer.count` bytes from `offset`, and fewer only at the end of the file.
    /// - Throws: EIO if a checksum does not match or the base has changed since.
    package func read(
        _ node: ViewNode, into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(Errno) -> Int {
        guard node.type == .regular else {
            throw node.type == .directory ? .isDirectory : .invalid
        }
        if baseTop == nil, !workspace.horizon.shows(sequence) { throw .stale }
        let size = node.record.size
        guard offset < size, !buffer.isEmpty else { return 0 }
        let wanted = offset..<min(size, offset.adding(clamping: UInt64(buffer.count)))
        let part = UnsafeMutableRawBufferPointer(
            rebasing: buffer[..<Int(wanted.upperBound - wanted.lowerBound)])
        if node.pieces == nil, !node.record.flags.contains(.hasLog), let place = node.place {
            if baseTop != nil { return try workspace.base.read(place, into: part, at: offset) }
            // The base's content: as it was known if the file was touched since. A file that was only
            // touched, and still follows the base, has no other content than the present one.
            var origin = try presentOrigin(node.number)
            if origin == nil { origin = try knownOrigin(node.number) }
            // After a refresh its origin is one in another state of the base.
            if let origin, EpochPath.top(origin.path) == place.top {
                try workspace.content.readOrigin(node.number, origin, into: part, at: offset)
                return part.count
            }
            return try workspace.base.read(place, into: part, at: offset)
        }
        return try workspace.content.read(try pieces(of: node, in: wanted), into: part, originOf: origin)
    }

    /// Reads into an array, over its present bytes.
    /// - Returns: the number of bytes that were read; less than the array holds only at the end of the file.
    func read(_ node: ViewNode, over bytes: inout [UInt8], at offset: UInt64) throws(Errno) -> Int {
        try bytes.withUnsafeMutableBufferPointer { (buffer) throws(Errno) in
            try read(node, into: UnsafeMutableRawBufferPointer(buffer), at: offset)
        }
    }

    func pieces(of node: ViewNode, in wanted: Range<UInt64>) throws(Errno) -> [Piece] {
        if let pieces = node.pieces { return pieces.pieces(in: wanted) }
        if node.record.flags.contains(.hasLog) {
            if let known = contents.withLock({ $0.value(for: node.number) }) {
                return known.pieces(in: wanted)
            }
            let (log, moment) = try workspace.withTree { (tree) throws(Errno) in
                (
                    try tree.historicLog(node.number),
                    node.record.contentMoment(at: sequence, in: tree.logs)
                )
            }
            let pieces = try log.content(at: moment).pieces
            _ = contents.withLock { $0.insert(pieces, for: node.number) }
            return pieces.pieces(in: wanted)
        }
        return [.hole(wanted.upperBound - wanted.lowerBound)]
    }

    /// Returns the origin of a file that follows the base, renewed from the base; nil for any other file.
    private func presentOrigin(_ number: InodeNumber) throws(Errno) -> Origin? {
        let follows = try withState { (state) throws(Errno) in
            guard let row = try state.tree.row(number) else { return false }
            return row.flags.contains(.followsBase) && !row.flags.contains(.hasLog)
                && !EditLog.exists(number, in: state.tree.logs)
        }
        guard follows else { return nil }
        _ = try workspace.baseFiles.follow(number)
        return try workspace.withTree { (tree) throws(Errno) in try tree.knownOrigin(number) }
    }

    /// Returns the origin of the base file below pieces, as it was known at the moment.
    private func origin(_ number: InodeNumber) throws(Errno) -> Origin {
        guard let known = try knownOrigin(number) else { throw .inputOutput }
        return known
    }

    /// Returns nil for a base file that was not touched.
    func knownOrigin(_ number: InodeNumber) throws(Errno) -> Origin? {
        try withState { (state) throws(Errno) in try state.origin(number) }
    }

    package func symlinkTarget(_ node: ViewNode) throws(Errno) -> [UInt8] {
        guard node.type == .symlink else { throw .invalid }
        if let place = node.place { return try workspace.base.symlinkTarget(place) }
        return node.record.symlinkTarget
    }

    package func xattr(_ name: [UInt8], of node: ViewNode) throws(Errno) -> [UInt8] {
        switch try xattrs(of: node)[name] {
        case .value(let bytes): return bytes
        case .hidden: throw .noData
        case nil: break
        }
        guard let place = node.place else { throw .noData }
        return try workspace.base.xattr(name, of: place)
    }

    package func xattrNames(of node: ViewNode) throws(Errno) -> [[UInt8]] {
        let overlay = try xattrs(of: node)
        let own = overlay.filter { $0.value != .hidden }.keys
            .sorted { $0.lexicographicallyPrecedes($1) }
        guard let place = node.place else { return own }
        return try workspace.base.xattrNames(of: place).filter { overlay[$0] == nil } + own
    }

    /// Returns the workspace's values of a node's extended attributes at the moment.
    func xattrs(of node: ViewNode) throws(Errno) -> [[UInt8]: XattrValue] {
        guard node.hasRow else { return [:] }
        return try withState { (state) throws(Errno) in try state.xattrs(of: node.number) }
    }
}

extension Moments {
    /// Returns the base after a commit; nil stands for the base that the workspace sees.
    package func baseView(after commit: UInt64? = nil) throws(Errno) -> TimeView {
        try workspace.withTree { (tree) throws(Errno) in
            let top = commit.map(EpochPath.root) ?? tree.base.top
            return try TimeView(workspace, TreeAtMoment(tree, baseAt: top))
        }
    }

    /// Returns a view of the workspace after change `sequence`.
    /// - Throws: ENOENT for a change that has not happened, ESTALE for one that is older than the history
    ///   that is kept, EIO if the tree log is damaged.
    package func view(at sequence: UInt64) throws(CommandError) -> TimeView {
        try refuseReleased(sequence)
        if let known = workspace.pastMemory.recentViews.withLock({ $0.value(for: sequence) }) { return known }
        guard sequence <= workspace.sequence.last else {
            throw CommandError(
                .noEntry, "there is no change \(sequence) yet: the last is \(workspace.sequence.last)")
        }
        do throws(Errno) {
            let view = try workspace.withTree { (tree) throws(Errno) in
                let view = try TimeView(workspace, TreeAtMoment(tree, after: sequence))
                tree.observers.add(view)
                return view
            }
            _ = workspace.pastMemory.recentViews.withLock { $0.insert(view, for: sequence) }
            return view
        } catch {
            throw CommandError(
                error, "the moment @\(sequence) cannot be shown: \(error); run verify for details")
        }
    }
}
