// Clone: copies a file or a whole directory by metadata alone; see TreeCopy.

package import Overlay
internal import Platform
internal import Storage

extension TreeCommands {
    /// Copies a file or a whole directory without moving data, all or nothing.
    /// - Throws: ENOENT, EEXIST if `target` exists, EINVAL for a directory into itself, ENOSPC.
    package func clone(
        _ source: [UInt8], to target: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        do throws(Errno) {
            // The content of a single file is pinned, as for cp; a directory may have any number of files.
            // The clone itself reports what is wrong with the path.
            let wish = try? workspace.withTree { (tree) throws(Errno) in
                try tree.baseFiles.missingPin(tree.paths.find(path: source).inode.number, kept: [])
            }
            return try workspace.baseFiles.keeping(wish ?? nil) { (kept) throws(Errno) in
                try clone(source, to: target, kept: kept, caller: caller)
            }
        } catch {
            throw CommandError(error, cloneFailure(error, source, target))
        }
    }

    private func clone(
        _ source: [UInt8], to target: [UInt8], kept: Set<PinIdentity>, caller: Caller
    ) throws(Errno) -> CommandOutcome {
        try workspace.gate.alone { () throws(Errno) in
            try workspace.withTree { (tree) throws(Errno) in
                var plan = try Clone(tree).plan(
                    source, to: target, stamp: caller.stamp(workspace.clock.realtime()), kept: kept)
                return try plan.apply(as: .clone, backupComment: nil)
            }
        }
    }

    private func cloneFailure(_ error: Errno, _ source: [UInt8], _ target: [UInt8]) -> String {
        let (from, to) = (pathInWords(source), pathInWords(target))
        switch error {
        case .noEntry:
            if (try? workspace.number(at: source)) == nil { return "there is no \(from)" }
            return "there is no directory for \(to): make it first"
        case .notDirectory: return "a part of the path \(from) or \(to) is a file, not a directory"
        case .exists: return "\(to) exists already: remove it first, or choose another name"
        case .invalid: return "\(from) cannot be cloned into itself"
        case .quota: return "a limit is reached: \(from) was not cloned; raise the limit"
        case .noSpace: return "the store is full: \(from) was not cloned; make room and try again"
        default: return "\(from) was not cloned to \(to): \(error)"
        }
    }
}

/// Plans a clone.
private struct Clone {
    let now: TreeAtMoment

    init(_ tree: Tree) { now = TreeAtMoment(tree, at: tree.sequence.last) }

    func plan(
        _ source: [UInt8], to target: [UInt8], stamp: Stamp, kept: Set<PinIdentity>
    ) throws(Errno) -> PlannedTree {
        var plan = PlannedTree(now.tree, stamp: stamp, kept: kept)
        guard let from = try find(source) else { throw .noEntry }
        var names: [FileName] = []
        for part in target.split(separator: 0x2f) { names.append(try FileName(Array(part))) }
        guard let name = names.popLast() else { throw .exists }
        var directory = try now.root()
        if from.number == directory.number { throw .invalid }
        for part in names {
            guard let next = try now.child(part, of: directory) else {
                throw .noEntry
            }
            guard next.type == .directory else { throw .notDirectory }
            directory = next
            if directory.number == from.number { throw .invalid }
        }
        if try now.child(name, of: directory) != nil { throw .exists }
        // The directory needs a row before it takes a name.
        try plan.touch(directory)
        try plan.touchDirectory(directory, links: from.type == .directory ? 1 : 0)
        var copy = TreeCopy(now)
        _ = try copy.copy(from, name, in: directory, withChildren: true, into: &plan)
        return plan
    }

    private func find(_ path: [UInt8]) throws(Errno) -> ViewNode? {
        var node = try now.root()
        for part in path.split(separator: 0x2f) {
            guard node.type == .directory else { throw .notDirectory }
            let name = try FileName(Array(part))
            guard let next = try now.child(name, of: node) else { return nil }
            node = next
        }
        return node
    }
}
