// Everything in a workspace is removed by readdir and unlink, as frameworks do it when they start, and is
// restored by one command.

import CPlatform
import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct RemoveAll {
        /// The number of base files that the workspace edits, and of files that the workspace makes.
        static let (edited, made) = (4_000, 6_000)

        static func prepare(_ base: String) throws {
            for directory in 0..<40 { try makeDirectory("\(base)/d\(directory)") }
            for index in 0..<edited {
                let path = "\(base)/d\(index % 40)/base\(index)"
                try writeFile(path, "\(index) of the base")
                if index % 10 == 0 {
                    try must("link", link(path, "\(base)/d\((index + 1) % 40)/link\(index)"))
                }
            }
            try writeFile("\(base)/untouched", "never changed")
        }

        /// Makes 10,000 changed files of every kind, each with its own content or attributes.
        static func change(_ mount: TestMount) throws {
            for index in 0..<edited {
                let path = mount("d\(index % 40)/base\(index)")
                switch index % 4 {
                case 0:
                    try withOpen(path, O_WRONLY) { try writeAll($0, bytes(5_000, fill: 7), at: 3) }
                case 1: try must("chmod", chmod(path, 0o640))
                case 2: try setAttribute(path, index)
                default: try must("rename", rename(path, path + "-moved"))
                }
            }
            for top in 0..<20 { try makeDirectory(mount("n\(top)"), mode: 0o750) }
            for index in 0..<made {
                let path = mount("n\(index % 20)/file\(index)")
                switch index % 12 {
                case 0: try must("symlink", symlink("file\(index - 20)", path))
                case 1:
                    let other = index % 40 / 4 * 4
                    try must("link", link(mount("d\(other)/base\(other)"), path))
                case 2: try must("mkfifo", mkfifo(path, 0o600))
                default:
                    try writeFile(path, bytes(index % 3_000, fill: UInt64(index)))
                    if index % 12 == 3 { try setAttribute(path, index) }
                    if index % 12 == 4 { try must("chmod", chmod(path, 0o4711)) }
                }
                if index % 12 < 8 {
                    let time = timespec(tv_sec: 1_000_000_000 + index, tv_nsec: index)
                    try must(
                        "utimensat",
                        utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW))
                }
            }
        }

        private static func setAttribute(_ path: String, _ index: Int) throws {
            let value = Array("value \(index)".utf8)
            try must("setxattr", cp_setxattr(path, "user.index", value, value.count, 0))
        }

        /// Removes everything as os.walk and shutil.rmtree do.
        static let remover = """
            import os, shutil, sys
            for entry in os.scandir(sys.argv[1]):
                if entry.is_dir(follow_symlinks=False): shutil.rmtree(entry.path)
                else: os.unlink(entry.path)
            assert os.listdir(sys.argv[1]) == []
            """

        @Test("One rollback restores 10,000 removed files byte for byte")
        func removeAll() throws {
            try mounted(prepare: Self.prepare) { mount in
                try Self.change(mount)
                try mount.mustCommand("backup", "good")
                let copy = mount.directory("copy")
                try ChildProcess.check(["cp", "-a", mount.root, copy])
                let expected = try TreeWalk(copy).entries
                try expect(expected.count > 10_000, "\(expected.count) entries")
                func remove() throws {
                    try ChildProcess.check([TestEnvironment.python, "-c", Self.remover, mount.root])
                }
                func check(_ when: String) throws {
                    let found = try TreeWalk(mount.root).entries
                    let differences = exactDifferences(found, expected)
                    try expect(
                        differences.isEmpty, "\(when):\n" + differences.joined(separator: "\n"))
                }
                try remove()
                try mount.mustCommand("rollback", "good")
                try check("after the rollback")
                try mount.kill9()
                try mount.start()
                try check("after a kill")
                try remove()
                try mount.kill9()
                try mount.start()
                try expect(try names(in: mount.root).isEmpty, "the removal is lost")
                try mount.mustCommand("rollback", "good")
                try check("after a removal, a kill and a rollback")
                let report = try mount.verified()
                try expect(report.contains("\"errors\": 0"), "verify: \(report.suffix(1_500))")
            }
        }
    }
}
