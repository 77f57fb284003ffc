// CommitConflicts: compares three states of a path: the base as the workspace saw it, the base now, and the
// workspace. Where both sides changed it, the change conflicts, unless both made the same.

internal import Overlay
internal import Platform
internal import Storage

extension CommittedVersion {
    /// Whether the base still has what the commit left there. The number of names does not count.
    func isLeft(_ now: FileStatus) -> Bool {
        guard let after else { return false }
        return after.hasContent(of: now) && after.mode == now.mode && after.user == now.user
            && after.group == now.group
    }
}

/// What happens to paths that both sides changed.
package enum ConflictChoice: Sendable {
    /// Nothing is committed.
    case refuse
    /// The workspace's state is committed; the base's is kept for the workspaces that see it.
    case ours
    /// The base keeps what it has; the workspace keeps its change.
    case theirs
}

struct CommitConflicts {
    let workspace: Workspace
    let base: CommitBase
    /// The workspace at the moment of the commit.
    let view: TimeView
    let paths: PathMoves
    /// The numbers of the commits of this workspace.
    let own: Set<UInt64>
    /// What it has committed before.
    let versions: [[UInt8]: CommittedVersion]

    /// The largest file that is compared, in bytes, to see whether both sides made the same change.
    private static let mostCompared: UInt64 = 64 << 20

    enum Verdict: Equatable {
        case none
        /// The base has it already.
        case equal
        case conflict(CommitConflict)
    }

    func verdict(_ change: NodeChange) throws(Errno) -> Verdict {
        let difference = change.difference
        if let clause = try parentFault(change) {
            return .conflict(CommitConflict(path: change.path, reason: clause))
        }
        switch difference.status {
        case .added: return try added(change)
        case .renamed:
            guard let old = difference.oldPath else { return .none }
            if let found = try changed(change, at: old) { return .conflict(found) }
            if try isTaken(difference.path) {
                return .conflict(
                    CommitConflict(path: difference.path, reason: "the base has got a file of that name"))
            }
            return .none
        case .deleted:
            guard let now = try base.status(ifPresent: difference.path) else {
                guard try renamed(change) != nil else { return .equal }
                return .conflict(
                    CommitConflict(path: difference.path, reason: "it was renamed in the base"))
            }
            if try isUnseen(difference.path) { return .equal }
            if now.type == .directory, try base.hasNames(in: difference.path, besides: paths) {
                return .conflict(
                    CommitConflict(path: difference.path, reason: "the base has got files in this directory"))
            }
            return try changed(change, at: difference.path).map { .conflict($0) } ?? .none
        case .modified, .attributes, .type:
            guard let path = paths.place(of: difference.path) else { return .none }
            guard let now = try base.status(ifPresent: path) else {
                return .conflict(CommitConflict(path: difference.path, reason: "it was removed in the base"))
            }
            guard var found = try changed(change, at: path) else { return .none }
            if try isEqual(change, path, now) { return .equal }
            found.isContent = change.now?.type == .regular && now.type == .regular
                && difference.status == .modified
            return .conflict(found)
        }
    }

    /// Returns where the base has a file now that the workspace removed, and that was renamed there, perhaps
    /// with a directory above it.
    func renamed(_ change: NodeChange) throws(Errno) -> [UInt8]? {
        guard let seen = change.was?.place?.path, let now = try workspace.base.pathNow(seen),
            now != change.path, try base.status(ifPresent: now) != nil else { return nil }
        return now
    }

    /// Returns whether a file lies in a directory that both sides have made, the base after the workspace: it
    /// was never seen there.
    private func isUnseen(_ path: [UInt8]) throws(Errno) -> Bool {
        let above = PathMoves.parent(path)
        guard !above.isEmpty, let node = view.node(at: paths.after(above)), node.type == .directory,
            node.place == nil, let status = try base.status(ifPresent: above) else { return false }
        return status.birthTime > node.record.birthTime
    }

    /// Returns why a name cannot be made in the directory above it.
    func parentFault(_ change: NodeChange) throws(Errno) -> String? {
        if change.difference.status == .deleted || change.path.isEmpty { return nil }
        guard let parent = paths.before(PathMoves.parent(change.path)) else { return nil }
        if parent.isEmpty { return nil }
        guard let status = try base.status(ifPresent: parent) else {
            return "its directory was removed or renamed in the base"
        }
        return status.type == .directory ? nil : "the base has a \(status.type) in place of its directory"
    }

    private func isTaken(_ path: [UInt8]) throws(Errno) -> Bool {
        guard let old = paths.place(of: path), !paths.isLeft(old) else { return false }
        return try base.status(ifPresent: old) != nil
    }

