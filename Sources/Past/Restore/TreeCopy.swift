// TreeCopy: copies a file or tree of a moment into a plan, with new inodes and by metadata alone. A file
// that was never edited shares the base's content by its origin; any other file gets a log that shares
// extents. A clone uses it, and a rollback for files that have another name now.

internal import Overlay
internal import Platform
internal import Storage

struct TreeCopy {
    let past: TreeAtMoment
    /// Maps inodes of the moment to their copies, so that hard links stay links.
    var made: [InodeNumber: InodeNumber] = [:]

    init(_ past: TreeAtMoment) { self.past = past }

    /// A file or directory to copy, and its new name.
    private struct Copying {
        var old: ViewNode
        var name: FileName
        var directory: ViewNode
    }

    /// Copies a file or tree to a name that does not exist.
    mutating func copy(
        _ old: ViewNode, _ name: FileName, in directory: ViewNode, withChildren: Bool,
        into plan: inout PlannedTree
    ) throws(Errno) -> ViewNode {
        let node = try copy(old, name, in: directory, &plan)
        var open: [Copying] = []
        if withChildren { try openCopies(of: old, in: node, &open, &plan) }
        // Iterative, since a tree may be deeper than the stack allows.
        while let next = open.popLast() {
            let old = next.old
            if old.type != .directory, let known = made[old.number],
                var record = try plan.row(known) {
                record.links = record.links.adding(clamping: 1)
                plan.setRow(known, record)
                plan.setEntry(
                    next.name, in: next.directory.number, Entry(inode: known, type: old.type))
                continue
            }
            let node = try copy(old, next.name, in: next.directory, &plan)
            try openCopies(of: old, in: node, &open, &plan)
        }
        return node
    }

    /// Copies one file, or a directory without its contents.
    private mutating func copy(
        _ old: ViewNode, _ name: FileName, in directory: ViewNode, _ plan: inout PlannedTree
    ) throws(Errno) -> ViewNode {
        let number = try plan.tree.nextNumber()
        var record = old.record
        record.number = number
        record.birthTime = plan.stamp.time
        record.changeTime = plan.stamp.time
        if !plan.keepsTimes { record.modificationTime = plan.stamp.time }
        record.links = record.type == .directory ? 2 : 1
        record.flags = old.record.flags.intersection([.hasCapability])
        record.contentSequence = 0
        var sharesOrigin = false
        switch record.type {
        case .regular: sharesOrigin = try copyContent(of: old, to: &record, &plan)
        case .symlink where old.place != nil:
            record.symlinkTarget = try old.place.map { (place) throws(Errno) in
                try plan.tree.base.symlinkTarget(place)
            } ?? []
        default: break
        }
        // With the same origin the base's attributes show through as they do in the original.
        let xattrs: [[UInt8]: XattrValue]
        if sharesOrigin {
            xattrs = old.hasRow ? try past.xattrs(of: old.number) : [:]
        } else {
            xattrs = try past.visibleXattrs(of: old).mapValues { .value($0) }
        }
        for (key, value) in xattrs { plan.setXattr(key, of: number, value) }
        if !xattrs.isEmpty { record.flags.insert(.hasXattrs) }
        plan.setRow(number, record)
        try plan.setName(name, in: directory, to: Entry(inode: number, type: record.type))
        if record.type != .directory { made[old.number] = number }
        return try plan.node(number)
    }

    /// Adds the contents of a copied directory, the first name last.
    private func openCopies(
        of old: ViewNode, in node: ViewNode, _ open: inout [Copying], _ plan: inout PlannedTree
    ) throws(Errno) {
        guard old.type == .directory else { return }
        let entries = try past.entries(in: old.number)
        var names = Set(entries.filter { $0.value != .whiteout }.keys)
        if let path = old.basePath {
            for entry in try plan.tree.base.list(path) where entries[entry.name] == nil {
                names.insert(entry.name)
            }
        }
        var subdirectories: UInt32 = 0
        for name in names.sorted(by: >) {
            guard let child = try past.child(name, of: old) else { continue }
            if child.type == .directory { subdirectories += 1 }
            open.append(Copying(old: child, name: name, directory: node))
        }
        guard subdirectories > 0, var record = try plan.row(node.number) else { return }
        record.links = record.links.adding(clamping: subdirectories)
        plan.setRow(node.number, record)
    }

    /// Copies the content of a file.
    /// - Returns: whether the copy has the base file itself as its content.
    private func copyContent(
        of old: ViewNode, to record: inout InodeRecord, _ plan: inout PlannedTree
    ) throws(Errno) -> Bool {
        if !old.record.flags.contains(.hasLog), old.pieces == nil, let place = old.place {
            plan.setOrigin(record.number, try plan.origin(of: old, at: place))
            record.flags.insert(.hasOrigin)
            return true
        }
        let pieces = try pieces(of: old, &plan)
        record.size = pieces.length
        record.allocated = pieces.allocatedBytes
        if pieces.length == 0 { return false }
        record.flags.insert(.hasLog)
        plan.setContent(
            of: record.number, pieces, source: old.number,
            at: old.record.contentMoment(at: past.sequence, in: plan.tree.logs))
        return false
    }

    /// Returns the old content of a file, as pieces that other files can share.
    func pieces(of old: ViewNode, _ plan: inout PlannedTree) throws(Errno) -> PieceTree {
        if let pieces = old.pieces { return pieces }
        if old.record.flags.contains(.hasLog) {
            return try plan.tree.historicLog(old.number)
                .content(at: old.record.contentMoment(at: past.sequence, in: plan.tree.logs)).pieces
        }
        guard let place = old.place, old.record.size > 0 else { return PieceTree() }
        let origin = try plan.origin(of: old, at: place)
        plan.setOrigin(old.number, origin)
        // Other files read the base by this file's number from now on, so the file no longer follows the
        // base.
        if var row = try plan.row(old.number), row.flags.contains(.followsBase) {
            row.flags.remove(.followsBase)
            plan.setRow(old.number, row)
        }
        return PieceTree([Piece(.base(file: old.number, offset: 0), length: origin.size)])
    }
}
