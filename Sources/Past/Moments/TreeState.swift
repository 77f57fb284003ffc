// TreeState: a tree at a moment, or as a plan leaves it: the present tree with the values that differ.
// Reading it changes nothing. Sizes and times of content that was edited since the moment come from the
// edit logs.

internal import Overlay
internal import Platform
internal import Storage

/// A tree state; valid as long as the tree's lock is held.
protocol TreeState {
    var tree: Tree { get }
    var delta: TreeDelta { get }
    /// The number of the last change that it contains; `.max` if edit logs count whole.
    var sequence: UInt64 { get }
    /// Whether it is the base, without the changes of the workspace.
    var isBase: Bool { get }
    /// The root of the base if the workspace has no row for its own: what it began with, or what is shown.
    var top: [UInt8] { get }
}

extension TreeState {
    var isBase: Bool { false }
    var top: [UInt8] { [] }
}

/// The tree after an earlier change; the present tree if there is no delta.
struct TreeAtMoment: TreeState {
    let tree: Tree
    let delta: TreeDelta
    let sequence: UInt64
    /// The root of the base that is shown instead; nil for the workspace.
    private var baseTop: [UInt8]?
    var isBase: Bool { baseTop != nil }

    init(_ tree: Tree, _ delta: TreeDelta = TreeDelta(), at sequence: UInt64 = .max) {
        self.tree = tree
        self.delta = delta
        self.sequence = sequence
    }

    /// The base in one of its states.
    /// - Parameter top: the path of its root in that state.
    init(_ tree: Tree, baseAt top: [UInt8]) {
        self.init(tree)
        baseTop = top
    }

    var top: [UInt8] { baseTop ?? [] }

    /// Reads the changes since from the tree log.
    init(_ tree: Tree, after sequence: UInt64) throws(Errno) {
        self.init(tree, try TreeDelta(after: sequence, in: tree), at: sequence)
    }
}

/// A row, and the old content of the file if that was edited since.
struct PastRow: Sendable {
    var record: InodeRecord
    /// Nil if the content is the present one, or the base's.
    var pieces: PieceTree?
}

// MARK: Keys

extension TreeState {
    /// Returns the origin of a touched base file; nil for a file that no process had touched.
    func origin(_ number: InodeNumber) throws(Errno) -> Origin? {
        if let known = delta.origins[number] { return known }
        return try tree.knownOrigin(number)
    }

    /// Returns the row of an inode; nil if there is none, or if it has no links.
    func stateRow(_ number: InodeNumber) throws(Errno) -> PastRow? {
        if isBase { return nil }
        let known: InodeRecord?
        if let noted = delta.inodes[number] { known = noted } else { known = try tree.row(number) }
        guard var record = known, record.links > 0 else { return nil }
        if record.type != .regular || sequence == .max { return PastRow(record: record) }
        if record.contentSequence <= sequence {
            guard record.flags.contains(.hasLog), try wasEdited(record) else {
                return PastRow(record: record)
            }
        }
        let (pieces, version) = try tree.historicLog(number)
            .content(at: record.contentMoment(at: sequence, in: tree.logs))
        // The row includes the last edit before the moment.
        if version.sequence == record.contentSequence {
            return PastRow(record: record, pieces: pieces)
        }
        record.size = version.size
        record.allocated = version.allocated
        record.contentSequence = version.sequence
        if version.sequence > record.sequence {
            record.modificationTime = version.time
            record.changeTime = version.time
        } else if let older = try recorded(number, at: record.sequence) {
            // The later edits have overwritten the times that this change left.
            record.modificationTime = older.modificationTime
            record.changeTime = older.changeTime
        }
        return PastRow(record: record, pieces: pieces)
    }

    /// Returns whether a file's log may have grown past `record`, its row at some moment. It opens no log;
    /// most files that come back were not edited since.
    ///
    /// It never returns false for an edited file. A log grows only while its file has a row that follows
    /// it, or after a mark or a first edit: a removal ends the marks from before it. A row contains its
    /// last edit, and a change or removal of a row records the row before it.
    private func wasEdited(_ record: InodeRecord) throws(Errno) -> Bool {
        if delta.marked.contains(record.number) { return true }
        let known = max(
            try tree.row(record.number)?.contentSequence ?? 0, delta.lastEdits[record.number] ?? 0)
        return known > record.contentSequence
    }

    /// Returns the row as change `sequence` left it.
    private func recorded(
        _ number: InodeNumber, at sequence: UInt64
    ) throws(Errno) -> InodeRecord? {
        guard sequence > 0 else { return nil }
        var found: InodeRecord?
        do throws(StorageError) {
            if try tree.treeLog.isReleased(sequence) {
                return try tree.treeLog.releasedRow(number, of: sequence)
            }
            try tree.treeLog.changes(after: sequence - 1, upTo: sequence) { _, _, changes in
                for case .inode(number, _, let after?) in changes { found = after }
            }
        } catch {
            throw tree.failing(error)
        }
        return found
    }
}

