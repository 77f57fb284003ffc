// Rollback of single paths: what stands at a path becomes what stood there then. A file that is there
// keeps its inode and gets content and attributes; one that is gone comes back as the inode it was,
// unless that one has another name now: then it comes back as a copy. Hard links stay links.

internal import Platform
internal import Storage

extension Rollback {
    /// - Throws: ENOENT where there is nothing at the path, then or now.
    mutating func takeBack(_ path: [UInt8]) throws(Errno) {
        var names: [FileName] = []
        for part in path.split(separator: 0x2f) { names.append(try FileName(Array(part))) }
        guard let last = names.popLast() else { return try takeBackEverything() }
        var old: ViewNode? = try tree.pastRoot(past, at: target)
        var now = try tree.pastRoot(plan.values, at: .max)
        for name in names {
            let oldChild = try child(name, of: old)
            if let known = try nowChild(name, of: now) {
                guard known.type == .directory else { throw .notDirectory }
                now = known
            } else {
                guard let oldChild, oldChild.type == .directory else { throw .noEntry }
                try touch(now)
                now = try place(oldChild, name, in: now, withChildren: false)
            }
            old = oldChild
        }
        let oldNode = try child(last, of: old)
        let nowNode = try nowChild(last, of: now)
        if oldNode == nil, nowNode == nil { throw .noEntry }
        try bring(last, in: now, to: oldNode, from: nowNode)
    }

    /// What a name led to then.
    private func child(_ name: FileName, of directory: ViewNode?) throws(Errno) -> ViewNode? {
        guard let directory, directory.type == .directory else { return nil }
        return try tree.pastChild(name, of: directory, past, at: target)
    }

    /// What a name leads to now, and by the plan.
    func nowChild(_ name: FileName, of directory: ViewNode) throws(Errno) -> ViewNode? {
        try tree.pastChild(name, of: directory, plan.values, at: .max)
    }

    private mutating func bring(
        _ name: FileName, in directory: ViewNode, to old: ViewNode?, from now: ViewNode?
    ) throws(Errno) {
        guard let old else {
            if let now { try remove(now, name, from: directory) }
            return
        }
        guard var now else {
            deferred.append((old, name, directory))
            return
        }
        if !old.hasRow, !now.hasRow, old.number == now.number { return }
        let areDirectories = old.type == .directory && now.type == .directory
        if !now.hasRow, old.number == now.number || areDirectories {
            try touch(now)
            now = try tree.pastNode(now.number, plan.values, at: .max)
        }
        if old.type == now.type {
            switch old.type {
            case .directory:
                try bringDirectory(now, to: old)
                return
            case .regular where (now.hasRow || old.number == now.number) && canStay(now, for: old):
                try bringFile(now, to: old, name, in: directory)
                return
            case .regular: break
            case _ where old.number == now.number:
                placed[old.number] = now.number
                try bringAttributes(of: now, to: old)
                return
            default: break
            }
        }
        try remove(now, name, from: directory)
        deferred.append((old, name, directory))
    }

    /// Puts there what is missing.
    mutating func placeDeferred() throws(Errno) {
        for item in deferred {
            try touch(item.directory)
            _ = try place(item.old, item.name, in: item.directory)
        }
        deferred = []
    }

    /// Whether a file of now may take the content of one of then: not if links were made or broken
    /// between two files since.
    private func canStay(_ now: ViewNode, for old: ViewNode) -> Bool {
        (placed[old.number] ?? now.number) == now.number
            && (claimed[now.number] ?? old.number) == old.number
    }

    // MARK: What is there

    private mutating func bringDirectory(
        _ now: ViewNode, to old: ViewNode
    ) throws(Errno) {
        try bringAttributes(of: now, to: old)
        for name in try namesThatMayDiffer(old, now) {
            let oldChild = try child(name, of: old)
            let nowChild = try nowChild(name, of: now)
            if oldChild != nil || nowChild != nil {
                try bring(name, in: now, to: oldChild, from: nowChild)
            }
        }
    }

    /// Names of which either side says something; over one base directory the others are equal.
    private func namesThatMayDiffer(
        _ old: ViewNode, _ now: ViewNode
    ) throws(Errno) -> Set<FileName> {
        var names = Set(try tree.pastEntries(of: old.number, past).keys)
        names.formUnion(try tree.pastEntries(of: now.number, plan.values).keys)
        let isSameBase = old.basePath == now.basePath
        for case let path? in isSameBase ? [old.basePath] : [old.basePath, now.basePath] {
            for entry in try tree.base.list(path) where names.contains(entry.name) == false {
                // A base file with several names may have been changed under another one.
                if isSameBase, let number = tree.numbers.natural(device: 0, inode: entry.inode),
                    !tree.touched.contains(number), past.inodes[number] == nil { continue }
                names.insert(entry.name)
            }
        }
        return names
    }

