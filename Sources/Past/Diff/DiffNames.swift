// DiffNames: finds the paths of two trees that lead to different inodes. It examines only names that may
// differ, and enters directories only where a whole one was added or removed. No path is longer than a
// system call takes: a difference deeper below is reported for the directory above it.

internal import Overlay
internal import Platform
internal import Storage

struct DiffNames {
    var old: DiffSide
    var new: DiffSide
    /// Paths that led to an inode and do not now, and the reverse.
    private(set) var removed: [[UInt8]: DiffSide.Child] = [:]
    private(set) var added: [[UInt8]: DiffSide.Child] = [:]
    private var movedPaths: Set<[UInt8]> = []
    private(set) var moved: [(from: [UInt8], to: [UInt8], child: DiffSide.Child)] = []
    /// Directories below which something differs that is too deep for a path.
    private(set) var deep: Set<[UInt8]> = []

    /// - Parameter names: names that may differ, by directory.
    init(
        old: DiffSide, new: DiffSide, names: [InodeNumber: Set<FileName>]
    ) throws(Errno) {
        self.old = old
        self.new = new
        for directory in names.keys { try shareBasePath(of: directory) }
        for (directory, names) in names { try compare(directory, names) }
        try addBelow()
        pair()
    }

    /// Passes on a base path: one side may know the place in the base of a file that the other has not
    /// touched.
    mutating func shareBasePath(of key: InodeNumber) throws(Errno) {
        if let path = try new.basePath(key) { return old.hint(key, path) }
        if let path = try old.basePath(key) { new.hint(key, path) }
    }

    private mutating func compare(
        _ directory: InodeNumber, _ names: Set<FileName>
    ) throws(Errno) {
        let oldPath = try old.path(directory)
        let newPath = try new.path(directory)
        if oldPath == nil, newPath == nil { return }
        for name in names {
            let was = oldPath == nil ? nil : try old.child(name, of: directory)
            let now = newPath == nil ? nil : try new.child(name, of: directory)
            if was?.key == now?.key { continue }
            if let was, let now, try showSameDirectory(was, now) { continue }
            if let was, let oldPath {
                if oldPath.isCut { noteDeep(oldPath) } else {
                    removed[Self.join(oldPath.bytes, name)] = was
                }
            }
            if let now, let newPath {
                if newPath.isCut { noteDeep(newPath) } else {
                    added[Self.join(newPath.bytes, name)] = now
                }
            }
        }
    }

    /// Returns whether two directories show the same directory of the base. Another workspace may know it
    /// by the inode that it had before the base was recreated.
    private func showSameDirectory(
        _ was: DiffSide.Child, _ now: DiffSide.Child
    ) throws(Errno) -> Bool {
        guard was.type == .directory, now.type == .directory,
            let path = try old.basePath(was.key) else { return false }
        return try new.basePath(now.key).map(EpochPath.plain) == EpochPath.plain(path)
    }

    mutating func noteDeep(_ path: FoundPath) { deep.insert(path.bytes) }

    static func join(_ path: [UInt8], _ name: FileName) -> [UInt8] {
        BasePlace.join(path, name.bytes)
    }

    /// Adds the contents of directories that exist on one side only.
    private mutating func addBelow() throws(Errno) {
        var open = removed.filter { $0.value.type == .directory }.map { ($0.key, $0.value.key) }
        while let (path, key) = open.popLast() {
            // The directory was moved, with all its contents.
            if try new.path(key) != nil { continue }
            for (name, child) in try old.list(key) {
                let inner = Self.join(path, name)
                guard removed[inner] == nil else { continue }
                removed[inner] = child
                if child.type == .directory, inner.count <= PathFinder.longestPath {
                    open.append((inner, child.key))
                }
            }
        }
        open = added.filter { $0.value.type == .directory }.map { ($0.key, $0.value.key) }
        while let (path, key) = open.popLast() {
            if try old.path(key) != nil { continue }
            for (name, child) in try new.list(key) {
                let inner = Self.join(path, name)
                guard added[inner] == nil else { continue }
                added[inner] = child
                if child.type == .directory, inner.count <= PathFinder.longestPath {
                    open.append((inner, child.key))
                }
            }
        }
    }

    /// Pairs the removed and added paths of one inode as renames.
    private mutating func pair() {
        var from: [InodeNumber: [[UInt8]]] = [:]
        for (path, child) in removed {
            if added[path]?.key == child.key {
                moved.append((path, path, child))
                removed[path] = nil
                added[path] = nil
            } else {
                from[child.key, default: []].append(path)
            }
        }
        for key in from.keys { from[key]?.sort { $0.lexicographicallyPrecedes($1) } }
        let targets = added.keys.sorted { $0.lexicographicallyPrecedes($1) }
        for path in targets {
            guard let child = added[path], let source = from[child.key]?.first else { continue }
            from[child.key]?.removeFirst()
            moved.append((source, path, child))
            movedPaths.formUnion([source, path])
            removed[source] = nil
            added[path] = nil
        }
        // A file that kept its path while the directory above it was replaced gets a line only if the
        // directory's own line would say otherwise.
        moved = moved.filter { $0.from != $0.to || isBelowMoved($0.from) }
    }

    /// Returns whether one file took the place of another at a path. Below a renamed directory no place is
    /// the same, whatever its path.
    func isReplaced(_ path: [UInt8]) -> Bool {
        removed[path] != nil && added[path] != nil && !isBelowMoved(path)
    }

    /// Returns whether a file was moved to a path, or from it.
    func isMoved(_ path: [UInt8]) -> Bool { movedPaths.contains(path) }

    private func isBelowMoved(_ path: [UInt8]) -> Bool {
        // A deep path has many directories above it.
        if movedPaths.isEmpty { return false }
        return path.indices.contains { path[$0] == 0x2f && movedPaths.contains(Array(path[..<$0])) }
    }
}
