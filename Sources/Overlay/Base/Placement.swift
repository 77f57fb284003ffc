// Placement: checks where base, store and mount point may be. A store inside the base would change the
// base. A mount inside either would serve itself.

package import Platform
import Glibc

/// A refusal before anything is opened: one sentence, and the errno that fits.
package struct PlacementError: Error, CustomStringConvertible {
    package let errno: Errno
    package let description: String

    package init(_ errno: Errno, _ description: String) {
        self.errno = errno
        self.description = description
    }
}

package enum Placement {
    /// Returns the path as realpath(3) does. If the last names do not exist yet, returns the path that they
    /// will have.
    package static func resolve(_ path: String) -> String {
        var missing: [Substring] = []
        var rest = path.hasPrefix("/") ? path : currentDirectory + "/" + path
        while true {
            if let real = realpath(rest, nil) {
                defer { free(real) }
                var names = String(cString: real).split(separator: "/")
                // `..` behind a name that does not exist leads back to the directory above that name.
                for name in missing.reversed() where name != "." {
                    if name == ".." { _ = names.popLast() } else { names.append(name) }
                }
                return "/" + names.joined(separator: "/")
            }
            guard let slash = rest.lastIndex(of: "/"), rest.count > 1 else { return path }
            let name = rest[rest.index(after: slash)...]
            if !name.isEmpty { missing.append(name) }
            rest = slash == rest.startIndex ? "/" : String(rest[..<slash])
        }
    }

    private static var currentDirectory: String {
        guard let buffer = getcwd(nil, 0) else { return "/" }
        defer { free(buffer) }
        return String(cString: buffer)
    }

    private static func isInside(_ path: String, _ directory: String) -> Bool {
        path == directory || path.hasPrefix(directory == "/" ? "/" : directory + "/")
    }

    /// Checks that base, store and mount point are not inside each other.
    /// - Parameters: Real paths, as returned by `resolve`.
    package static func check(
        base: String, store: String, mountPoint: String?
    ) throws(PlacementError) {
        if isInside(store, base) {
            throw PlacementError(
                .invalid,
                "the store \(store) lies inside the base \(base), which draftfs never changes: "
                    + "give another store with --store")
        }
        if isInside(base, store) {
            throw PlacementError(
                .invalid, "the base \(base) lies inside the store \(store): give another store "
                    + "with --store")
        }
        guard let mountPoint else { return }
        if isInside(mountPoint, base) {
            throw PlacementError(
                .invalid, "the mount point \(mountPoint) lies inside the base \(base), so the mount "
                    + "would contain itself: choose another mount point")
        }
        if isInside(base, mountPoint) {
            throw PlacementError(
                .invalid, "the base \(base) lies inside the mount point \(mountPoint), which would "
                    + "hide it: choose another mount point")
        }
        if isInside(mountPoint, store) || isInside(store, mountPoint) {
            throw PlacementError(
                .invalid, "one of the store \(store) and the mount point \(mountPoint) lies inside "
                    + "the other: choose another store or mount point")
        }
    }
}
