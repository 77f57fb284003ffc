// RefreshPlan: the tree of a workspace over a later state of the base. All rows and names of the workspace
// are taken away, and what it has changed is put over the new state, path by path: names first, from the top
// down, then whiteouts, then attributes. What the workspace has changed keeps its inodes.

internal import Overlay
internal import Platform
internal import Storage

struct RefreshPlan {
    let tree: Tree
    var plan: PlannedTree
    /// The state of the base that will be seen.
    let target: UInt64
    let top: [UInt8]
    /// The workspace as it is.
    let now: TreeAtMoment
    private var copies: TreeCopy
    /// The names that the workspace has, and the inodes that they lead to.
    private(set) var former: [(place: NamePlace, entry: Entry)] = []
    private var formerWhiteouts: [NamePlace] = []
    /// The names at which the workspace has something of its own.
    private var placed: Set<NamePlace> = []
    /// Inodes that keep their extended attributes.
    var keepsXattrs: Set<InodeNumber> = []
    /// The plain path in the base of each directory of the plan that shows one of the base.
    private(set) var basePaths: [InodeNumber: [UInt8]] = [:]
    /// The directories by that path.
    private var atBase: [[UInt8]: InodeNumber] = [:]
    /// The number of names that the plan gives to each file.
    var counts: [InodeNumber: UInt32] = [:]
    /// Files of the base of which names are covered: each with a path, and the number of these names.
    private(set) var covered: [InodeNumber: (path: [UInt8], status: FileStatus, count: UInt32)] = [:]

    let choice: ConflictChoice

    private init(_ tree: Tree, to target: UInt64, _ choice: ConflictChoice, _ stamp: Stamp) {
        self.choice = choice
        self.tree = tree
        self.target = target
        top = EpochPath.root(target)
        plan = PlannedTree(tree, stamp: stamp)
        now = TreeAtMoment(tree)
        copies = TreeCopy(now)
    }

    static func plan(
        _ tree: Tree, _ proposal: CommitProposal, to target: UInt64, choice: ConflictChoice, stamp: Stamp
    ) throws(Errno) -> PlannedTree {
        var refresh = RefreshPlan(tree, to: target, choice, stamp)
        try refresh.takeAway()
        try refresh.setRoot()
        let changes = proposal.changes.sorted { $0.path.lexicographicallyPrecedes($1.path) }
        var held = HeldFiles(tree, proposal.versions)
        try refresh.keepDirectories(&held, besides: changes)
        for change in changes where change.difference.status != .deleted {
            if change.difference.status == .attributes, change.now?.type == .directory { continue }
            try refresh.put(change)
        }
        try refresh.hide(changes)
        if proposal.decided.isEmpty { try refresh.keepHidden() }
        for change in changes where change.difference.status == .attributes {
            if let node = change.now, node.type == .directory {
                try refresh.setAttributes(of: node, at: change.path)
            }
        }
        try refresh.keepFiles(&held)
        try refresh.finish()
        return refresh.plan
    }

    // MARK: The state before

    /// Takes all names and rows away.
    private mutating func takeAway() throws(Errno) {
        var numbers: Set<InodeNumber> = []
        for directory in tree.directoriesWithEntries.all {
            guard let row = try tree.row(directory), row.links > 0 else {
                try forgetNames(of: directory)
                continue
            }
            for (name, entry) in try tree.entries(in: directory) {
                plan.setEntry(name, in: directory, nil)
                if entry.isWhiteout {
                    formerWhiteouts.append(NamePlace(parent: directory, name: name))
                    continue
                }
                former.append((NamePlace(parent: directory, name: name), entry))
                numbers.insert(entry.inode)
            }
        }
        numbers.formUnion(tree.identity.touched.all)
        numbers.remove(tree.rootNumber)
        for number in numbers {
            // A file without a name that is still open is left alone.
            guard let row = try tree.row(number), row.links > 0 else { continue }
            plan.setRow(number, nil)
        }
    }

    /// Takes the names of a removed directory away, if it is one of the base: it may be shown again.
    private mutating func forgetNames(of directory: InodeNumber) throws(Errno) {
        if try tree.knownOrigin(directory) == nil { return }
        for name in try tree.entries(in: directory).keys { plan.setEntry(name, in: directory, nil) }
    }

    private mutating func setRoot() throws(Errno) {
        let place = BasePlace(path: top)
        try setBaseDirectory(tree.rootNumber, at: [], tree.base.settledStatus(place))
    }

    // MARK: Directories

    func place(_ path: [UInt8]) -> BasePlace { BasePlace(path: EpochPath.below(top, path)) }

