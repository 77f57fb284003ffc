// HeldFiles: files and directories without changes that the kernel knows, so that processes may have them
// open. They keep their inodes in a refresh: what is written to them goes on.

internal import Overlay
internal import Platform
internal import Storage

struct HeldFiles {
    private let tree: Tree
    private let versions: [[UInt8]: CommittedVersion]
    private var finder: PathFinder

    init(_ tree: Tree, _ versions: [[UInt8]: CommittedVersion]) {
        self.tree = tree
        self.versions = versions
        finder = PathFinder(tree)
    }

    private func isHeld(_ number: InodeNumber) -> Bool { (tree.inodes[number]?.lookups ?? 0) > 0 }

    /// Returns the path of a name; nil if it is too long.
    mutating func path(of place: NamePlace) throws(Errno) -> [UInt8]? {
        guard let found = try finder.find(place, tree), !found.isCut else { return nil }
        return found.bytes
    }

    /// Returns the directories in use that were made here, a directory before what it contains.
    mutating func directories(
        _ names: [(place: NamePlace, entry: Entry)]
    ) throws(Errno) -> [(path: [UInt8], number: InodeNumber)] {
        var found: [(path: [UInt8], number: InodeNumber)] = []
        for (place, entry) in names where entry.type == .directory && isHeld(entry.inode) {
            guard let row = try tree.row(entry.inode), !row.flags.contains(.hasOrigin),
                let path = try path(of: place) else { continue }
            found.append((path, entry.inode))
        }
        return found.sorted { $0.path.lexicographicallyPrecedes($1.path) }
    }

    /// Returns whether a file in use has what the base has: it was committed so, or no commit that it does
    /// not know has changed it.
    func isUnchanged(_ row: InodeRecord, at path: [UInt8], _ status: FileStatus) throws(Errno) -> Bool {
        guard isHeld(row.number) else { return false }
        if let version = versions[path], version.isPresent {
            return version.isSame(row) && version.isLeft(status)
        }
        return try !tree.base.isChanged(EpochPath.below(tree.base.top, path), own: [])
    }
}
