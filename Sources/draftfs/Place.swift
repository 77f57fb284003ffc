// Place: the workspace (or the list of workspaces) that a command is about, found by walking up to
// the directory that has `.draft`, and paths as the control files want them. Symlinks in a path's
// parents are followed, the last component is not: a command is about the link itself.

import Glibc
import Overlay

struct Place {
    /// Absolute, without symlinks: the directory that has `.draft`.
    let root: String
    /// What relative paths are relative to.
    let start: String

    /// - Parameter directory: where to act as if started; nil for the current directory, or for
    ///   where the first of the paths leads.
    init(directory: String?, paths: [String] = []) throws(Failure) {
        start = Placement.resolve(directory ?? ".")
        var tried = [start]
        if directory == nil, let path = paths.first {
            tried.insert(Self.absolute(path, from: start), at: 0)
        }
        for path in tried {
            if let root = Self.root(above: path) {
                self.root = root
                return
            }
        }
        throw Failure(
            "\(paths.first ?? directory ?? ".") is not in a draftfs mount, or its control files "
                + "are not yours to read: go into a workspace, or name one with -C DIR")
    }

    /// The nearest directory at or above `path` that has control files.
    static func root(above path: String) -> String? {
        var directory = path
        var found = stat()
        if lstat(directory, &found) == 0, found.st_mode & S_IFMT == S_IFLNK {
            directory = parent(directory)
        }
        while true {
            if access("\(directory)/.draft/status", F_OK) == 0 { return directory }
            if directory == "/" { return nil }
            directory = parent(directory)
        }
    }

    /// "/" and the path below the workspace's root, which is how control files take paths whatever
    /// their first letter is.
    func path(_ given: String) throws(Failure) -> String {
        let path = Self.absolute(given, from: start)
        if path == root { return "/" }
        let above = root == "/" ? "/" : root + "/"
        guard path.hasPrefix(above) else {
            throw Failure("\(given) is not in the workspace \(root)")
        }
        return "/" + path.dropFirst(above.count)
    }

    func paths(_ given: [String]) throws(Failure) -> [String] {
        var paths: [String] = []
        for path in given { paths.append(try self.path(path)) }
        return paths
    }

    /// Absolute; symlinks in the parents followed, `.` and `..` taken out. It need not exist.
    static func absolute(_ given: String, from start: String) -> String {
        var path = given.hasPrefix("/") ? given : start + "/" + given
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let name = path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...]
        if name.isEmpty || name == "." || name == ".." { return normal(Placement.resolve(path)) }
        let above = normal(Placement.resolve(parent(path)))
        return above == "/" ? "/\(name)" : "\(above)/\(name)"
    }

    private static func normal(_ path: String) -> String {
        var names: [Substring] = []
        for name in path.split(separator: "/") where name != "." {
            if name == ".." { _ = names.popLast() } else { names.append(name) }
        }
        return "/" + names.joined(separator: "/")
    }

    static func parent(_ path: String) -> String {
        guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
