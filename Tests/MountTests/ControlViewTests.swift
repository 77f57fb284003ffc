// Views: backups and past moments as read-only trees on the mount, and the mirror of the tree below
// blame.

import CPlatform
import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct ControlViews {
        static func prepare(_ base: String) throws {
            try makeDirectory("\(base)/dir")
            try writeFile("\(base)/dir/file", "of the base", mode: 0o640)
            try writeFile("\(base)/top", "top")
            try must("link", link("\(base)/top", "\(base)/hard"))
            try must("symlink", symlink("dir/file", "\(base)/sym"))
        }

        private func backup(_ mount: TestMount, _ name: String) throws {
            try same(
                try ControlFiles.command(mount(".draft/backup"), name), 0, "backup \(name)")
        }

        @Test("A backup is a tree that shows what was, with numbers of its own")
        func tree() throws {
            try mounted(prepare: Self.prepare) { mount in
                try must("setxattr", cp_setxattr(mount("top"), "user.a", "b", 1, 0))
                try backup(mount, "one")
                try same(try listing(mount(".draft/backups")), ["one"], "backups")
                try ChildProcess.check(["diff", "-r", mount.root, mount(".draft/backups/one")])
                let before = try status(mount("dir/file"))
                try writeFile(mount("dir/file"), "later")
                try must("unlink", unlink(mount("top")))
                try writeFile(mount("new"), "new")
                let one = mount(".draft/backups/one")
                let names = ["dir", "hard", "sym", "top"]
                try same(try listing(one), names, "names")
                try same(try readText("\(one)/dir/file"), "of the base", "content")
                try same(try readText("\(one)/sym"), "of the base", "through the symlink")
                let found = try status("\(one)/dir/file")
                try same(found.st_mode, before.st_mode, "mode")
                try same(found.st_mtim.tv_nsec, before.st_mtim.tv_nsec, "mtime")
                try expect(found.st_ino != before.st_ino, "the number of the live file")
                try same(
                    try status("\(one)/top").st_ino, try status("\(one)/hard").st_ino, "links")
                var value = [UInt8](repeating: 0, count: 8)
                try same(cp_getxattr("\(one)/top", "user.a", &value, 8), 1, "xattr")
                // The same moment under other names.
                try ChildProcess.check(["cp", "-a", one, mount.directory("copy")])
                let text = try readText(mount(".draft/backup"))
                guard let sequence = Self.sequence(in: text) else {
                    throw CheckFailure("no sequence in \(text)")
                }
                for name in ["\(sequence)", "@\(sequence)"] {
                    try ChildProcess.check(["diff", "-r", one, mount(".draft/at/\(name)")])
                }
                try same(try readText(mount(".draft/at/0/top")), "top", "the base as forked")
                try refuse(ENOENT, "to come", access(mount(".draft/at/999999999"), F_OK))
            }
        }

        static func sequence(in text: String) -> UInt64? {
            guard let place = text.firstRange(of: "\"sequence\":") else { return nil }
            return UInt64(text[place.upperBound...].prefix { $0.isNumber })
        }

        @Test("Nothing in a view can be changed")
        func readOnly() throws {
            try mounted(prepare: Self.prepare) { mount in
                try backup(mount, "one")
                let one = mount(".draft/backups/one")
                try withOpen("\(one)/top", O_WRONLY) { held in
                    try refuse(EROFS, "write", write(held, "x", 1))
                    try refuse(EROFS, "ftruncate", ftruncate(held, 0))
                    try refuse(EROFS, "fallocate", posixFallocate(held))
                }
                let flags = O_WRONLY | O_CREAT | O_CLOEXEC
                try refuse(EROFS, "create", open("\(one)/new", flags, 0o600))
                try refuse(EROFS, "truncate", truncate("\(one)/top", 0))
                try refuse(EROFS, "mkdir", mkdir("\(one)/new", 0o700))
                try refuse(EROFS, "unlink", unlink("\(one)/top"))
                try refuse(EROFS, "rmdir", rmdir("\(one)/dir"))
                try refuse(EROFS, "rename", rename("\(one)/top", "\(one)/other"))
                try refuse(EROFS, "move out", rename("\(one)/top", mount("out")))
                try refuse(EROFS, "move in", rename(mount("top"), "\(one)/in"))
                try refuse(EROFS, "symlink", symlink("x", "\(one)/new"))
                try refuse(EXDEV, "link out", link("\(one)/top", mount("out")))
                try refuse(EROFS, "chmod", chmod("\(one)/top", 0o600))
                try refuse(EROFS, "chown", chown("\(one)/top", 1, 1))
                try refuse(EROFS, "setxattr", cp_setxattr("\(one)/top", "user.a", "b", 1, 0))
                try refuse(EROFS, "utimes", utimes("\(one)/top", nil))
                try ChildProcess.check(["cp", "\(one)/top", mount("copied")])
                try same(try readText(mount("copied")), "top", "a copy out of it")
            }
        }

        private func posixFallocate(_ held: Int32) -> Int32 {
            let code = posix_fallocate(held, 0, 10)
            errno = code
            return code == 0 ? 0 : -1
        }

        @Test("Backups are renamed by mv and deleted by rmdir, also while they are in use")
        func names() throws {
            try mounted(prepare: Self.prepare) { mount in
                for name in ["one", "two"] { try backup(mount, name) }
                let path = mount(".draft/backups")
                try withOpen("\(path)/one/dir", O_RDONLY | O_DIRECTORY) { held in
                    try must("rename", rename("\(path)/one", "\(path)/uno"))
                    try same(try listing(path), ["two", "uno"], "renamed")
                    try refuse(ENOENT, "the old name", access("\(path)/one", F_OK))
                    try refuse(EEXIST, "onto another", rename("\(path)/uno", "\(path)/two"))
                    try refuse(EINVAL, "a bad name", rename("\(path)/uno", "\(path)/@1"))
                    try refuse(EPERM, "out", rename("\(path)/uno", mount("uno")))
                    try refuse(EPERM, "in", rename(mount("dir"), "\(path)/dir"))
                    try must("rmdir", rmdir("\(path)/uno"))
                    try same(faccessat(held, "file", F_OK, 0), 0, "a file of it, held open")
                }
                try same(try listing(path), ["two"], "deleted")
                try refuse(ENOENT, "again", rmdir("\(path)/uno"))
                try backup(mount, "uno")
                try same(try readText("\(path)/uno/top"), "top", "a new one of that name")
                try mount.remount()
                try same(try listing(path), ["two", "uno"], "after remount")
            }
        }

        @Test(
            "A directory of thousands of names is listed whole, and its nodes are released",
            .enabled(if: TestEnvironment.isRoot, "needs root, to have the kernel drop its caches"))
        func large() throws {
            try mounted(prepare: { base in
                try ChildProcess.shell("mkdir d; cd d; seq 5000 | xargs touch", directory: base)
            }) { mount in
                try backup(mount, "one")
                let path = mount(".draft/backups/one/d")
                try same(Set(try TestSupport.names(in: path)).count, 5_000, "names")
                var numbers: [[String]] = []
                // First the numbers of readdir, then those of stat.
                for format in ["%i\\n", "%i %s\\n"] {
                    let found = try ChildProcess.shell(
                        "find . -type f -printf '\(format)' | cut -d ' ' -f 1 | sort -u",
                        directory: path)
                    numbers.append(found.split(separator: "\n").map(String.init))
                }
                try same(numbers[0].count, 5_000, "inode numbers")
                try expect(numbers[0] == numbers[1], "readdir and stat differ")
                try expect(
                    try readText(mount(".draft/status")).contains("\"view_nodes\": 500"), "count")
                try writeFile("/proc/sys/vm/drop_caches", "2")
                for _ in 0..<200 {
                    let text = try readText(mount(".draft/status"))
                    if text.contains("\"view_nodes\": 0") { return }
                    usleep(10_000)
                }
                throw CheckFailure("nodes stay: \(try readText(mount(".draft/status")))")
            }
        }

        @Test("The mirror under blame has the directories and regular files of the live tree")
        func blame() throws {
            try mounted(prepare: Self.prepare) { mount in
                let path = mount(".draft/blame")
                try same(try listing(path), ["dir", "hard", "top"], "names")
                try same(try listing("\(path)/dir"), ["file"], "names in dir")
                try makeDirectory(mount("dir/sub"))
                try same(try listing("\(path)/dir"), ["file", "sub"], "a new one")
                try refuse(ENOENT, "a symlink", access("\(path)/sym", F_OK))
                try refuse(ENOENT, "itself", access("\(path)/.draft", F_OK))
                try refuse(EPERM, "unlink", unlink("\(path)/top"))
                try must("unlink", unlink(mount("top")))
                try refuse(ENOENT, "a removed file", access("\(path)/top", F_OK))
            }
        }
    }
}
