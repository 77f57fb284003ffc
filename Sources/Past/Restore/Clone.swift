// Clone: a file or tree of some moment under new inodes, by metadata alone. A file that nobody has
// edited shares the base's content by its origin; another one gets a log that shares extents.

package import Overlay
internal import Platform
internal import Storage

extension Rollback {
    /// Puts a copy of a file or tree at a name where there is nothing.
    mutating func copy(
        _ old: ViewNode, _ name: FileName, in directory: ViewNode, withChildren: Bool
    ) throws(Errno) -> ViewNode {
        let node = try copy(old, name, in: directory)
        var open: [Placing] = []
        if withChildren { try openCopies(of: old, in: node, &open) }
        // Step by step: a tree may be deeper than a stack.
        while let next = open.popLast() {
            let old = next.old
            if old.type != .directory, let known = placed[old.number],
                var record = try plan.row(known) {
                record.links = record.links.adding(clamping: 1)
                plan.setRow(known, record)
                plan.setEntry(
                    next.name, in: next.directory.number, Entry(inode: known, type: old.type))
                continue
            }
            let node = try copy(old, next.name, in: next.directory)
            try openCopies(of: old, in: node, &open)
        }
        return node
    }

    /// One file, or a directory without what is in it.
    private mutating func copy(
        _ old: ViewNode, _ name: FileName, in directory: ViewNode
    ) throws(Errno) -> ViewNode {
        let number = try tree.nextNumber()
        var record = old.record
        record.number = number
        record.birthTime = plan.stamp.time
        record.changeTime = plan.stamp.time
        if !keepsTimes { record.modificationTime = plan.stamp.time }
        record.links = record.type == .directory ? 2 : 1
        record.flags = old.record.flags.intersection([.hasCapability])
        record.contentSequence = 0
        var sharesOrigin = false
        switch record.type {
        case .regular: sharesOrigin = try copyContent(of: old, to: &record)
        case .symlink where old.place != nil:
            record.symlinkTarget = try old.place.map { (place) throws(Errno) in
                try tree.base.symlinkTarget(place)
            } ?? []
        default: break
        }
        // With the same origin the base's attributes show through as they do in the original.
        let xattrs: [[UInt8]: XattrValue]
        if sharesOrigin {
            xattrs = old.hasRow ? try tree.pastXattrs(of: old.number, past) : [:]
        } else {
            xattrs = try tree.visibleXattrs(of: old, past).mapValues { .value($0) }
        }
        for (key, value) in xattrs { plan.setXattr(key, of: number, value) }
        if !xattrs.isEmpty { record.flags.insert(.hasXattrs) }
        plan.setRow(number, record)
        try setName(name, in: directory, to: Entry(inode: number, type: record.type))
        if record.type != .directory { placed[old.number] = number }
        return try tree.pastNode(number, plan.values, at: .max)
    }

    /// What is in a directory that was copied, the first name last.
    private mutating func openCopies(
        of old: ViewNode, in node: ViewNode, _ open: inout [Placing]
    ) throws(Errno) {
        guard old.type == .directory else { return }
        let entries = try tree.pastEntries(of: old.number, past)
        var names = Set(entries.filter { $0.value != .whiteout }.keys)
        if let path = old.basePath {
            for entry in try tree.base.list(path) where entries[entry.name] == nil {
                names.insert(entry.name)
            }
        }
        var subdirectories: UInt32 = 0
        for name in names.sorted(by: >) {
            guard let child = try tree.pastChild(name, of: old, past, at: target) else { continue }
            if child.type == .directory { subdirectories += 1 }
            open.append(Placing(old: child, name: name, directory: node))
        }
        guard subdirectories > 0, var record = try plan.row(node.number) else { return }
        record.links = record.links.adding(clamping: subdirectories)
        plan.setRow(node.number, record)
    }

    /// - Returns: whether the copy has the base file itself as its content.
    private mutating func copyContent(
        of old: ViewNode, to record: inout InodeRecord
    ) throws(Errno) -> Bool {
        if !old.record.flags.contains(.hasLog), old.pieces == nil, let place = old.place {
            plan.setOrigin(record.number, try origin(of: old, at: place))
            record.flags.insert(.hasOrigin)
            return true
        }
        let pieces = try pieces(of: old)
        record.size = pieces.length
        record.allocated = pieces.allocatedBytes
        if pieces.length == 0 { return false }
        record.flags.insert(.hasLog)
        setContent(of: record.number, pieces, source: old.number)
        return false
    }

