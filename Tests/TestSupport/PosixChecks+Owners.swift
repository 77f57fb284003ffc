// POSIX checks of owners: chown, what clears set-user-ID and set-group-ID, sticky and set-group-ID
// directories, and what another user may not do. The checks run as root and use a second user.

import Glibc

extension PosixCheck {
    static let ownerChecks: [PosixCheck] = [
        PosixCheck(
            "a write by another user clears suid and sgid, a write by root does not",
            needs: .root,
            prepare: { p in
                for name in ["b1", "b2"] { try program(p(name)) }
            }
        ) { p in
            for name in ["b1", "n1"] {
                if name == "n1" { try program(p(name)) }
                try withOpen(p(name), O_WRONLY | O_APPEND) { try writeAll($0, [0x0A]) }
                try same(try status(p(name)).st_mode & 0o7777, 0o6777, "\(name) after root")
                try same(try asOther("printf x >> \(name)", in: p).status, 0, "write")
                try same(try status(p(name)).st_mode & 0o7777, 0o777, "\(name) after another")
            }
            try same(try asOther("truncate -s 3 b2", in: p).status, 0, "truncate")
            try same(try status(p("b2")).st_mode & 0o7777, 0o777, "after truncation")
        },
        PosixCheck(
            "chown clears suid and sgid, of directories never", needs: .root,
            prepare: { p in
                try program(p("f"))
                try makeDirectory(p("d"))
                chmod(p("d"), 0o6755)
            }
        ) { p in
            try must("chown", chown(p("f"), 12, 34))
            let file = try status(p("f"))
            try same(file.st_mode & 0o7777, 0o777, "mode")
            try same([file.st_uid, file.st_gid], [12, 34], "owner")
            try must("chown", chown(p("d"), 12, 34))
            try same(try status(p("d")).st_mode & 0o7777, 0o6755, "mode of the directory")
            try must("only the group", chown(p("f"), UInt32.max, 99))
            try same(try status(p("f")).st_uid, 12, "owner kept")
            try must("symlink", symlink("f", p("l")))
            try must("lchown", lchown(p("l"), 55, 66))
            try same(try status(p("l")).st_uid, 55, "owner of the link")
            try same(try status(p("f")).st_uid, 12, "owner of its target")
            try program(p("x"))
            chmod(p("x"), 0o2767)
            try must("chown", chown(p("x"), 1, 1))
            let kept = try status(p("x")).st_mode & 0o7777
            try same(kept, 0o2767, "sgid without group execute is a lock mark and stays")
            // A chown without an owner clears the bits like any other: the kernel sends it as a setattr
            // without a field.
            try must("chown of nothing", chown(p("x"), UInt32.max, UInt32.max))
            try same(try status(p("x")).st_mode & 0o7777, 0o2767, "the mark stays again")
            chmod(p("x"), 0o6777)
            try must("chown of nothing", chown(p("x"), UInt32.max, UInt32.max))
            try same(try status(p("x")).st_mode & 0o7777, 0o777, "suid and sgid are cleared")
        },
        PosixCheck(
            "new names in a set-group-ID directory take its group", needs: .root,
            prepare: { p in
                try makeDirectory(p("d"))
                chown(p("d"), 0, 4_242)
                chmod(p("d"), 0o2777)
            }
        ) { p in
            try writeFile(p("d/f"), "x")
            try makeDirectory(p("d/sub"))
            try must("symlink", symlink("x", p("d/l")))
            try must("mkfifo", mkfifo(p("d/pipe"), 0o600))
            for name in ["f", "sub", "l", "pipe"] {
                try same(try status(p("d/\(name)")).st_gid, 4_242, "group of \(name)")
            }
            try same(try status(p("d/sub")).st_mode & 0o7777, 0o2755, "mode of a subdirectory")
            try writeFile(p("d/sub/deep"), "x")
            try same(try status(p("d/sub/deep")).st_gid, 4_242, "group further down")
        },
        PosixCheck("a sticky directory guards the names of others", needs: .root) { p in
            try makeDirectory(p("d"))
            chmod(p("d"), 0o1777)
            try writeFile(p("d/mine"), "x")
            chmod(p("d/mine"), 0o666)
            try expect(try asOther("rm -f d/mine", in: p).status != 0, "another removed it")
            try expect(try asOther("mv d/mine d/x", in: p).status != 0, "another renamed it")
            try same(try asOther("echo y > d/own && rm d/own", in: p).status, 0, "own file")
            try expect(exists(p("d/mine")), "it is gone")
        },
        PosixCheck(
            "modes are enforced for another user", needs: .root,
            prepare: { p in
                try writeFile(p("secret"), "x", mode: 0o600)
                try writeFile(p("none"), "x")
                chmod(p("none"), 0)
                try makeDirectory(p("closed"))
                try writeFile(p("closed/f"), "x")
                chmod(p("closed"), 0o700)
            }
        ) { p in
            for script in [
                "cat secret", "cat none", "ls closed", "cat closed/f", "chmod 777 secret",
                "chown 1000 secret", "touch -d 2001-01-01 secret", ": > secret",
                "setfacl -m u:1000:rw secret", "setfattr -n user.a -v 1 secret",
            ] {
                try expect(try asOther(script, in: p).status != 0, "allowed: \(script)")
            }
            try same(try readText(p("none")), "x", "mode 0 read by root")
            try must("chmod", chmod(p("secret"), 0o644))
            try same(try asOther("cat secret", in: p).text, "x", "after chmod")
            let made = "umask 027; echo z > own; mkdir dir; stat -c '%U %a' own dir"
            try same(try asOther(made, in: p).status, 0, "own files")
            let own = try status(p("own"))
            try same([own.st_uid, own.st_gid, own.st_mode & 0o777], [1_000, 1_000, 0o640], "own")
        },
        PosixCheck(
            "modes of any bits survive, the umask is applied once", needs: .root
        ) { p in
            try writeFile(p("f"), "x")
            for mode: mode_t in [0, 0o1, 0o7777, 0o4755, 0o2644, 0o1777, 0o644] {
                try must("chmod", chmod(p("f"), mode))
                try same(try status(p("f")).st_mode & 0o7777, mode, "mode")
            }
            try ChildProcess.shell(
                """
                umask 0; : > a; mkdir b; mkfifo c; umask 077; : > d; mkdir e
                test "$(stat -c %a a b c d e | tr '\\n' ' ')" = "666 777 666 600 700 "
                """, directory: p.path)
        },
    ]

    private static func program(_ path: String) throws {
        try writeFile(path, "#!/bin/sh\n")
        try must("chmod", chmod(path, 0o6777))
    }
}
