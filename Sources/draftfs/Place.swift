// Place: the workspace (or the list of workspaces) of a command, and paths in the form that control
// files take. The workspace is found by walking up to the directory that has `.draft`. Symlinks in
// the parents of a path are followed, but not the last component: a command applies to the link
// itself.

import Glibc
import Overlay

struct Place {
    /// The directory that has `.draft`, absolute and without symlinks.
    let root: String
    /// The directory that relative paths are relative to.
    let start: String

    /// - Parameter directory: the directory to act in as if started there; nil for the directory of
    ///   the first path, or the current directory.
    init(directory: String?, paths: [String] = []) throws(Failure) {
        start = Placement.resolve(directory ?? ".")
        if let directory, access(start, F_OK) != 0 {
            throw Failure("there is no directory \(Text.printable(directory))")
        }
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
            "\(paths.first ?? directory ?? ".") is not in a draftfs mount, or you may not read "
                + "its control files: change into a workspace, or name one with -C DIR")
    }

    /// Returns the nearest directory at or above `path` that has control files.
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

    /// Returns "/" and the path below the workspace's root. Control files accept a path in this form
    /// whatever its first letter is.
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

    /// Returns an absolute path with the symlinks in the parents followed, without `.` and `..`. The
    /// path need not exist.
    static func absolute(_ given: String, from start: String) -> String {
        var path = given.hasPrefix("/") ? given : start + "/" + given
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let name = path[path.index(after: path.lastIndex(of: "/") ?? path.startIndex)...]
        if name.isEmpty || name == "." || name == ".." { return normal(Placement.resolve(path)) }
        let above = normal(Placement.resolve(parent(path)))
        return above == "/" ? "/\(name)" : "\(above)/\(name)"
    }

    /// Returns whether there is a file, or a symlink, of that path.
    static func exists(_ path: String) -> Bool {
        var found = stat()
        return lstat(path, &found) == 0
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
