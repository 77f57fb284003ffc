// POSIX checks of attributes: times, modes, extended attributes and ACLs.

internal import CPlatform
import Glibc

extension PosixCheck {
    static let attributeChecks: [PosixCheck] = [
        PosixCheck(
            "utimensat sets nanoseconds, and UTIME_OMIT leaves one alone",
            prepare: { p in try writeFile(p("f"), "x") }
        ) { p in
            try must("symlink", symlink("f", p("l")))
            for (name, flags) in [("f", Int32(0)), ("l", AT_SYMLINK_NOFOLLOW)] {
                let set = [
                    timespec(tv_sec: 1_111_111_111, tv_nsec: 123_456_789),
                    timespec(tv_sec: 1_222_222_222, tv_nsec: 987_654_321),
                ]
                try must("utimensat", utimensat(AT_FDCWD, p(name), set, flags))
                var seen = try status(p(name))
                try same(seen.st_mtim.tv_nsec, 987_654_321, "mtime of \(name)")
                try same(seen.st_atim.tv_sec, 1_111_111_111, "atime of \(name)")
                try same(seen.st_atim.tv_nsec, 123_456_789, "atime of \(name)")
                let omit = [
                    timespec(tv_sec: 5, tv_nsec: CP_UTIME_OMIT), timespec(tv_sec: 0, tv_nsec: 0),
                ]
                try must("UTIME_OMIT", utimensat(AT_FDCWD, p(name), omit, flags))
                seen = try status(p(name))
                try same(seen.st_atim.tv_sec, 1_111_111_111, "omitted atime of \(name)")
                try same(seen.st_mtim.tv_sec, 0, "mtime of \(name)")
                try must("times of now", utimensat(AT_FDCWD, p(name), nil, flags))
                try expect(try status(p(name)).st_mtim.tv_sec > 1_600_000_000, "now of \(name)")
            }
        },
        PosixCheck(
            "writes move mtime and ctime; chmod and link move ctime only",
            prepare: { p in try writeFile(p("f"), "x") }
        ) { p in
            let past = [timespec](repeating: timespec(tv_sec: 1_000_000, tv_nsec: 0), count: 2)
            let steps: [(String, Bool, () throws -> Void)] = [
                ("write", true, { try withOpen(p("f"), O_WRONLY) { try writeAll($0, [1]) } }),
                ("truncate", true, { try must("truncate", truncate(p("f"), 100)) }),
                ("chmod", false, { try must("chmod", chmod(p("f"), 0o600)) }),
                ("link", false, { try must("link", link(p("f"), p("g"))) }),
                ("rename", false, { try must("rename", rename(p("f"), p("h"))) }),
            ]
            for (name, moves, step) in steps {
                let path = exists(p("f")) ? p("f") : p("h")
                try must("utimensat", utimensat(AT_FDCWD, path, past, 0))
                let before = try status(path).st_ctim
                usleep(12_000)
                try step()
                let after = try status(exists(p("f")) ? p("f") : p("h"))
                try same(after.st_mtim.tv_sec != 1_000_000, moves, "mtime moved by \(name)")
                let moved = (after.st_ctim.tv_sec, after.st_ctim.tv_nsec)
                    > (before.tv_sec, before.tv_nsec)
                try expect(moved, "ctime did not move by \(name)")
            }
        },
        PosixCheck(
            "extended attributes: create, replace, list, remove",
            prepare: { p in
                try writeFile(p("f"), "x")
                try must("setxattr", cp_setxattr(p("f"), "user.base", "b", 1, 0))
            }
        ) { p in
            try writeFile(p("n"), "x")
            try makeDirectory(p("d"))
            for name in ["f", "n", "d"] {
                let path = p(name)
                let (create, replace) = (CP_XATTR_CREATE, CP_XATTR_REPLACE)
                try must("create", cp_setxattr(path, "user.a", "1", 1, create))
                try refuse(EEXIST, "create again", cp_setxattr(path, "user.a", "2", 1, create))
                try refuse(ENODATA, "replace none", cp_setxattr(path, "user.z", "2", 1, replace))
                try must("replace", cp_setxattr(path, "user.a", "two", 3, replace))
                try must("empty value", cp_setxattr(path, "user.empty", "", 0, 0))
                var value = [CChar](repeating: 0, count: 8)
                try same(cp_getxattr(path, "user.a", &value, 8), 3, "length")
                try same(Array(value.prefix(3)), Array("two".utf8CString.prefix(3)), "value")
                try same(cp_getxattr(path, "user.a", nil, 0), 3, "size asked for")
                try same(cp_getxattr(path, "user.empty", &value, 8), 0, "empty value")
                try refuse(ERANGE, "small buffer", cp_getxattr(path, "user.a", &value, 2))
                try refuse(ERANGE, "small list", cp_listxattr(path, &value, 2))
                let listed = try attributeNames(path).filter { $0 != "user.base" }
                try same(listed, ["user.a", "user.empty"], "list of \(name)")
                try must("remove", cp_removexattr(path, "user.a"))
                try refuse(ENODATA, "remove again", cp_removexattr(path, "user.a"))
                try refuse(ENODATA, "read removed", cp_getxattr(path, "user.a", &value, 8))
            }
            try must("remove base attribute", cp_removexattr(p("f"), "user.base"))
            try same(try attributeNames(p("f")), ["user.empty"], "list at the end")
            let long = "user." + String(repeating: "n", count: 251)
            try refuse(ERANGE, "name of 256 bytes", cp_setxattr(p("f"), long, "x", 1, 0))
            try must("name of 255", cp_setxattr(p("f"), String(long.dropLast()), "x", 1, 0))
            try refuse(EOPNOTSUPP, "no namespace", cp_setxattr(p("f"), "plain", "x", 1, 0))
        },
        PosixCheck("user attributes are refused on symlinks and fifos") { p in
            try must("symlink", symlink("x", p("l")))
            try must("mkfifo", mkfifo(p("pipe"), 0o644))
            try refuse(EPERM, "symlink", cp_setxattr(p("l"), "user.a", "1", 1, 0))
            try refuse(EPERM, "fifo", cp_setxattr(p("pipe"), "user.a", "1", 1, 0))
        },
        PosixCheck("attributes of the trusted namespace, on symlinks too", needs: .root) { p in
            try must("symlink", symlink("x", p("l")))
            try writeFile(p("f"), "x")
            try makeDirectory(p("d"))
            for name in ["l", "f", "d"] {
                let path = p(name)
                try must("set", cp_setxattr(path, "trusted.draft", "v", 1, 0))
                try same(try attributeNames(path), ["trusted.draft"], "list of \(name)")
                var value: CChar = 0
                try same(cp_getxattr(path, "trusted.draft", &value, 1), 1, "length at \(name)")
                try same(value, CChar(UInt8(ascii: "v")), "value at \(name)")
                try must("remove", cp_removexattr(path, "trusted.draft"))
                try refuse(ENODATA, "read removed", cp_getxattr(path, "trusted.draft", &value, 1))
            }
        },
        PosixCheck(
            "ACLs: set, shown in the mode, changed by chmod, removed",
            needs: .acls,
            prepare: { p in
                try writeFile(p("f"), "x", mode: 0o640)
                try ChildProcess.check(["setfacl", "-m", "u:1234:rw", p("f")])
                chmod(p("f"), 0o660)
            }
        ) { p in
            let script = """
                acl() { getfacl -nc --omit-header "$1" | tr '\\n' ' '; }
                test "$(acl f)" = "user::rw- user:1234:rw- group::r-- mask::rw- other::---  "
                chmod 640 f
                test "$(getfacl -nc f | grep mask)" = "mask::r--"
                setfacl -m u:1000:rwx f; test $(stat -c %a f) = 670
                getfacl -nc f | grep -q '^user:1234:rw-'
                setfacl -b f; test "$(acl f)" = "user::rw- group::r-- other::---  "
                test $(stat -c %a f) = 640
                echo y > n; setfacl -m g:77:r n; getfacl -nc n | grep -q group:77:r--
                """
            try ChildProcess.shell(script, directory: p.path)
        },
        PosixCheck(
            "default ACLs are inherited by files and directories, and beat the umask",
            needs: .acls,
            prepare: { p in
                try makeDirectory(p("based"))
                try ChildProcess.check(["setfacl", "-d", "-m", "u:1234:rwx,o::-", p("based")])
            }
        ) { p in
            let script = """
                mkdir new; setfacl -d -m u:1234:rwx,o::- new
                umask 077
                for d in based new; do
                  echo x > $d/file; mkdir $d/sub; mkfifo $d/fifo; ln -s x $d/link
                  getfacl -nc $d/file | grep -q '^user:1234:rwx'
                  test $(stat -c %a $d/file) = 660
                  getfacl -nc $d/sub | grep -q '^default:user:1234:rwx'
                  getfacl -nc $d/sub | grep -q '^user:1234:rwx'
                  test $(stat -c %a $d/sub) = 770
                  getfacl -nc $d/fifo | grep -q '^user:1234:rwx'
                  mkdir $d/sub/deep; getfacl -nc $d/sub/deep | grep -q '^default:user:1234:rwx'
                  mv $d/file moved; getfacl -nc moved | grep -q '^user:1234:rwx'; rm moved
                done
                """
            try ChildProcess.shell(script, directory: p.path)
        },
    ]

    private static func attributeNames(_ path: String) throws -> [String] {
        var list = [CChar](repeating: 0, count: 4_096)
        let count = Int(try must("listxattr", cp_listxattr(path, &list, list.count)))
        return list.prefix(count).split(separator: 0)
            .map { String(decoding: $0.map { UInt8(bitPattern: $0) }, as: UTF8.self) }.sorted()
    }
}