    private func added(_ change: NodeChange) throws(Errno) -> Verdict {
        guard let path = paths.place(of: change.path), !paths.isLeft(path),
            let now = try base.status(ifPresent: path) else { return .none }
        if change.now?.type == .directory, now.type == .directory { return .equal }
        if try isEqual(change, path, now) { return .equal }
        if let version = versions[change.path], version.isPresent, version.isLeft(now) {
            return .none
        }
        return .conflict(
            CommitConflict(
                path: change.path, reason: "both have made it",
                isContent: change.now?.type == .regular && now.type == .regular))
    }

    /// Returns the conflict of a path that the base had when the workspace began, or when it last committed
    /// it.
    private func changed(_ change: NodeChange, at path: [UInt8]) throws(Errno) -> CommitConflict? {
        let name = change.path
        let seen = change.was?.place?.path
        // Attributes of a directory have nothing to do with the names in it.
        let isWhole = change.difference.status != .attributes
        if let seen, try workspace.base.isChanged(seen, own: own, below: isWhole) {
            return CommitConflict(
                path: name, reason: "it was changed in the base, by a commit", seen: versions[path]?.commit)
        }
        guard let now = try base.status(ifPresent: path) else {
            return CommitConflict(path: name, reason: "it was removed or renamed in the base")
        }
        if let version = versions[path], version.isPresent {
            if version.type == .directory || version.isLeft(now) { return nil }
            return CommitConflict(
                path: name, reason: "it was changed in the base since it was committed", seen: version.commit)
        }
        guard let was = change.was else { return nil }
        if change.difference.status == .deleted, let seen, try isNewer(than: change.path, seen) {
            return CommitConflict(
                path: name, reason: "it was changed in the base after it was removed here")
        }
        guard was.type == .regular else { return nil }
        let origin = try workspace.withTree { (tree) throws(Errno) in try tree.knownOrigin(was.number) }
        if origin == nil, try isNewer(now, than: change, seen) {
            return CommitConflict(path: name, reason: "it was changed in the base, by another program")
        }
        // Without an origin it was not touched before it lost its name: it was what the base had.
        guard let origin, try !origin.fits(workspace.base.status(BasePlace(path: origin.path))) else {
            return nil
        }
        return CommitConflict(path: name, reason: "it was changed in the base, by another program")
    }

    /// Returns whether a base file changed after the workspace made a file of its own in place of it, as
    /// programs do that write a new file and rename it.
    private func isNewer(
        _ now: FileStatus, than change: NodeChange, _ seen: [UInt8]?
    ) throws(Errno) -> Bool {
        guard change.difference.status != .deleted, let seen, let node = change.now,
            now.changeTime > node.record.birthTime else { return false }
        // A commit that a refresh has brought is known.
        if let version = try workspace.base.lastCommitted(at: seen), version.isPresent {
            return !version.isLeft(now)
        }
        return !node.record.flags.contains(.hasOrigin)
    }

    /// Returns whether a base file changed after the workspace removed it, as far as times tell: after the
    /// last change of names in the directory that the workspace still has above it.
    private func isNewer(than path: [UInt8], _ seen: [UInt8]) throws(Errno) -> Bool {
        let status = try workspace.base.status(BasePlace(path: seen))
        var above = PathMoves.parent(paths.after(path))
        while true {
            if let directory = view.node(at: above), directory.type == .directory, directory.hasRow {
                return status.changeTime > directory.record.changeTime
            }
            if above.isEmpty { return false }
            above = PathMoves.parent(above)
        }
    }

    /// Returns whether the base has at a path what the workspace has.
    private func isEqual(
        _ change: NodeChange, _ path: [UInt8], _ now: FileStatus
    ) throws(Errno) -> Bool {
        guard let node = change.now, node.type == now.type else { return false }
        let record = node.record
        guard record.mode == now.mode, record.user == now.user, record.group == now.group else {
            return false
        }
        if try base.xattrs(path) != view.visibleXattrs(of: node) { return false }
        switch node.type {
        case .directory: return true
        case .symlink:
            let place = BasePlace(path: path)
            return try base.directory(place.directory).readSymlink(place.name) == view.symlinkTarget(node)
        case .regular:
            guard record.size == now.size, now.size <= Self.mostCompared else { return false }
            return try hasEqualBytes(node, path, now.size)
        default: return record.specialDevice == now.specialDevice
        }
    }

    private func hasEqualBytes(
        _ node: ViewNode, _ path: [UInt8], _ size: UInt64
    ) throws(Errno) -> Bool {
        let place = BasePlace(path: path)
        let file = try File.openBeneath(
            place.name, in: base.directory(place.directory), flags: OpenFlags.readFile)
        var at: UInt64 = 0
        while at < size {
            let count = Int(min(size - at, 1 << 20))
            var ours = [UInt8](repeating: 0, count: count)
            let read = try view.read(node, over: &ours, at: at)
            let theirs = try file.readBytes(count, at: at)
            if read != count || theirs != ours { return false }
            at += UInt64(count)
        }
        return true
    }
}
