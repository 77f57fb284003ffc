// A store that fills up or cannot be written: writers get ENOSPC, the daemon survives, and everything
// acknowledged is there afterwards.

import Glibc
import TestSupport
import Testing

/// A small tmpfs that `deinit` unmounts.
private final class SmallDisk {
    let directory: TemporaryDirectory
    var path: String { directory("disk") }

    init(megabytes: Int) throws {
        directory = try TemporaryDirectory("disk")
        try makeDirectory(path)
        try ChildProcess.check(["mount", "-t", "tmpfs", "-o", "size=\(megabytes)m", "none", path])
    }

    deinit { detach(path) }
}

extension MountTests {
    @Suite(
        .serialized,
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot, "needs /dev/fuse and root"))
    struct FullDisk {
        @Test("Disk full: ENOSPC, the daemon alive, nothing acknowledged lost")
        func full() throws {
            let disk = try SmallDisk(megabytes: 16)
            let block = bytes(65_536, fill: 5)
            var acknowledged: [Int] = []
            try mounted(store: "\(disk.path)/store", expectErrors: true) { mount in
                var refusals = 0
                for number in 0..<600 {
                    let failed = try Self.writeBlock(mount("f\(number)"), block)
                    if failed == 0 { acknowledged.append(number) }
                    if failed == ENOSPC { refusals += 1 }
                    try expect([0, ENOSPC].contains(failed), "file \(number): \(words(failed))")
                    if refusals > 40 { break }
                }
                try expect(refusals > 0, "600 blocks fitted in 16 MiB")
                try expect(acknowledged.count > 50, "only \(acknowledged.count) were taken")
                try expect(mount.isAlive, "the daemon died of a full disk")
                try Self.expectBlocks(mount, acknowledged, block, "with a full disk")
                try mount.kill9()
                // A store on a full disk must still mount, so that it can be read or made smaller.
                try mount.start()
                try Self.expectBlocks(mount, acknowledged, block, "after a kill and remount")
                try ChildProcess.check(["mount", "-o", "remount,size=64m", disk.path])
                // Writes that need space fail until the reserve is complete again, a moment later.
                for _ in 0..<400 where try Self.writeBlock(mount("more"), block) != 0 { usleep(10_000) }
                acknowledged.append(-1)
                try must("rename", rename(mount("more"), mount("f-1")))
                try mount.remount()
                try Self.expectBlocks(mount, acknowledged, block, "with a larger disk")
            }
        }

        @Test("Removing, renaming and emptying work on a full disk")
        func removals() throws {
            let disk = try SmallDisk(megabytes: 16)
            let block = bytes(65_536, fill: 5)
            try mounted(store: "\(disk.path)/store", expectErrors: true, prepare: { base in
                try writeFile("\(base)/base", bytes(9_000, fill: 1))
            }) { mount in
                try makeDirectory(mount("d"))
                var names: [String] = []
                while names.count < 600, try Self.writeBlock(mount("f\(names.count)"), block) == 0 {
                    names.append("f\(names.count)")
                }
                try expect(names.count < 600, "600 blocks fitted in 16 MiB")
                // Another file fills the disk to its last byte.
                try? writeFile("\(disk.path)/filler", bytes(16 << 20, fill: 2))
                for name in names[..<100] { try must("unlink \(name)", unlink(mount(name))) }
                try must("rmdir", rmdir(mount("d")))
                try must("rename", rename(mount(names[100]), mount("moved")))
                for name in [names[101], "base"] {
                    try must("truncate \(name)", truncate(mount(name), 0))
                    try same(try status(mount(name)).st_size, 0, "size of \(name)")
                }
                try same(try Self.writeBlock(mount("more"), block), ENOSPC, "a write")
                try mount.kill9()
                try mount.start()
                try same(access(mount(names[0]), F_OK), -1, "a removed file")
                try same(try readFile(mount("moved")) == block, true, "the renamed file")
                try must("unlink", unlink("\(disk.path)/filler"))
                try ChildProcess.check(["mount", "-o", "remount,size=64m", disk.path])
                for _ in 0..<400 where try Self.writeBlock(mount("late"), block) != 0 { usleep(10_000) }
                try same(try readFile(mount("late")) == block, true, "a file with room again")
            }
        }

        @Test("When small writes fill the disk, the file holds exactly those that succeeded")
        func fullUnderAppends() throws {
            let disk = try SmallDisk(megabytes: 8)
            try mounted(store: "\(disk.path)/store", expectErrors: true) { mount in
                var taken: [UInt8] = []
                try withOpen(mount("log"), O_WRONLY | O_CREAT | O_APPEND) { held in
                    for number in 0..<20_000 {
                        let piece = bytes(1_000, fill: UInt64(number))
                        let count = write(held, piece, piece.count)
                        if count < 0 {
                            try same(errno, ENOSPC, "errno")
                            break
                        }
                        taken += piece.prefix(count)
                    }
                }
                try expect(taken.count < 9_000_000, "8 MiB took \(taken.count) bytes")
                try same(try readFile(mount("log")) == taken, true, "content at once")
                try mount.kill9()
                try mount.start()
                try same(try readFile(mount("log")) == taken, true, "content after a kill")
            }
        }

        @Test("A store on a read-only disk is refused with a sentence")
        func readOnlyStore() throws {
            let disk = try SmallDisk(megabytes: 16)
            let store = "\(disk.path)/store"
            let places = try Places()
            defer { if isMountPoint(places.point) { detach(places.point) } }
            try ChildProcess.check(places.mount(store: store), seconds: 20)
            try writeFile("\(places.point)/kept", "kept")
            let unmount = [TestEnvironment.binary, "unmount", places.point]
            try ChildProcess.check(unmount, seconds: 30)
            try ChildProcess.shell(
                "for i in $(seq 100); do mount -o remount,ro '\(disk.path)' && exit 0; sleep 0.1; "
                    + "done; exit 1", seconds: 30)
            try refused(
                "read-only store", places.mount(store: store), mountPoint: places.point,
                naming: [store])
            try refused(
                "new store on a read-only disk", places.mount(store: "\(disk.path)/new"),
                mountPoint: places.point)
            try ChildProcess.check(["mount", "-o", "remount,rw", disk.path])
            try ChildProcess.check(places.mount(store: store), seconds: 20)
            try same(try readText("\(places.point)/kept"), "kept", "content")
            try ChildProcess.check(unmount, seconds: 30)
        }

        /// Creates, writes and closes a file. Returns the first errno, 0 for success.
        private static func writeBlock(_ path: String, _ block: [UInt8]) throws -> Int32 {
            let held = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
            if held < 0 { return errno }
            defer { close(held) }
            let count = write(held, block, block.count)
            if count < 0 { return errno }
            return count == block.count ? 0 : ENOSPC
        }

        private static func expectBlocks(
            _ mount: TestMount, _ numbers: [Int], _ block: [UInt8], _ when: String
        ) throws {
            for number in numbers {
                let found = try readFile(mount("f\(number)"))
                try expect(found == block, "acknowledged file \(number) is wrong \(when)")
            }
        }
    }
}
