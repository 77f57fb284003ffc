// Transaction: the changes that one call makes together. They are appended to the tree log as one record,
// and applied to memory then. If the append fails, nothing has changed.

package import Platform
package import Storage

package struct Transaction {
    let operation: TreeOperation
    package private(set) var sequence: UInt64
    package let stamp: Stamp
    package var changes: [TreeChange] = []
    /// The inodes with their new records. Each becomes one change.
    package private(set) var updated: [(inode: Inode, record: InodeRecord)] = []
    /// The index of an inode in `updated`, used once there are many: a touch includes every directory
    /// above.
    private var slots: [ObjectIdentifier: Int] = [:]
    private static let searched = 16
    /// The names for which `changes` has an entry.
    private var named: Set<NamePlace> = []
    /// The contents that the pool keeps for the call. Origins that are recorded for them are marked as
    /// pinned.
    let kept: Set<PinIdentity>
    /// How the changes are applied to memory, and the result of that.
    package var effect = Effect()

    package struct Effect {
        /// Whether rows of inodes that are not in memory are kept as rows only, for commands that change
        /// many files.
        package var keepsRowsOnly = false
        /// The base inodes whose rows were removed.
        package fileprivate(set) var taken: [Inode] = []
    }

    init(operation: TreeOperation, sequence: UInt64, stamp: Stamp, kept: Set<PinIdentity> = []) {
        self.operation = operation
        self.sequence = sequence
        self.stamp = stamp
        self.kept = kept
    }

    private func slot(of inode: Inode) -> Int? {
        let index = slots[ObjectIdentifier(inode)]
        if index != nil || updated.count > Self.searched { return index }
        return updated.firstIndex { $0.inode === inode }
    }

    /// Adds an inode that has no record yet, or that this transaction has not changed before.
    mutating func add(_ inode: Inode, _ record: InodeRecord) {
        updated.append((inode, record))
        if updated.count <= Self.searched { return }
        let known = slots.isEmpty ? 0 : updated.count - 1
        for index in known..<updated.count { slots[ObjectIdentifier(updated[index].inode)] = index }
    }

    /// Changes an inode's record. Several calls for one inode add up.
    package mutating func update(_ inode: Inode, _ body: (inout InodeRecord) -> Void) {
        var slot = updated.count
        if let known = self.slot(of: inode) { slot = known } else { add(inode, inode.record) }
        body(&updated[slot].record)
        updated[slot].record.sequence = sequence
    }

    /// Returns whether the transaction gives a base inode a row of its own.
    func touches(_ inode: Inode) -> Bool {
        slot(of: inode).map { updated[$0].record.flags.contains(.hasOrigin) } ?? false
    }

    /// Returns whether the transaction has a change for a name.
    func names(_ place: NamePlace) -> Bool { named.contains(place) }

    /// Adds the change of an entry. It replaces an earlier change of the same name.
    mutating func setEntry(_ place: NamePlace, before: Entry?, after: Entry?) {
        if !named.insert(place).inserted {
            changes.removeAll {
                if case .entry(place.parent, place.name, _, _) = $0 { return true }
                return false
            }
        }
        if before == after { return }
        changes.append(.entry(place.parent, place.name, before: before, after: after))
    }

    /// Gives the transaction a number after those of transactions that were committed since it began.
    mutating func renumber(_ fresh: UInt64) {
        for index in updated.indices where updated[index].record.sequence == sequence {
            updated[index].record.sequence = fresh
        }
        sequence = fresh
    }

    /// Returns the record as this transaction leaves it.
    func record(of inode: Inode) -> InodeRecord {
        slot(of: inode).map { updated[$0].record } ?? inode.record
    }

    /// Sets the mtime and ctime of a directory whose names change.
    mutating func touchTimes(of directory: Inode) {
        let time = stamp.time
        update(directory) { record in
            record.modificationTime = time
            record.changeTime = time
        }
    }
}

extension Tree {
    /// Begins a transaction. The name of its process is recorded first, if it is new.
    /// - Parameter kept: The contents that the pool keeps for the call.
    package func begin(
        _ operation: TreeOperation, _ stamp: Stamp, kept: Set<PinIdentity> = []
    ) -> Transaction {
        logWriter.noteProcess(stamp.pid, user: stamp.uid, clock)
        return Transaction(operation: operation, sequence: sequence.next(), stamp: stamp, kept: kept)
    }

    /// Touches a base inode and every directory above it: records its row, its origin, and entries that pin
    /// the names by which it was reached. So a change of the base behind the mount is noticed and cannot
    /// hide edits. The content stays in the base.
    func touch(_ inode: Inode, in transaction: inout Transaction) throws(Errno) {
        var next: Inode? = inode
        // A loop, not a recursion: a tree may be deeper than the stack allows.
        while let inode = next { next = try touchAlone(inode, in: &transaction) }
    }

