// Releases of history on a mount: the space comes back, the present and what has a name stay, and earlier
// moments are refused.

import Glibc
import Platform
import TestSupport
import Testing

extension MountTests {
    @Suite(.serialized, .enabled(if: TestEnvironment.canMount, "needs /dev/fuse"))
    struct Releases {
        /// The kilobytes that a store takes on the disk.
        private static func blocks(_ mount: TestMount) throws -> Int {
            _ = try draftfs(["status", "-C", mount.root])
            let text = try ChildProcess.check(["du", "-sk", mount.store], seconds: 60)
            return Int(text.prefix { $0.isNumber }) ?? 0
        }

        private static func sum(_ path: String) throws -> String {
            String(try ChildProcess.check(["sha256sum", path], seconds: 60).prefix(64))
        }

        private static func gc(
            _ place: String, _ words: [String] = ["--older-than", "0s"]
        ) throws -> ChildResult {
            try draftfs(["gc", "-C", place] + words)
        }

        @Test("Removed and overwritten content is given back, backups and the present stay")
        func space() throws {
            try mounted(workspace: nil) { mount in
                try makeDirectory(mount("one"))
                let root = mount("one")
                try writeRandomFile("\(root)/kept", bytes: 4 << 20, seed: 1)
                try writeRandomFile("\(root)/rewritten", bytes: 8 << 20, seed: 2)
                try writeRandomFile("\(root)/named", bytes: 2 << 20, seed: 3)
                let (kept, named) = (try fingerprint("\(root)/kept"), try Self.sum("\(root)/named"))
                try writeFile("\(root)/.draft/backup", "before\n")
                try must("unlink", unlink("\(root)/named"))
                try writeRandomFile("\(root)/removed", bytes: 16 << 20, seed: 4)
                let moment = try mount.sequence("one")
                try must("unlink", unlink("\(root)/removed"))
                for round in 0..<3 {
                    try writeRandomFile("\(root)/rewritten", bytes: 8 << 20, seed: 5 + UInt64(round))
                }
                let last = try fingerprint("\(root)/rewritten")
                let before = try Self.blocks(mount)
                let dry = try Self.gc(root, ["--dry-run", "--older-than", "0s"])
                try same(dry.status, 0, dry.errorText)
                try expect(dry.text.contains("would be given back, with 1 removed file"), dry.text)
                try expect(try Self.blocks(mount) >= before - 64, "a dry run gave something back")
                let done = try Self.gc(root)
                try same(done.status, 0, done.errorText)
                // 16 MiB of the removed file, and two of four versions of the rewritten one: the first is the
                // backup's.
                let after = try Self.blocks(mount)
                try expect(after < before - (30 << 10), "\(before) KiB, then \(after)")
                try same(try fingerprint("\(root)/kept"), kept, "what was not touched")
                try same(try fingerprint("\(root)/rewritten"), last, "what was rewritten")
                let view = "\(root)/.draft/backups/before/named"
                try same(try Self.sum(view), named, "the backup")
                let past = try draftfs(["rollback", "@\(moment)", "-C", root])
                try same(past.status, 1, "a released moment")
                try expect(past.errorText.contains("older than the retention"), past.errorText)
                var found = stat()
                try refuse(ESTALE, "a released view", lstat("\(root)/.draft/at/@\(moment)", &found))
                let verified = try draftfs(["verify", "-C", root])
                try same(verified.status, 0, verified.text)
                try mount.kill9()
                try mount.start()
                try same(try fingerprint("\(root)/rewritten"), last, "after kill -9")
                let back = try draftfs(["rollback", "before", "-C", root])
                try same(back.status, 0, back.errorText)
                try same(try fingerprint("\(root)/kept"), kept, "after the rollback")
                try same(try Self.sum("\(root)/named"), named, "what came back")
            }
        }

        @Test("A fork keeps what it has of its parent, and an open file without a name stays readable")
        func forks() throws {
            try mounted(workspace: nil) { mount in
                try makeDirectory(mount("one"))
                try writeRandomFile(mount("one/shared"), bytes: 3 << 20, seed: 1)
                try writeRandomFile(mount("one/open"), bytes: 1 << 20, seed: 2)
                let sum = try Self.sum(mount("one/shared"))
                try same(try draftfs(["fork", mount("one"), "two"]).status, 0, "fork")
                try must("unlink", unlink(mount("one/shared")))
                try withOpen(mount("one/open"), O_RDONLY) { open in
                    let first = try readBytes(open, 4_096, at: 0)
                    try must("unlink", unlink(mount("one/open")))
                    let done = try Self.gc(mount.root)
                    try same(done.status, 0, done.errorText)
                    try same(try readBytes(open, 4_096, at: 0), first, "the open file")
                    try same(try Self.sum(mount("two/shared")), sum, "the fork")
                }
                try same(try draftfs(["discard", "--now", "two", "-C", mount.root]).status, 0, "discard")
                let before = try Self.blocks(mount)
                try same(try Self.gc(mount.root).status, 0, "gc after the fork is gone")
                try expect(try Self.blocks(mount) < before - (3 << 10), "what only the fork needed")
                try same(try draftfs(["verify", "-C", mount("one")]).status, 0, "verify")
            }
        }