    private mutating func bringAttributes(of now: ViewNode, to old: ViewNode) throws(Errno) {
        guard var record = try plan.row(now.number) else { return }
        let before = record
        (record.mode, record.user, record.group) = (old.record.mode, old.record.user, old.record.group)
        record.specialDevice = old.record.specialDevice
        try bringXattrs(of: now, to: old, &record)
        if keepsTimes {
            record.modificationTime = old.record.modificationTime
            record.accessTime = old.record.accessTime
            timed.insert(now.number)
        }
        if record != before { record.changeTime = plan.stamp.time }
        plan.setRow(now.number, record)
    }

    /// Content and attributes of a file that stays the inode that it is.
    private mutating func bringFile(
        _ now: ViewNode, to old: ViewNode, _ name: FileName, in directory: ViewNode
    ) throws(Errno) {
        placed[old.number] = now.number
        claimed[now.number] = old.number
        guard let before = try plan.row(now.number) else { return }
        if old.number == now.number, !old.hasRow, before.links == 1, old.record.links == 1,
            old.place == directory.basePath.map({ BasePlace(directory: $0, name: name.bytes) }) {
            // Nobody had touched it then: it is the base's again, or would be but for its time.
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
            record = try takeBackContent(
                PastRow(record: old.record, pieces: old.pieces), of: now.number)
            record.links = before.links
        } else {
            let pieces = try pieces(of: old)
            record.size = pieces.length
            record.allocated = pieces.allocatedBytes
            record.flags.insert(.hasLog)
            setContent(of: now.number, pieces, source: old.number)
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
            let then = old.hasRow ? try tree.pastXattrs(of: old.number, past) : [:]
            let names = Set(then.keys).union(try tree.xattrs(of: now.number).keys)
            for name in names { plan.setXattr(name, of: now.number, then[name]) }
            if !names.isEmpty { record.flags.insert(.hasXattrs) }
            return
        }
        let then = try tree.visibleXattrs(of: old, past)
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

    // MARK: What is gone by now

    /// Puts a file or tree of then at a name where there is nothing.
    mutating func place(
        _ old: ViewNode, _ name: FileName, in directory: ViewNode, withChildren: Bool = true
    ) throws(Errno) -> ViewNode {
        try touchDirectory(directory, links: old.type == .directory ? 1 : 0)
        if old.type != .directory, let number = placed[old.number],
            var record = try plan.row(number) {
            record.links += 1
            record.changeTime = plan.stamp.time
            plan.setRow(number, record)
            plan.setEntry(name, in: directory.number, Entry(inode: number, type: old.type))
            return try tree.pastNode(number, plan.values, at: .max)
        }
        if try isThere(old) || !withChildren && !old.hasRow {
            return try copy(old, name, in: directory, withChildren: withChildren)
        }
        guard old.hasRow else {
            guard old.place == directory.basePath.map({ BasePlace(directory: $0, name: name.bytes) })
            else { return try copy(old, name, in: directory, withChildren: true) }
            for key in try tree.xattrs(of: old.number).keys {
                plan.setXattr(key, of: old.number, nil)
            }
            if !keepsTimes, old.type == .regular, old.record.links == 1, let place = old.place {
                plan.setOrigin(old.number, try origin(of: old, at: place))
                plan.setRow(old.number, freshRow(of: old))
                plan.setEntry(name, in: directory.number, Entry(inode: old.number, type: .regular))
                return old
            }
            // It shows through once nothing hides it.
            plan.setEntry(name, in: directory.number, nil)
            plan.setRow(old.number, nil)
            if old.type == .directory { try placeChildren(of: old) }
            if old.type != .directory, old.record.links > 1 { return try placeName(of: old) }
            return old
        }
        var record = try takeBackContent(
            PastRow(record: old.record, pieces: old.pieces), of: old.number)
        if record.type != .directory {
            record.links = 1
        } else if !withChildren {
            record.links = 2
        }
        if !keepsTimes { record.modificationTime = plan.stamp.time }
        record.changeTime = plan.stamp.time
        plan.setRow(old.number, record)
        plan.setEntry(name, in: directory.number, Entry(inode: old.number, type: old.type))
        let then = try tree.pastXattrs(of: old.number, past)
        for key in Set(then.keys).union(try tree.xattrs(of: old.number).keys) {
            plan.setXattr(key, of: old.number, then[key])
        }
        placed[old.number] = old.number
        claimed[old.number] = old.number
        if keepsTimes { timed.insert(old.number) }
        if old.type == .directory, withChildren { try placeChildren(of: old) }
        return try tree.pastNode(old.number, plan.values, at: .max)
    }

    /// The row of a base file that comes back: as in the base, but changed now, so that make(1) sees it.
    private func freshRow(of old: ViewNode) -> InodeRecord {
        var record = old.record
        record.modificationTime = plan.stamp.time
        record.changeTime = plan.stamp.time
        record.flags.insert(.hasOrigin)
        if let place = old.place, (try? tree.base.xattr(XattrNames.capability, of: place)) != nil {
            record.flags.insert(.hasCapability)
        }
        return record
    }

    /// A base file of several names, all of which were gone: one of them is there again, which only a
    /// row can say.
    private mutating func placeName(of old: ViewNode) throws(Errno) -> ViewNode {
        guard let place = old.place else { throw .stale }
        plan.setOrigin(old.number, try origin(of: old, at: place))
        var record = old.record
        record.flags.insert(.hasOrigin)
        record.links = 1
        record.changeTime = plan.stamp.time
        plan.setRow(old.number, record)
        placed[old.number] = old.number
        claimed[old.number] = old.number
        return try tree.pastNode(old.number, plan.values, at: .max)
    }

    /// Whether a file of then has a name now, as the plan stands.
    private func isThere(_ old: ViewNode) throws(Errno) -> Bool {
        if try plan.row(old.number) != nil { return true }
        guard let place = old.place, !tree.touched.contains(old.number) else { return false }
        return try plan.isShown(place)
    }

    /// The names in a directory that comes back as itself.
    private mutating func placeChildren(of old: ViewNode) throws(Errno) {
        let then = try tree.pastEntries(of: old.number, past)
        let names = Set(then.keys).union(try tree.entries(in: old.number).keys)
        // All names go first: what is placed finds nothing in its way, and counts its own link.
        for name in names { plan.setEntry(name, in: old.number, then[name] == .whiteout ? .whiteout : nil) }
        for name in names where then[name] != .whiteout {
            guard let node = try child(name, of: old) else { continue }
            _ = try place(node, name, in: old)
        }
        guard var record = try plan.row(old.number) else { return }
        // Placing has counted subdirectories that its own row counts already.
        record.links = old.record.links
        plan.setRow(old.number, record)
    }

    /// Makes a file or directory of the base the overlay's own, by a transaction that changes nothing
    /// which can be seen.
    mutating func touch(_ node: ViewNode) throws(Errno) {
        guard let place = node.place, plan.values.inodes[node.number] == nil,
            try tree.row(node.number) == nil
        else { return }
        let inode = try tree.inode(at: place)
        guard inode.number == node.number else { throw .stale }
        var transaction = tree.begin(.touch, plan.stamp)
        try tree.update(inode, in: &transaction) { _ in }
        try tree.commit(&transaction)
    }

    /// The directory's times, its links if it counts them; an untouched one needs neither.
    mutating func touchDirectory(_ directory: ViewNode, links: Int) throws(Errno) {
        guard var record = try plan.row(directory.number) else { return }
        if !timed.contains(directory.number) { record.modificationTime = plan.stamp.time }
        record.changeTime = plan.stamp.time
        if record.links >= 2 { record.links = UInt32(max(2, Int(record.links) + links)) }
        plan.setRow(directory.number, record)
    }

    // MARK: What was not there

    /// Takes a file or tree away that came later.
    mutating func remove(
        _ now: ViewNode, _ name: FileName, from directory: ViewNode
    ) throws(Errno) {
        try touch(directory)
        try removeBelow(now)
        try touchDirectory(directory, links: now.type == .directory ? -1 : 0)
        var hides = false
        if let path = directory.basePath {
            hides = try tree.base.status(ifPresent: name.bytes, in: path) != nil
        }
        plan.setEntry(name, in: directory.number, hides ? .whiteout : nil)
    }

    private mutating func removeBelow(_ now: ViewNode) throws(Errno) {
        if now.type == .directory {
            let entries = try tree.pastEntries(of: now.number, plan.values)
            var names = Set(entries.keys)
            if let path = now.basePath { names.formUnion(try tree.base.list(path).map(\.name)) }
            for name in names where entries[name]?.isWhiteout != true {
                if let child = try nowChild(name, of: now) { try removeBelow(child) }
            }
        } else if !now.hasRow, now.record.links > 1 {
            // Its other names show that one is gone.
            try touch(now)
        }
        guard var record = try plan.row(now.number) else { return }
        if record.type != .directory, record.links > 1 {
            record.links -= 1
            record.changeTime = plan.stamp.time
            plan.setRow(now.number, record)
        } else {
            plan.setRow(now.number, nil)
            plan.dropContent(now.number)
        }
    }
}
