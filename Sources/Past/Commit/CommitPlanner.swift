// CommitPlanner: turns the changes of a workspace into a plan: what is prepared, what is kept, and the steps.
//
// The steps are in this order: what is replaced is kept; then names leave, the deepest first, into the store
// or the stage; then names come, from the top down; then attributes; then times of directories. So each step
// finds the directories that it needs where it expects them.

internal import Overlay
internal import Platform
internal import Storage

struct CommitPlanner {
    let base: CommitBase
    let view: TimeView
    /// Whether the store can take files of the base by a rename. If not, they are copied.
    let canMove: Bool
    let paths: PathMoves
    /// What was committed before, by inode.
    let committed: [UInt64: (path: [UInt8], version: CommittedVersion)]
    /// The numbers of the commits of this workspace.
    private var own: Set<UInt64> = []
    /// Files whose attributes are set.
    private var withAttributes: Set<InodeNumber> = []

    private(set) var plan = CommitPlan()
    private var lastID: UInt64 = 0
    /// What is prepared, by its path in the workspace, and one name of each inode.
    private var stagedDirectories: [[UInt8]: [UInt8]] = [:]
    private var stagedInodes: [InodeNumber: [UInt8]] = [:]
    /// What gets another name, by its path in the base.
    private var moved: [[UInt8]: (id: UInt64, status: FileStatus)] = [:]
    private var keeps: [CommitStep] = []
    private var leaving: [CommitStep] = []
    private var coming: [CommitStep] = []
    private var links: [CommitStep] = []
    private var attributes: [CommitStep] = []
    /// Directories that the commit makes, into which names come after they are in place.
    private var filledLater: Set<[UInt8]> = []

    init(
        base: CommitBase, view: TimeView, canMove: Bool, paths: PathMoves,
        committed: [UInt64: (path: [UInt8], version: CommittedVersion)]
    ) {
        self.base = base
        self.view = view
        self.canMove = canMove
        self.paths = paths
        self.committed = committed
    }

    /// Returns the status of a file before the commit; nil if there is nothing.
    /// - Throws: EXDEV for a file on another file system than the base's root.
    private func before(_ path: [UInt8]) throws(Errno) -> FileStatus? {
        guard let status = try base.statusBefore(path) else { return nil }
        if status.device != base.host.rootStatus.device { throw .crossDevice }
        return status
    }

    private mutating func makeID() -> UInt64 {
        lastID += 1
        return lastID
    }

    /// Plans all changes, which conflict with nothing.
    /// - Parameter own: the numbers of the commits of this workspace.
    mutating func run(_ changes: [NodeChange], own: Set<UInt64>) throws(Errno) {
        self.own = own
        for change in changes where change.difference.status == .attributes {
            if let now = change.now { withAttributes.insert(now.number) }
        }
        try leave()
        let modified = changes.filter { $0.difference.status == .modified }
        var counts: [InodeNumber: UInt32] = [:]
        for change in modified { if let now = change.now { counts[now.number, default: 0] += 1 } }
        for change in changes { try plan(change, counts) }
        try keepDirectories()
        plan.steps = keeps + leaving + coming + links + attributes + (try times())
    }

    // MARK: Names that leave

    private mutating func leave() throws(Errno) {
        let all = Array(paths.removed) + paths.newPaths.keys
        // A path comes before the directory above it.
        for path in all.sorted(by: { $1.lexicographicallyPrecedes($0) }) {
            guard let status = try before(path) else { continue }
            let id = makeID()
            noteLinks(path, status)
            if let new = paths.newPaths[path] {
                moved[path] = (id, status)
                plan.rows[path] = EpochRow(id: id, place: .base(new), status: status)
                leaving.append(CommitStep(.moveOut, path, id: id, status: status))
                noteParent(path)
                continue
            }
            let isDirectory = status.type == .directory
            // Another program may have put something there since the conflicts were looked for.
            if isDirectory, try base.hasNames(in: path, besides: paths) { throw .busy }
            if canMove, isDirectory || status.links == 1 {
                if paths.isBelowRemoved(path) {
                    // The directory above takes it along.
                    plan.rows[path] = EpochRow(id: id, place: .above, status: status)
                    continue
                }
                plan.rows[path] = EpochRow(id: id, place: .kept, status: status)
                leaving.append(CommitStep(.remove, path, id: id, status: status))
            } else {
                plan.rows[path] = EpochRow(
                    id: id, place: isDirectory ? .rows : .kept, status: status, xattrs: try base.xattrs(path))
                if !isDirectory { plan.copies.append((path, id)) }
                // The directory above must not take a file along that has a name elsewhere: it counts links.
                leaving.append(CommitStep(.delete, path, id: id, status: status))
            }
            noteParent(path)
        }
    }