    /// The content that a file had, as pieces that others can share.
    mutating func pieces(of old: ViewNode) throws(Errno) -> PieceTree {
        if let pieces = old.pieces { return pieces }
        if old.record.flags.contains(.hasLog) {
            return try tree.historicLog(old.number).content(at: target).pieces
        }
        guard let place = old.place, old.record.size > 0 else { return PieceTree() }
        let origin = try origin(of: old, at: place)
        plan.setOrigin(old.number, origin)
        // Others read the base by its number from now on.
        if var row = try plan.row(old.number), row.flags.contains(.followsBase) {
            row.flags.remove(.followsBase)
            plan.setRow(old.number, row)
        }
        return PieceTree([Piece(.base(file: old.number, offset: 0), length: origin.size)])
    }

    /// The identity of a base file: as it is on record, or as it is now.
    func origin(of old: ViewNode, at place: BasePlace) throws(Errno) -> Origin {
        if let known = past.origins[old.number] { return known }
        if let known = try tree.knownOrigin(old.number, plan.values) { return known }
        return tree.makeOrigin(at: place, try tree.base.settledStatus(place), kept: kept)
    }
}

extension Workspace {
    /// Copies a file or a whole directory, whole or not at all, without moving data.
    /// - Throws: ENOENT, EEXIST where there is something at `target` already, EINVAL for a directory
    ///   into itself, ENOSPC.
    package func clone(
        _ source: [UInt8], to target: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        do throws(Errno) {
            // The content of a single file is kept, as for cp; a directory may have any number of them.
            // What is wrong with the path, the clone says.
            let wish = try? withTree { (tree) throws(Errno) in
                try tree.missingPin(tree.find(path: source).inode.number, kept: [])
            }
            return try keeping(wish ?? nil) { (kept) throws(Errno) in
                try clone(source, to: target, kept: kept, caller: caller)
            }
        } catch {
            throw CommandError(error, cloneFailure(error, source, target))
        }
    }

    private func clone(
        _ source: [UInt8], to target: [UInt8], kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        try gate.alone { () throws(Errno) in
            try withTree { (tree) throws(Errno) in
                var copying = Rollback(
                    tree, PastValues(), at: tree.sequence.last,
                    stamp: caller.stamp(clock.realtime()), keepsTimes: true, kept: kept)
                try copying.clone(source, to: target)
                return try copying.plan.commit(.clone, backupComment: nil)
            }
        }
    }

    private func cloneFailure(_ error: Errno, _ source: [UInt8], _ target: [UInt8]) -> String {
        let (from, to) = (pathInWords(source), pathInWords(target))
        switch error {
        case .noEntry:
            if (try? number(at: source)) == nil { return "there is no \(from)" }
            return "there is no directory for \(to): make it first"
        case .notDirectory: return "a file stands where \(from) or \(to) needs a directory"
        case .exists: return "there is a \(to) already: remove it first, or choose another name"
        case .invalid: return "\(from) cannot be cloned into itself"
        case .quota: return "a limit is reached: \(from) was not cloned; raise the limit"
        case .noSpace: return "the store is full: \(from) was not cloned; make room and try again"
        default: return "\(from) was not cloned to \(to): \(error)"
        }
    }
}

extension Rollback {
    fileprivate mutating func clone(_ source: [UInt8], to target: [UInt8]) throws(Errno) {
        guard let from = try find(source) else { throw .noEntry }
        var names: [FileName] = []
        for part in target.split(separator: 0x2f) { names.append(try FileName(Array(part))) }
        guard let name = names.popLast() else { throw .exists }
        var directory = try tree.pastRoot(past, at: .max)
        if from.number == directory.number { throw .invalid }
        for part in names {
            guard let next = try tree.pastChild(part, of: directory, past, at: .max) else {
                throw .noEntry
            }
            guard next.type == .directory else { throw .notDirectory }
            directory = next
            if directory.number == from.number { throw .invalid }
        }
        if try tree.pastChild(name, of: directory, past, at: .max) != nil { throw .exists }
        // The directory must be ours before it takes a name.
        try touch(directory)
        try touchDirectory(directory, links: from.type == .directory ? 1 : 0)
        _ = try copy(from, name, in: directory, withChildren: true)
    }

    private func find(_ path: [UInt8]) throws(Errno) -> ViewNode? {
        var node = try tree.pastRoot(past, at: .max)
        for part in path.split(separator: 0x2f) {
            guard node.type == .directory else { throw .notDirectory }
            let name = try FileName(Array(part))
            guard let next = try tree.pastChild(name, of: node, past, at: .max) else { return nil }
            node = next
        }
        return node
    }
}