    func status(inBase path: [UInt8]) throws(Errno) -> FileStatus? {
        let place = place(path)
        return try tree.base.status(ifPresent: place.name, in: place.directory)
    }

    /// Gives a directory a row over one of the base.
    /// - Parameter path: the plain path in the base.
    mutating func setBaseDirectory(
        _ number: InodeNumber, at path: [UInt8], _ status: FileStatus
    ) throws(Errno) {
        plan.setOrigin(number, tree.baseFiles.makeOrigin(at: place(path), status, kept: []))
        var record = InodeRecord(number: number, status: status)
        record.flags = .hasOrigin
        record.changeTime = plan.stamp.time
        if let known = try tree.row(number), known.type == .directory, known.links > 0 {
            (record.accessTime, record.modificationTime) = (known.accessTime, known.modificationTime)
        }
        plan.setRow(number, record)
        basePaths[number] = path
        atBase[path] = number
    }

    /// Returns the entry that the plan has for a name; nil if the base's shows through.
    func planned(_ name: FileName, in directory: InodeNumber) -> Entry? {
        plan.delta.entries[directory]?[name].flatMap { $0 }
    }

    /// Returns a directory in another one, and gives it a row.
    /// - Returns: nil if there is no directory of that name.
    private mutating func step(_ name: FileName, in directory: InodeNumber) throws(Errno) -> InodeNumber? {
        if let entry = planned(name, in: directory) {
            return entry.type == .directory ? entry.inode : nil
        }
        guard let above = basePaths[directory] else { return nil }
        let path = BasePlace.join(above, name.bytes)
        guard let status = try status(inBase: path), status.type == .directory else { return nil }
        let number = try tree.number(of: status, at: place(path))
        try setBaseDirectory(number, at: path, status)
        plan.setEntry(name, in: directory, Entry(inode: number, type: .directory))
        return number
    }

    /// Returns the directory at a path of the workspace.
    mutating func directory(_ path: [UInt8]) throws(Errno) -> InodeNumber? {
        var number = tree.rootNumber
        for part in path.split(separator: 0x2f) {
            guard let next = try step(FileName(trusted: Array(part)), in: number) else { return nil }
            number = next
        }
        return number
    }

    /// Returns the directory that shows one of the base; nil if none does.
    private mutating func directory(ofBase path: [UInt8]) throws(Errno) -> InodeNumber? {
        var number = tree.rootNumber
        var end = 0
        for part in path.split(separator: 0x2f) {
            end += part.count + (end > 0 ? 1 : 0)
            let above = Array(path[..<end])
            if let known = atBase[above] {
                number = known
                continue
            }
            guard let next = try step(FileName(trusted: Array(part)), in: number), basePaths[next] == above
            else { return nil }
            number = next
        }
        return number
    }

    // MARK: Names

    /// Sets a name, and counts it.
    mutating func setName(
        _ name: FileName, in directory: InodeNumber, _ entry: Entry
    ) throws(Errno) {
        let former = try cover(name, in: directory)
        plan.setEntry(name, in: directory, entry)
        if !entry.isWhiteout {
            placed.insert(NamePlace(parent: directory, name: name))
            if entry.type != .directory { counts[entry.inode, default: 0] += 1 }
        }
        try countDirectories(in: directory, from: former, to: entry.type)
    }

    /// Counts a directory that comes or goes in the links of the one above.
    private mutating func countDirectories(
        in directory: InodeNumber, from former: FileType?, to type: FileType
    ) throws(Errno) {
        let change: Int64 = (type == .directory ? 1 : 0) - (former == .directory ? 1 : 0)
        guard change != 0, var record = try plan.row(directory), record.links >= 2 else { return }
        record.links = UInt32(clamping: max(2, Int64(record.links).adding(clamping: change)))
        plan.setRow(directory, record)
    }

    /// Counts a name of the base that an entry of the plan will cover.
    /// - Returns: the type of what the name leads to before.
    private mutating func cover(_ name: FileName, in directory: InodeNumber) throws(Errno) -> FileType? {
        if let entry = planned(name, in: directory) { return entry.type }
        guard let above = basePaths[directory] else { return nil }
        let path = BasePlace.join(above, name.bytes)
        guard let status = try status(inBase: path) else { return nil }
        try cover(path, status)
        return status.type
    }

    /// Counts a name of the base that is not shown any more.
    private mutating func cover(_ path: [UInt8], _ status: FileStatus) throws(Errno) {
        if status.type == .directory { return }
        let number = try tree.number(of: status, at: place(path))
        covered[number, default: (path, status, 0)].count += 1
    }