    /// Keeps the status of a file with several names, which changes with one of them.
    private mutating func noteLinks(_ path: [UInt8], _ status: FileStatus) {
        if status.links == 1 || status.type == .directory || plan.inodes[status.inode] != nil { return }
        plan.inodes[status.inode] = EpochRow(id: makeID(), place: .base(path), status: status)
    }

    private mutating func noteParent(_ path: [UInt8]) { plan.directories.insert(PathMoves.parent(path)) }

    // MARK: Names that come

    private mutating func plan(
        _ change: NodeChange, _ counts: [InodeNumber: UInt32]
    ) throws(Errno) {
        let path = change.path
        guard change.difference.status != .deleted else {
            noteRemoved(path)
            return
        }
        guard let now = change.now else { return }
        plan.committed[path] = CommittedVersion(
            now.record, xattrs: now.type == .directory ? try view.visibleXattrs(of: now) : [:])
        switch change.difference.status {
        case .deleted: return
        case .added, .type: try add(path, now)
        case .modified:
            if now.type == .directory { return }
            try replace(change, now, counts)
        case .attributes: try setAttributes(path, now)
        case .renamed:
            guard let old = change.difference.oldPath else { return }
            noteRemoved(old)
            guard let (id, status) = moved[old], paths.newPaths[old] == path else {
                return try add(path, now)
            }
            noteTarget(path)
            coming.append(CommitStep(.moveIn, path, id: id, status: status))
            switch change.alteration {
            case .nothing: break
            case .attributes: try setAttributes(path, now)
            case .content: if now.type == .regular { try overwrite(path, at: old, status, now) }
            }
        }
    }

    /// Notes that the base has nothing under a name any more, where its directory is after the commit.
    private mutating func noteRemoved(_ path: [UInt8]) {
        if paths.isBelowRemoved(path) { return }
        let place = BasePlace(path: path)
        let name = BasePlace.join(paths.after(place.directory), place.name)
        if plan.committed[name] == nil { plan.committed[name] = .removed }
    }

    /// Notes that a name comes into a directory of the base, where there was none.
    private mutating func noteTarget(_ path: [UInt8]) {
        guard let old = paths.place(of: path) else {
            filledLater.insert(PathMoves.parent(path))
            return
        }
        noteParent(old)
        // What was there has a row already.
        if plan.rows[old] == nil { plan.rows[old] = EpochRow(id: makeID(), place: .nothing) }
    }

    private mutating func add(_ path: [UInt8], _ node: ViewNode) throws(Errno) {
        let place = BasePlace(path: path)
        if let target = try linkTarget(node) {
            noteTarget(path)
            links.append(CommitStep(.link, path, other: target.after))
            let status = target.status
            if plan.inodes[status.inode] == nil {
                plan.inodes[status.inode] =
                    EpochRow(id: makeID(), place: .base(target.before), status: status)
            }
            return
        }
        if let above = stagedDirectories[place.directory] {
            stage(node, at: BasePlace.join(above, place.name), path)
            return
        }
        let id = makeID()
        stage(node, at: Array("f\(id)".utf8), path)
        noteTarget(path)
        coming.append(CommitStep(.place, path, id: id))
    }

    private mutating func stage(_ node: ViewNode, at staged: [UInt8], _ path: [UInt8]) {
        if node.type == .directory {
            stagedDirectories[path] = staged
            plan.staged.append(StagedItem(path: staged, source: .node(node)))
        } else if let known = stagedInodes[node.number] {
            plan.staged.append(StagedItem(path: staged, source: .link(known)))
        } else {
            if node.record.links > 1 { stagedInodes[node.number] = staged }
            plan.staged.append(StagedItem(path: staged, source: .node(node)))
        }
    }

    /// Returns where the base will have a file of which a new name is added; nil if the commit makes the
    /// file.
    private func linkTarget(
        _ node: ViewNode
    ) throws(Errno) -> (before: [UInt8], after: [UInt8], status: FileStatus)? {
        guard node.type != .directory, node.record.links > 1, stagedInodes[node.number] == nil else {
            return nil
        }
        if let (path, version) = committed[node.number & CommittedVersion.low], !paths.isLeft(path),
            version.hasContent(of: node.record), let status = try before(path),
            version.isLeft(status), haveSameAttributes(node, status) { return (path, path, status) }
        // A base file whose content is that of the base.
        guard let place = node.place, node.hasRow, !node.record.flags.contains(.hasLog),
            try !view.workspace.base.isChanged(place.path, own: own),
            let path = try view.workspace.base.pathNow(place.path), !paths.removed.contains(path),
            let status = try before(path), haveSameAttributes(node, status)
        else { return nil }
        return (path, paths.after(path), status)
    }

