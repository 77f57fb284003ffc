// StoreCopy: all files of a store as bytes in memory. Tests write them out repeatedly, each time with one
// of them damaged.

import Glibc
internal import Overlay
internal import Platform
internal import Storage

package struct StoreCopy: Sendable {
    package private(set) var files: [(path: String, bytes: [UInt8])] = []
    private var directories: [String] = []

    /// Reads the store at `path`.
    package init(_ path: String) throws {
        try read(HostDisk(root: File.open(path, flags: O_RDONLY | O_DIRECTORY)), path, "")
        files.sort { $0.path < $1.path }
    }

    private mutating func read(_ disk: HostDisk, _ root: String, _ below: String) throws {
        let prefix = below.isEmpty ? "" : below + "/"
        for name in try disk.list(below) {
            let path = prefix + name
            if try status("\(root)/\(path)").st_mode & S_IFMT == S_IFDIR {
                directories.append(path)
                try read(disk, root, path)
            } else {
                files.append((path, try disk.open(path, .readOnly).readAll()))
            }
        }
    }

    /// Writes the store to a new directory. `change` receives each file before it is written.
    package func write(to path: String, change: (String, inout [UInt8]) -> Void = { _, _ in }) throws {
        try makeDirectory(path)
        let disk = HostDisk(root: try File.open(path, flags: O_RDONLY | O_DIRECTORY))
        for directory in directories { try disk.makeDirectory(directory) }
        for (name, bytes) in files {
            var bytes = bytes
            change(name, &bytes)
            try disk.open(name, .createNew).writeBytes(bytes, at: 0)
        }
    }

    /// Returns the paths of files that differ or exist in only one of the copies.
    package func differences(to other: StoreCopy) -> [String] {
        let mine = Dictionary(uniqueKeysWithValues: files.map { ($0.path, $0.bytes) })
        let others = Dictionary(uniqueKeysWithValues: other.files.map { ($0.path, $0.bytes) })
        return Set(mine.keys).union(others.keys).filter { mine[$0] != others[$0] }.sorted()
    }

    package static func remove(_ path: String) throws {
        let slash = path.lastIndex(of: "/") ?? path.startIndex
        let root = try File.open(String(path[..<slash]), flags: O_RDONLY | O_DIRECTORY)
        try HostDisk(root: root).removeTree(String(path[path.index(after: slash)...]))
    }
}
