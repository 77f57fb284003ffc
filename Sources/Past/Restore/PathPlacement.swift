// PathPlacement: rollback of single paths. It brings back files and trees that are gone, and removes those
// that were made later. Each name that is made or removed counts in the links of its inode.

internal import Overlay
internal import Platform
internal import Storage

extension Rollback {
    /// A file or tree of the moment, and the place it gets.
    package struct Placing {
        var old: ViewNode
        var name: FileName
        var directory: ViewNode
        /// Whether the link is counted already: a directory that comes back as itself has all
        /// subdirectories counted.
        var isCounted = false
    }

    // MARK: Files that are missing now

    /// Puts a file or tree of the moment at a name that does not exist now.
    /// - Returns: the file or directory itself, with the plan's row.
    @discardableResult
    mutating func place(
        _ old: ViewNode, _ name: FileName, in directory: ViewNode, withChildren: Bool = true
    ) throws(Errno) -> ViewNode {
        var open: [Placing] = []
        let node = try place(
            Placing(old: old, name: name, directory: directory), withChildren: withChildren, &open)
        // Iterative, since a tree may be deeper than the stack allows.
        while let next = open.popLast() { _ = try place(next, withChildren: true, &open) }
        return node
    }

    /// Places one file or directory.
    /// - Parameter open: gets the contents of a directory that comes back.
    private mutating func place(
        _ item: Placing, withChildren: Bool, _ open: inout [Placing]
    ) throws(Errno) -> ViewNode {
        let (old, name, directory) = (item.old, item.name, item.directory)
        try plan.touchDirectory(
            directory, links: old.type == .directory && !item.isCounted ? 1 : 0)
        if old.type != .directory {
            if let number = placed[old.number], try plan.row(number) != nil {
                return try addName(name, of: number, old.type, in: directory)
            }
            if let found = try placeAgain(item) { return found }
        }
        let isAtHome = old.place == directory.basePath.map {
            BasePlace(directory: $0, name: name.bytes)
        }
        if !old.hasRow, isAtHome, withChildren || old.type != .directory,
            try plan.row(old.number) == nil {
            return try placeUntouched(item, &open)
        }
        let isElsewhere = try isThere(old)
        if isElsewhere || !old.hasRow {
            return try copies.copy(
                old, name, in: directory, withChildren: withChildren, into: &plan)
        }
        return try placeRow(item, withChildren: withChildren, &open)
    }

    /// Adds a name to a file that exists in the plan.
    private mutating func addName(
        _ name: FileName, of number: InodeNumber, _ type: FileType, in directory: ViewNode
    ) throws(Errno) -> ViewNode {
        if var record = try plan.row(number) {
            record.links = record.links.adding(clamping: 1)
            record.changeTime = plan.stamp.time
            plan.setRow(number, record)
        }
        try plan.setName(name, in: directory, to: Entry(inode: number, type: type))
        return try plan.node(number)
    }

    /// Links a file again that this rollback took a name from, and that still has other names: with this
    /// name its links are as they were.
    /// - Returns: nil for any other file.
    private mutating func placeAgain(_ item: Placing) throws(Errno) -> ViewNode? {
        let old = item.old
        guard let count = unlinked[old.number], count > 0, try plan.row(old.number) != nil,
            // It may stand for another file of the moment by now, under a name that it kept.
            (claimed[old.number] ?? old.number) == old.number
        else { return nil }
        unlinked[old.number] = count - 1
        let now = try addName(item.name, of: old.number, old.type, in: item.directory)
        guard now.type == old.type else { return now }
        if old.type == .regular {
            try bringFile(now, to: old, item.name, in: item.directory)
        } else {
            placed[old.number] = old.number
            try bringAttributes(of: now, to: old)
        }
        return try plan.node(old.number)
    }

