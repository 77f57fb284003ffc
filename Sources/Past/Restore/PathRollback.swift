// PathRollback: rollback of single paths. It restores each path to its state at the moment. A file that
// exists keeps its inode and gets content and attributes. A file that is gone comes back as its old inode,
// or as a copy if that inode has another name now. Hard links stay links.

internal import Overlay
internal import Platform
internal import Storage

extension Rollback {
    /// Restores one path.
    /// - Throws: ENOENT if the path exists neither at the moment nor now.
    mutating func restore(_ path: [UInt8]) throws(Errno) {
        var names: [FileName] = []
        for part in path.split(separator: 0x2f) { names.append(try FileName(Array(part))) }
        guard let last = names.popLast() else { return try restoreAll() }
        var old: ViewNode? = try past.root()
        var now = try plan.root()
        for name in names {
            let oldChild = try child(name, of: old)
            if let known = try nowChild(name, of: now) {
                guard known.type == .directory else { throw .notDirectory }
                now = known
            } else {
                guard let oldChild, oldChild.type == .directory else { throw .noEntry }
                try plan.touch(now)
                now = try place(oldChild, name, in: now, withChildren: false)
            }
            old = oldChild
        }
        if try child(last, of: old) == nil, try nowChild(last, of: now) == nil { throw .noEntry }
        try bring(last, in: now, from: old)
    }

    /// Returns the node of a name at the moment.
    func child(_ name: FileName, of directory: ViewNode?) throws(Errno) -> ViewNode? {
        guard let directory, directory.type == .directory else { return nil }
        return try past.child(name, of: directory)
    }

    /// Returns the node of a name in the plan.
    func nowChild(_ name: FileName, of directory: ViewNode) throws(Errno) -> ViewNode? {
        try plan.child(name, of: directory)
    }

    /// A name to restore, with its directory at the moment and now.
    private struct Open {
        var name: FileName
        var old: ViewNode?
        var now: ViewNode
    }

    /// Restores a name and all below it; iterative, since a tree may be deeper than the stack allows.
    private mutating func bring(_ name: FileName, in now: ViewNode, from old: ViewNode?) throws(Errno) {
        var open = [Open(name: name, old: old, now: now)]
        while let next = open.popLast() {
            let oldChild = try child(next.name, of: next.old)
            let nowChild = try nowChild(next.name, of: next.now)
            guard oldChild != nil || nowChild != nil else { continue }
            guard let (old, now) = try bring(next.name, in: next.now, to: oldChild, from: nowChild)
            else { continue }
            try bringAttributes(of: now, to: old)
            for name in try namesThatMayDiffer(old, now) {
                // Working files of a call at the moment do not come back: see leaveOutUnfinished.
                if WorkingName.isPassing(name), try self.nowChild(name, of: now) == nil { continue }
                open.append(Open(name: name, old: old, now: now))
            }
        }
    }

    /// Restores one name, without the names below it.
    /// - Returns: the two directories whose names must be compared, if both sides are directories.
    private mutating func bring(
        _ name: FileName, in directory: ViewNode, to old: ViewNode?, from now: ViewNode?
    ) throws(Errno) -> (old: ViewNode, now: ViewNode)? {
        guard let old else {
            if let now { try remove(now, name, from: directory) }
            return nil
        }
        guard var now else {
            deferred.append((old, name, directory))
            return nil
        }
        if !old.hasRow, !now.hasRow, old.number == now.number, try !isOtherState(old, now) {
            guard let path = now.basePath, try changedLinks().lieBelow(path, tree.base) else { return nil }
        }
        let areDirectories = old.type == .directory && now.type == .directory
        if !now.hasRow, old.number == now.number || areDirectories {
            try plan.touch(now)
            now = try plan.node(now.number)
        }
        if old.type == now.type {
            switch old.type {
            case .directory: return (old, now)
            case .regular where (now.hasRow || old.number == now.number) && canStay(now, for: old):
                try bringFile(now, to: old, name, in: directory)
                return nil
            case .regular: break
            case _ where old.number == now.number:
                placed[old.number] = now.number
                try bringAttributes(of: now, to: old)
                return nil
            default: break
            }
        }
        try remove(now, name, from: directory)
        deferred.append((old, name, directory))
        return nil
    }

    /// Returns whether an untouched file or directory of the base was seen in another state then, which a
    /// commit has changed.
    private func isOtherState(_ old: ViewNode, _ now: ViewNode) throws(Errno) -> Bool {
        guard let then = old.place, then.top != now.place?.top else { return false }
        if old.type != .directory {
            return old.record.size != now.record.size
                || old.record.modificationTime != now.record.modificationTime
        }
        return try tree.base.isChanged(then.path, own: [])
    }

    /// Places the files and trees that are missing.
    mutating func placeDeferred() throws(Errno) {
        for item in deferred {
            try plan.touch(item.directory)
            _ = try place(item.old, item.name, in: item.directory)
        }
        deferred = []
    }

    /// Returns whether a present file may take the content of an old one: not if links between two files
    /// were made or broken since.
    private func canStay(_ now: ViewNode, for old: ViewNode) -> Bool {
        (placed[old.number] ?? now.number) == now.number
            && (claimed[now.number] ?? old.number) == old.number
    }

