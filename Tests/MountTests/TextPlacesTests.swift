// The places of a text in a file, as an extended attribute that the daemon computes. The kernel passes
// the request on only for a user who may read the file.

import CPlatform
import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct TextPlaces {
        private func ask(_ path: String, _ name: String, _ size: Int = 64 << 10) throws -> [UInt8] {
            var value = [UInt8](repeating: 0, count: size)
            let count = try must("getxattr", cp_getxattr(path, name, &value, size))
            return Array(value.prefix(Int(count)))
        }

        @Test("A text of a file can be searched for by every user that may read the file")
        func asked() throws {
            try mounted { mount in
                try writeFile(mount("f"), "one two\0one % three")
                try makeDirectory(mount("d"))
                let front = "user.draftfs.places:"
                func places(_ rest: String) throws -> [UInt64]? {
                    ContentSearch.Places(try ask(mount("f"), front + rest))?.places
                }
                try same(try places("0-100:9:one"), [0, 8], "all")
                try same(try places("1-100:9:one"), [8], "behind the first")
                try same(try places("0-100:1:one"), [0], "one")
                try same(try places("0-100:9:%00one %25"), [7], "signs")
                // The length alone: that of the longest answer.
                try same(
                    cp_getxattr(mount("f"), front + "0-100:9:one", nil, 0), 16_008, "length")
                try refuse(EINVAL, "no question", cp_getxattr(mount("f"), front + "0-100", nil, 0))
                var value = [UInt8](repeating: 0, count: 64)
                try refuse(
                    ERANGE, "too short", cp_getxattr(mount("f"), front + "0-100:9:one", &value, 23))
                try refuse(
                    ENODATA, "directory", cp_getxattr(mount("d"), front + "0-9:9:a", &value, 64))
                try refuse(ENODATA, "its length", cp_getxattr(mount("d"), front + "0-9:9:a", nil, 0))
                try writeFile(mount(".draft/backup"), "then\n")
                try refuse(
                    ENODATA, "a backup",
                    cp_getxattr(mount(".draft/backups/then/f"), front + "0-9:9:o", &value, 64))
                try refuse(
                    EPERM, "set", cp_setxattr(mount("f"), front + "0-9:9:a", "b", 1, 0))
                try refuse(
                    ENODATA, "near it", cp_getxattr(mount("f"), "user.draftfs.place", &value, 64))
            }
        }

        @Test(
            "A user who may not read a file cannot ask", .enabled(if: TestEnvironment.isRoot, "needs root"))
        func unreadable() throws {
            try mounted { mount in
                try writeFile(mount("f"), "secret")
                try must("chmod", chmod(mount("f"), 0o602))
                try must("chmod", chmod(mount.directory.path, 0o755))
                try must("chmod", chmod(mount.root, 0o755))
                let script = """
                    import os, sys
                    held = os.open(sys.argv[1], os.O_WRONLY)
                    try:
                        os.getxattr(held, "user.draftfs.places:0-9:9:sec")
                    except PermissionError:
                        print("refused")
                    """
                let text = try ChildProcess.check(
                    [
                        "setpriv", "--reuid=1000", "--regid=1000", "--clear-groups",
                        TestEnvironment.python, "-c", script, mount("f"),
                    ], seconds: 60)
                try same(text, "refused\n", "another user")
            }
        }
    }
}
