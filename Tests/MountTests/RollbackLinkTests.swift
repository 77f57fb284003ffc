// Files and links of the base after rollbacks: an open file that loses its name has no links, a file with
// several names has the right link count, and a directory that was another one takes its attributes.

import CPlatform
import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct RollbackLinks {
        static func prepare(_ base: String) throws {
            try makeDirectory("\(base)/dir")
            try makeDirectory("\(base)/dir/sub")
            try writeFile("\(base)/file", "of the base")
            try writeFile("\(base)/dir/sub/inner", "inside")
            try writeFile("\(base)/dir/one", "two names")
            try must("link", link("\(base)/dir/one", "\(base)/two"))
        }

        private func links(_ path: String) throws -> UInt64 { UInt64(try status(path).st_nlink) }

        private func expectClean(_ mount: TestMount) throws {
            let report = try mount.verified()
            try expect(report.contains("\"findings\": []"), "verify: \(report.suffix(1_000))")
        }

        @Test("A clone that a rollback removes is unlinked for its open descriptors")
        func clone() throws {
            try mounted(prepare: Self.prepare) { mount in
                try mount.mustCommand("backup", "start")
                try mount.mustCommand("clone", "file copy")
                try withOpen(mount("copy"), O_RDWR) { held in
                    try mount.mustCommand("rollback", "start")
                    try same(Int(try status(held).st_nlink), 0, "links")
                    try same(try readBytes(held, 20, at: 0), Array("of the base".utf8), "content")
                    try writeAll(held, Array("OF".utf8), at: 0)
                    try same(try readBytes(held, 20, at: 0), Array("OF the base".utf8), "written")
                }
                try same(try readText(mount("file")), "of the base", "the original")
                try expectClean(mount)
            }
        }

        @Test("A base file that a rollback removes again is unlinked for its open descriptors")
        func goneAgain() throws {
            try mounted(prepare: Self.prepare) { mount in
                try mount.mustCommand("backup", "start")
                try must("unlink", unlink(mount("file")))
                try ChildProcess.check(["rm", "-r", mount("dir/sub")])
                try mount.mustCommand("backup", "gone")
                try mount.mustCommand("rollback", "start")
                try withOpen(mount("file"), O_RDWR) { file in
                    try withOpen(mount("dir/sub/inner"), O_RDWR) { inner in
                        try mount.mustCommand("rollback", "gone")
                        for held in [file, inner] {
                            try same(Int(try status(held).st_nlink), 0, "links")
                            try writeAll(held, Array("new".utf8), at: 0)
                        }
                        try same(try readBytes(file, 20, at: 0), Array("newthe base".utf8), "content")
                    }
                }
                try refuse(ENOENT, "the file", access(mount("file"), F_OK))
                try refuse(ENOENT, "the directory", access(mount("dir/sub"), F_OK))
                try expectClean(mount)
                try mount.mustCommand("rollback", "start")
                try same(try readText(mount("file")), "of the base", "content")
                try same(try readText(mount("dir/sub/inner")), "inside", "content below")
                try same(try links(mount("file")), 1, "links")
            }
        }

        @Test("A directory that a rollback removes takes the links of base files in it away")
        func removedDirectory() throws {
            try mounted(prepare: Self.prepare) { mount in
                try makeDirectory(mount("other"))
                try mount.mustCommand("backup", "start")
                try must("rename", rename(mount("dir"), mount("other/moved")))
                try same(try links(mount("two")), 2, "links before")
                try mount.mustCommand("rollback", "start other")
                try same(try links(mount("two")), 1, "links")
                try expectClean(mount)
            }
        }

        @Test("Each restored name of a base file adds one link")
        func namesOneByOne() throws {
            try mounted(prepare: Self.prepare) { mount in
                try mount.mustCommand("backup", "start")
                try must("unlink", unlink(mount("two")))
                try must("unlink", unlink(mount("dir/one")))
                try mount.mustCommand("rollback", "start two")
                try same(try links(mount("two")), 1, "links of the first")
                try same(try readText(mount("two")), "two names", "content")
                try mount.kill9()
                try mount.start()
                try same(try links(mount("two")), 1, "links after a kill")
                try expectClean(mount)
            }
        }

        @Test("A rollback gives a base directory the attributes of the one that replaced it")
        func otherDirectory() throws {
            try mounted(prepare: Self.prepare) { mount in
                try mount.mustCommand("backup", "start")
                try ChildProcess.check(["rm", "-r", mount("dir")])
                try makeDirectory(mount("dir"), mode: 0o700)
                try must("setxattr", cp_setxattr(mount("dir"), "user.a", "b", 1, 0))
                try mount.mustCommand("backup", "other")
                try mount.mustCommand("rollback", "start")
                try mount.mustCommand("rollback", "other dir")
                try same(try status(mount("dir")).st_mode, S_IFDIR | 0o700, "mode")
                var value = [UInt8](repeating: 0, count: 8)
                try same(cp_getxattr(mount("dir"), "user.a", &value, 8), 1, "xattr")
                try expect(try names(in: mount("dir")).isEmpty, "names")
                try expectClean(mount)
            }
        }
    }
}
