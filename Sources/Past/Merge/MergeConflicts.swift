// MergeConflicts: compares three states of a path: what both workspaces had in common, what the one that is
// merged has, and what the other one has now. Where both changed it, the change conflicts, unless both made
// the same.

internal import Overlay
internal import Platform
internal import Storage

/// A change of a merge, and which part of it is taken.
struct MergeChange: Sendable {
    var change: NodeChange
    var takesContent = true
    var takesAttributes = true

    init(_ change: NodeChange) { self.change = change }

    var path: [UInt8] { change.path }
    var status: Difference.Status { change.difference.status }

    /// What the target gets of it.
    var difference: Difference {
        var difference = change.difference
        if status == .modified, !takesContent { difference.status = .attributes }
        return difference
    }

    /// Whether another file has taken the place of the one that was there, as far as is known. The names of a
    /// file that both have show its edits; those of one that was replaced do not.
    var isReplaced: Bool {
        guard status != .renamed, let was = change.was?.number, let now = change.now?.number else {
            return false
        }
        // Of two workspaces only files of the base can be told.
        return was != now && (was.local != now.local || was & 1 << 47 != 0)
    }

    /// Whether it gives a file a name that may not be the only one.
    var isLink: Bool {
        guard let now = change.now, now.type != .directory, now.record.links > 1 else { return false }
        return status == .added || isReplaced
    }
}

struct MergeConflicts {
    let ancestor: MergeSide
    let source: MergeSide
    let target: MergeSide
    /// The name of the workspace that is merged into.
    let name: FileName
    let paths: PathMoves
    /// What the target has at the paths that were looked at.
    private(set) var seen: [[UInt8]: SeenNode?] = [:]

    init(
        ancestor: MergeSide, source: MergeSide, target: MergeSide, name: FileName, changes: [MergeChange]
    ) throws(Errno) {
        (self.ancestor, self.source, self.target, self.name) = (ancestor, source, target, name)
        paths = Self.paths(changes.map(\.change))
    }

    enum Verdict {
        case none(MergeChange)
        /// The target has it already.
        case equal
        /// What does not conflict is left if the target keeps what it has.
        case conflict(CommitConflict, rest: MergeChange? = nil)
    }

    private static func conflict(_ path: [UInt8], _ reason: String) -> Verdict {
        .conflict(CommitConflict(path: path, reason: reason))
    }

    private static func paths(_ changes: [NodeChange]) -> PathMoves {
        var paths = PathMoves()
        for change in changes {
            switch change.difference.status {
            case .renamed: if let old = change.difference.oldPath { paths.move(old, to: change.path) }
            case .deleted: paths.removed.insert(change.path)
            case .added, .type: paths.added.insert(change.path)
            case .modified, .attributes: continue
            }
        }
        for change in changes where change.difference.status == .type {
            if let old = paths.place(of: change.path) { paths.removed.insert(old) }
        }
        return paths
    }

    /// Returns what the target has at one of its paths.
    mutating func now(_ path: [UInt8]) throws(Errno) -> ViewNode? {
        let node = try target.node(at: path)
        seen[path] = .some(node.map(SeenNode.init))
        return node
    }

    mutating func verdict(_ merge: MergeChange) throws(Errno) -> Verdict {
        let change = merge.change
        if let reason = try parentFault(change) { return Self.conflict(change.path, reason) }
        switch change.difference.status {
        case .added: return try added(merge)
        case .renamed: return try renamed(merge)
        case .deleted: return try deleted(merge)
        case .modified, .attributes, .type: return try changed(merge)
        }
    }

    /// Returns why a name cannot be made in the directory above it.
    mutating func parentFault(_ change: NodeChange) throws(Errno) -> String? {
        if change.difference.status == .deleted || change.path.isEmpty { return nil }
        guard let parent = paths.before(PathMoves.parent(change.path)), !parent.isEmpty else { return nil }
        guard let found = try now(parent) else { return "its directory was removed or renamed in \(name)" }
        return found.type == .directory ? nil : "\(name) has a \(found.type) in place of its directory"
    }

    private mutating func added(_ merge: MergeChange) throws(Errno) -> Verdict {
        let change = merge.change
        guard let place = paths.place(of: change.path), !paths.isLeft(place), let own = change.now,
            let now = try now(place) else { return .none(merge) }
        if own.type == .directory, now.type == .directory { return .equal }
        if try source.isSame(own, as: now, target) { return .equal }
        return .conflict(
            CommitConflict(
                path: change.path, reason: "both have made it",
                isContent: own.type == .regular && now.type == .regular))
    }

