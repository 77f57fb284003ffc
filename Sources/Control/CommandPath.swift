// CommandPath: paths in commands. They are relative to the workspace's root and never leave it.

package import Overlay
internal import Platform

package enum CommandPath {
    /// Returns the path without `.`, `..`, double slashes and slashes at the ends. The root is empty.
    /// `..` is resolved by text alone, without following symlinks, as `cd` does by default.
    /// - Throws: EINVAL for an empty path and one that leaves the workspace or has a NUL byte;
    ///   ENAMETOOLONG.
    package static func normalise(_ word: [UInt8]) throws(CommandError) -> [UInt8] {
        if word.isEmpty {
            throw .invalid("a path is empty: write . for the root of the workspace")
        }
        var parts: [ArraySlice<UInt8>] = []
        for part in word.split(separator: Byte.slash) {
            if part.elementsEqual([Byte.dot]) { continue }
            if part.elementsEqual([Byte.dot, Byte.dot]) {
                if parts.popLast() == nil {
                    throw .invalid(
                        "the path \(shown(word)) leaves the workspace: paths begin at its root")
                }
                continue
            }
            if part.count > FileName.maximumLength {
                throw CommandError(
                    .nameTooLong,
                    "the path \(shown(word)) has a name of \(part.count) bytes: "
                        + "a name has at most \(FileName.maximumLength)")
            }
            if part.contains(0) {
                throw .invalid("the path \(shown(word)) holds a NUL byte: no name can hold one")
            }
            parts.append(part)
        }
        return Array(parts.joined(separator: [Byte.slash]))
    }
}
