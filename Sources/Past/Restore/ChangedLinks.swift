// ChangedLinks: used by a rollback of single paths for base files with several names. A file that was
// edited under one name shows the edit under all of them, also in directories that the workspace has not
// touched.

internal import Overlay
internal import Platform
internal import Storage

/// The names of the base that lead to files changed since a moment.
final class ChangedLinks {
    /// Inode numbers in the base of changed files that have several names there. The device is ignored, so
    /// the set may contain too many.
    private let inodes: Set<UInt64>
    /// Base inodes that have an alias: the base's number alone does not tell what the workspace knows of
    /// them.
    private let aliased: Set<UInt64>
    /// Directories of the base whose trees were walked, and those of them with such a name somewhere below.
    private var walked: Set<[UInt8]> = []
    private var marked: Set<[UInt8]> = []

    init(since past: TreeAtMoment) throws(Errno) {
        let tree = past.tree
        var numbers = Set(past.delta.inodes.keys)
        numbers.formUnion(try tree.editedInodes(after: past.sequence))
        var found: Set<UInt64> = []
        for number in numbers {
            // A file that was removed from the base has no name there.
            guard let path = try tree.knownOrigin(number)?.path,
                let status = try? tree.base.status(BasePlace(path: path)),
                status.type != .directory, status.links > 1
            else { continue }
            found.insert(status.inode)
        }
        inodes = found
        aliased = Set(tree.identity.aliases.keys.map(\.inode))
    }

    /// Returns whether a name of the base leads to such a file, or to a directory with such a name below.
    func includes(
        _ entry: HostEntry, in directory: [UInt8], _ base: BaseTree
    ) throws(Errno) -> Bool {
        if inodes.contains(entry.inode) || aliased.contains(entry.inode) { return true }
        guard entry.type == .directory else { return false }
        return try lieBelow(BasePlace(directory: directory, name: entry.name.bytes).path, base)
    }

    /// Returns whether a directory of the base has such a name somewhere below.
    func lieBelow(_ path: [UInt8], _ base: BaseTree) throws(Errno) -> Bool {
        guard !inodes.isEmpty else { return false }
        try walk(path, base)
        return marked.contains(path)
    }

    private func walk(_ top: [UInt8], _ base: BaseTree) throws(Errno) {
        var open = walked.contains(top) ? [] : [top]
        while let path = open.popLast() {
            guard walked.insert(path).inserted else { continue }
            for entry in try base.list(path) {
                if entry.type == .directory {
                    open.append(BasePlace(directory: path, name: entry.name.bytes).path)
                } else if inodes.contains(entry.inode) {
                    mark(upFrom: path)
                }
            }
        }
    }

    private func mark(upFrom path: [UInt8]) {
        var path = path
        while !path.isEmpty, marked.insert(path).inserted { path = BasePlace(path: path).directory }
    }
}