    /// Places a file or directory of the base that was not touched: its name shows through.
    private mutating func placeUntouched(
        _ item: Placing, _ open: inout [Placing]
    ) throws(Errno) -> ViewNode {
        let (old, name, directory) = (item.old, item.name, item.directory)
        for key in try tree.xattrs(of: old.number).keys { plan.setXattr(key, of: old.number, nil) }
        if !keepsTimes, old.type == .regular, old.record.links == 1, let place = old.place {
            plan.setOrigin(old.number, try plan.origin(of: old, at: place))
            plan.setRow(old.number, freshRow(of: old))
            try plan.setName(name, in: directory, to: Entry(inode: old.number, type: .regular))
            return old
        }
        // It shows through once nothing hides it.
        plan.setEntry(name, in: directory.number, nil)
        plan.setRow(old.number, nil)
        if old.type == .directory { try openChildren(of: old, &open) }
        if old.type != .directory, old.record.links > 1 { return try placeName(of: old) }
        return old
    }

    /// Places a file or directory with a row, which comes back as the inode that it was.
    private mutating func placeRow(
        _ item: Placing, withChildren: Bool, _ open: inout [Placing]
    ) throws(Errno) -> ViewNode {
        let old = item.old
        var record = try restoreContent(
            PastRow(record: old.record, pieces: old.pieces), of: old.number)
        if record.type != .directory {
            record.links = 1
        } else if !withChildren {
            record.links = 2
        }
        if !keepsTimes { record.modificationTime = plan.stamp.time }
        record.changeTime = plan.stamp.time
        // A refresh may have given it a place in another state of the base since.
        if let then = try past.origin(old.number), let known = try tree.knownOrigin(old.number),
            EpochPath.top(then.path) != EpochPath.top(known.path) {
            plan.setOrigin(old.number, then)
        }
        plan.setRow(old.number, record)
        try plan.setName(item.name, in: item.directory, to: Entry(inode: old.number, type: old.type))
        let then = try past.xattrs(of: old.number)
        for key in Set(then.keys).union(try tree.xattrs(of: old.number).keys) {
            plan.setXattr(key, of: old.number, then[key])
        }
        placed[old.number] = old.number
        claimed[old.number] = old.number
        if keepsTimes { plan.timed.insert(old.number) }
        if old.type == .directory {
            if withChildren { try openChildren(of: old, &open) } else { try hideChildren(of: old) }
        }
        return try plan.node(old.number)
    }

    /// Returns the row of a base file that comes back: as in the base, but changed now, so that make(1)
    /// sees it.
    func freshRow(of old: ViewNode) -> InodeRecord {
        var record = old.record
        record.modificationTime = plan.stamp.time
        record.changeTime = plan.stamp.time
        record.flags.formUnion([.hasOrigin, .followsBase])
        if let place = old.place, (try? tree.base.xattr(XattrNames.capability, of: place)) != nil {
            record.flags.insert(.hasCapability)
        }
        return record
    }

    /// Places one name of a base file with several names, all of which were gone: only a row can express
    /// that.
    private mutating func placeName(of old: ViewNode) throws(Errno) -> ViewNode {
        guard let place = old.place else { throw .stale }
        plan.setOrigin(old.number, try plan.origin(of: old, at: place))
        var record = old.record
        record.flags.insert(.hasOrigin)
        record.links = 1
        record.changeTime = plan.stamp.time
        plan.setRow(old.number, record)
        placed[old.number] = old.number
        claimed[old.number] = old.number
        return try plan.node(old.number)
    }

    /// Returns whether a file of the moment has a name in the plan.
    private func isThere(_ old: ViewNode) throws(Errno) -> Bool {
        if try plan.row(old.number) != nil { return true }
        guard let place = old.place, !tree.identity.touched.contains(old.number) else { return false }
        if place.top == tree.base.top { return try plan.isShown(place) }
        // A refresh has shown another state of the base since: it may be there under another name.
        guard let path = try tree.base.pathSeen(place.path) else { return false }
        let now = BasePlace(path: path)
        guard let status = try tree.base.status(ifPresent: now.name, in: now.directory),
            try tree.number(of: status, at: now, isPast: true) == old.number else { return false }
        return try plan.isShown(now)
    }

