// HostDiskTests: tests the removal of a directory tree on the host's disk.

import Glibc
import Platform
import TestSupport
import Testing

@Suite struct HostDiskTests {
    @Test("A tree is removed, also if directories do not return entry types", arguments: [true, false])
    func removeTree(tellsTypes: Bool) throws {
        let directory = try TemporaryDirectory("disk")
        for path in ["tree", "tree/a", "tree/a/b", "tree/a/b/c", "tree/empty"] {
            try makeDirectory(directory(path))
        }
        for path in ["tree/file", "tree/a/file", "tree/a/b/c/file"] { try writeFile(directory(path), [1]) }
        // The target of a symbolic link must remain.
        try makeDirectory(directory("other"))
        try writeFile(directory("other/file"), [1])
        #expect(symlink(directory("other"), directory("tree/a/link")) == 0)
        let disk = HostDisk(root: try File.open(directory.path, flags: O_RDONLY | O_DIRECTORY))
        try disk.removeTree("tree") { (directory) throws(Errno) in
            try directory.listDirectory().map {
                HostEntry(name: $0.name, inode: $0.inode, type: tellsTypes ? $0.type : .unknown)
            }
        }
        #expect(!disk.exists("tree"))
        #expect(disk.exists("other/file"))
    }
}
