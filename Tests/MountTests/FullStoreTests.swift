// A store on a real file system without a free block, ext4 and xfs on loop devices. It opens, removes and
// rolls back after any end of the last session, and is clean afterwards.

import Glibc
import TestSupport
import Testing

/// A file system in an image file, mounted by a loop device. `deinit` unmounts it.
final class LoopDisk {
    let directory: TemporaryDirectory
    private(set) var image: String
    var path: String { directory("disk") }

    init(_ type: String, megabytes: Int) throws {
        directory = try TemporaryDirectory("loop")
        image = directory("image")
        try makeDirectory(path)
        try ChildProcess.check(["truncate", "-s", "\(megabytes)M", image])
        try ChildProcess.check(["mkfs.\(type)", "-q", image], seconds: 60)
        try mount()
        // Space that can be freed in any case: a full xfs takes no new file either.
        try ChildProcess.check(["fallocate", "-l", "4M", "\(path)/filler"])
    }

    deinit { detach(path) }

    static func canMake(_ type: String) -> Bool {
        guard TestEnvironment.canMount, TestEnvironment.isRoot else { return false }
        let found = try? ChildProcess.run(["sh", "-c", "command -v mkfs.\(type)"], seconds: 10)
        let known = try? readText("/proc/filesystems")
        return found?.succeeded == true && known?.contains("\t\(type)\n") == true
    }

    func mount() throws { try ChildProcess.check(["mount", "-o", "loop", image, path], seconds: 60) }

    /// Fills the disk to its last block with files that `makeRoom` removes.
    func fill() throws {
        try ChildProcess.shell(
            "cd '\(path)'; for b in 65536 4096 1024 1; do "
                + "dd if=/dev/zero of=filler$b bs=$b 2>/dev/null || :; done; sync -f .", seconds: 60)
    }

    func makeRoom() throws {
        try ChildProcess.shell("rm -f '\(path)'/filler*; sync -f '\(path)'", seconds: 60)
    }
}

extension MountTests {
    @Suite(.serialized)
    struct FullStore {
        private static func fsck(_ store: String) throws {
            let checked = try ChildProcess.run(
                [TestEnvironment.binary, "fsck", store], seconds: 120)
            try same(checked.status, 0, "fsck: \(checked.text) \(checked.errorText)")
        }

        private static func openedWhenFull(_ type: String) throws {
            let disk = try LoopDisk(type, megabytes: type == "xfs" ? 310 : 32)
            try mounted(store: "\(disk.path)/store", expectErrors: true, prepare: { base in
                try writeFile("\(base)/base", bytes(9_000, fill: 1))
            }) { mount in
                for round in 0..<4 {
                    // The database exists from the second round on.
                    try writeFile(mount("new\(round)"), "new")
                    try writeFile(mount("gone\(round)"), "gone")
                    if round % 2 == 0 { try mount.unmount() } else { try mount.kill9() }
                    try disk.fill()
                    try Self.fsck(mount.store)
                    try mount.start()
                    try same(try readText(mount("new\(round)")), "new", "content, round \(round)")
                    try must("unlink", unlink(mount("gone\(round)")))
                    try must("truncate", truncate(mount("base"), 0))
                    try mount.mustCommand("undo", "1 base")
                    try mount.unmount()
                    try Self.fsck(mount.store)
                    try disk.makeRoom()
                    try mount.start()
                    try same(exists(mount("gone\(round)")), false, "a removed file, round \(round)")
                    try same(try status(mount("base")).st_size, 9_000, "size, round \(round)")
                }
                let report = try mount.verified()
                try expect(report.contains("\"clean\": true"), "verify: \(report)")
            }
        }

        @Test(
            "A store on an ext4 without a free block opens after any end",
            .enabled(if: LoopDisk.canMake("ext4"), "mkfs.ext4, root and /dev/fuse are needed"))
        func openedOnExt4() throws { try Self.openedWhenFull("ext4") }

        @Test(
            "A store on an xfs without a free block opens after any end",
            .enabled(if: LoopDisk.canMake("xfs"), "mkfs.xfs, root and /dev/fuse are needed"))
        func openedOnXFS() throws { try Self.openedWhenFull("xfs") }

        private static func removedWhenFull(_ type: String) throws {
            let disk = try LoopDisk(type, megabytes: type == "xfs" ? 310 : 64)
            let block = bytes(type == "xfs" ? 60_000 : 16_000, fill: 3)
            try mounted(store: "\(disk.path)/store", expectErrors: true) { mount in
                var names: [String] = []
                var failure: Int32 = 0
                while failure == 0, names.count < 20_000 {
                    let name = "f\(names.count)"
                    let held = open(mount(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
                    if held < 0 {
                        failure = errno
                        break
                    }
                    if write(held, block, block.count) != block.count { failure = errno }
                    close(held)
                    names.append(name)
                }
                try same(failure, ENOSPC, "the disk took \(names.count) files")
                try expect(names.count > 2_000, "only \(names.count) files fitted in")
                let last = names.removeLast()
                let before = try mount.sequence()
                try mount.unmount()
                try disk.fill()
                try mount.start()
                for name in names { try must("unlink \(name)", unlink(mount(name))) }
                try expect(Set(try TestSupport.names(in: mount.root)).isSubset(of: [
                    Array(last.utf8),
                ]), "names after the removal")
                try mount.mustCommand("rollback", "@\(before)")
                try same(
                    try TestSupport.names(in: mount.root).count, names.count + 1,
                    "names after the rollback")
                try same(try readFile(mount(names[7])) == block, true, "content after the rollback")
                // A call that needs space fails.
                try refuse(ENOSPC, "a new file", open(mount("more"), O_WRONLY | O_CREAT, 0o644))
                try mount.unmount()
                try Self.fsck(mount.store)
                try disk.makeRoom()
                try mount.start()
                try same(try readFile(mount(names[9])) == block, true, "content with room again")
                let report = try mount.verified()
                try expect(report.contains("\"clean\": true"), "verify: \(report)")
            }
        }

        @Test(
            "All files of a full ext4 can be removed, and brought back",
            .enabled(if: LoopDisk.canMake("ext4"), "mkfs.ext4, root and /dev/fuse are needed"))
        func removedOnExt4() throws { try Self.removedWhenFull("ext4") }

        @Test(
            "All files of a full xfs can be removed, and brought back",
            .enabled(if: LoopDisk.canMake("xfs"), "mkfs.xfs, root and /dev/fuse are needed"))
        func removedOnXFS() throws { try Self.removedWhenFull("xfs") }
    }
}
