// PlannedTree: the tree that a command wants, as planned values over the present tree. Rollback, undo,
// clone and drift make one; `apply` carries it out in one transaction, all or nothing.

internal import Overlay
internal import Platform
internal import Storage

struct PlannedTree: TreeState {
    let tree: Tree
    let stamp: Stamp
    /// The planned values; other keys stay as they are.
    private(set) var delta = TreeDelta()
    let sequence = UInt64.max
    private(set) var contents: [InodeNumber: NewContent] = [:]
    /// Whether files keep their old times, or get those of the command.
    let keepsTimes: Bool
    /// Directories that get their old times: a change of their names leaves these alone.
    var timed: Set<InodeNumber> = []
    /// The contents that the pool holds for the command.
    private let kept: Set<PinIdentity>
    /// The origins at the moment that is restored.
    private let pastOrigins: [InodeNumber: Origin]
    private var stale = StaleCaches()

    init(
        _ tree: Tree, stamp: Stamp, keepsTimes: Bool = true, kept: Set<PinIdentity> = [],
        pastOrigins: [InodeNumber: Origin] = [:]
    ) {
        self.tree = tree
        self.stamp = stamp
        self.keepsTimes = keepsTimes
        self.kept = kept
        self.pastOrigins = pastOrigins
    }

    // MARK: Values

    /// Returns the row as the plan leaves it; nil if there is none, or no name leads to it.
    func row(_ number: InodeNumber) throws(Errno) -> InodeRecord? {
        try stateRow(number)?.record
    }

    mutating func setRow(_ number: InodeNumber, _ record: InodeRecord?) {
        delta.inodes[number] = .some(record)
    }

    mutating func setEntry(_ name: FileName, in directory: InodeNumber, _ entry: Entry?) {
        delta.entries[directory, default: [:]][name] = .some(entry)
    }

    mutating func setXattr(_ name: [UInt8], of number: InodeNumber, _ value: XattrValue?) {
        delta.xattrs[number, default: [:]][name] = .some(value)
    }

    mutating func setOrigin(_ number: InodeNumber, _ origin: Origin) {
        delta.origins[number] = origin
    }

    /// Sets the content of a file to that of `source` after change `sequence`.
    mutating func setContent(
        of number: InodeNumber, _ pieces: PieceTree, source: InodeNumber, at sequence: UInt64
    ) {
        contents[number] = NewContent(
            number: number, source: source, sequence: sequence, pieces: pieces)
    }

    /// Returns the origin of a node: as it was at the moment that is restored, as it is recorded, or as the
    /// base is now.
    func origin(of node: ViewNode, at place: BasePlace) throws(Errno) -> Origin {
        if let known = pastOrigins[node.number] { return known }
        if let known = try origin(node.number) { return known }
        return tree.baseFiles.makeOrigin(at: place, try tree.base.settledStatus(place), kept: kept)
    }

    mutating func dropContent(_ number: InodeNumber) { contents[number] = nil }

    /// Returns whether the workspace shows a base file that has no row.
    func isShown(_ place: BasePlace) throws(Errno) -> Bool {
        try tree.isShown(
            place,
            entry: { (name, parent) throws(Errno) in try self.entry(name, in: parent) },
            row: { (number) throws(Errno) in try row(number) })
    }

    // MARK: Applying the plan

