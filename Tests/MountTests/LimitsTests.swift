// Bounds: memory and descriptors of the daemon stay bounded for any files. DRAFTFS_TEST_SMALL=1 reduces
// the numbers to a tenth.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canRun, "needs /dev/fuse"))
    struct Limits {
        static let count = TestEnvironment.variable("DRAFTFS_TEST_SMALL") == "1" ? 20_000 : 200_000
        static let memoryLimit = 256 << 20

        @Test("A 10 GiB sparse file takes 200,000 random writes in bounded memory")
        func manyEdits() throws {
            let seed = TestEnvironment.seed()
            print("limits: DRAFTFS_TEST_SEED=\(seed)")
            try mounted(limit: 600) { mount in
                var random = SeededGenerator(seed: seed)
                var written: [Int64: UInt64] = [:]
                try withOpen(mount("sparse"), O_RDWR | O_CREAT) { held in
                    try must("ftruncate", ftruncate(held, 10 << 30))
                    for _ in 0..<Self.count {
                        let block = Int64.random(in: 0..<(10 << 18), using: &random)
                        let fill = random.next()
                        written[block] = fill
                        let page = Self.page(fill)
                        let count = pwrite(held, page, 4_096, off_t(block * 4_096))
                        if count != 4_096 { throw CheckFailure("write: \(words(errno))") }
                    }
                    try Self.expectBounds(mount, "after the writes")
                }
                try mount.remount()
                try withOpen(mount("sparse"), O_RDONLY) { held in
                    for (block, fill) in written.prefix(20_000) {
                        let found = try readBytes(held, 4_096, at: block * 4_096)
                        if found != Self.page(fill) {
                            throw CheckFailure("block \(block) of seed \(seed) is wrong")
                        }
                    }
                    try same(try status(held).st_size, 10 << 30, "size")
                }
                try Self.expectBounds(mount, "after remount and reads")
            }
        }

        /// Exceeds the 200,000 inodes above which the kernel is asked to forget names.
        @Test("A tree of 250,000 files is created and walked in bounded memory")
        func manyFiles() throws {
            try mounted(limit: 600) { mount in
                for directory in 0..<250 {
                    try makeDirectory(mount("d\(directory)"))
                    for file in 0..<(Self.count / 200) {
                        let path = mount("d\(directory)/f\(file)")
                        let held = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
                        if held < 0 { throw CheckFailure("create: \(words(errno))") }
                        close(held)
                    }
                }
                try Self.expectBounds(mount, "after the creation")
                for step in ["at once", "after remount"] {
                    let found = try ChildProcess.shell(
                        "find . -type f -printf '%i\\n' | sort -u | wc -l", seconds: 120,
                        directory: mount.root)
                    try same(found, "\(Self.count / 200 * 250)\n", "inodes found \(step)")
                    try Self.expectBounds(mount, step)
                    try mount.remount()
                }
            }
        }

        @Test("Reading and editing thousands of base files keeps descriptors bounded")
        func descriptors() throws {
            try mounted(prepare: { base in
                for number in 0..<6_000 { try writeFile("\(base)/f\(number)", "\(number)") }
            }) { mount in
                for number in 0..<6_000 {
                    try same(try readText(mount("f\(number)")), "\(number)", "content")
                    if number % 2 == 0 {
                        try withOpen(mount("f\(number)"), O_WRONLY | O_APPEND) {
                            try writeAll($0, [0x21])
                        }
                    }
                }
                try Self.expectBounds(mount, "after reads and edits")
                for number in 0..<6_000 {
                    let text = "\(number)" + (number % 2 == 0 ? "!" : "")
                    try same(try readText(mount("f\(number)")), text, "content")
                }
            }
        }

        private static func page(_ fill: UInt64) -> [UInt8] {
            withUnsafeBytes(of: fill) { raw in
                var page = [UInt8](repeating: raw[0], count: 4_096)
                for index in 0..<8 { page[index * 500] = raw[index] }
                return page
            }
        }

        private static func expectBounds(_ mount: TestMount, _ when: String) throws {
            if TestEnvironment.isPlain { return }
            let report = try readText("/proc/\(mount.pid)/status").split(separator: "\n")
            let peak = report.first { $0.hasPrefix("VmHWM:") }?.split(separator: " ")
                .compactMap { Int($0) }.first ?? 0
            print("limits: peak of \(peak) KiB \(when)")
            try expect(peak > 0, "no VmHWM in /proc")
            try expect(peak * 1_024 < memoryLimit, "\(peak) KiB resident at the peak, \(when)")
            let open = try names(in: "/proc/\(mount.pid)/fd").count
            try expect(open < 2_000, "\(open) descriptors open \(when)")
        }
    }
}