    /// Opens the names in a directory that comes back as itself.
    private mutating func openChildren(
        of old: ViewNode, _ open: inout [Placing]
    ) throws(Errno) {
        let then = try past.entries(in: old.number)
        let names = Set(then.keys).union(try plan.entries(in: old.number).keys)
        // All entries are removed first: what is placed finds nothing in its way, and counts its own link.
        for name in names {
            plan.setEntry(name, in: old.number, then[name] == .whiteout ? .whiteout : nil)
        }
        for name in names.sorted() where then[name] != .whiteout {
            guard let node = try child(name, of: old) else { continue }
            if WorkingName.isPassing(name) {
                // The directory's link count includes it.
                if node.type == .directory, var record = try plan.row(old.number), record.links > 2 {
                    record.links -= 1
                    plan.setRow(old.number, record)
                }
                continue
            }
            open.append(Placing(old: node, name: name, directory: old, isCounted: true))
        }
    }

    /// Empties a directory that comes back for one name in it: the names it had when it was removed may
    /// have been removed on their own.
    private mutating func hideChildren(of old: ViewNode) throws(Errno) {
        var shown: Set<FileName> = []
        if let path = old.basePath { shown.formUnion(try tree.base.list(path).map(\.name)) }
        for name in shown.union(try plan.entries(in: old.number).keys) {
            plan.setEntry(name, in: old.number, shown.contains(name) ? .whiteout : nil)
        }
    }

    // MARK: Files that were made later

    /// Removes a file or tree that was made later.
    mutating func remove(
        _ now: ViewNode, _ name: FileName, from directory: ViewNode
    ) throws(Errno) {
        try plan.touch(directory)
        try removeBelow(now)
        try plan.touchDirectory(directory, links: now.type == .directory ? -1 : 0)
        var hides = false
        if let path = directory.basePath {
            hides = try tree.base.status(ifPresent: name.bytes, in: path) != nil
        }
        plan.setEntry(name, in: directory.number, hides ? .whiteout : nil)
    }

    /// A name that is removed.
    private struct Removing {
        var node: ViewNode
        var name: FileName?
        var directory: ViewNode?
        /// Whether the directory's contents are removed already.
        var isEmptied = false
    }

    /// Removes all that is in a directory, then the directory itself; iterative, since a tree may be deeper
    /// than the stack allows.
    private mutating func removeBelow(_ top: ViewNode) throws(Errno) {
        var open = [Removing(node: top)]
        while var next = open.popLast() {
            let node = next.node
            if node.type == .directory, !next.isEmptied {
                next.isEmptied = true
                open.append(next)
                let entries = try plan.entries(in: node.number)
                var names = Set(entries.keys)
                if let path = node.basePath { names.formUnion(try tree.base.list(path).map(\.name)) }
                for name in names.sorted() where entries[name]?.isWhiteout != true {
                    guard let child = try nowChild(name, of: node) else { continue }
                    open.append(Removing(node: child, name: name, directory: node))
                }
                continue
            }
            if let name = next.name, let directory = next.directory {
                try pin(name, in: directory, node)
            }
            try takeName(of: node)
        }
    }

    /// Writes an entry that repeats the base's name, in a directory that is removed. If the directory comes
    /// back as the base has it, this name leads to an inode with a state of its own, which must be restored
    /// too.
    private mutating func pin(
        _ name: FileName, in directory: ViewNode, _ node: ViewNode
    ) throws(Errno) {
        guard try plan.entry(name, in: directory.number) == nil else { return }
        var isOwn = node.hasRow || node.record.links > 1
        if node.type == .directory, !node.hasRow {
            isOwn = try !plan.entries(in: node.number).isEmpty
        }
        if isOwn {
            plan.setEntry(name, in: directory.number, Entry(inode: node.number, type: node.type))
        }
    }

    private mutating func takeName(of now: ViewNode) throws(Errno) {
        // The other names of the file show that one is gone.
        if now.type != .directory, !now.hasRow, now.record.links > 1 { try plan.touch(now) }
        guard var record = try plan.row(now.number) else { return }
        if record.type != .directory, record.links > 1 {
            record.links -= 1
            record.changeTime = plan.stamp.time
            plan.setRow(now.number, record)
            unlinked[now.number, default: 0] += 1
        } else {
            plan.setRow(now.number, nil)
            plan.dropContent(now.number)
            // The file of the moment that it stood for may have names that come back, and it may come back
            // as itself.
            if let old = claimed.removeValue(forKey: now.number) { placed[old] = nil }
        }
    }
}
