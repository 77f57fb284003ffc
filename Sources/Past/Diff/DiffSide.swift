// DiffSide: one of the two trees of a difference: the base, or a workspace now or at a moment. Inodes of
// both are identified by keys. A key is a number of the workspace that the difference is for. Inodes of the
// base have the same keys in another workspace, whose own files keep their numbers.

internal import Overlay
internal import Platform
internal import Storage

struct DiffSide {
    let state: TreeAtMoment
    /// Whether this is the plain base, without the workspace's changes.
    let isBase: Bool
    /// The workspace whose numbers are the keys.
    let keys: UInt16
    var finder: PathFinder

    struct Child {
        var key: InodeNumber
        var type: FileType
    }

    var tree: Tree { state.tree }

    init(_ state: TreeAtMoment, keys: UInt16, isBase: Bool = false) {
        self.state = state
        self.keys = keys
        self.isBase = isBase
        finder = PathFinder(state.tree, state.delta)
    }

    // MARK: Keys

    private static let givenOut: UInt64 = 1 << 47
    private static let low: UInt64 = 1 << 48 - 1

    func key(_ number: InodeNumber) -> InodeNumber {
        // The roots are the same directory.
        if number == tree.rootNumber { return Self.givenOut | UInt64(keys) << 48 }
        return number & Self.givenOut != 0 ? number : number & Self.low | UInt64(keys) << 48
    }

    /// Returns this tree's number for a key; nil for a file of the other tree.
    private func number(_ key: InodeNumber) -> InodeNumber? {
        if key & Self.low == Self.givenOut { return tree.rootNumber }
        if key & Self.givenOut == 0 { return key & Self.low | UInt64(tree.workspace) << 48 }
        return key >> 48 == UInt64(tree.workspace) ? key : nil
    }

    // MARK: Paths

    func basePath(_ key: InodeNumber) throws(Errno) -> [UInt8]? {
        guard let number = number(key) else { return nil }
        return try basePath(of: number)
    }

    /// Returns the place of a file in the base. Of the plain base only the present state counts.
    private func basePath(of number: InodeNumber) throws(Errno) -> [UInt8]? {
        guard let path = try finder.basePath(of: number, tree) else { return nil }
        return isBase ? try tree.base.pathSeen(path) : path
    }

    mutating func hint(_ key: InodeNumber, _ path: [UInt8]) {
        if let number = number(key) { finder.hint(number, path) }
    }

    /// Returns the path of a key, or nil if no name leads to it.
    mutating func path(_ key: InodeNumber) throws(Errno) -> FoundPath? {
        guard let number = number(key) else { return nil }
        guard isBase else { return try finder.find(number, tree) }
        guard let path = try basePath(of: number), try status(path) != nil else { return nil }
        return FoundPath(cutting: EpochPath.plain(path))
    }

    mutating func paths(_ key: InodeNumber) throws(Errno) -> [FoundPath] {
        guard let number = number(key), !isBase else { return [] }
        return try finder.paths(of: number, tree)
    }

    private func status(_ path: [UInt8]) throws(Errno) -> FileStatus? {
        if path.isEmpty { return tree.base.rootStatus }
        let place = BasePlace(path: path)
        return try tree.base.status(ifPresent: place.name, in: place.directory)
    }

    // MARK: Names in directories

    /// Returns the inode that a name of a directory leads to.
    mutating func child(
        _ name: FileName, of directory: InodeNumber
    ) throws(Errno) -> Child? {
        guard let number = number(directory) else { return nil }
        if !isBase, let entry = try state.entry(name, in: number) {
            return entry.isWhiteout ? nil : Child(key: key(entry.inode), type: entry.type)
        }
        guard let path = try basePath(of: number),
            let status = try tree.base.status(ifPresent: name.bytes, in: path)
        else { return nil }
        let place = BasePlace(directory: path, name: name.bytes)
        let found = try finder.number(of: status, at: place, tree, areFilesHeld: isBase)
        finder.hint(found, place.path)
        return Child(key: key(found), type: status.type)
    }

    /// Returns all names in a directory.
    mutating func list(_ directory: InodeNumber) throws(Errno) -> [(FileName, Child)] {
        guard let number = number(directory) else { return [] }
        var names: Set<FileName> = []
        if !isBase { names.formUnion(try state.entries(in: number).keys) }
        if let path = try basePath(of: number) {
            for entry in try tree.base.list(path) { names.insert(entry.name) }
        }
        var found: [(FileName, Child)] = []
        for name in names {
            if let child = try child(name, of: directory) { found.append((name, child)) }
        }
        return found
    }

    func node(_ key: InodeNumber) throws(Errno) -> ViewNode? {
        guard let number = number(key) else { return nil }
        if !isBase, let known = try state.node(ifThere: number) {
            return known
        }
        guard let path = try basePath(of: number), let status = try status(path)
        else { return nil }
        return ViewNode(
            PastRow(record: InodeRecord(number: number, status: status)),
            place: BasePlace(path: path), hasRow: false)
    }

    // MARK: Differences from the base

    /// Returns the names for which the workspace has entries, or had some at the moment, by directory.
    func overlaidNames() throws(Errno) -> [InodeNumber: Set<FileName>] {
        var found: [InodeNumber: Set<FileName>] = [:]
        for directory in tree.directoriesWithEntries.all {
            let names = try tree.entries(in: directory).keys
            if !names.isEmpty { found[key(directory)] = Set(names) }
        }
        for (directory, entries) in state.delta.entries {
            found[key(directory), default: []].formUnion(entries.keys)
        }
        return found
    }

    /// The files of the base that have rows, or had some at the moment.
    var overlaidRows: Set<InodeNumber> {
        var rows = Set(tree.identity.touched.all.map(key))
        for number in state.delta.inodes.keys where number & Self.givenOut == 0 { rows.insert(key(number)) }
        return rows
    }
}

extension TreeAtMoment {
    /// The files of which a row, an attribute or the content changed since the moment.
    func changedRows() throws(Errno) -> Set<InodeNumber> {
        var rows = Set(delta.inodes.keys).union(delta.xattrs.keys)
        rows.formUnion(try tree.editedInodes(after: sequence))
        return rows
    }
}
