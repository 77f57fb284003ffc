// A store whose file system loses what was never synced while the machine runs on: its device went away,
// or a snapshot of the volume was restored.

import Glibc
import TestSupport
import Testing

extension LoopDisk {
    /// Mounts the file system in the current state of its device. What only the kernel had cached is
    /// lost.
    func loseUnsynced() throws {
        let copy = directory("copy")
        try ChildProcess.check(["cp", "--sparse=always", image, copy], seconds: 60)
        try ChildProcess.check(["umount", path], seconds: 60)
        try must("rename", rename(copy, image))
        try mount()
    }
}

extension MountTests {
    @Suite(.serialized)
    struct LostDisk {
        private static func write(_ path: String, _ bytes: [UInt8], syncs: Bool) throws {
            try withOpen(path, O_WRONLY | O_CREAT) { held in
                try writeAll(held, bytes)
                if syncs { try must("fsync", fsync(held)) }
            }
        }

        @Test(
            "What was synced is there when the store's disk comes back without the rest",
            .enabled(if: LoopDisk.canMake("ext4"), "mkfs.ext4, root and /dev/fuse are needed"),
            arguments: [false, true])
        func lost(waits: Bool) throws {
            let disk = try LoopDisk("ext4", megabytes: 64)
            var content: [[UInt8]] = []
            for index in 0..<24 { content.append(bytes(3_000 + 700 * index, fill: UInt64(index + 40))) }
            let patch = Array("0123456789abcdef".utf8)
            var base: [String: [UInt8]] = [:]
            for (index, name) in ["f", "g", "h"].enumerated() {
                base[name] = bytes(5_000 + 90_000 * index, fill: UInt64(index + 1))
            }
            let original = base
            try mounted(store: "\(disk.path)/store", expectErrors: true, prepare: { path in
                for (name, data) in original { try writeFile("\(path)/\(name)", data) }
            }) { mount in
                for (index, data) in content.enumerated() {
                    try Self.write(mount("n\(index)"), data, syncs: index % 2 == 0)
                }
                for (name, syncs) in [("f", true), ("g", false)] {
                    try withOpen(mount(name), O_WRONLY) { held in
                        try writeAll(held, patch, at: 80)
                        if syncs { try must("fsync", fsync(held)) }
                    }
                }
                var edited = original
                for name in ["f", "g"] {
                    edited[name]?.replaceSubrange(80..<96, with: patch)
                }
                // Replaces a file of the base. Its writer never syncs it.
                try Self.write(mount("new"), content[3], syncs: false)
                try must("rename", rename(mount("new"), mount("h")))
                if waits {
                    // The checkpoint makes names durable, and the file system commits its own.
                    usleep(6_500_000)
                } else {
                    try Self.write(mount("last"), content[1], syncs: true)
                }
                try mount.kill9()
                try disk.loseUnsynced()
                try mount.start()
                for (index, data) in content.enumerated() {
                    let isSynced = index % 2 == 0
                    guard isSynced || exists(mount("n\(index)")) else { continue }
                    let found = try readFile(mount("n\(index)"))
                    let isFine = found == data || !isSynced && found.isEmpty
                    try expect(isFine, "n\(index) has \(found.count) bytes")
                    let size = try status(mount("n\(index)")).st_size
                    try same(Int(size), found.count, "size of n\(index)")
                }
                let synced: [UInt8] = try readFile(mount("f"))
                try expect(synced == edited["f"], "f, which was synced, is not as it was")
                let other: [UInt8] = try readFile(mount("g"))
                let isOld = other == original["g"]
                try expect(isOld || other == edited["g"], "g is neither of its versions")
                let replaced: [UInt8] = try readFile(mount("h"))
                let isWhole = replaced == content[3] || replaced == original["h"]
                try expect(isWhole, "h has \(replaced.count) bytes: neither the old nor the new file")
                let report = try mount.verified()
                try expect(report.contains("\"clean\": true"), "verify: \(report)")
                try Self.write(mount("again"), content[5], syncs: true)
                try mount.remount()
                let again: [UInt8] = try readFile(mount("again"))
                try expect(again == content[5], "a file written afterwards is not as it was")
            }
        }
    }
}