    // MARK: Files that exist now

    /// Returns the names for which either side has an entry; over one base directory the others are equal.
    /// They are sorted, so that the choice of the link which keeps the inode does not vary.
    private mutating func namesThatMayDiffer(
        _ old: ViewNode, _ now: ViewNode
    ) throws(Errno) -> [FileName] {
        var names = Set(try past.entries(in: old.number).keys)
        names.formUnion(try plan.entries(in: now.number).keys)
        let isSameBase = old.basePath == now.basePath
        for case let path? in isSameBase ? [old.basePath] : [old.basePath, now.basePath] {
            for entry in try tree.base.list(path) where names.contains(entry.name) == false {
                if isSameBase, !isKnown(entry),
                    try !changedLinks().includes(entry, in: path, tree.base) { continue }
                names.insert(entry.name)
            }
        }
        return names.sorted(by: >)
    }

    /// Returns whether there is or was a row for a name of the base, whatever its cause.
    private func isKnown(_ entry: HostEntry) -> Bool {
        guard let number = tree.numbers.natural(device: 0, inode: entry.inode) else { return true }
        return tree.identity.touched.contains(number) || past.delta.inodes[number] != nil
    }

    mutating func bringAttributes(of now: ViewNode, to old: ViewNode) throws(Errno) {
        guard var record = try plan.row(now.number) else { return }
        let before = record
        (record.mode, record.user, record.group) = (old.record.mode, old.record.user, old.record.group)
        record.specialDevice = old.record.specialDevice
        try bringXattrs(of: now, to: old, &record)
        if keepsTimes {
            record.modificationTime = old.record.modificationTime
            record.accessTime = old.record.accessTime
            plan.timed.insert(now.number)
        }
        if record != before { record.changeTime = plan.stamp.time }
        plan.setRow(now.number, record)
    }

    /// Restores content and attributes of a file that keeps its inode.
    mutating func bringFile(
        _ now: ViewNode, to old: ViewNode, _ name: FileName, in directory: ViewNode
    ) throws(Errno) {
        placed[old.number] = now.number
        claimed[now.number] = old.number
        guard let before = try plan.row(now.number) else { return }
        if old.number == now.number, !old.hasRow, before.links == 1, old.record.links == 1,
            old.place == directory.basePath.map({ BasePlace(directory: $0, name: name.bytes) }) {
            // It was untouched at the moment: it becomes the base's again, except that it may get a new
            // time.
            for key in try tree.xattrs(of: now.number).keys {
                plan.setXattr(key, of: now.number, nil)
            }
            if keepsTimes {
                plan.setRow(now.number, nil)
                plan.setEntry(name, in: directory.number, nil)
            } else {
                plan.setRow(now.number, freshRow(of: old))
            }
            return
        }
        var record = before
        if old.number == now.number, old.hasRow {
            record = try restoreContent(
                PastRow(record: old.record, pieces: old.pieces), of: now.number)
            record.links = before.links
        } else if old.number != now.number || before.flags.contains(.hasLog) {
            let pieces = try copies.pieces(of: old, &plan)
            record.size = pieces.length
            record.allocated = pieces.allocatedBytes
            record.flags.insert(.hasLog)
            plan.setContent(
                of: now.number, pieces, source: old.number,
                at: old.record.contentMoment(at: past.sequence, in: tree.logs))
        }
        (record.mode, record.user, record.group) = (old.record.mode, old.record.user, old.record.group)
        try bringXattrs(of: now, to: old, &record)
        let isChanged = plan.contents[now.number] != nil
            || record.flags.contains(.hasLog) != before.flags.contains(.hasLog)
        if keepsTimes {
            record.modificationTime = old.record.modificationTime
            record.accessTime = old.record.accessTime
        } else {
            record.modificationTime = isChanged ? plan.stamp.time : before.modificationTime
        }
        if isChanged || record != before { record.changeTime = plan.stamp.time }
        plan.setRow(now.number, record)
    }

    private mutating func bringXattrs(
        of now: ViewNode, to old: ViewNode, _ record: inout InodeRecord
    ) throws(Errno) {
        if now.number == old.number {
            let then = old.hasRow ? try past.xattrs(of: old.number) : [:]
            let names = Set(then.keys).union(try tree.xattrs(of: now.number).keys)
            for name in names { plan.setXattr(name, of: now.number, then[name]) }
            if !names.isEmpty { record.flags.insert(.hasXattrs) }
            return
        }
        let then = try past.visibleXattrs(of: old)
        var names = Set(try tree.xattrs(of: now.number).keys)
        var hidden: Set<[UInt8]> = []
        if let place = now.place { hidden = Set(try tree.base.xattrNames(of: place)) }
        names.formUnion(then.keys)
        names.formUnion(hidden)
        for name in names {
            let value = then[name].map(XattrValue.value)
            plan.setXattr(name, of: now.number, value ?? (hidden.contains(name) ? .hidden : nil))
        }
        if !names.isEmpty { record.flags.insert(.hasXattrs) }
    }
}
