// MergePlan: the changes of a merge as a plan over the tree of the workspace that they are merged into. Names
// leave first, the deepest first; then names come, from the top down; names of files that have several come
// last.

internal import Overlay
internal import Platform
internal import Storage

struct MergePlan {
    private let tree: Tree
    private(set) var plan: PlannedTree
    private let stage: (name: FileName, number: InodeNumber)?
    /// What leaves its path for another one, by that.
    private var moving: [[UInt8]: (number: InodeNumber, type: FileType)] = [:]
    /// The files here that stand for files of the source.
    private var made: [InodeNumber: InodeNumber] = [:]

    private init(
        _ tree: Tree, _ stage: (name: FileName, number: InodeNumber)?, _ stamp: Stamp
    ) {
        self.tree = tree
        self.stage = stage
        plan = PlannedTree(tree, stamp: stamp)
    }

    /// - Parameter marks: what the workspace contains after the merge.
    /// - Throws: EBUSY if something is not where the merge expects it.
    static func plan(
        _ tree: Tree, _ changes: [StagedChange], stage: (name: FileName, number: InodeNumber)?,
        marks: MergeMarks, stamp: Stamp
    ) throws(Errno) -> PlannedTree {
        var merge = MergePlan(tree, stage, stamp)
        try merge.leave(changes.map(\.merge))
        var later: [StagedChange] = []
        for staged in changes.sorted(by: { $0.merge.path.lexicographicallyPrecedes($1.merge.path) }) {
            if staged.merge.isLink { later.append(staged) } else { try merge.come(staged) }
        }
        for staged in later { try merge.come(staged) }
        try merge.removeStage()
        marks.write(to: &merge.plan)
        return merge.plan
    }

    // MARK: Names

    private func node(at path: [UInt8]) throws(Errno) -> ViewNode? { try plan.node(at: path) }

    /// Returns the directory of a name, with a row.
    private mutating func directory(above path: [UInt8]) throws(Errno) -> (ViewNode, FileName) {
        let place = BasePlace(path: path)
        guard !place.isRoot, let directory = try node(at: place.directory), directory.type == .directory
        else { throw .busy }
        try plan.touch(directory)
        return (try plan.node(directory.number), FileName(trusted: place.name))
    }

    /// Takes a name away.
    private mutating func take(_ path: [UInt8], _ type: FileType) throws(Errno) {
        let (directory, name) = try directory(above: path)
        var hides = false
        if let path = directory.basePath {
            hides = try tree.base.status(ifPresent: name.bytes, in: path) != nil
        }
        plan.setEntry(name, in: directory.number, hides ? .whiteout : nil)
        try plan.touchDirectory(directory, links: type == .directory ? -1 : 0)
    }

    private mutating func give(_ path: [UInt8], _ number: InodeNumber, _ type: FileType) throws(Errno) {
        let (directory, name) = try directory(above: path)
        guard try plan.child(name, of: directory) == nil else { throw .busy }
        try plan.setName(name, in: directory, to: Entry(inode: number, type: type))
        try plan.touchDirectory(directory, links: type == .directory ? 1 : 0)
    }

    /// Takes away what is removed, and what gets another name.
    private mutating func leave(_ changes: [MergeChange]) throws(Errno) {
        var leaving: [(path: [UInt8], new: [UInt8]?)] = []
        for merge in changes {
            switch merge.status {
            case .deleted: leaving.append((merge.path, nil))
            case .renamed: if let old = merge.change.difference.oldPath { leaving.append((old, merge.path)) }
            default: continue
            }
        }
        // A path comes before the directory above it.
        for (path, new) in leaving.sorted(by: { $1.path.lexicographicallyPrecedes($0.path) }) {
            guard let node = try node(at: path) else { throw .busy }
            guard let new else {
                try remove(node, at: path)
                continue
            }
            try plan.touch(node)
            try take(path, node.type)
            moving[new] = (node.number, node.type)
        }
    }

    /// Removes a file, or a directory without names.
    private mutating func remove(_ node: ViewNode, at path: [UInt8]) throws(Errno) {
        if node.type == .directory, try !isEmpty(node) { throw .busy }
        if node.type != .directory, !node.hasRow, node.record.links > 1 { try plan.touch(node) }
        try take(path, node.type)
        guard var record = try plan.row(node.number) else { return }
        if record.type != .directory, record.links > 1 {
            record.links -= 1
            record.changeTime = plan.stamp.time
            return plan.setRow(node.number, record)
        }
        plan.setRow(node.number, nil)
        plan.dropContent(node.number)
    }

    private func isEmpty(_ directory: ViewNode) throws(Errno) -> Bool {
        let entries = try plan.entries(in: directory.number)
        if entries.values.contains(where: { !$0.isWhiteout }) { return false }
        guard let path = directory.basePath else { return true }
        return try tree.base.list(path).allSatisfy { entries[$0.name] != nil }
    }

    // MARK: What comes

