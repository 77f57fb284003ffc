// Limits, drift, refresh and metrics by their control files.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(
        .serialized,
        .enabled(if: TestEnvironment.canMount && !TestEnvironment.isPlain, "needs /dev/fuse"))
    struct LimitControl {
        @Test("Limits are set and read as lines, and apply at once")
        func limits() throws {
            try mounted { mount in
                try same(
                    try readText(mount(".draft/limits")),
                    "bytes none\nfiles none\nfile-size none\nmemory 256M\nlarge-file 10M\n"
                        + "retention none\npin 10M\n", "defaults")
                try writeFile(mount("a"), "1")
                try same(try mount.command("limits", "files 2\nretention 14d"), 0, "setting")
                let held = open(mount("b"), O_WRONLY | O_CREAT, 0o644)
                try same(held < 0 ? errno : 0, EDQUOT, "a file too many")
                let text = try readText(mount(".draft/limits"))
                try expect(text.contains("files 2\n") && text.contains("retention 2w\n"), text)
                try same(try mount.command("limits", "memory 1M"), EINVAL, "too little memory")
                try expect(try readText(mount(".draft/last-error")).contains("64M"), "last-error")
                try same(try mount.command("limits", "files none"), 0, "no limit")
                try writeFile(mount("b"), "2")
            }
        }

        @Test(
            "Drift is listed, accepted and dropped",
            .disabled(if: TestEnvironment.sharesExtents, "shared extents are always kept"))
        func drift() throws {
            try mounted(expectErrors: true, prepare: { base in
                for name in ["f", "g"] { try writeFile("\(base)/\(name)", bytes(5_000, fill: 1)) }
            }) { mount in
                try same(try mount.command("limits", "pin 0"), 0, "nothing is kept")
                for name in ["f", "g"] {
                    try withOpen(mount(name), O_WRONLY) { try writeAll($0, Array("edit".utf8)) }
                    try writeFile("\(mount.base)/\(name)", bytes(6_000, fill: 2))
                }
                let list = try readText(mount(".draft/drift"))
                try expect(list.contains("\"path\":\"f\"") && list.contains("\"path\":\"g\""), list)
                try same(try mount.command("drift", "accept f"), EBUSY, "accept under edits")
                try writeFile(mount("f"), "all next")
                try same(try mount.command("drift", "accept f"), 0, "accept")
                try same(try mount.command("drift", "drop g"), 0, "drop")
                let whole = bytes(6_000, fill: 2)
                try same(try readText(mount("f")), "all next", "accepted")
                try same(try readFile(mount("g")) == whole, true, "dropped")
                try same(try readText(mount(".draft/drift")), "", "drift afterwards")
                try same(try mount.command("drift", "accept f"), EINVAL, "accept again")
            }
        }

        @Test("A refresh shows changes of the base, and the metrics are complete")
        func others() throws {
            try mounted(prepare: { try writeFile("\($0)/f", "old") }) { mount in
                try same(try readText(mount("f")), "old", "before")
                try same(access(mount("new"), F_OK), -1, "a name that is not there")
                try writeFile("\(mount.base)/f", "newer")
                try writeFile("\(mount.base)/new", "new")
                try same(try mount.command("refresh", "."), 0, "refresh")
                try same(try readText(mount("f")), "newer", "after")
                try same(try readText(mount("new")), "new", "a name that came")
                let text = try readText(mount(".draft/metrics"))
                try expect(text.hasSuffix("# EOF\n"), "the end of the metrics")
                try expect(text.contains("draftfs_fuse_requests_total{opcode=\"LOOKUP\"} "), text)
            }
        }
    }
}