        @Test("A database that is updated again and again keeps its size")
        func database() throws {
            try mounted(workspace: nil) { mount in
                try makeDirectory(mount("one"))
                let root = mount("one")
                func run(_ sql: String) throws -> String {
                    try ChildProcess.check(["sqlite3", "\(root)/db", sql], seconds: 120)
                }
                let rows = "with recursive c(x) as (select 1 union all select x + 1 from c where x < 9999) "
                _ = try run("create table t(a integer primary key, b); \(rows)"
                    + "insert into t select x, hex(randomblob(50)) from c;")
                var sizes: [Int] = []
                for round in 0..<3 {
                    for row in 0..<40 {
                        _ = try run(
                            "update t set b = hex(randomblob(50)) where a % 40 = \((row + round) % 40)")
                    }
                    let (sum, before) = (try Self.sum("\(root)/db"), try Self.blocks(mount))
                    try same(try Self.gc(root).status, 0, "gc")
                    sizes.append(try Self.blocks(mount))
                    try expect(sizes[round] < before - (20 << 10), "\(before) KiB, then \(sizes)")
                    try same(try Self.sum("\(root)/db"), sum, "the database after gc")
                    if round == 1 {
                        try mount.kill9()
                        try mount.start()
                    }
                    try same(try run("pragma integrity_check"), "ok\n", "the database")
                }
                // What is left is the tree log's.
                try expect(sizes[2] < sizes[0] + (1 << 10), "\(sizes) KiB")
                try same(try draftfs(["verify", "-C", root]).status, 0, "verify")
            }
        }

        @Test("A line changed by sed -i in what a backup has takes kilobytes")
        func rewritten() throws {
            func text(_ path: String) throws {
                let lines = (0..<400_000).map { "line \($0) of it" }.joined(separator: "\n")
                try writeFile(path, lines + "\n")
            }
            try mounted(workspace: nil, prepare: { try text("\($0)/large") }) { mount in
                try makeDirectory(mount("one"))
                let root = mount("one")
                try same(try Self.gc(root).status, 0, "a first gc")
                let empty = try Self.blocks(mount)
                func edit(_ name: String, _ line: Int) throws -> String {
                    let script = "s/^line \(line) of it$/another line of another length/"
                    _ = try ChildProcess.check(["sed", "-i", script, "\(root)/\(name)"], seconds: 60)
                    let sum = try Self.sum("\(root)/\(name)")
                    let done = try Self.gc(root)
                    try same(done.status, 0, done.errorText)
                    try same(try Self.sum("\(root)/\(name)"), sum, "\(name) after gc")
                    return sum
                }
                var sums = ["large": try edit("large", 200_000)]
                let size = Int(try status("\(root)/large").st_size) >> 10
                let rest = 600
                // Of a file of the base it shares nothing: the base may change.
                let first = try Self.blocks(mount)
                try expect(first < empty + size * 11 / 10 + 1_024, "\(empty) KiB, then \(first)")
                // A backup keeps what it shows: the next one shares with that.
                try writeFile("\(root)/.draft/backup", "first\n")
                sums["large"] = try edit("large", 300_000)
                let second = try Self.blocks(mount)
                try expect(second < first + rest, "\(first) KiB, then \(second) with a second line")
                try text("\(root)/own")
                try writeFile("\(root)/.draft/backup", "second\n")
                sums["own"] = try edit("own", 1_000)
                let own = try Self.blocks(mount)
                try expect(
                    own < second + size + rest + 1_024, "\(second) KiB, then \(own) with a file made here")
                sums["own"] = try edit("own", 399_000)
                sums["large"] = try edit("large", 100)
                try expect(try Self.blocks(mount) < own + rest, "a second line of it")
                try mount.remount()
                for (name, sum) in sums { try same(try Self.sum("\(root)/\(name)"), sum, name) }
                try same(try draftfs(["verify", "-C", root]).status, 0, "verify")
            }
        }
    }
}
