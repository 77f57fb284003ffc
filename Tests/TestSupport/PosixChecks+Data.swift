// POSIX checks of data: reads, writes, truncation, appends, direct and mapped access.

internal import CPlatform
import Glibc

extension PosixCheck {
    static let dataChecks: [PosixCheck] = [
        PosixCheck("overwrites at every edge of blocks", prepare: prepareBlocks) { p in
            var reference = blocks
            try withOpen(p("f"), O_RDWR) { held in
                for (index, offset) in [0, 1, 4_095, 4_096, 65_535, 65_536, 131_071, 199_990]
                    .enumerated()
                {
                    for length in [1, 2, 10] {
                        let bytes = [UInt8](repeating: UInt8(0xA0 + index), count: length)
                        try writeAll(held, bytes, at: Int64(offset))
                        reference.replaceSubrange(offset..<(offset + length), with: bytes)
                    }
                }
                try same(try readBytes(held, 300_000, at: 0), reference, "through the same file")
            }
            try same(try readFile(p("f")), reference, "opened again")
        },
        PosixCheck("truncation, and zeros where a file grows", prepare: prepareBlocks) { p in
            try must("shrink", truncate(p("f"), 5_000))
            try same(try readFile(p("f")), Array(blocks.prefix(5_000)), "shrunk")
            try must("grow", truncate(p("f"), 150_000))
            let grown = Array(blocks.prefix(5_000)) + [UInt8](repeating: 0, count: 145_000)
            try same(try readFile(p("f")), grown, "old content must not come back")
            try withOpen(p("f"), O_WRONLY) { try writeAll($0, [7], at: 160_000) }
            try same(
                try readFile(p("f")), grown + [UInt8](repeating: 0, count: 10_000) + [7], "gap")
            try withOpen(p("f"), O_WRONLY | O_TRUNC) { _ in }
            try same(try status(p("f")).st_size, 0, "size after O_TRUNC")
            try must("grow again", truncate(p("f"), 100))
            try same(try readFile(p("f")), [UInt8](repeating: 0, count: 100), "after O_TRUNC")
            try refuse(EINVAL, "negative", truncate(p("f"), -1))
        },
        PosixCheck("reads at and after the end are short", prepare: prepareBlocks) { p in
            try withOpen(p("f"), O_RDONLY) { held in
                try same(try readBytes(held, 10, at: 199_995).count, 5, "over the end")
                try same(try readBytes(held, 10, at: 200_000).count, 0, "at the end")
                try same(try readBytes(held, 10, at: 1 << 40).count, 0, "far after the end")
                try refuse(EBADF, "write to a read-only descriptor", write(held, "x", 1))
            }
            try withOpen(p("f"), O_WRONLY) { held in
                var byte: UInt8 = 0
                try refuse(EBADF, "read of a write-only descriptor", read(held, &byte, 1))
            }
        },
        PosixCheck("two descriptors of one file see each other's writes at once") { p in
            try writeFile(p("f"), "")
            try withOpen(p("f"), O_RDWR) { one in
                try withOpen(p("f"), O_RDWR) { two in
                    for round in 0..<200 {
                        let bytes = [UInt8](repeating: UInt8(round % 251), count: 1_000)
                        try writeAll(one, bytes, at: Int64(round * 500))
                        let seen = try readBytes(two, 1_000, at: Int64(round * 500))
                        try same(seen, bytes, "round \(round)")
                        if round % 10 == 9 {
                            try must("ftruncate", ftruncate(two, off_t(round * 500 + 3)))
                            try same(try status(one).st_size, off_t(round * 500 + 3), "size")
                        }
                    }
                }
            }
        },
        PosixCheck("O_APPEND from many processes loses no line") { p in
            try writeFile(p("log"), "")
            try ChildProcess.shell(
                """
                for w in 1 2 3 4 5 6; do
                  (for i in $(seq 200); do echo "writer $w line $i padding-padding"; done >> log) &
                done; wait
                """, directory: p.path)
            let lines = Set(try readText(p("log")).split(separator: "\n"))
            try same(lines.count, 1_200, "distinct lines")
            try expect(
                lines.allSatisfy { $0.hasPrefix("writer ") && $0.hasSuffix("padding") },
                "a line was torn")
        },
        PosixCheck("pwrite with O_APPEND goes to the end, as Linux does") { p in
            try writeFile(p("f"), "12345")
            try withOpen(p("f"), O_RDWR | O_APPEND) { held in
                try writeAll(held, Array("X".utf8), at: 0)
                try same(try readBytes(held, 9, at: 0), Array("12345X".utf8), "content")
            }
        },
        PosixCheck("O_DIRECT reads and writes", prepare: prepareBlocks) { p in
            try withOpen(p("f"), O_RDWR | CP_O_DIRECT) { held in
                let pages = mmap(
                    nil, 16_384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
                guard let pages, pages != MAP_FAILED else { throw CheckFailure("mmap") }
                defer { munmap(pages, 16_384) }
                try same(pread(held, pages, 8_192, 4_096), 8_192, "bytes read")
                let found = [UInt8](UnsafeRawBufferPointer(start: pages, count: 8_192))
                try same(found, Array(blocks[4_096..<12_288]), "content")
                memset(pages, 0x5A, 8_192)
                try same(pwrite(held, pages, 8_192, 65_536), 8_192, "bytes written")
            }
            let whole = try readFile(p("f"))
            try same(Array(whole[65_536..<73_728]), [UInt8](repeating: 0x5A, count: 8_192), "new")
            try same(whole[73_728], blocks[73_728], "byte after it")
        },
        PosixCheck("shared writable mmap", prepare: prepareBlocks) { p in
            try withOpen(p("f"), O_RDWR) { held in
                let size = 200_000
                let map = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                guard let map, map != MAP_FAILED else {
                    throw CheckFailure("mmap: \(words(errno))")
                }
                defer { munmap(map, size) }
                let bytes = map.assumingMemoryBound(to: UInt8.self)
                try same(bytes[100_000], blocks[100_000], "mapped byte of the base")
                for offset in [0, 4_096, 99_999, 199_999] { bytes[offset] = 0xEE }
                try must("msync", msync(map, size, MS_SYNC))
                try same(try readBytes(held, 1, at: 99_999), [0xEE], "read after msync")
                try writeAll(held, [0xDD], at: 50_000)
                try same(bytes[50_000], 0xDD, "a write seen through the map")
            }
            var reference = blocks
            for offset in [0, 4_096, 99_999, 199_999] { reference[offset] = 0xEE }
            reference[50_000] = 0xDD
            try same(try readFile(p("f")), reference, "whole file")
        },
        PosixCheck("mapped pages that were never synced are read after the close") { p in
            try writeFile(p("f"), [UInt8](repeating: 1, count: 8_192))
            try withOpen(p("f"), O_RDWR) { held in
                let map = mmap(nil, 8_192, PROT_READ | PROT_WRITE, MAP_SHARED, held, 0)
                guard let map, map != MAP_FAILED else { throw CheckFailure("mmap") }
                memset(map, 9, 8_192)
                munmap(map, 8_192)
            }
            try same(try readFile(p("f")), [UInt8](repeating: 9, count: 8_192), "content")
        },
        PosixCheck("fsync, fdatasync and O_SYNC succeed, on directories too") { p in
            try withOpen(p("f"), O_RDWR | O_CREAT | O_SYNC) { held in
                try writeAll(held, [1, 2, 3])
                try must("fsync", fsync(held))
                try must("fdatasync", fdatasync(held))
            }
            try withOpen(p.path, O_RDONLY | O_DIRECTORY) { held in
                try must("fsync of a directory", fsync(held))
                try must("syncfs", cp_syncfs(held))
            }
        },
        PosixCheck("writev and readv scatter and gather", prepare: prepareBlocks) { p in
            try ChildProcess.check(
                [
                    TestEnvironment.python, "-c",
                    """
                    import os
                    f = os.open("f", os.O_RDWR)
                    assert os.pwritev(f, [b"abc", b"", b"defgh"], 70000) == 8
                    a, b = bytearray(4), bytearray(4)
                    assert os.preadv(f, [a, b], 70000) == 8
                    assert a + b == b"abcdefgh"
                    """,
                ], directory: p.path)
        },
    ]
}

/// 200,000 bytes without a pattern that could hide a wrong offset.
let blocks: [UInt8] = {
    var random = SeededGenerator(seed: 7)
    return (0..<200_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
}()

@Sendable func prepareBlocks(_ place: PosixPlace) throws { try writeFile(place("f"), blocks) }
