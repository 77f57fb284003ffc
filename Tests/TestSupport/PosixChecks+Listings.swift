// POSIX checks of listings: readdir, seekdir, inode numbers and link counts of directories.

internal import CPlatform
import Glibc

extension PosixCheck {
    static let listingChecks: [PosixCheck] = [
        PosixCheck(
            "d_ino and d_type of a listing equal lstat",
            prepare: { p in
                try writeFile(p("base file"), "x")
                try makeDirectory(p("base dir"))
                try must("symlink", symlink("x", p("base link")))
                try must("mkfifo", mkfifo(p("base fifo"), 0o600))
            }
        ) { p in
            try writeFile(p("new file"), "x")
            try makeDirectory(p("new dir"))
            try must("symlink", symlink("x", p("new link")))
            try must("rename", rename(p("base dir"), p("moved dir")))
            try writeFile(p("base file"), "edited")
            let found = try entries(of: p.path)
            try same(found.count, 7, "entries")
            for entry in found {
                let name = String(decoding: entry.name, as: UTF8.self)
                let seen = try status(p(name))
                try same(entry.inode, UInt64(seen.st_ino), "d_ino of \(name)")
                try same(UInt32(entry.type) << 12, seen.st_mode & S_IFMT, "d_type of \(name)")
            }
        },
        PosixCheck(
            "inode numbers stay when a file is edited, renamed or linked",
            prepare: { p in try writeFile(p("f"), "base") }
        ) { p in
            let before = try status(p("f")).st_ino
            try withOpen(p("f"), O_WRONLY | O_APPEND) { try writeAll($0, [0x21]) }
            try same(try status(p("f")).st_ino, before, "after an edit")
            try must("chmod", chmod(p("f"), 0o600))
            try must("rename", rename(p("f"), p("g")))
            try same(try status(p("g")).st_ino, before, "after a rename")
            try must("link", link(p("g"), p("h")))
            try same(try status(p("h")).st_ino, before, "of a link")
            try must("truncate", truncate(p("h"), 0))
            try same(try status(p("g")).st_ino, before, "after truncation")
        },
        PosixCheck(
            "the link count of a directory is 2 and its subdirectories",
            prepare: { p in
                try makeDirectory(p("b"))
                for name in ["1", "2", "3"] { try makeDirectory(p("b/\(name)")) }
                try writeFile(p("b/file"), "x")
            }
        ) { p in
            try same(try status(p("b")).st_nlink, 5, "base directory")
            try must("rmdir", rmdir(p("b/1")))
            try same(try status(p("b")).st_nlink, 4, "after rmdir")
            try makeDirectory(p("d"))
            try same(try status(p("d")).st_nlink, 2, "new directory")
            try must("rename", rename(p("b/2"), p("d/2")))
            try same(try status(p("d")).st_nlink, 3, "after a move into it")
            try same(try status(p("b")).st_nlink, 3, "after a move out of it")
        },
        PosixCheck("5,000 entries are deleted while they are listed") { p in
            for number in 0..<5_000 { try must("create", close(creat(p("f\(number)"), 0o644))) }
            guard let stream = opendir(p.path) else { throw CheckFailure("opendir") }
            defer { closedir(stream) }
            var seen = 0
            while let entry = readdir(stream) {
                let name = nameBytes(entry)
                if name == [0x2E] || name == [0x2E, 0x2E] { continue }
                seen += 1
                try must("unlink", unlink(p(String(decoding: name, as: UTF8.self))))
            }
            try same(seen, 5_000, "entries seen")
            try same(try names(in: p.path).count, 0, "entries left")
        },
        PosixCheck(
            "entries of the base are deleted while they are listed",
            prepare: { p in
                for number in 0..<1_000 { try must("create", close(creat(p("b\(number)"), 0o644))) }
            }
        ) { p in
            for number in 0..<1_000 { try must("create", close(creat(p("n\(number)"), 0o644))) }
            let script = """
                import os
                seen = 0
                for entry in os.scandir("."):
                    assert entry.is_file(follow_symlinks=False)
                    os.unlink(entry.name)
                    seen += 1
                assert seen == 2000, seen
                assert os.listdir(".") == []
                """
            try ChildProcess.check(
                [TestEnvironment.python, "-c", script], seconds: 60, directory: p.path)
        },
        PosixCheck(
            "telldir and seekdir return to the same place",
            prepare: { p in
                for number in 0..<300 { try must("create", close(creat(p("b\(number)"), 0o644))) }
            }
        ) { p in
            for number in 0..<300 { try must("create", close(creat(p("n\(number)"), 0o644))) }
            guard let stream = opendir(p.path) else { throw CheckFailure("opendir") }
            defer { closedir(stream) }
            var places: [Int] = []
            var order: [[UInt8]] = []
            while true {
                let place = telldir(stream)
                guard let entry = readdir(stream) else { break }
                places.append(place)
                order.append(nameBytes(entry))
            }
            try same(order.count, 602, "entries")
            for index in stride(from: 601, through: 0, by: -37) {
                seekdir(stream, places[index])
                guard let entry = readdir(stream) else {
                    throw CheckFailure("nothing at place \(index)")
                }
                try same(nameBytes(entry), order[index], "entry at place \(index)")
            }
            rewinddir(stream)
            try same(readdir(stream).map { nameBytes($0) }, order[0], "first entry again")
        },
        PosixCheck("a listing shows what was created and removed since the last one") { p in
            for number in 0..<50 {
                try writeFile(p("f\(number)"), "x")
                try same(try names(in: p.path).count, number + 1, "after create")
            }
            for number in 0..<50 {
                try must("unlink", unlink(p("f\(number)")))
                try same(try names(in: p.path).count, 49 - number, "after unlink")
            }
        },
        PosixCheck("directory times move when names do, and only then") { p in
            try makeDirectory(p("d"))
            let past = [timespec](
                repeating: timespec(tv_sec: 1_000_000_000, tv_nsec: 5), count: 2)
            for step in ["create", "write", "rename", "unlink"] {
                try must("utimensat", utimensat(AT_FDCWD, p("d"), past, 0))
                switch step {
                case "create": try must("create", close(creat(p("d/f"), 0o644)))
                case "write": try writeFile(p("d/f"), "more")
                case "rename": try must("rename", rename(p("d/f"), p("d/g")))
                default: try must("unlink", unlink(p("d/g")))
                }
                let moved = try status(p("d")).st_mtim.tv_sec != 1_000_000_000
                try same(moved, step != "write", "mtime moved by \(step)")
            }
        },
    ]
}