    /// Touches an inode without the directories above it.
    /// - Returns: The directory above, which is to be touched too.
    private func touchAlone(
        _ inode: Inode, in transaction: inout Transaction
    ) throws(Errno) -> Inode? {
        guard !inode.isPersistent, let place = inode.place, !transaction.touches(inode)
        else { return nil }
        let status = try base.settledStatus(place)
        guard status.type == inode.type else { throw .stale }
        try recordOrigin(of: inode, at: place, status, in: &transaction)
        guard !place.isRoot, inode.record.links > 0 else { return nil }
        let parent = try directory(above: inode, at: place)
        // A removed directory takes no names, not even those that it had.
        guard parent.record.links > 0 else { return nil }
        let name = NamePlace(parent: parent.number, name: FileName(trusted: place.name))
        if parent.basePath == place.directory, !transaction.names(name),
            try index(of: parent).entries[name.name] == nil {
            transaction.setEntry(
                name, before: nil, after: Entry(inode: inode.number, type: inode.type))
        }
        return parent
    }

    private func recordOrigin(
        of inode: Inode, at place: BasePlace, _ status: FileStatus,
        in transaction: inout Transaction
    ) throws(Errno) {
        // The inode was looked up before the base file changed. A look-up now finds another number.
        if try isTaken(inode.number, by: status) { throw .stale }
        let known = try knownOrigin(inode.number)
        var origin = baseFiles.makeOrigin(at: place, status, kept: transaction.kept)
        origin.isPinned = origin.isPinned
            // A content that is kept already stays pinned, for all files that read it by this number.
            || known.map { $0.isPinned && $0.fits(status) } == true
        recordNumber(inode.number, status, at: place, in: &transaction.changes)
        let drifted = inode.type == .regular
            && (status.size != inode.record.size
                || status.modificationTime != inode.record.modificationTime)
        // A cached descriptor may be of a file that was replaced since.
        if drifted || inode.type == .regular && status.changeTime != inode.record.changeTime {
            base.forget(place)
        }
        let hasCapability = inode.type == .regular ? try hasBaseCapability(place) : false
        transaction.update(inode) { record in
            record.flags.insert(.hasOrigin)
            if inode.type == .regular { record.flags.insert(.followsBase) }
            if hasCapability { record.flags.insert(.hasCapability) }
            if drifted {
                // The base file changed after it was looked up and before its first edit: the new content
                // is valid.
                record.size = status.size
                record.allocated = status.allocatedBytes
                record.modificationTime = status.modificationTime
            }
        }
        transaction.changes.append(.origin(inode.number, before: known, after: origin))
    }

    /// Returns the directory in which an inode was found. It may have left memory while the inode is
    /// referenced: the kernel may hold a file with several names by one name, and have found it last by
    /// another.
    private func directory(above inode: Inode, at place: BasePlace) throws(Errno) -> Inode {
        if let known = inodes[inode.parent], known.isDirectory { return known }
        return try baseDirectory(place.directory)
    }

    /// Returns the inode of a base file, wherever the workspace shows it.
    package func inode(at place: BasePlace) throws(Errno) -> Inode {
        let status = try base.status(place)
        if status.type == .directory { return try baseDirectory(place.path) }
        return try baseInode(status, at: place, parent: try baseDirectory(place.directory))
    }

    private func baseDirectory(_ path: [UInt8]) throws(Errno) -> Inode {
        var missing: [(place: BasePlace, status: FileStatus)] = []
        var place = BasePlace(path: path)
        var found: Inode?
        while found == nil {
            if place.isRoot {
                guard place.path == base.top else { throw .stale }
                found = try directory(rootNumber)
                break
            }
            let status = try base.status(place)
            guard status.type == .directory else { throw .stale }
            let number = try number(of: status, at: place)
            if inodes[number] != nil || identity.touched.contains(number) {
                found = try directory(number)
            } else {
                missing.append((place, status))
                place = BasePlace(path: place.directory)
            }
        }
        guard var directory = found else { throw .stale }
        for (place, status) in missing.reversed() {
            directory = try baseInode(status, at: place, parent: directory)
        }
        return directory
    }

    private func hasBaseCapability(_ place: BasePlace) throws(Errno) -> Bool {
        do throws(Errno) {
            return try !base.xattr(XattrNames.capability, of: place).isEmpty
        } catch {
            if error == .noData { return false }
            throw error
        }
    }

    /// Touches an inode, then changes its record.
    package func update(
        _ inode: Inode, in transaction: inout Transaction, _ body: (inout InodeRecord) -> Void
    ) throws(Errno) {
        try touch(inode, in: &transaction)
        transaction.update(inode, body)
    }