    private mutating func come(_ staged: StagedChange) throws(Errno) {
        let merge = staged.merge
        guard let own = merge.change.now, merge.status != .deleted else { return }
        if merge.status == .renamed {
            guard let (number, type) = moving[merge.path] else { throw .busy }
            try give(merge.path, number, type)
            made[own.number] = number
            switch merge.change.alteration {
            case .nothing: return try touchTime(of: number)
            case .attributes: return try update(number, staged, takesContent: false)
            case .content: return try update(number, staged, takesContent: type != .directory)
            }
        }
        if let now = try node(at: merge.path) {
            // Another name of it was met before.
            if own.type != .directory, made[own.number] == now.number { return }
            // What is both, or has the same kind of content, stays what it is. But other names of a file must
            // not show what has taken the place of one.
            let isAlone = own.type == .regular && own.record.links == 1 && now.record.links == 1
            if now.type == own.type, own.type == .directory || isAlone || !merge.isReplaced {
                made[own.number] = now.number
                return try update(now.number, staged, takesContent: merge.takesContent)
            }
            try remove(now, at: merge.path)
        }
        if own.type != .directory, let known = try known(staged), var record = try plan.row(known) {
            record.links = record.links.adding(clamping: 1)
            record.changeTime = plan.stamp.time
            plan.setRow(known, record)
            return try give(merge.path, known, own.type)
        }
        let number = try make(staged, own)
        try give(merge.path, number, own.type)
        if own.type != .directory { made[own.number] = number }
    }

    /// Returns the file that stands for one of the source which has another name already, with a row.
    private mutating func known(_ staged: StagedChange) throws(Errno) -> InodeNumber? {
        guard let own = staged.merge.change.now, own.record.links > 1 else { return nil }
        if let known = made[own.number] { return known }
        for (path, seen) in staged.otherNames {
            guard let node = try node(at: path), node.number == seen.number else { continue }
            try plan.touch(node)
            made[own.number] = node.number
            return node.number
        }
        return nil
    }

    /// Makes a file or directory, as yet without a name.
    private mutating func make(_ staged: StagedChange, _ own: ViewNode) throws(Errno) -> InodeNumber {
        let number: InodeNumber
        var record: InodeRecord
        if let file = staged.file {
            guard let row = try plan.row(file.number) else { throw .busy }
            (number, record) = (file.number, row)
            if let stage { plan.setEntry(file.name, in: stage.number, nil) }
        } else {
            number = try tree.nextNumber()
            record = own.record
            record.number = number
            record.flags = []
            record.contentSequence = 0
            record.birthTime = plan.stamp.time
            record.links = own.type == .directory ? 2 : 1
            record.symlinkTarget = staged.symlinkTarget
        }
        plan.setRow(number, record)
        try setAttributes(of: number, staged, own)
        return number
    }

    /// Gives a file or directory the content and attributes of the source's.
    private mutating func update(
        _ number: InodeNumber, _ staged: StagedChange, takesContent: Bool
    ) throws(Errno) {
        guard let own = staged.merge.change.now else { return }
        try plan.touch(try touchable(number, staged.merge.path))
        guard var record = try plan.row(number) else { throw .busy }
        if takesContent, own.type == .regular, let file = staged.file {
            let log = try tree.historicLog(file.number)
            let pieces = try log.snapshot()
            plan.setContent(of: number, pieces, source: file.number, at: log.lastSequence)
            record.size = pieces.length
            record.allocated = pieces.allocatedBytes
            record.flags.insert(.hasLog)
            record.flags.remove(.followsBase)
            // As by a copy: make(1) must see it.
            record.modificationTime = plan.stamp.time
        } else if takesContent, own.type == .symlink {
            record.symlinkTarget = staged.symlinkTarget
            record.size = UInt64(staged.symlinkTarget.count)
        }
        record.changeTime = plan.stamp.time
        plan.setRow(number, record)
        if staged.merge.takesAttributes { try setAttributes(of: number, staged, own) }
    }

    private func touchable(_ number: InodeNumber, _ path: [UInt8]) throws(Errno) -> ViewNode {
        if try plan.row(number) != nil { return try plan.node(number) }
        guard let node = try node(at: path), node.number == number else { throw .busy }
        return node
    }

    private mutating func touchTime(of number: InodeNumber) throws(Errno) {
        guard var record = try plan.row(number) else { return }
        record.changeTime = plan.stamp.time
        plan.setRow(number, record)
    }

    /// Sets mode, owner, extended attributes, and the times of a file.
    private mutating func setAttributes(
        of number: InodeNumber, _ staged: StagedChange, _ own: ViewNode
    ) throws(Errno) {
        guard var record = try plan.row(number) else { return }
        (record.mode, record.user, record.group) = (own.record.mode, own.record.user, own.record.group)
        record.changeTime = plan.stamp.time
        if own.type != .directory, staged.merge.takesContent {
            record.modificationTime = plan.stamp.time
        }
        let place = record.flags.contains(.hasOrigin)
            ? try plan.origin(number).map { BasePlace(path: $0.path) } : nil
        if try plan.setXattrs(of: number, to: staged.xattrs, over: place) { record.flags.insert(.hasXattrs) }
        if staged.xattrs[XattrNames.capability] != nil {
            record.flags.insert(.hasCapability)
        } else {
            record.flags.remove(.hasCapability)
        }
        plan.setRow(number, record)
    }

    // MARK: The stage

    /// Takes the stage away: what is left in it was only a source of content.
    private mutating func removeStage() throws(Errno) {
        guard let stage else { return }
        for (name, entry) in try plan.entries(in: stage.number) where !entry.isWhiteout {
            plan.setEntry(name, in: stage.number, nil)
            plan.setRow(entry.inode, nil)
        }
        plan.setEntry(stage.name, in: tree.rootNumber, nil)
        plan.setRow(stage.number, nil)
        try plan.touchDirectory(try plan.node(tree.rootNumber), links: -1)
    }
}
