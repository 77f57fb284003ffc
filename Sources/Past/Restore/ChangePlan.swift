// ChangePlan: the values that keys of the tree are to have, collected by a command that changes many
// files, and made real by one transaction: whole or not at all.

internal import Overlay
internal import Platform
internal import Storage

struct ChangePlan {
    let tree: Tree
    let stamp: Stamp
    /// Values to be; what is not in here stays as it is.
    private(set) var values = PastValues()
    private(set) var contents: [InodeNumber: NewContent] = [:]
    private var stale = StaleCaches()

    init(_ tree: Tree, stamp: Stamp) {
        self.tree = tree
        self.stamp = stamp
    }

    // MARK: Values

    /// The row as the plan leaves it; nil where there is none, or no name leads to it.
    func row(_ number: InodeNumber) throws(Errno) -> InodeRecord? {
        try tree.pastRow(number, values, at: .max)?.record
    }

    mutating func setRow(_ number: InodeNumber, _ record: InodeRecord?) {
        values.inodes[number] = .some(record)
    }

    mutating func setEntry(_ name: FileName, in directory: InodeNumber, _ entry: Entry?) {
        values.entries[directory, default: [:]][name] = .some(entry)
    }

    mutating func setXattr(_ name: [UInt8], of number: InodeNumber, _ value: XattrValue?) {
        values.xattrs[number, default: [:]][name] = .some(value)
    }

    mutating func setOrigin(_ number: InodeNumber, _ origin: Origin) {
        values.origins[number] = origin
    }

    mutating func setContent(_ content: NewContent) { contents[content.number] = content }

    mutating func dropContent(_ number: InodeNumber) { contents[number] = nil }

    /// Whether the workspace shows a base file that it has no row for.
    func isShown(_ place: BasePlace) throws(Errno) -> Bool {
        try tree.isShown(
            place,
            entry: { (name, parent) throws(Errno) in try tree.pastEntry(name, in: parent, values) },
            row: { (number) throws(Errno) in try row(number) })
    }

    // MARK: Making it real

    /// - Parameter backupComment: names the state before in the same transaction; nil does not.
    /// - Returns: what was done; a plan that changes nothing is no change.
    mutating func commit(
        _ operation: TreeOperation, backupComment: String?
    ) throws(Errno) -> CommandOutcome {
        var changes = try self.changes()
        // Each of these lists can be large.
        values = PastValues()
        guard !changes.isEmpty || !contents.isEmpty else {
            return CommandOutcome(sequence: tree.sequence.last)
        }
        let ordered = contents.values.sorted { $0.number < $1.number }
        try tree.synchronizeSources(of: ordered)
        try tree.markContents(ordered, stamp: stamp)
        var transaction = tree.begin(operation, stamp)
        let number = transaction.sequence
        for index in changes.indices {
            guard case .inode(let inode, let before, var after?) = changes[index] else { continue }
            after.sequence = number
            if contents[inode] != nil { after.contentSequence = number }
            changes[index] = .inode(inode, before: before, after: after)
        }
        let count = changed(changes)
        transaction.changes = changes
        changes = []
        let backup = backupComment.map { tree.addAutomaticBackup($0, to: &transaction) }
        transaction.effect.keepsRowsOnly = true
        try tree.commit(&transaction, restoring: ordered)
        tree.settle(transaction.effect.taken) { (place) throws(Errno) in try isShown(place) }
        for number in hideGone(transaction.changes) {
            stale.inodes[number] = stale.inodes[number] == true
        }
        tree.noteParents(transaction.changes)
        tree.reviveShown(transaction.changes)
        var outcome = CommandOutcome(sequence: number, backup: backup, changed: count)
        outcome.stale = tree.known(stale)
        return outcome
    }

    /// What differs from what is; origins first, since rows are read with them.
    private mutating func changes() throws(Errno) -> [TreeChange] {
        var changes: [TreeChange] = []
        for (number, origin) in values.origins {
            let known = try tree.knownOrigin(number)
            if known != origin {
                if let path = tree.identity.passingDevices[origin.device] {
                    changes.append(.device(origin.device, path: path))
                }
                changes.append(.origin(number, before: known, after: origin))
            }
        }
        noteNumbers(&changes)
        for (number, record) in values.inodes.sorted(by: { $0.key < $1.key }) {
            let now = try tree.row(number).flatMap { $0.links > 0 ? $0 : nil }
            let hasContent = contents[number] != nil
            if now == record, !hasContent {
                // Without a row it is a file of the base again, if it is one.
                guard record == nil, tree.identity.touched.contains(number) else { continue }
            }
            changes.append(.inode(number, before: now, after: record))
            let differs = hasContent || now?.flags.contains(.hasLog) != record?.flags.contains(.hasLog)
            stale.inodes[number] = differs || stale.inodes[number] == true
        }
        for (directory, names) in values.entries {
            for (name, entry) in names {
                let now = try tree.entry(name, in: directory)
                if now == entry { continue }
                changes.append(.entry(directory, name, before: now, after: entry))
                stale.entries.append((directory, name))
                stale.inodes[directory] = true
            }
        }
        for (number, names) in values.xattrs {
            let now = try tree.xattrs(of: number)
            for (name, value) in names where now[name] != value {
                changes.append(.xattr(number, name, before: now[name], after: value))
                stale.inodes[number] = stale.inodes[number] == true
            }
        }
        return changes
    }

    /// Base inodes that get a row and whose number is an alias which is not on record.
    private func noteNumbers(_ changes: inout [TreeChange]) {
        for (key, number) in tree.identity.passingAliases {
            guard case .some(.some) = values.inodes[number] else { continue }
            if let path = tree.identity.passingDevices[key.device] {
                changes.append(.device(key.device, path: path))
            }
            changes.append(
                .alias(number, device: key.device, inode: key.inode, birthTime: key.birthTime))
        }
    }

    /// Base files without a row that somebody has open, and whose name is hidden from now on, maybe
    /// with a directory above it.
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
                // What showed through in it, wherever it lay, goes with it.
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

    /// Files and directories with a change of their own.
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

extension Tree {
    /// Inodes in memory are found where the changes put them.
    func noteParents(_ changes: [TreeChange]) {
        for case .entry(let parent, let name, _, let after?) in changes where !after.isWhiteout {
            guard let inode = inodes[after.inode] else { continue }
            inode.parent = parent
            inode.name = name
        }
    }

    /// Base files that nothing hides any more: one that was unlinked while somebody had it open has
    /// its name again.
    func reviveShown(_ changes: [TreeChange]) {
        for case .entry(let parent, let name, .some, nil) in changes {
            guard let path = (try? inode(parent))?.basePath,
                let status = try? base.status(ifPresent: name.bytes, in: path),
                let number = try? number(of: status, at: BasePlace(directory: path, name: name.bytes)),
                let inode = inodes[number], !inode.isPersistent, inode.record.links == 0
            else { continue }
            inode.revive(
                InodeRecord(number: number, status: status),
                at: BasePlace(directory: path, name: name.bytes))
        }
    }

    /// What of `stale` the kernel can have.
    func known(_ stale: StaleCaches) -> StaleCaches {
        func isHeld(_ number: InodeNumber) -> Bool {
            number == rootNumber || (inodes[number]?.lookups ?? 0) > 0
        }
        var held = StaleCaches()
        held.inodes = stale.inodes.filter { isHeld($0.key) }
        held.entries = stale.entries.filter { isHeld($0.parent) }
        return held
    }
}
