// POSIX checks of links: hard links (also of the base), symlinks, and files that are open but unlinked.

import Glibc

extension PosixCheck {
    static let linkChecks: [PosixCheck] = [
        PosixCheck(
            "an edit of a base hard link shows under every name",
            prepare: { p in
                try writeFile(p("one"), "hello world")
                try makeDirectory(p("d"))
                try must("link", link(p("one"), p("d/two")))
                try must("link", link(p("one"), p("three")))
            }
        ) { p in
            try same(try status(p("one")).st_nlink, 3, "links")
            try same(try status(p("one")).st_ino, try status(p("d/two")).st_ino, "inode")
            try withOpen(p("d/two"), O_WRONLY) { try writeAll($0, Array("J".utf8), at: 0) }
            try same(try readText(p("one")), "Jello world", "one")
            try same(try readText(p("three")), "Jello world", "three")
            try must("chmod", chmod(p("three"), 0o600))
            try same(try status(p("one")).st_mode & 0o777, 0o600, "mode")
            try must("unlink", unlink(p("one")))
            try same(try status(p("d/two")).st_nlink, 2, "links after unlink")
            try must("link", link(p("d/two"), p("four")))
            try same(try status(p("three")).st_nlink, 3, "links after link")
            try same(try readText(p("four")), "Jello world", "four")
        },
        PosixCheck("hard links of new files, across directories") { p in
            try makeDirectory(p("d"))
            try writeFile(p("a"), "x")
            try must("link", link(p("a"), p("d/b")))
            try must("rename", rename(p("d/b"), p("c")))
            try writeFile(p("c"), "changed")
            try same(try readText(p("a")), "changed", "content")
            try refuse(EPERM, "link of a directory", link(p("d"), p("e")))
            try must("rename onto its own link", rename(p("a"), p("c")))
            try expect(exists(p("a")) && exists(p("c")), "rename between two links removed one")
        },
        PosixCheck("a link to a symlink links the symlink itself") { p in
            try must("symlink", symlink("nowhere", p("s")))
            try must("link", link(p("s"), p("t")))
            try same(try status(p("t")).st_ino, try status(p("s")).st_ino, "inode")
            try same(try status(p("t")).st_nlink, 2, "links")
        },
        PosixCheck(
            "symlinks: dangling, loops, 4,095 bytes, absolute",
            prepare: { p in
                try must("symlink", symlink("../place/target", p("base link")))
                try writeFile(p("target"), "found")
            }
        ) { p in
            try same(try readText(p("base link")), "found", "through a base link")
            let long = String(repeating: "s", count: 4_095)
            try must("long symlink", symlink(long, p("long")))
            try same(try linkTarget(raw(p.path, Array("long".utf8))), Array(long.utf8), "target")
            try same(try status(p("long")).st_size, 4_095, "size")
            try refuse(ENAMETOOLONG, "4,096 bytes", symlink(long + "s", p("longer")))
            try refuse(ENOENT, "empty", symlink("", p("empty")))
            try must("symlink", symlink("b", p("a")))
            try must("symlink", symlink("a", p("b")))
            try refuse(ELOOP, "loop", open(p("a"), O_RDONLY))
            try refuse(ELOOP, "O_NOFOLLOW", open(p("base link"), O_RDONLY | O_NOFOLLOW))
            try must("symlink", symlink(p("target"), p("absolute")))
            try same(try readText(p("absolute")), "found", "through an absolute link")
            try writeFile(p("base link"), "written through")
            try same(try readText(p("target")), "written through", "target of the link")
            var buffer = [CChar](repeating: 0, count: 8)
            try refuse(EINVAL, "readlink of a file", readlink(p("target"), &buffer, 8))
        },
        PosixCheck(
            "a file unlinked while open is read and written until closed",
            prepare: { p in try writeFile(p("base"), "from the base") }
        ) { p in
            try writeFile(p("new"), "brand new")
            for (name, text) in [("base", "from the base"), ("new", "brand new")] {
                try withOpen(p(name), O_RDWR) { held in
                    try must("unlink", unlink(p(name)))
                    try refuse(ENOENT, "open \(name)", open(p(name), O_RDONLY))
                    try same(try status(held).st_nlink, 0, "links of \(name)")
                    try same(try readBytes(held, 99, at: 0), Array(text.utf8), name)
                    try writeAll(held, Array("XY".utf8), at: 1_000_000)
                    try must("ftruncate", ftruncate(held, 1_000_001))
                    try must("fchmod", fchmod(held, 0o640))
                    try same(try status(held).st_size, 1_000_001, "size of \(name)")
                    try same(try readBytes(held, 9, at: 1_000_000), Array("X".utf8), "tail")
                    try writeFile(p(name), "another file of that name")
                    try same(
                        try readBytes(held, 4, at: 0), Array(text.utf8.prefix(4)), "held content")
                }
                try same(try readText(p(name)), "another file of that name", "new content")
            }
        },
        PosixCheck("a file replaced by rename lives on for who holds it") { p in
            try writeFile(p("a"), "old")
            try writeFile(p("b"), "fresh")
            try withOpen(p("a"), O_RDWR) { held in
                try must("rename", rename(p("b"), p("a")))
                try same(try readBytes(held, 9, at: 0), Array("old".utf8), "held")
                try writeAll(held, Array("OLD".utf8), at: 0)
                try same(try readText(p("a")), "fresh", "by name")
            }
        },
        PosixCheck("many unlinked files are held at once") { p in
            var held: [Int32] = []
            defer { held.forEach { close($0) } }
            for number in 0..<200 {
                let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC
                held.append(try must("open", open(p("f"), flags, 0o600)))
                try writeAll(held[number], Array("number \(number)".utf8))
                try must("unlink", unlink(p("f")))
            }
            for (number, descriptor) in held.enumerated() {
                let text = try readBytes(descriptor, 99, at: 0)
                try same(text, Array("number \(number)".utf8), "content")
            }
        },
    ]
}
