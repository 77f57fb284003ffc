// Roots: the directories that tools may access, and the mapping from the text of a path into them. A path
// is resolved as text first (`~`, `\`, drive letters, `.` and `..`), then on disk without following a
// symlink out of all roots: see HostGround.

package import Platform

/// One directory that tools may access.
package struct Root: Sendable, Equatable {
    /// The absolute path without symlinks; names are bytes.
    package var path: [UInt8]
    package var isReadOnly: Bool

    package init(path: [UInt8], isReadOnly: Bool) {
        self.path = path
        self.isReadOnly = isReadOnly
    }
}

/// An absolute path as its names: no `.`, no `..`, no empty names.
package struct ToolPath: Hashable, Sendable, CustomStringConvertible {
    package var names: [FileName]

    package init(names: [FileName]) { self.names = names }

    package var bytes: [UInt8] {
        if names.isEmpty { return [0x2f] }
        var bytes: [UInt8] = []
        for name in names {
            bytes.append(0x2f)
            bytes += name.bytes
        }
        return bytes
    }

    /// The path as text: bytes that are not UTF-8 become replacement characters.
    package var description: String { String(decoding: bytes, as: UTF8.self) }

    /// Returns names as the text of a relative path.
    package static func text(_ names: [[UInt8]]) -> String {
        String(decoding: Array(names.joined(separator: [0x2f])), as: UTF8.self)
    }

    package var parent: ToolPath { ToolPath(names: Array(names.dropLast())) }

    package func appending(_ name: FileName) -> ToolPath { ToolPath(names: names + [name]) }

    /// Returns the names below `directory`, or nil if the path is not at or below it.
    package func names(below directory: ToolPath) -> ArraySlice<FileName>? {
        guard names.starts(with: directory.names) else { return nil }
        return names.dropFirst(directory.names.count)
    }

    /// Splits a path into names: `..` goes up and stops at the root.
    /// - Throws: `usage` for an invalid name: with NUL, or of more than 255 bytes.
    package init(_ bytes: some Sequence<UInt8>) throws(ToolError) {
        names = []
        for part in Array(bytes).split(separator: 0x2f) {
            if part.elementsEqual([0x2e]) { continue }
            if part.elementsEqual([0x2e, 0x2e]) {
                _ = names.popLast()
                continue
            }
            do throws(Errno) {
                names.append(try FileName(Array(part)))
            } catch {
                throw ToolError(
                    .usage,
                    "a name in the path is not valid (\(error)): names have 1 to 255 bytes, "
                        + "without NUL")
            }
        }
    }
}

package struct Roots: Sendable {
    /// The roots in the order given; relative paths are relative to the first one.
    package let all: [Root]
    private let paths: [ToolPath]
    private let home: [UInt8]?

    /// The maximum number of bytes of a path: PATH_MAX of limits.h.
    package static let longestPath = 4096

    /// - Parameter home: the directory for `~`; nil if there is none.
    package init(_ all: [Root], home: [UInt8]?) throws(ToolError) {
        self.all = all
        self.home = home
        var paths: [ToolPath] = []
        for root in all { paths.append(try ToolPath(root.path)) }
        self.paths = paths
    }

    /// Returns the path that a text means. It need not exist, and need not lie in a root.
    ///
    /// `\` separates names too if the text has no `/`. `C:\x` and `C:/x` lose their drive. On this system a
    /// name may contain a backslash: such a file is reached with `/` in the path, as `./a\b`.
    package func path(_ text: String) throws(ToolError) -> ToolPath {
        var bytes = Array(text.utf8)
        guard bytes.count <= Self.longestPath else {
            throw ToolError(
                .bounds, "the path has \(bytes.count) bytes, but the maximum is \(Self.longestPath)")
        }
        guard !bytes.isEmpty else { throw ToolError(.usage, "the path is empty: give a file's path") }
        bytes = Self.withoutDrive(bytes)
        if bytes.first == 0x7e, bytes.count == 1 || bytes[1] == 0x2f {
            guard let home else { throw ToolError(.usage, "~ is not known here: give the full path") }
            return try ToolPath(home + [0x2f] + bytes.dropFirst())
        }
        if bytes.first == 0x2f { return try ToolPath(bytes) }
        guard let first = all.first else {
            throw ToolError(.denied, "no directory is allowed: start the server with --root DIR")
        }
        return try ToolPath(first.path + [0x2f] + bytes)
    }

    private static func withoutDrive(_ bytes: [UInt8]) -> [UInt8] {
        var rest = bytes
        let isLetter = rest.first.map { (0x41...0x5a).contains($0 & ~0x20) } ?? false
        let hasDrive = rest.count >= 3 && isLetter && rest[1] == 0x3a
            && (rest[2] == 0x5c || rest[2] == 0x2f)
        if hasDrive { rest.removeFirst(2) }
        guard hasDrive || !rest.contains(0x2f) else { return rest }
        return rest.map { $0 == 0x5c ? 0x2f : $0 }
    }

    /// Returns the root with the longest path that holds `path`, and the names below it.
    package func root(of path: ToolPath) -> (index: Int, names: [FileName])? {
        var best: (index: Int, names: [FileName])?
        for (index, root) in paths.enumerated() {
            guard let names = path.names(below: root) else { continue }
            if best.map({ names.count < $0.names.count }) ?? true { best = (index, Array(names)) }
        }
        return best
    }

    /// Returns whether one of the roots is `path` or lies below it.
    package func lie(below path: ToolPath) -> Bool {
        paths.contains { $0.names(below: path) != nil }
    }

    /// Returns the error for a path outside of the roots.
    package func refusal(_ path: ToolPath) -> ToolError {
        let names = paths.prefix(8).map(\.description).joined(separator: ", ")
        return ToolError(
            .denied, "\(path) is outside of the allowed directories (\(names))")
    }
}