    /// Puts a changed file or directory at its path.
    private mutating func put(_ change: NodeChange) throws(Errno) {
        guard let node = change.now else { return }
        let place = BasePlace(path: change.path)
        guard !place.isRoot, let above = try directory(place.directory) else { return }
        let name = FileName(trusted: place.name)
        guard planned(name, in: above) == nil else { return }
        if node.type == .directory {
            try setName(name, in: above, Entry(inode: try setDirectory(change, node), type: .directory))
        } else if node.hasRow, try tree.row(node.number) != nil, try isAlone(node.number, change) {
            try keep(node.number, node)
            try setName(name, in: above, Entry(inode: node.number, type: node.type))
        } else {
            try countDirectories(in: above, from: cover(name, in: above), to: node.type)
            let directory = try plan.node(above)
            let copy = try copies.copy(node, name, in: directory, withChildren: false, into: &plan)
            counts[copy.number, default: 0] += 1
            placed.insert(NamePlace(parent: above, name: name))
        }
    }

    /// Gives a directory that the workspace has made, renamed or put somewhere its row.
    private mutating func setDirectory(
        _ change: NodeChange, _ node: ViewNode
    ) throws(Errno) -> InodeNumber {
        if change.difference.status == .renamed, let old = change.difference.oldPath,
            let status = try status(inBase: old), status.type == .directory {
            try setBaseDirectory(node.number, at: old, status)
            if change.alteration != .nothing { try takeAttributes(of: node) }
            return node.number
        }
        var record = node.record
        // One that shows a directory of an earlier state of the base becomes one of the workspace alone.
        if node.place != nil || !node.hasRow {
            record.number = try tree.nextNumber()
            record.flags = []
            let xattrs = try now.visibleXattrs(of: node)
            for (key, value) in xattrs { plan.setXattr(key, of: record.number, .value(value)) }
            if !xattrs.isEmpty { record.flags.insert(.hasXattrs) }
        }
        keepsXattrs.insert(record.number)
        record.links = 2
        plan.setRow(record.number, record)
        return record.number
    }

    /// Sets mode, owner and extended attributes of a directory of the base.
    private mutating func setAttributes(of node: ViewNode, at path: [UInt8]) throws(Errno) {
        guard let number = try directory(path) else { return }
        try takeAttributes(of: node, to: number)
    }

    private mutating func takeAttributes(of node: ViewNode, to number: InodeNumber? = nil) throws(Errno) {
        let number = number ?? node.number
        guard var record = try plan.row(number) else { return }
        (record.mode, record.user, record.group) = (node.record.mode, node.record.user, node.record.group)
        if try setXattrs(of: number, as: node, over: basePaths[number].map(place)) {
            record.flags.insert(.hasXattrs)
        }
        keepsXattrs.insert(number)
        plan.setRow(number, record)
    }

    /// Hides the names of the base that the workspace has removed or renamed.
    private mutating func hide(_ changes: [NodeChange]) throws(Errno) {
        // What was removed comes first: nothing below it is entered for what was renamed out of it.
        let removed = changes.filter { $0.difference.status == .deleted }.map(\.path)
        for path in removed + changes.compactMap(\.difference.oldPath) {
            let place = BasePlace(path: path)
            guard !place.isRoot, let status = try status(inBase: path) else { continue }
            guard let above = try directory(ofBase: place.directory) else {
                // The directory above is hidden.
                try cover(path, status)
                continue
            }
            let name = FileName(trusted: place.name)
            if placed.contains(NamePlace(parent: above, name: name)) { continue }
            try setName(name, in: above, .whiteout)
        }
    }

    /// Keeps names of files with several names hidden: the changes do not tell of all of them.
    private mutating func keepHidden() throws(Errno) {
        for hidden in formerWhiteouts {
            guard let above = hidden.parent == tree.rootNumber
                ? tree.base.top : try tree.knownOrigin(hidden.parent)?.path else { continue }
            let old = BasePlace(directory: above, name: hidden.name.bytes)
            guard let was = try tree.base.status(ifPresent: old.name, in: old.directory),
                was.type != .directory, was.links > 1,
                let path = try tree.base.path(of: old.path, in: target), path == EpochPath.plain(old.path),
                let status = try status(inBase: path), status.inode == was.inode,
                status.birthTime == was.birthTime else { continue }
            let place = BasePlace(path: path)
            guard let directory = try directory(ofBase: place.directory) else { continue }
            let name = FileName(trusted: place.name)
            if planned(name, in: directory) == nil { try setName(name, in: directory, .whiteout) }
        }
    }
}
