// Reflink: tests whether a file system lets two files share extents (ioctl_ficlonerange(2)).

internal import Platform
internal import Storage

/// Tests whether a directory's file system can share extents between files.
package enum Reflink {
    package static func works(in directory: String) -> Bool {
        var path = directory
        while true {
            if let root = try? File.open(path, flags: OpenFlags.directory) {
                return probe(HostDisk(root: root), root)
            }
            // The store does not exist yet: test the directory in which it will be made.
            guard let slash = path.lastIndex(of: "/"), path != "/" else { return false }
            path = slash == path.startIndex ? "/" : String(path[..<slash])
        }
    }

    private static func probe(_ disk: HostDisk, _ root: File) -> Bool {
        let name = ".draftfs-reflink-\(UInt64.random(in: 0...UInt64.max))"
        defer {
            try? disk.remove(name)
            try? disk.remove(name + ".copy")
        }
        do throws(Errno) {
            let file = try File.open(name, in: root, flags: OpenFlags.createNew)
            try file.writeBytes([UInt8](repeating: 1, count: 8192), at: 0)
            try disk.clone(file, to: name + ".copy")
            return true
        } catch {
            return false
        }
    }
}
