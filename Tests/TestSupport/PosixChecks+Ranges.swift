// POSIX checks of ranges: sparse files, fallocate, SEEK_DATA and SEEK_HOLE, copy_file_range.

internal import CPlatform
import Glibc

extension PosixCheck {
    static let rangeChecks: [PosixCheck] = [
        PosixCheck("a sparse file of 1 TiB holds what is written far out") { p in
            try withOpen(p("f"), O_RDWR | O_CREAT) { held in
                try must("ftruncate", ftruncate(held, 1 << 40))
                try writeAll(held, Array("end".utf8), at: (1 << 40) - 3)
                try writeAll(held, Array("middle".utf8), at: 1 << 39)
                try same(try status(held).st_size, 1 << 40, "size")
                try expect(try status(held).st_blocks < 1_000, "st_blocks is not sparse")
                try same(try readBytes(held, 6, at: 1 << 39), Array("middle".utf8), "middle")
                try same(try readBytes(held, 9, at: (1 << 40) - 3), Array("end".utf8), "end")
                try same(try readBytes(held, 4, at: 1 << 30), [0, 0, 0, 0], "hole")
                let data = cp_lseek(held, 0, CP_SEEK_DATA)
                try expect(data > 1 << 38 && data <= 1 << 39, "SEEK_DATA found \(data)")
                try same(cp_lseek(held, 4_096, CP_SEEK_HOLE), 4_096, "SEEK_HOLE")
            }
        },
        PosixCheck(
            "SEEK_DATA and SEEK_HOLE of base holes and new ones",
            prepare: { p in
                try withOpen(p("f"), O_RDWR | O_CREAT) { held in
                    try writeAll(held, [UInt8](repeating: 1, count: 65_536), at: 0)
                    try writeAll(held, [UInt8](repeating: 2, count: 65_536), at: 1 << 20)
                }
            }
        ) { p in
            try withOpen(p("f"), O_RDWR) { held in
                try same(cp_lseek(held, 0, CP_SEEK_HOLE), 65_536, "first hole")
                try same(cp_lseek(held, 65_536, CP_SEEK_DATA), 1 << 20, "data after it")
                try same(cp_lseek(held, 1 << 20, CP_SEEK_HOLE), (1 << 20) + 65_536, "end")
                try refuse(ENXIO, "after the end", cp_lseek(held, 1 << 21, CP_SEEK_DATA))
                try must("punch", cp_fallocate(held, punch, 0, 65_536))
                try same(cp_lseek(held, 0, CP_SEEK_DATA), 1 << 20, "data after the punch")
                try writeAll(held, [UInt8](repeating: 3, count: 4_096), at: 1 << 19)
                try same(cp_lseek(held, 0, CP_SEEK_DATA), 1 << 19, "data after a write")
                try must("ftruncate", ftruncate(held, 2 << 20))
                let end = (1 << 20) + 65_536
                try refuse(ENXIO, "in a tail hole", cp_lseek(held, Int64(end), CP_SEEK_DATA))
            }
        },
        PosixCheck(
            "fallocate extends, keeps size, punches and zeroes", prepare: prepareBlocks
        ) { p in
            var reference = blocks
            try withOpen(p("f"), O_RDWR) { held in
                try must("punch", cp_fallocate(held, punch, 10_000, 50_001))
                reference.replaceSubrange(
                    10_000..<60_001, with: [UInt8](repeating: 0, count: 50_001))
                try same(try readBytes(held, 300_000, at: 0), reference, "punched")
                let zero = CP_FALLOC_ZERO_RANGE
                try must("zero", cp_fallocate(held, zero, 190_000, 20_000))
                reference.replaceSubrange(
                    190_000..<200_000, with: [UInt8](repeating: 0, count: 20_000))
                try same(try readBytes(held, 300_000, at: 0), reference, "zeroed over the end")
                let keep = CP_FALLOC_KEEP_SIZE
                try must("keep size", cp_fallocate(held, keep, 0, 500_000))
                try same(try status(held).st_size, 210_000, "size kept")
                try must("zero, keep size", cp_fallocate(held, zero | keep, 205_000, 90_000))
                try same(try status(held).st_size, 210_000, "size kept by zero")
                try must("extend", cp_fallocate(held, 0, 100_000, 200_000))
                reference += [UInt8](repeating: 0, count: 90_000)
                try same(try readBytes(held, 400_000, at: 0), reference, "extended")
                try same(try status(held).st_size, 300_000, "size extended")
                try refuse(EINVAL, "no length", cp_fallocate(held, 0, 0, 0))
                try refuse(EINVAL, "negative", cp_fallocate(held, 0, -1, 10))
                let alone = CP_FALLOC_PUNCH_HOLE
                try refuse(EOPNOTSUPP, "punch without keep", cp_fallocate(held, alone, 0, 10))
            }
            try withOpen(p("f"), O_RDONLY) { held in
                try refuse(EBADF, "read-only descriptor", cp_fallocate(held, 0, 0, 10))
            }
            try same(try readFile(p("f")), reference, "opened again")
        },
        PosixCheck(
            "copy_file_range between files, partial and over the end", prepare: prepareBlocks
        ) { p in
            try withOpen(p("f"), O_RDONLY) { source in
                try withOpen(p("g"), O_RDWR | O_CREAT) { target in
                    try same(try copy(source, 1_000, target, 0, 100_000), 100_000, "count")
                    var reference = Array(blocks[1_000..<101_000])
                    try same(try readBytes(target, 200_000, at: 0), reference, "copied")
                    try same(try copy(source, 199_000, target, 50, 5_000), 1_000, "over the end")
                    reference.replaceSubrange(50..<1_050, with: blocks[199_000...])
                    try same(try copy(source, 300_000, target, 0, 10), 0, "after the end")
                    try same(try copy(source, 5, target, 120_000, 10), 10, "behind the end")
                    reference += [UInt8](repeating: 0, count: 20_000) + blocks[5..<15]
                    try same(try readBytes(target, 200_000, at: 0), reference, "content")
                    try writeAll(target, [0xFF], at: 3)
                    try same(try readFile(p("f")), blocks, "the source after an edit of the copy")
                    let (from, to): (Int32, Int32) = (target, source)
                    try refuse(EBADF, "to a read-only file", rangeCopy(from, 0, to, 0, 10))
                }
            }
        },
        PosixCheck(
            "copy_file_range inside one file, and EINVAL where it overlaps",
            prepare: prepareBlocks
        ) { p in
            var reference = blocks
            try withOpen(p("f"), O_RDWR) { held in
                try same(try copy(held, 0, held, 100_000, 50_000), 50_000, "apart")
                reference.replaceSubrange(100_000..<150_000, with: blocks[0..<50_000])
                try same(try copy(held, 10, held, 200_000, 999), 999, "to the end")
                reference += reference[10..<1_009]
                try refuse(EINVAL, "overlap", rangeCopy(held, 0, held, 100, 5_000))
                try refuse(EINVAL, "overlap, backwards", rangeCopy(held, 100, held, 0, 5_000))
                try same(try readBytes(held, 300_000, at: 0), reference, "content")
            }
        },
        PosixCheck("cp and a sparse cp give equal bytes", prepare: prepareBlocks) { p in
            try ChildProcess.shell(
                """
                cp f copy; cp copy copy2; cmp f copy2
                truncate -s 10M f; printf X | dd of=f bs=1 seek=5000000 conv=notrunc status=none
                cp --sparse=always f s; cmp f s; cp f t; cmp f t
                test $(stat -c %b t) -lt 1000
                """, directory: p.path)
            try same(try readFile(p("copy")), blocks, "the first copy")
        },
    ]

    private static let punch = CP_FALLOC_PUNCH_HOLE | CP_FALLOC_KEEP_SIZE

    private static func rangeCopy(
        _ source: Int32, _ from: Int64, _ target: Int32, _ to: Int64, _ count: Int
    ) -> Int64 {
        var (from, to) = (from, to)
        return cp_copy_file_range(source, &from, target, &to, count)
    }

    /// Copies until `count` bytes are copied or a call copies none. Returns the number of bytes, since
    /// calls may copy fewer bytes than requested.
    private static func copy(
        _ source: Int32, _ from: Int64, _ target: Int32, _ to: Int64, _ count: Int
    ) throws -> Int {
        var done = 0
        while done < count {
            let moved = Int64(done)
            let part = rangeCopy(source, from + moved, target, to + moved, count - done)
            if try must("copy_file_range", part) == 0 { break }
            done += Int(part)
        }
        return done
    }
}
