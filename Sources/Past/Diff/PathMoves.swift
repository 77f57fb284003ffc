// PathMoves: where paths of the base are before a commit, and where the changes of a workspace put them.

internal import Overlay
internal import Platform

struct PathMoves: Sendable {
    /// Paths of the base whose file or directory is removed.
    var removed: Set<[UInt8]> = []
    /// Renames by the old path in the base, and by the new one.
    private(set) var newPaths: [[UInt8]: [UInt8]] = [:]
    private(set) var oldPaths: [[UInt8]: [UInt8]] = [:]
    /// Paths that get a new file or directory.
    var added: Set<[UInt8]> = []

    mutating func move(_ old: [UInt8], to new: [UInt8]) {
        newPaths[old] = new
        oldPaths[new] = old
    }

    static func parent(_ path: [UInt8]) -> [UInt8] { BasePlace(path: path).directory }

    /// Whether a path is another one, or lies below it.
    static func isBelow(_ path: [UInt8], _ above: [UInt8]) -> Bool {
        above.isEmpty || path == above
            || path.count > above.count && path[above.count] == 0x2f && path.starts(with: above)
    }

    /// Returns the path in the base, before the commit, of what a path of the workspace leads to.
    /// - Returns: nil for something that the commit makes.
    func before(_ path: [UInt8]) -> [UInt8]? {
        if added.isEmpty, oldPaths.isEmpty { return path }
        var end = path.count
        while end > 0 {
            let above = Array(path[..<end])
            if added.contains(above) { return nil }
            if let old = oldPaths[above] { return old + path[end...] }
            end = path[..<end].lastIndex(of: 0x2f) ?? 0
        }
        return path
    }

    /// Returns the path in the base, before the commit, of a name: that of the directory, and the name in it.
    /// - Returns: nil for a name in a directory that the commit makes.
    func place(of path: [UInt8]) -> [UInt8]? {
        if path.isEmpty { return path }
        let place = BasePlace(path: path)
        return before(place.directory).map { BasePlace.join($0, place.name) }
    }

    /// Returns the path after the commit of what is at a path of the base before it.
    func after(_ path: [UInt8]) -> [UInt8] {
        if newPaths.isEmpty { return path }
        var end = path.count
        while end > 0 {
            if let new = newPaths[Array(path[..<end])] { return new + path[end...] }
            end = path[..<end].lastIndex(of: 0x2f) ?? 0
        }
        return path
    }

    /// Whether what is at a path of the base leaves it.
    func isLeft(_ path: [UInt8]) -> Bool { removed.contains(path) || newPaths[path] != nil }

    /// Whether a directory above a path is removed.
    func isBelowRemoved(_ path: [UInt8]) -> Bool { removed.contains(Self.parent(path)) }
}
