// POSIX checks of names: creation, removal and their errors, unusual and long names, deep paths.

import Glibc

extension PosixCheck {
    static let nameChecks: [PosixCheck] = [
        PosixCheck("O_EXCL refuses what exists, dangling symlinks too") { p in
            try writeFile(p("f"), "x")
            try refuse(EEXIST, "file", open(p("f"), O_CREAT | O_EXCL | O_WRONLY, 0o644))
            try must("symlink", symlink("nowhere", p("l")))
            try refuse(EEXIST, "dangling", open(p("l"), O_CREAT | O_EXCL | O_WRONLY, 0o644))
            try refuse(ENOENT, "follow", open(p("l"), O_RDONLY))
            try must("create through a dangling link", close(open(p("l"), O_CREAT, 0o644)))
            try expect(exists(p("nowhere")), "the link's target was not created")
        },
        PosixCheck(
            "errors of names that are files, directories or nothing",
            prepare: { p in
                try writeFile(p("bf"), "x")
                try makeDirectory(p("bd"))
                try writeFile(p("bd/inner"), "y")
            }
        ) { p in
            try makeDirectory(p("d"))
            try writeFile(p("d/x"), "1")
            for (dir, inner) in [("d", "x"), ("bd", "inner")] {
                try refuse(ENOTEMPTY, "rmdir \(dir)", rmdir(p(dir)))
                try refuse(EISDIR, "unlink \(dir)", unlink(p(dir)))
                try refuse(EISDIR, "open for writing \(dir)", open(p(dir), O_WRONLY))
                try refuse(EEXIST, "mkdir \(dir)", mkdir(p(dir), 0o755))
                try refuse(ENOTDIR, "rmdir of a file", rmdir(p("\(dir)/\(inner)")))
                try refuse(ENOTDIR, "below a file", open(p("\(dir)/\(inner)/z"), O_RDONLY))
                try refuse(ENOTDIR, "O_DIRECTORY", open(p("\(dir)/\(inner)"), O_DIRECTORY))
                try refuse(EEXIST, "link", link(p("bf"), p("\(dir)/\(inner)")))
            }
            try refuse(ENOENT, "unlink nothing", unlink(p("none")))
            try refuse(ENOENT, "rmdir nothing", rmdir(p("none")))
            try refuse(ENOENT, "mkdir below nothing", mkdir(p("none/x"), 0o755))
            try refuse(EINVAL, "rmdir .", rmdir(p("d/.")))
            try refuse(ENOTEMPTY, "rmdir ..", rmdir(p("d/..")))
            try refuse(EISDIR, "truncate a directory", truncate(p("d"), 0))
        },
        PosixCheck(
            "a removed base directory comes back empty",
            prepare: { p in
                try makeDirectory(p("d"))
                try writeFile(p("d/a"), "1")
                try makeDirectory(p("d/sub"))
                try writeFile(p("d/sub/b"), "2")
            }
        ) { p in
            try must("unlink", unlink(p("d/a")))
            try must("unlink", unlink(p("d/sub/b")))
            try must("rmdir", rmdir(p("d/sub")))
            try must("rmdir", rmdir(p("d")))
            try expect(!exists(p("d")), "still there")
            try makeDirectory(p("d"))
            try same(try names(in: p("d")).count, 0, "entries of the new directory")
            try refuse(ENOENT, "old name", open(p("d/a"), O_RDONLY))
            try writeFile(p("d/sub"), "a file where a directory was")
            try must("rename over nothing", rename(p("d/sub"), p("d/a")))
            try same(try readText(p("d/a")), "a file where a directory was", "content")
        },
        PosixCheck("a directory removed while open takes no new names") { p in
            try makeDirectory(p("d"))
            try withOpen(p("d"), O_RDONLY | O_DIRECTORY) { held in
                try must("rmdir", rmdir(p("d")))
                try refuse(ENOENT, "create", openat(held, "x", O_CREAT | O_WRONLY, 0o644))
                try refuse(ENOENT, "lookup", openat(held, "x", O_RDONLY))
                try same(try status(held).st_nlink, 0, "links of the removed directory")
            }
        },
        PosixCheck(
            "names of any bytes up to 255",
            prepare: { p in
                for name in oddNames { try createRaw(p.path, name) }
            }
        ) { p in
            try makeDirectory(p("new"))
            for name in oddNames { try createRaw(p("new"), name) }
            let wanted = Set(oddNames)
            try same(Set(try names(in: p("new"))), wanted, "new names")
            let old = Set(try names(in: p.path)).subtracting([Array("new".utf8)])
            try same(old, wanted, "names of the base")
            for name in oddNames {
                try must("unlink \(name.prefix(8))", unlink(raw(p.path, name)))
            }
            try same(try names(in: p.path).count, 1, "names after removal")
        },
        PosixCheck("a name of 256 bytes is too long for every call") { p in
            let long = p(String(repeating: "n", count: 256))
            try writeFile(p("f"), "x")
            try refuse(ENAMETOOLONG, "open", open(long, O_RDONLY))
            try refuse(ENAMETOOLONG, "create", open(long, O_CREAT | O_WRONLY, 0o644))
            try refuse(ENAMETOOLONG, "mkdir", mkdir(long, 0o755))
            try refuse(ENAMETOOLONG, "rename", rename(p("f"), long))
            try refuse(ENAMETOOLONG, "link", link(p("f"), long))
            try refuse(ENAMETOOLONG, "symlink", symlink("f", long))
            try refuse(ENAMETOOLONG, "mknod", mknod(long, S_IFIFO | 0o600, 0))
            try refuse(ENAMETOOLONG, "unlink", unlink(long))
        },
        PosixCheck("paths deeper than PATH_MAX, one step at a time") { p in
            let name = String(repeating: "d", count: 200)
            var held = try must("open", open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
            defer { close(held) }
            for depth in 0..<30 {
                try must("mkdirat \(depth)", mkdirat(held, name, 0o755))
                let next = try must(
                    "openat", openat(held, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
                close(held)
                held = next
            }
            let file = try must("create", openat(held, "leaf", O_CREAT | O_RDWR, 0o644))
            defer { close(file) }
            try writeAll(file, Array("deep".utf8))
            try same(try readBytes(file, 10, at: 0), Array("deep".utf8), "content")
            try ChildProcess.check(["rm", "-rf", p(name)])
        },
        PosixCheck(". and .. lead where they should") { p in
            try makeDirectory(p("a"))
            try makeDirectory(p("a/b"))
            try same(try status(p("a/b/..")).st_ino, try status(p("a")).st_ino, "a/b/..")
            try same(try status(p("a/b/.")).st_ino, try status(p("a/b")).st_ino, "a/b/.")
            try makeDirectory(p("c"))
            try must("rename", rename(p("a/b"), p("c/b")))
            try same(try status(p("c/b/..")).st_ino, try status(p("c")).st_ino, "after rename")
        },
        PosixCheck("fifos and sockets carry data") { p in
            try must("mkfifo", mkfifo(p("pipe"), 0o644))
            try same(try status(p("pipe")).st_mode & S_IFMT, S_IFIFO, "kind")
            try ChildProcess.shell(
                "(echo through > pipe &) ; test \"$(cat pipe)\" = through",
                seconds: 20, directory: p.path)
            let script = """
                import socket
                s = socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen(1)
                c = socket.socket(socket.AF_UNIX); c.connect("sock"); c.send(b"hi")
                assert s.accept()[0].recv(2) == b"hi"
                """
            try ChildProcess.check(
                [TestEnvironment.python, "-c", script], seconds: 30, directory: p.path)
            try same(try status(p("sock")).st_mode & S_IFMT, S_IFSOCK, "kind")
        },
        PosixCheck("device nodes keep their numbers", needs: .root) { p in
            try must("mknod", mknod(p("null"), S_IFCHR | 0o666, 0x103))
            try must("mknod", mknod(p("block"), S_IFBLK | 0o600, 0x7_00FF))
            let (character, block) = (try status(p("null")), try status(p("block")))
            try same(character.st_rdev, 0x103, "st_rdev")
            try same(character.st_mode, S_IFCHR | 0o666 & ~0o022, "mode")
            try same(block.st_rdev, 0x7_00FF, "st_rdev of a block device")
            try must("chmod", chmod(p("null"), 0o666))
            try must("rename", rename(p("null"), p("void")))
            try same(try status(p("void")).st_mode, S_IFCHR | 0o666, "mode after chmod")
        },
    ]
}

/// Names that tools and file systems mishandle. None is `.` or `..`, and none contains `/` or NUL.
let oddNames: [[UInt8]] = [
    Array(" leading and trailing ".utf8), Array("new\nline".utf8), Array("-rf".utf8),
    Array("\"quoted\" 'name' $HOME `x` \\".utf8), Array("…".utf8), Array("...".utf8),
    Array("\u{65}\u{301}".utf8), Array("\u{E9}".utf8), Array("🗂️".utf8), [0xFF, 0xFE, 0x80],
    [0xC3], [0x01, 0x1B, 0x7F], [UInt8](repeating: 0x61, count: 255),
    [UInt8](repeating: 0xE9, count: 255), Array(".wh.whiteout".utf8), Array(".wh..wh..opq".utf8),
    Array(".fuse_hidden0001".utf8), Array("*?[]".utf8), Array(":;|&<>".utf8),
]

/// Returns a path whose last name need not be UTF-8.
package func raw(_ directory: String, _ name: [UInt8]) -> [CChar] {
    (Array(directory.utf8) + [0x2F] + name + [0]).map { CChar(bitPattern: $0) }
}

func createRaw(_ directory: String, _ name: [UInt8]) throws {
    let path = raw(directory, name)
    let descriptor = try must(
        "create \(name.prefix(12))", open(path, O_CREAT | O_EXCL | O_WRONLY, 0o644))
    defer { close(descriptor) }
    try writeAll(descriptor, name)
}
