// Workspaces: the root that lists them, forks, isolation, the hidden control directory, one daemon per
// store, and the verbs of the program.

import Foundation
import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Workspaces {
        static func prepare(_ base: String) throws {
            try makeDirectory("\(base)/dir")
            try writeFile("\(base)/dir/file", "of the base")
            try writeFile("\(base)/top", "top")
        }

        @Test("mkdir in the root forks a workspace that sees the base and nothing of its siblings")
        func forks() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try same(try listing(mount.root), [], "workspaces of a new store")
                try makeDirectory(mount("one"))
                try makeDirectory(mount("two"))
                try refuse(EEXIST, "fork again", mkdir(mount("one"), 0o755))
                try same(try listing(mount.root), ["one", "two"], "workspaces")
                try writeFile(mount("one/dir/file"), "edited in one")
                try must("unlink", unlink(mount("one/top")))
                try writeFile(mount("two/new"), "new in two")
                for step in ["at once", "after remount"] {
                    try same(try readText(mount("one/dir/file")), "edited in one", step)
                    try same(try readText(mount("two/dir/file")), "of the base", step)
                    try same(try listing(mount("one")), ["dir"], step)
                    try same(try listing(mount("two")), ["dir", "new", "top"], step)
                    let (one, two) = try (status(mount("one/dir")), status(mount("two/dir")))
                    try expect(one.st_ino != two.st_ino, "siblings share inode numbers")
                    try mount.remount()
                }
                try refuse(EXDEV, "link across", link(mount("one/dir/file"), mount("two/x")))
                try same(try readText("\(mount.base)/dir/file"), "of the base", "base")
            }
        }

        @Test("rmdir of a workspace with changes is refused, of one without it is not")
        func removal() throws {
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                for name in ["changed", "untouched"] { try makeDirectory(mount(name)) }
                try writeFile(mount("changed/new"), "x")
                try same(try readText(mount("untouched/top")), "top", "a read changes nothing")
                try refuse(ENOTEMPTY, "rmdir", rmdir(mount("changed")))
                try must("rmdir", rmdir(mount("untouched")))
                try same(try listing(mount.root), ["changed"], "workspaces")
                try mount.remount()
                try same(try listing(mount.root), ["changed"], "workspaces after remount")
                try same(try readText(mount("changed/new")), "x", "content")
            }
        }

        @Test("Fifty forks of a large base cost no scan of it")
        func forkCost() throws {
            try mounted(workspace: nil, prepare: { base in
                try ChildProcess.shell("seq 5000 | xargs touch", directory: base)
            }) { mount in
                // Reads of the directory and of its files are events.
                let reads = try must("inotify", inotify_init1(O_NONBLOCK | O_CLOEXEC))
                defer { close(reads) }
                try must("watch", inotify_add_watch(reads, mount.base, UInt32(IN_ACCESS)))
                func wasRead() -> Bool {
                    var events = [UInt8](repeating: 0, count: 4_096)
                    return read(reads, &events, events.count) > 0
                }
                let stored = mount.storeBytes
                for number in 0..<50 { try makeDirectory(mount("w\(number)")) }
                let grown = mount.storeBytes - stored
                try expect(grown < 50 * 16_384, "50 forks took \(grown) bytes of store")
                try same(try listing(mount.root).count, 50, "workspaces")
                try expect(!wasRead(), "a fork read the base")
                try same(try listing(mount("w49")).count, 5_000, "names in a fork")
                try expect(wasRead(), "reads of the base are not seen")
            }
        }

        @Test("The control directory is reachable by name, never listed, and its status is JSON")
        func controlDirectory() throws {
            try mounted(prepare: Self.prepare) { mount in
                try same(try listing(mount.root), ["dir", "top"], "names")
                let found = try ChildProcess.check(["find", mount.root, "-name", ".draft*"])
                try same(found, "", "what find meets")
                let report = try Self.json(try readFile(mount(".draft/status")))
                try same(report["workspace"] as? String, "ws", "workspace")
                try same(report["daemon_pid"] as? Int, Int(mount.pid), "daemon_pid")
                try expect((report["resident_bytes"] as? Int ?? 0) > 1_000_000, "resident_bytes")
                try expect(report["uptime_seconds"] is Double, "uptime_seconds")
                try expect(mkdir(mount(".draft"), 0o755) < 0, "mkdir of .draft succeeded")
                try expect(rmdir(mount(".draft")) < 0, "rmdir of .draft succeeded")
                try ChildProcess.check(["rm", "-rf"] + ["dir", "top"].map { mount($0) })
                try same(try listing(mount.root), [], "names after clearing")
                _ = try Self.json(try readFile(mount(".draft/status")))
            }
            try mounted(workspace: nil, prepare: Self.prepare) { mount in
                try makeDirectory(mount("x"))
                let report = try Self.json(try readFile(mount("x/.draft/status")))
                try same(report["workspace"] as? String, "x", "workspace")
            }
        }

        @Test("A second daemon on the store is refused and names the first and its mount")
        func secondDaemon() throws {
            try mounted { mount in
                let other = mount.directory("other")
                try makeDirectory(other)
                try refused(
                    "second daemon",
                    [TestEnvironment.binary, "mount", mount.base, other, "--store", mount.store],
                    mountPoint: other, naming: ["\(mount.pid)", mount.root])
                try writeFile(mount("still"), "works")
                try mount.kill9()
                try mount.start()
                try same(try readText(mount("still")), "works", "a dead daemon's lock is free")
            }
        }

        @Test("Base, store and mount point inside each other are refused")
        func nesting() throws {
            let places = try Places()
            let (base, point) = (places.base, places.point)
            try makeDirectory("\(base)/sub")
            try makeDirectory("\(point)/sub")
            let cases = [
                ("store in base", places.mount(store: "\(base)/sub/store")),
                ("store is base", places.mount(store: base)),
                ("store in mount", places.mount(store: "\(point)/sub/store")),
                ("mount in base", places.mount(at: "\(base)/sub")),
                ("mount is base", places.mount(at: base)),
                ("base in mount", places.mount(base: "\(point)/sub")),
                ("store in base, by ..", places.mount(store: "\(point)/../base/store")),
            ]
            for (what, command) in cases {
                try refused(what, command, mountPoint: command[3])
            }
            try must("symlink", symlink(base, places.directory("alias")))
            let alias = places.directory("alias/store")
            try refused("store in base, by a symlink", places.mount(store: alias))
            try expect(!exists("\(base)/store"), "a refused store was made in the base")
        }

        @Test("mount returns once mounted; status and unmount work from outside")
        func verbs() throws {
            let places = try Places()
            defer { if isMountPoint(places.point) { detach(places.point) } }
            try ChildProcess.check(places.mount(), seconds: 20)
            try same(try readText("\(places.point)/file"), "of the base", "file")
            let program = TestEnvironment.binary
            let text = try ChildProcess.check([program, "status", places.point, "--json"])
            let report = try Self.json(Array(text.utf8))
            guard let pid = report["daemon_pid"] as? Int else {
                throw CheckFailure("no daemon_pid in \(text)")
            }
            try expect(try !ChildProcess.check([program, "status", places.point]).isEmpty, "status")
            try ChildProcess.check([program, "unmount", places.point], seconds: 30)
            try expect(!isMountPoint(places.point), "still mounted")
            for _ in 0..<2_000 where kill(pid_t(pid), 0) == 0 { usleep(5_000) }
            try same(kill(pid_t(pid), 0), -1, "the daemon after unmount")
            try refused("status of nothing", [program, "status", places.point])
            try refused("unmount of nothing", [program, "unmount", places.point])
        }

        private static func json(_ bytes: [UInt8]) throws -> [String: Any] {
            let parsed = try? JSONSerialization.jsonObject(with: Data(bytes))
            guard let report = parsed as? [String: Any] else {
                throw CheckFailure("not a JSON object: \(String(decoding: bytes, as: UTF8.self))")
            }
            return report
        }
    }
}