    /// Carries out the plan.
    /// - Parameter backupComment: the comment of a backup of the state before, made in the same
    ///   transaction; nil for no backup.
    /// - Returns: what was done; an empty plan makes no change.
    mutating func apply(
        as operation: TreeOperation, backupComment: String?
    ) throws(Errno) -> CommandOutcome {
        var changes = try self.changes()
        // Each of these lists can be large.
        delta = TreeDelta()
        guard !changes.isEmpty || !contents.isEmpty else {
            return CommandOutcome(sequence: tree.sequence.last)
        }
        let ordered = contents.values.sorted { $0.number < $1.number }
        try tree.restores.synchronizeSources(of: ordered)
        try tree.restores.markContents(ordered, stamp: stamp)
        var transaction = tree.begin(operation, stamp)
        let number = transaction.sequence
        for index in changes.indices {
            guard case .inode(let inode, let before, var after?) = changes[index] else { continue }
            after.sequence = number
            if contents[inode] != nil {
                after.contentSequence = number
                // The content is in the workspace's own log from now on.
                after.flags.remove(.inheritsLog)
            }
            changes[index] = .inode(inode, before: before, after: after)
        }
        let count = changed(changes)
        transaction.changes = changes
        changes = []
        let backup = backupComment.map { tree.addAutomaticBackup($0, to: &transaction) }
        let top = tree.base.top
        transaction.effect.keepsRowsOnly = true
        try tree.restores.commit(&transaction, restoring: ordered)
        tree.restores.settle(transaction.effect.taken) { (place) throws(Errno) in try isShown(place) }
        for number in hideGone(transaction.changes) {
            stale.inodes[number] = stale.inodes[number] == true
        }
        noteParents(transaction.changes)
        reviveShown(transaction.changes)
        if tree.base.top != top {
            tree.seenState.placeAgain()
            addAll(to: &stale)
            leaveOutSame(&stale)
        }
        var outcome = CommandOutcome(sequence: number, backup: backup, changed: count)
        outcome.showsOtherBase = tree.base.top != top
        outcome.stale = known(stale)
        return outcome
    }

    /// Returns the differences from the present tree; origins come first, since rows are read with them.
    private mutating func changes() throws(Errno) -> [TreeChange] {
        var changes: [TreeChange] = []
        for (number, origin) in delta.origins {
            let known = try tree.knownOrigin(number)
            if known != origin {
                if let path = tree.identity.passingDevices[origin.device] {
                    changes.append(.device(origin.device, path: path))
                }
                changes.append(.origin(number, before: known, after: origin))
            }
        }
        noteNumbers(&changes)
        for (number, record) in delta.inodes.sorted(by: { $0.key < $1.key }) {
            let now = try tree.row(number).flatMap { $0.links > 0 ? $0 : nil }
            let hasContent = contents[number] != nil
            if now == record, !hasContent {
                // A base file without a row becomes the base's again.
                guard record == nil, tree.identity.touched.contains(number) else { continue }
            }
            changes.append(.inode(number, before: now, after: record))
            let differs = hasContent || now?.flags.contains(.hasLog) != record?.flags.contains(.hasLog)
            stale.inodes[number] = differs || stale.inodes[number] == true
        }
        for (directory, names) in delta.entries {
            for (name, entry) in names {
                let now = try tree.entry(name, in: directory)
                if now == entry { continue }
                changes.append(.entry(directory, name, before: now, after: entry))
                stale.entries.append((directory, name))
                stale.inodes[directory] = true
            }
        }
        for (number, names) in delta.xattrs {
            let now = try tree.xattrs(of: number)
            for (name, value) in names where now[name] != value {
                changes.append(.xattr(number, name, before: now[name], after: value))
                stale.inodes[number] = stale.inodes[number] == true
            }
        }
        return changes
    }

    /// Records the aliases of base inodes that get a row, if they are not recorded yet.
    private func noteNumbers(_ changes: inout [TreeChange]) {
        for (key, number) in tree.identity.passingAliases {
            guard case .some(.some) = delta.inodes[number] else { continue }
            if let path = tree.identity.passingDevices[key.device] {
                changes.append(.device(key.device, path: path))
            }
            changes.append(
                .alias(number, device: key.device, inode: key.inode, birthTime: key.birthTime))
        }
    }

