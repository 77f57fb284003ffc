// A tree that is deeper than any path, on a mount: commands on it end, and the daemon survives.

import Glibc
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct DeepTrees {
        private static let levels = TestEnvironment.isFull ? 20_000 : 6_000

        private func expectDepth(_ count: Int, _ path: String, _ what: String) throws {
            try same(try depthOfDirectories(in: path, name: "d"), count, what)
        }

        @Test("Thousands of directories in each other are cloned, rolled back, compared and removed")
        func deep() throws {
            try mounted { mount in
                try makeDirectory(mount("top"))
                try mount.mustCommand("backup", "empty")
                try makeDeepDirectory(mount("top"), name: "d", depth: Self.levels)
                try mount.mustCommand("backup", "full")
                try mount.mustCommand("clone", "top copy")
                try expectDepth(Self.levels, mount("copy"), "depth of the copy")
                try expect(try readText(mount(".draft/diff")).contains("copy/d/d"), "diff")
                try mount.mustCommand("rollback", "empty top")
                try expectDepth(0, mount("top"), "depth after the rollback")
                try mount.mustCommand("undo", "1")
                try mount.mustCommand("rollback", "full top")
                try expectDepth(Self.levels, mount("top"), "depth of what is back")
                try expectDepth(Self.levels, mount(".draft/backups/full/top"), "depth of the backup")
                try ChildProcess.check(["rm", "-rf", mount("copy")], seconds: 200)
                try mount.mustCommand("undo", "1")
                try expectDepth(0, mount("copy"), "depth of the last that went")
                let report = try mount.verified()
                try expect(report.contains("\"findings\": []"), "verify: \(report.suffix(1_000))")
                try mount.kill9()
                try mount.start()
                try expectDepth(Self.levels, mount("top"), "depth after a kill")
            }
        }
    }
}
