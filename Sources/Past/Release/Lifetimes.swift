// Lifetimes: when the files that have edit logs existed, from a moment on. The content of a file that existed
// neither at a moment that counts nor since is needed by nothing.

internal import Overlay
internal import Platform
internal import Storage

struct Lifetimes {
    /// The changes of each file after which it exists, or no longer does, in order.
    private var turns: [InodeNumber: [(sequence: UInt64, exists: Bool)]] = [:]
    /// Whether each of these files existed before the first of these changes.
    private var before: [InodeNumber: Bool] = [:]
    /// The files that existed when the changes were read, and those without a name that were in use.
    private var present: Set<InodeNumber> = []
    private var held: Set<InodeNumber> = []

    /// The number of files that are looked up while the tree is locked.
    private static let batch = 256

    /// - Parameters:
    ///   - sequence: the earliest moment that counts.
    ///   - numbers: the files.
    init(
        of numbers: Set<InodeNumber>, in workspace: Workspace, after sequence: UInt64
    ) throws(StorageError) {
        // First of all: what is removed from now on shows in the changes.
        try findPresent(Array(numbers), workspace)
        try workspace.treeLog.changes(after: sequence) { (header, _, changes) in
            for case .inode(let number, let was, let after) in changes where numbers.contains(number) {
                let exists = (after?.links ?? 0) > 0
                if before[number] == nil { before[number] = (was?.links ?? 0) > 0 }
                if (turns[number]?.last?.exists ?? before[number]) != exists {
                    turns[number, default: []].append((header.sequence, exists))
                }
            }
        }
    }

    private mutating func findPresent(
        _ numbers: [InodeNumber], _ workspace: Workspace
    ) throws(StorageError) {
        for start in stride(from: 0, to: numbers.count, by: Self.batch) {
            let part = numbers[start..<min(start + Self.batch, numbers.count)]
            do throws(Errno) {
                let (named, used) = try workspace.withTree { (tree) throws(Errno) in
                    var named: [InodeNumber] = []
                    for number in part {
                        if let row = try tree.row(number), row.links > 0 { named.append(number) }
                    }
                    return (named, part.filter { Self.isHeld($0, tree) })
                }
                present.formUnion(named)
                held.formUnion(used)
            } catch {
                throw .system(error, doing: "look up files of", path: "workspace \(workspace.id)")
            }
        }
    }

    /// Whether a file existed at a moment.
    func exists(_ number: InodeNumber, at sequence: UInt64) -> Bool {
        guard let first = before[number] else { return present.contains(number) }
        return turns[number]?.last { $0.sequence <= sequence }?.exists ?? first
    }

    /// Whether a file existed at a moment or after it.
    func exists(_ number: InodeNumber, since sequence: UInt64) -> Bool {
        held.contains(number) || exists(number, at: sequence)
            || turns[number]?.contains { $0.sequence > sequence && $0.exists } ?? false
    }

    /// Whether the log of a file without a name may be read or written: a process may have the file open.
    static func isHeld(_ number: InodeNumber, _ tree: Tree) -> Bool {
        if tree.openLogs.hasWriters(number) { return true }
        guard let inode = tree.inodes[number] else { return false }
        return inode.lookups > 0 && inode.record.links == 0
    }
}