// MARK: Nodes

extension TreeState {
    func root() throws(Errno) -> ViewNode {
        let number = tree.rootNumber
        if let known = try node(ifThere: number) { return known }
        let place = BasePlace(path: top)
        return ViewNode(
            PastRow(record: InodeRecord(number: number, status: try tree.base.status(place))),
            place: place, hasRow: false)
    }

    func entries(in directory: InodeNumber) throws(Errno) -> [FileName: Entry] {
        if isBase { return [:] }
        var entries = try tree.entries(in: directory)
        for (name, entry) in delta.entries[directory] ?? [:] { entries[name] = entry }
        return entries
    }

    func entry(_ name: FileName, in directory: InodeNumber) throws(Errno) -> Entry? {
        if isBase { return nil }
        if let noted = delta.entries[directory]?[name] { return noted }
        return try tree.entry(name, in: directory)
    }

    func xattrs(of number: InodeNumber) throws(Errno) -> [[UInt8]: XattrValue] {
        var found = try tree.xattrs(of: number)
        for (name, value) in delta.xattrs[number] ?? [:] { found[name] = value }
        return found
    }

    /// Returns all extended attributes that a file showed.
    func visibleXattrs(of node: ViewNode) throws(Errno) -> [[UInt8]: [UInt8]] {
        let overlay = node.hasRow ? try xattrs(of: node.number) : [:]
        var found: [[UInt8]: [UInt8]] = [:]
        for case (let name, .value(let bytes)) in overlay { found[name] = bytes }
        guard let place = node.place else { return found }
        for name in try tree.base.xattrNames(of: place) where overlay[name] == nil {
            found[name] = try tree.base.xattr(name, of: place)
        }
        return found
    }

    func child(_ name: FileName, of directory: ViewNode) throws(Errno) -> ViewNode? {
        if let entry = try entry(name, in: directory.number) {
            return entry.isWhiteout ? nil : try node(entry.inode)
        }
        guard let basePath = directory.basePath,
            let status = try tree.base.status(ifPresent: name.bytes, in: basePath)
        else { return nil }
        return try baseNode(status, at: BasePlace(directory: basePath, name: name.bytes))
    }

    /// Returns the file at a path; nil if there was none.
    func node(at path: [UInt8]) throws(Errno) -> ViewNode? {
        var node = try root()
        for part in path.split(separator: 0x2f) {
            guard node.type == .directory,
                let child = try child(FileName(trusted: Array(part)), of: node) else { return nil }
            node = child
        }
        return node
    }

    /// Returns a file that had a row.
    func node(_ number: InodeNumber) throws(Errno) -> ViewNode {
        guard let node = try node(ifThere: number) else {
            throw tree.failing("a name leads to inode \(number), which does not exist")
        }
        return node
    }

    /// Returns nil for a file that had no row.
    func node(ifThere number: InodeNumber) throws(Errno) -> ViewNode? {
        guard let row = try stateRow(number) else { return nil }
        var place: BasePlace?
        if row.record.flags.contains(.hasOrigin) {
            place = try origin(number).map { BasePlace(path: $0.path) }
        }
        return ViewNode(row, place: place, hasRow: true)
    }

    /// Returns a file of the base, which may have had a row under another name. Nothing is recorded for it.
    private func baseNode(
        _ status: FileStatus, at place: BasePlace
    ) throws(Errno) -> ViewNode {
        // A refresh may have taken its row since. The origin of now is not that of the moment then.
        let recorded = try tree.seenState.recordedNumbers(
            of: status, at: place, origin: { (number) throws(Errno) in try origin(number) })
        for number in recorded {
            guard case .some(.some) = delta.inodes[number], let known = try stateRow(number),
                known.record.flags.contains(.hasOrigin) else { continue }
            return ViewNode(known, place: try shownPlace(of: number, at: place), hasRow: true)
        }
        let number = try tree.number(of: status, at: place, isPast: true)
        if let known = try stateRow(number),
            known.record.flags.contains(.hasOrigin) {
            return ViewNode(known, place: try shownPlace(of: number, at: place), hasRow: true)
        }
        let record = InodeRecord(number: number, status: status)
        return ViewNode(PastRow(record: record), place: place, hasRow: false)
    }

    /// Returns the place in the base that a file with a row shows: a refresh may have left it at a state of
    /// the base before the one of its name.
    private func shownPlace(of number: InodeNumber, at place: BasePlace) throws(Errno) -> BasePlace {
        guard let origin = try origin(number), EpochPath.top(origin.path) != place.top else { return place }
        return BasePlace(path: origin.path)
    }
}