    private mutating func renamed(_ merge: MergeChange) throws(Errno) -> Verdict {
        let change = merge.change
        guard let old = change.difference.oldPath, let was = change.was, let own = change.now else {
            return .none(merge)
        }
        guard let now = try now(old) else {
            if let place = paths.place(of: change.path), let there = try self.now(place),
                try source.isSame(own, as: there, target) { return .equal }
            return Self.conflict(change.path, "it was removed or renamed in \(name)")
        }
        guard try ancestor.isSame(was, as: now, target) else {
            return Self.conflict(change.path, "it was changed in \(name)")
        }
        if let place = paths.place(of: change.path), !paths.isLeft(place), try self.now(place) != nil {
            return Self.conflict(change.path, "\(name) has got a file of that name")
        }
        return .none(merge)
    }

    private mutating func deleted(_ merge: MergeChange) throws(Errno) -> Verdict {
        let path = merge.path
        guard let now = try now(path) else { return .equal }
        guard let was = merge.change.was, was.type == now.type else {
            return Self.conflict(path, "it was replaced in \(name)")
        }
        if now.type == .directory {
            if try hasNames(in: path) {
                return Self.conflict(path, "\(name) has got files in this directory")
            }
            return .none(merge)
        }
        if try ancestor.isSame(was, as: now, target) { return .none(merge) }
        return Self.conflict(path, "it was changed in \(name)")
    }

    private mutating func changed(_ merge: MergeChange) throws(Errno) -> Verdict {
        let change = merge.change
        guard let place = paths.place(of: change.path), let own = change.now, let was = change.was else {
            return .none(merge)
        }
        guard let now = try now(place) else {
            return Self.conflict(change.path, "it was removed or renamed in \(name)")
        }
        if try source.isSame(own, as: now, target) { return .equal }
        let reason = CommitConflict(
            path: change.path, reason: "it was changed in \(name)",
            isContent: own.type == .regular && now.type == .regular && change.difference.status == .modified)
        guard was.type == now.type else { return .conflict(reason) }
        if was.type == .directory, own.type != .directory, try hasNames(in: place) {
            return Self.conflict(change.path, "\(name) has got files in this directory")
        }
        if own.type != was.type {
            return try ancestor.isSame(was, as: now, target) ? .none(merge) : .conflict(reason)
        }
        // Content and attributes are merged each by itself.
        var merge = merge
        merge.takesContent = change.difference.status != .attributes
        merge.takesAttributes = try !ancestor.hasAttributes(was, of: own, source)
        // Another file takes the place, with content and attributes of its own.
        let isWhole = merge.isReplaced
            && (own.record.links > 1 || now.record.links > 1 || own.type != .regular)
        if isWhole { return try ancestor.isSame(was, as: now, target) ? .none(merge) : .conflict(reason) }
        let areAttributesFree = try merge.takesAttributes ? hasAttributes(was, orOf: own, now) : true
        if merge.takesContent, try !ancestor.hasContent(was, of: now, target) {
            guard try source.hasContent(own, of: now, target) else {
                merge.takesContent = false
                return .conflict(reason, rest: merge.takesAttributes && areAttributesFree ? merge : nil)
            }
            merge.takesContent = false
        }
        if areAttributesFree { return .none(merge) }
        merge.takesAttributes = false
        return .conflict(
            CommitConflict(
                path: change.path, reason: "its mode, owner or attributes were changed in \(name)"),
            rest: merge.takesContent ? merge : nil)
    }

    /// Whether the target has the attributes of the common state still, or those of the source already.
    private func hasAttributes(
        _ was: ViewNode, orOf own: ViewNode, _ now: ViewNode
    ) throws(Errno) -> Bool {
        if try ancestor.hasAttributes(was, of: now, target) { return true }
        return try source.hasAttributes(own, of: now, target)
    }

    /// Returns whether a directory of the target has names that the merge leaves there.
    func hasNames(in path: [UInt8]) throws(Errno) -> Bool {
        guard let directory = try target.node(at: path), directory.type == .directory else { return false }
        return try target.view.list(directory).contains {
            !paths.isLeft(BasePlace.join(path, $0.name.bytes))
        }
    }
}