    /// Unlinks the inodes of open base files without a row whose name, or a directory above it, is hidden
    /// from now on.
    /// - Returns: their numbers.
    private func hideGone(_ changes: [TreeChange]) -> [InodeNumber] {
        var hidden: Set<[UInt8]> = []
        for change in changes {
            var place: BasePlace?
            switch change {
            case .entry(let parent, let name, nil, .some):
                let path = (try? tree.inode(parent))?.basePath
                place = path.map { BasePlace(directory: $0, name: name.bytes) }
            case .inode(let number, let before?, nil)
            where before.type == .directory && before.flags.contains(.hasOrigin):
                // The names of the base that showed through in the directory go with it, wherever it was.
                place = (try? tree.knownOrigin(number)).flatMap { $0 }.map { BasePlace(path: $0.path) }
            default: break
            }
            if let place, (try? isShown(place)) == false { hidden.insert(place.path) }
        }
        if hidden.isEmpty { return [] }
        var gone: [Inode] = []
        for inode in tree.inodes.values where !inode.isPersistent && inode.record.links > 0 {
            guard let place = inode.place, inode.number != tree.rootNumber else { continue }
            var path = place.path[...]
            while !path.isEmpty, !hidden.contains(Array(path)) {
                path = path[..<(path.lastIndex(of: 0x2f) ?? path.startIndex)]
            }
            if !path.isEmpty { gone.append(inode) }
        }
        // A directory below a hidden one may have another place.
        gone.removeAll { inode in (inode.place.map { try? isShown($0) } ?? nil) != false }
        for inode in gone { inode.record.links = 0 }
        return gone.map(\.number)
    }

    /// Returns the number of files and directories that change.
    private func changed(_ changes: [TreeChange]) -> Int {
        var numbers: Set<InodeNumber> = []
        for change in changes {
            switch change {
            case .inode(let number, _, _), .xattr(let number, _, _, _): numbers.insert(number)
            case .entry(_, _, let before, let after):
                for case let entry? in [before, after] where !entry.isWhiteout {
                    numbers.insert(entry.inode)
                }
            default: break
            }
        }
        return numbers.count
    }
}

extension PlannedTree {
    /// Updates parent and name of inodes in memory after the changes.
    private func noteParents(_ changes: [TreeChange]) {
        for case .entry(let parent, let name, _, let after?) in changes where !after.isWhiteout {
            guard let inode = tree.inodes[after.inode] else { continue }
            inode.parent = parent
            inode.name = name
        }
    }

    /// Revives base files that are no longer hidden: an open file that was unlinked has its name again.
    private func reviveShown(_ changes: [TreeChange]) {
        for case .entry(let parent, let name, .some, nil) in changes {
            guard let path = (try? tree.inode(parent))?.basePath,
                let status = try? tree.base.status(ifPresent: name.bytes, in: path),
                let number = try? tree.number(of: status, at: BasePlace(directory: path, name: name.bytes)),
                let inode = tree.inodes[number], !inode.isPersistent, inode.record.links == 0
            else { continue }
            tree.revive(
                inode, InodeRecord(number: number, status: status),
                at: BasePlace(directory: path, name: name.bytes))
        }
    }

    /// Adds all that the kernel knows: the workspace shows another state of the base.
    private func addAll(to stale: inout StaleCaches) {
        for inode in tree.inodes.values where inode.lookups > 0 {
            stale.inodes[inode.number] = true
            if let name = inode.name, inode.number != tree.rootNumber {
                stale.entries.append((inode.parent, name))
            }
        }
    }

    /// Leaves out names that lead to what the kernel knows by them: without its name a directory is none that
    /// a process in it can find (getcwd(3)).
    private func leaveOutSame(_ stale: inout StaleCaches) {
        var held: [NamePlace: InodeNumber] = [:]
        for inode in tree.inodes.values where inode.lookups > 0 {
            guard let name = inode.name else { continue }
            held[NamePlace(parent: inode.parent, name: name)] = inode.number
        }
        stale.entries.removeAll { entry in
            guard let number = held[NamePlace(parent: entry.parent, name: entry.name)] else { return false }
            return tree.seenState.leads(entry.name, in: entry.parent, to: number)
        }
    }

    /// Returns the part of `stale` that the kernel can have cached.
    private func known(_ stale: StaleCaches) -> StaleCaches {
        func isHeld(_ number: InodeNumber) -> Bool {
            number == tree.rootNumber || (tree.inodes[number]?.lookups ?? 0) > 0
        }
        var held = StaleCaches()
        held.inodes = stale.inodes.filter { isHeld($0.key) }
        held.entries = stale.entries.filter { isHeld($0.parent) }
        return held
    }
}
