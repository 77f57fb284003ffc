// ChangedLinks: rollback of single paths: files of the base with several names there. One that was edited
// under a name shows that under all of them, in directories of which the overlay knows nothing.

internal import Overlay
internal import Platform
internal import Storage

/// Which of the base's names lead to files that changed since a moment.
final class ChangedLinks {
    /// Inode numbers in the base of changed files that have several names there; of any device, so it
    /// may name too many.
    private let inodes: Set<UInt64>
    /// Of files that have numbers of their own here: the base's alone does not say what is known of them.
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
            // What has gone from the base has no name there.
            guard let path = try tree.knownOrigin(number)?.path,
                let status = try? tree.base.status(BasePlace(path: path)),
                status.type != .directory, status.links > 1
            else { continue }
            found.insert(status.inode)
        }
        inodes = found
        aliased = Set(tree.identity.aliases.keys.map(\.inode))
    }

    /// Whether a name of the base leads to such a file, or to a directory with such a name below.
    func includes(
        _ entry: HostEntry, in directory: [UInt8], _ base: BaseTree
    ) throws(Errno) -> Bool {
        if inodes.contains(entry.inode) || aliased.contains(entry.inode) { return true }
        guard entry.type == .directory else { return false }
        return try lieBelow(BasePlace(directory: directory, name: entry.name.bytes).path, base)
    }

    /// Whether a directory of the base has such a name somewhere below.
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