    /// Whether a file of the base has the mode and owner of the workspace's, or gets them.
    private func haveSameAttributes(_ node: ViewNode, _ status: FileStatus) -> Bool {
        if withAttributes.contains(node.number) || node.type == .symlink { return true }
        let record = node.record
        return record.mode == status.mode && record.user == status.user && record.group == status.group
    }

    private mutating func replace(
        _ change: NodeChange, _ node: ViewNode, _ counts: [InodeNumber: UInt32]
    ) throws(Errno) {
        let path = change.path
        guard let old = paths.place(of: path), let status = try before(old) else {
            return try add(path, node)
        }
        let id = makeID()
        var row = EpochRow(id: id, place: .kept, status: status)
        // Another file in its place leaves the other names what they are.
        let isSameFile = change.was?.number == node.number
            || committed[node.number & CommittedVersion.low]?.path == path
        if isSameFile, status.type == .regular, node.type == .regular,
            status.links > counts[node.number] ?? 1 {
            return try overwrite(path, at: old, status, node)
        }
        // A file with other names is copied: later changes of these must not change what is kept.
        if canMove, status.links == 1 {
            keeps.append(CommitStep(.keep, old, id: id, status: status))
        } else {
            noteLinks(old, status)
            row.xattrs = try base.xattrs(old)
            plan.copies.append((old, id))
        }
        plan.rows[old] = row
        noteParent(old)
        stage(node, at: Array("f\(id)".utf8), path)
        coming.append(CommitStep(.replace, path, id: id, status: status))
    }

    /// Plans new content for a file that has other names, which lead to it too.
    private mutating func overwrite(
        _ path: [UInt8], at old: [UInt8], _ status: FileStatus, _ node: ViewNode
    ) throws(Errno) {
        let id = makeID()
        let row = EpochRow(id: id, place: .kept, status: status, xattrs: try base.xattrs(old))
        plan.copies.append((old, id))
        plan.rows[old] = row
        plan.inodes[status.inode] = row
        plan.staged.append(StagedItem(path: Array("f\(id)".utf8), source: .node(node)))
        coming.append(CommitStep(.overwrite, path, id: id, status: status))
    }

    private mutating func setAttributes(_ path: [UInt8], _ node: ViewNode) throws(Errno) {
        guard let old = paths.before(path), let status = try before(old) else { return }
        let xattrs = try base.xattrs(old)
        var row = plan.rows[old] ?? EpochRow(id: makeID(), place: .base(path), status: status)
        row.xattrs = xattrs
        plan.rows[old] = row
        if status.links > 1, node.type != .directory, plan.inodes[status.inode]?.place != .kept {
            plan.inodes[status.inode] = row
        }
        var wanted = status
        (wanted.mode, wanted.user, wanted.group) = (node.record.mode, node.record.user, node.record.group)
        attributes.append(
            CommitStep(.attributes, path, status: wanted, xattrs: try view.visibleXattrs(of: node)))
    }

    // MARK: Directories whose names change

    /// Keeps the status of directories whose names change.
    private mutating func keepDirectories() throws(Errno) {
        // The stage is a name of the root.
        plan.directories.insert([])
        for path in plan.directories where plan.rows[path] == nil {
            guard let status = try before(path) else { continue }
            plan.rows[path] = EpochRow(id: makeID(), place: .base(paths.after(path)), status: status)
        }
    }

    /// Returns the steps that give these directories the times that they have in the workspace.
    private func times() throws(Errno) -> [CommitStep] {
        var steps: [CommitStep] = []
        for path in plan.directories {
            guard let row = plan.rows[path], case .base(let now) = row.place, var status = row.status else {
                continue
            }
            if let node = view.node(at: now), node.type == .directory, node.hasRow {
                status.modificationTime = node.record.modificationTime
            }
            steps.append(CommitStep(.times, now, status: status))
        }
        for path in filledLater {
            guard let node = view.node(at: path) else { continue }
            steps.append(CommitStep(.times, path, status: FileStatus(node.record)))
        }
        // The times of a directory do not change with those of directories in it.
        return steps.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }
}

extension TimeView {
    /// Returns the file at a path; nil if there was none.
    func node(at path: [UInt8]) -> ViewNode? {
        var node = root
        for part in path.split(separator: 0x2f) {
            guard let next = try? lookup(FileName(trusted: Array(part)), in: node) else { return nil }
            node = next
        }
        return node
    }

    func visibleXattrs(of node: ViewNode) throws(Errno) -> [[UInt8]: [UInt8]] {
        var found: [[UInt8]: [UInt8]] = [:]
        for name in try xattrNames(of: node) { found[name] = try xattr(name, of: node) }
        return found
    }
}
