// The limits of an operator, as programs see them through the kernel.

import Glibc
import Platform
import Storage
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(if: TestEnvironment.canMount && !TestEnvironment.isPlain, "needs /dev/fuse"))
    struct Quotas {
        /// Sets limits of the first workspace while nothing is mounted.
        private static func set(_ mount: TestMount, _ values: [(OperatorLimits.Key, UInt64)]) throws {
            try mount.unmount()
            let disk = HostDisk(root: try File.open(mount.store, flags: O_RDONLY | O_DIRECTORY))
            var limits = OperatorLimits()
            for (key, value) in values { limits.set(key, to: value) }
            try limits.write(to: LogDirectory.workspacePath(1), on: disk)
            try mount.start()
        }

        private static func writing(_ path: String, _ count: Int) throws -> Int32 {
            let held = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            if held < 0 { return errno }
            defer { close(held) }
            return write(held, bytes(count, fill: 3), count) < 0 ? errno : 0
        }

        @Test("Programs get EDQUOT and EFBIG from limits, and statvfs shows what is left")
        func limits() throws {
            try mounted(prepare: { try writeFile("\($0)/base", bytes(100_000, fill: 1)) }) { mount in
                try writeFile(mount("first"), "1")
                try Self.set(mount, [(.bytes, 1 << 20), (.files, 6), (.fileSize, 300_000)])
                var space = statvfs()
                try must("statvfs", statvfs(mount.root, &space))
                try same(space.f_blocks * space.f_frsize, 1 << 20, "bytes of statvfs")
                try expect(space.f_bavail * space.f_frsize < 1 << 20, "free bytes of statvfs")
                try same(space.f_files, 6, "files of statvfs")
                try same(space.f_ffree, 4, "free files of statvfs")

                try same(try Self.writing(mount("large"), 300_001), EFBIG, "a large file")
                try same(truncate(mount("large"), 300_001), -1, "a large truncation")
                try same(errno, EFBIG, "errno of the truncation")
                for name in ["a", "b"] { try same(try Self.writing(mount(name), 250_000), 0, name) }
                try same(try Self.writing(mount("base"), 1), 0, "an edit of the base")
                try same(try Self.writing(mount("c"), 1), EDQUOT, "one file too many")
                try same(mkdir(mount("d"), 0o755), -1, "a directory too many")
                try same(errno, EDQUOT, "errno of mkdir")
                var refused: Int32 = 0
                for _ in 0..<10 where refused == 0 { refused = try Self.writing(mount("a"), 250_000) }
                try same(refused, EDQUOT, "writes above the limit")
                try must("truncate", truncate(mount("base"), 0))
                try must("unlink", unlink(mount("a")))
                try must("rename", rename(mount("b"), mount("moved")))
                for _ in 0..<400 {
                    if try readText(mount(".draft/status")).contains("the limit of bytes") { return }
                    usleep(10_000)
                }
                throw CheckFailure("no event of the limit")
            }
        }
    }
}
