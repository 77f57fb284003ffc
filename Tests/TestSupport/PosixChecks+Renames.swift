// POSIX checks of renames: flags, base directories, directories with open files, and the errors.

internal import CPlatform
import Glibc

extension PosixCheck {
    static let renameChecks: [PosixCheck] = [
        PosixCheck(
            "RENAME_NOREPLACE keeps what is there",
            prepare: { p in try writeFile(p("base"), "base") }
        ) { p in
            try writeFile(p("a"), "a")
            try refuse(EEXIST, "onto a base file", rename2("a", "base", in: p, noReplace))
            try same(try readText(p("base")), "base", "target")
            try must("to a free name", rename2("a", "free", in: p, noReplace))
            try must("unlink", unlink(p("base")))
            try must("to a removed base name", rename2("free", "base", in: p, noReplace))
            try same(try readText(p("base")), "a", "content")
        },
        PosixCheck(
            "RENAME_EXCHANGE swaps files, directories and both kinds",
            prepare: { p in
                try makeDirectory(p("bd"))
                try writeFile(p("bd/inner"), "in base directory")
                try writeFile(p("bf"), "base file")
            }
        ) { p in
            try writeFile(p("f"), "new file")
            try must("files", rename2("f", "bf", in: p, exchange))
            try same(try readText(p("f")), "base file", "f")
            try same(try readText(p("bf")), "new file", "bf")
            try must("file and directory", rename2("f", "bd", in: p, exchange))
            try same(try readText(p("f/inner")), "in base directory", "f/inner")
            try same(try readText(p("bd")), "base file", "bd")
            try refuse(ENOENT, "with nothing", rename2("f", "none", in: p, exchange))
            try refuse(EINVAL, "both flags", rename2("f", "bf", in: p, noReplace | exchange))
        },
        PosixCheck(
            "base directories are renamed whole, again and again, and into each other",
            prepare: { p in
                for name in ["x", "x/y", "x/y/z", "other"] { try makeDirectory(p(name)) }
                try writeFile(p("x/y/z/deep"), "deep")
                try writeFile(p("x/top"), "top")
            }
        ) { p in
            try must("rename", rename(p("x"), p("w")))
            try same(try readText(p("w/y/z/deep")), "deep", "after one rename")
            try refuse(ENOENT, "old name", open(p("x/top"), O_RDONLY))
            try must("into another", rename(p("w/y"), p("other/y")))
            try must("back", rename(p("w"), p("x")))
            try same(try names(in: p("x")), [Array("top".utf8)], "x without y")
            try writeFile(p("other/y/z/deep"), "edited")
            try must("again", rename(p("other/y"), p("x/y2")))
            try same(try readText(p("x/y2/z/deep")), "edited", "after moves")
            try makeDirectory(p("x/y"))
            try same(try names(in: p("x/y")).count, 0, "a new directory at the old name")
            try refuse(EINVAL, "into itself", rename(p("x"), p("x/y2/z/x")))
        },
        PosixCheck(
            "a base directory is renamed while its files are open and used",
            prepare: { p in
                try makeDirectory(p("d"))
                try writeFile(p("d/f"), "0123456789")
            }
        ) { p in
            try withOpen(p("d/f"), O_RDWR) { held in
                try must("rename", rename(p("d"), p("e")))
                try writeAll(held, Array("AB".utf8), at: 2)
                try same(try readText(p("e/f")), "01AB456789", "by the new name")
                try withOpen(p("e"), O_RDONLY | O_DIRECTORY) { directory in
                    try must("rename", rename(p("e"), p("g")))
                    let made = try must("openat", openat(directory, "n", O_CREAT | O_RDWR, 0o644))
                    close(made)
                }
                try expect(exists(p("g/n")), "a name made through the held directory")
                try must("unlink", unlink(p("g/f")))
                try same(try readBytes(held, 4, at: 0), Array("01AB".utf8), "held")
            }
        },
        PosixCheck(
            "rename replaces files and empty directories only",
            prepare: { p in
                try makeDirectory(p("full"))
                try writeFile(p("full/x"), "x")
                try makeDirectory(p("empty"))
                try writeFile(p("file"), "f")
            }
        ) { p in
            try makeDirectory(p("d"))
            try refuse(ENOTEMPTY, "onto a full directory", rename(p("d"), p("full")))
            try refuse(ENOTDIR, "directory onto file", rename(p("d"), p("file")))
            try refuse(EISDIR, "file onto directory", rename(p("file"), p("empty")))
            try must("onto an empty directory", rename(p("full"), p("empty")))
            try same(try readText(p("empty/x")), "x", "content")
            try refuse(ENOENT, "from nothing", rename(p("none"), p("z")))
            try must("unlink", unlink(p("empty/x")))
            try must("onto an emptied base directory", rename(p("d"), p("empty")))
            try same(try names(in: p("empty")).count, 0, "entries")
            try must("onto itself", rename(p("file"), p("file")))
            try same(try readText(p("file")), "f", "after rename onto itself")
        },
        PosixCheck(
            "write to a temporary name, then rename over, as editors do",
            prepare: { p in try writeFile(p("f"), "version 0", mode: 0o640) }
        ) { p in
            for version in 1...50 {
                try writeFile(p(".f.tmp"), "version \(version)")
                try must("rename", rename(p(".f.tmp"), p("f")))
                try same(try readText(p("f")), "version \(version)", "content")
            }
            try same(try names(in: p.path).count, 1, "names left")
        },
    ]

    private static let noReplace = CP_RENAME_NOREPLACE
    private static let exchange = CP_RENAME_EXCHANGE

    private static func rename2(
        _ old: String, _ new: String, in place: PosixPlace, _ flags: UInt32
    ) -> Int32 {
        cp_renameat2(AT_FDCWD, place(old), AT_FDCWD, place(new), flags)
    }
}