    /// Sets an entry. The value before is looked up here.
    func setEntry(
        _ name: FileName, of directory: Inode, to entry: Entry?, in transaction: inout Transaction
    ) throws(Errno) {
        // Replaces an entry that pins the name, if this transaction added it.
        transaction.setEntry(
            NamePlace(parent: directory.number, name: name),
            before: try index(of: directory).entries[name], after: entry)
    }

    /// Appends the transaction to the tree log and applies it.
    /// - Throws: The error of the append (ENOSPC, EIO…), EDQUOT or ENOSPC for limits. Nothing has changed
    ///   then.
    package func commit(_ transaction: inout Transaction) throws(Errno) {
        logWriter.order(&transaction)
        for (inode, record) in transaction.updated {
            let before = inode.isPersistent ? inode.record : nil
            transaction.changes.append(.inode(inode.number, before: before, after: record))
        }
        if transaction.changes.isEmpty { return }
        let growth = Quota.growth(transaction.changes)
        try quota.admit(transaction.operation, files: growth)
        try bounds.keepRoom(for: transaction, files: growth)
        // The tree's lock is held until memory has the changes, so the log has the order in which they were
        // made. A failed append leaves memory unchanged. After a crash the replay applies the record.
        try logWriter.append(transaction)
        // Without a process it is work of the daemon itself.
        if transaction.stamp.pid != 0 { noteChange(transaction.stamp.time, transaction.changes) }
        quota.count(files: growth)
        for (inode, _) in transaction.updated where inodes[inode.number] == nil {
            inodes[inode.number] = inode
        }
        for change in transaction.changes { apply(change, &transaction.effect) }
    }

    /// Applies one change during a replay.
    func apply(_ change: TreeChange) {
        var effect = Transaction.Effect()
        apply(change, &effect)
    }

    /// Applies one change to memory and notes it for the next checkpoint.
    private func apply(_ change: TreeChange, _ effect: inout Transaction.Effect) {
        observers.note(change)
        switch change {
        case .inode(let number, _, let after):
            applyInode(number, after, &effect)
        case .entry(let parent, let name, _, let after):
            pending.setEntry(name, in: parent, after)
            directoriesWithEntries.insertAbove(parent)
            if let directory = inodes[parent] {
                caches.setEntry(name, of: parent, to: after, isOverBase: directory.basePath != nil)
            }
        case .xattr(let number, let name, _, let after):
            pending.setXattr(name, of: number, after)
            caches.setXattr(name, of: number, to: after)
        case .origin(let number, _, let after):
            pending.setOrigin(number, after)
            seenState.note(after, of: number)
            identity.noteOrigin(number, isThere: after != nil)
            // A content that other files took may have no more than an origin, so its number is noted here.
            inodes.noteNumber(number)
            if let after, after.isPinned { unsyncedPins.insert(baseFiles.pinIdentity(after)) }
        case .device(let index, let path):
            pending.setDevice(index, path)
            identity.record(device: index, path)
        case .alias(let number, let device, let inode, let birthTime):
            let key = AliasKey(device: device, inode: inode, birthTime: birthTime)
            pending.setAlias(key, number)
            identity.record(key, number)
            inodes.noteNumber(number)
        case .backup(let name, _, let after):
            pending.setBackup(name, after)
            backups[name] = after
        case .content:
            // The log has its own record of the content. A replay checks for it.
            break
        case .due(let number, let sequence):
            dueLogs.insert(number, upTo: sequence)
        case .freeze:
            // The caller freezes the tree once all changes are made.
            break
        }
    }

    private func applyInode(
        _ number: InodeNumber, _ after: InodeRecord?, _ effect: inout Transaction.Effect
    ) {
        inodes.noteNumber(number)
        guard let after else {
            pending.setRow(number, nil)
            identity.noteNoRow(number)
            if let inode = inodes[number], restores.takeRow(from: inode) { effect.taken.append(inode) }
            return
        }
        if after.flags.contains(.hasOrigin) {
            identity.noteRow(number)
        }
        let inode: Inode
        if let known = inodes[number] {
            inode = known
            inode.record = after
            // A rollback to before its first edit: the log file is kept for later moments.
            if !after.flags.contains(.hasLog) || after.flags.contains(.inheritsLog) {
                openLogs.remove(number)
            }
        } else if effect.keepsRowsOnly {
            pending.setRow(number, after)
            return
        } else {
            // Only in a replay: a live change has its inode in memory.
            let place = after.flags.contains(.hasOrigin)
                ? (try? origin(number)).flatMap { $0 }.map { BasePlace(path: $0.path) } : nil
            inode = Inode(after, isPersistent: true, place: place, parent: 0)
            inodes[number] = inode
        }
        inode.isPersistent = true
        markDirty(inode)
    }

    func markDirty(_ inode: Inode) {
        inode.isDirty = true
        pending.setRow(inode.number, inode.record)
    }
}
