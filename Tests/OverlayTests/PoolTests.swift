// PoolTests: tests the pool. Edited files stay complete when the base changes, workspaces share contents,
// and contents that no workspace needs are released.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct PoolTests {
    private static let content = bytes(100_000, fill: 1)

    private func fixture() throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/f", Self.content)
            try writeFile("\(base)/d/g", "g")
            try writeFile("\(base)/empty", "")
        }
    }

    private func open(_ fixture: WorkspaceFixture, _ name: String) throws -> WorkspaceTree {
        let name = try FileName(name)
        let record = try fixture.set.find(name) ?? fixture.set.create(name)
        return WorkspaceTree(try fixture.set.workspace(record))
    }

    private func contents(_ tree: WorkspaceTree, _ path: String = "d/f") throws -> [UInt8] {
        try tree.contents(try tree.resolve(path))
    }

    private func usage(_ fixture: WorkspaceFixture) -> PinUsage { fixture.set.store.logs.pool.usage }

    private static let edited = Array("edit".utf8) + content.dropFirst(4)

    @Test("An edited file keeps its base content, however the base changes", arguments: 0..<4)
    func changes(kind: Int) throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        let sequence = fixture.workspace.accounts.statistics.sequence
        switch kind {
        case 0:
            try writeFile(fixture.base("d/new"), bytes(100_000, fill: 2))
            try must("rename", rename(fixture.base("d/new"), fixture.base("d/f")))
        case 1: try withOpen(fixture.base("d/f"), O_WRONLY) { try writeAll($0, [1, 2, 3], at: 50_000) }
        case 2: try must("unlink", unlink(fixture.base("d/f")))
        default: try must("truncate", truncate(fixture.base("d/f"), 10))
        }
        for step in 0..<3 {
            #expect(try contents(fixture.tree) == Self.edited, "step \(step)")
            let drifted = try fixture.workspace.baseFiles.driftedFiles()
            #expect(drifted.map(\.path) == [Array("d/f".utf8)], "step \(step)")
            #expect(drifted.map(\.isKept) == [true])
            let report = try fixture.workspace.verify()
            #expect(report.isClean)
            #expect(report.findings.contains { $0.severity == .warning && $0.what.contains("d/f") })
            if step == 0 { try fixture.reopen() } else { try fixture.reopenAfterKill() }
        }
        // The file has this content in a view of the past too.
        try fixture.tree.write("d/f", "again")
        let past = PastTree(try fixture.workspace.moments.view(at: sequence))
        #expect(try past.contents(past.resolve("d/f")) == Self.edited)
        #expect(fixture.messages.filter { $0.contains("EIO") } == [])
    }

    @Test("For a file that is truncated to 0 the pool keeps nothing")
    func emptied() throws {
        let fixture = try fixture()
        try fixture.tree.truncate("d/f", to: 0)
        try fixture.tree.write("d/f", "new")
        #expect(usage(fixture).files == 0)
        try must("unlink", unlink(fixture.base("d/f")))
        #expect(try fixture.tree.text("d/f") == "new")
        #expect(try fixture.workspace.baseFiles.driftedFiles().isEmpty)
    }

    @Test("The pool keeps a base file of which a range was copied")
    func copies() throws {
        let fixture = try fixture()
        try fixture.tree.makeFile("copy")
        let copy = try fixture.tree.resolve("copy")
        _ = try fixture.tree.copyRange(
            from: try fixture.tree.resolve("d/f"), at: 1_000, to: copy, at: 0, length: 50_000)
        try writeFile(fixture.base("d/f"), bytes(100_000, fill: 2))
        #expect(try fixture.tree.contents(copy) == Array(Self.content[1_000..<51_000]))
    }

    @Test("Workspaces share one content in the pool, and a new base version has its own")
    func sharing() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        let one = usage(fixture)
        #expect(one.files == 1 && one.bytes >= 100_000)
        var trees = [fixture.tree!]
        for index in 0..<5 {
            let tree = try open(fixture, "w\(index)")
            try tree.write("d/f", "edit")
            trees.append(tree)
        }
        #expect(usage(fixture) == one)
        try writeFile(fixture.base("d/f"), bytes(100_000, fill: 2))
        let late = try open(fixture, "late")
        try late.write("d/f", "edit")
        #expect(usage(fixture).files == 2)
        for tree in trees { #expect(try contents(tree) == Self.edited) }
        #expect(try contents(late) == Array("edit".utf8) + bytes(100_000, fill: 2).dropFirst(4))
        let counted = usage(fixture)
        trees = []
        try fixture.reopen()
        #expect(usage(fixture) == counted)
    }

    @Test(
        "A base file larger than the limit is not kept, and answers EIO once the base has changed",
        .disabled(if: TestEnvironment.sharesExtents, "shared extents have no limit"))
    func limit() throws {
        let fixture = try fixture()
        try fixture.set.setLimit(.pin, to: 99_999)
        #expect(fixture.workspace.accounts.pinLimit == 99_999)
        try fixture.tree.write("d/f", "edit")
        #expect(usage(fixture).files == 0)
        try fixture.tree.write("d/g", "G")
        #expect(usage(fixture).files == 1)
        let other = try open(fixture, "other")
        try other.workspace.accounts.setLimit(.pin, to: 100_000)
        try other.write("d/f", "edit")
        #expect(usage(fixture).files == 2)
        try must("unlink", unlink(fixture.base("d/f")))
        #expect(try contents(other) == Self.edited)
        #expect(throws: Errno.inputOutput) { try contents(fixture.tree) }
        try fixture.reopen()
        #expect(fixture.workspace.accounts.pinLimit == 99_999)
        #expect(try open(fixture, "other").workspace.accounts.pinLimit == 100_000)
        // Without a limit all files are kept.
        try fixture.workspace.accounts.setLimit(.pin, to: nil)
        #expect(fixture.workspace.accounts.pinLimit == nil)
    }

    @Test("The pool counts for the store's limit of bytes, and an edit succeeds without it")
    func bytesLimit() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/g", "G")
        let used = fixture.set.quota.usedBytes
        try fixture.set.setLimit(.bytes, to: used + 50_000)
        try fixture.tree.write("d/f", "edit")
        #expect(usage(fixture).files == 1)
        try fixture.set.setLimit(.bytes, to: used + 500_000)
        let other = try open(fixture, "other")
        try other.write("d/f", "edit")
        #expect(usage(fixture).files == 2)
        #expect(fixture.set.quota.usedBytes > used + 100_000)
        let whole = fixture.set.quota.usedBytes
        try fixture.reopen()
        _ = try open(fixture, "other")
        // After a reopening the count is the same except for the last records.
        #expect(fixture.set.quota.usedBytes >= whole && fixture.set.quota.usedBytes < whole + 20_000)
    }

    @Test("A sweep releases only contents that no workspace needs")
    func sweep() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        let other = try open(fixture, "other")
        try other.write("d/f", "edit")
        try other.write("d/g", "G")
        #expect(usage(fixture).files == 2)
        #expect(PoolSweep(fixture.set).run().files == 0)
        try fixture.reopen()
        // The state after the removal of a workspace.
        let record = try #require(fixture.set.find(try FileName("other")))
        try fixture.set.store.removeWorkspace(record.id)
        #expect(PoolSweep(fixture.set).run().files == 1)
        #expect(usage(fixture).files == 1)
        // The past needs the first content after the file was removed.
        let before = fixture.workspace.accounts.statistics.sequence
        try fixture.tree.unlink("d/f")
        fixture.workspace.maintenance.checkpoint()
        try must("unlink", unlink(fixture.base("d/f")))
        #expect(PoolSweep(fixture.set).run().files == 0)
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(before), paths: [], keepsTimes: true, caller: fixture.tree.caller)
        #expect(try contents(fixture.tree) == Self.edited)
        // A pool file whose making was interrupted, which no workspace needs.
        let disk = HostDisk(root: try File.open(fixture.storePath, flags: 0))
        var found: [String] = []
        fixture.set.store.logs.pool.visit { found.append($0) }
        let path = try #require(found.first)
        try disk.open(path + ".new", .create).writeBytes([1], at: 0)
        #expect(PoolSweep(fixture.set).run().files == 1)
        #expect(!disk.exists(path + ".new") && disk.exists(path))
    }

    @Test("Unreferenced pool files that a kill left are released after the next start")
    func leftover() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        var found: [String] = []
        fixture.set.store.logs.pool.visit { found.append($0) }
        let path = try #require(found.first)
        // A copy under the identity of another inode, and an unfinished file.
        let name = try #require(path.split(separator: "/").last)
        let other = "\(path.dropLast(name.count))1\(name)"
        try fixture.reopenAfterKill { store in
            let root = "\(store)/../.."
            try ChildProcess.check(["cp", "\(root)/\(path)", "\(root)/\(other)"])
            try writeFile("\(root)/\(path).new", "begun")
        }
        fixture.set.maintain()
        found = []
        fixture.set.store.logs.pool.visit { found.append($0) }
        #expect(found == [path])
        #expect(try contents(fixture.tree) == Self.edited)
    }

    @Test("While a workspace's tree log cannot be read, no content of the pool is released")
    func damagedLog() throws {
        let fixture = try fixture()
        let other = try open(fixture, "other")
        try other.write("d/f", "edit")
        try fixture.tree.makeFile("x")
        try fixture.reopenAfterKill { path in
            let log = "\(path)/../0002/tree.log"
            try withOpen(log, O_WRONLY) { try writeAll($0, [0xff, 0xff], at: 80) }
        }
        #expect(PoolSweep(fixture.set).run().files == 0)
        #expect(usage(fixture).files == 1)
    }

    @Test("Damage to the pool never gives wrong bytes, and is found and repaired")
    func damage() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        var paths: [String] = []
        fixture.set.store.logs.pool.visit { paths.append($0) }
        let path = try #require(paths.first)
        try must("unlink", unlink(fixture.base("d/f")))
        try fixture.reopen()
        let seed = TestEnvironment.seed()
        var random = SeededGenerator(seed: seed)
        let whole = try readFile("\(fixture.storePath)/\(path)")
        for step in 0..<60 {
            // Half of the flips hit the table or the footer.
            let start = step % 2 == 0 ? 0 : 100_000
            let index = Int.random(in: start..<whole.count, using: &random)
            var bytes = whole
            bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &random)
            try fixture.reopenAfterKill { store in
                try writeFile("\(store)/../../\(path)", bytes)
            }
            let place = "seed \(seed), step \(step), byte \(index)"
            let file = try fixture.tree.resolve("d/f")
            for at in stride(from: 0, to: 100_000, by: 9_000) {
                let count = min(9_000, 100_000 - at)
                if let part = try? fixture.tree.read(file, at: UInt64(at), count: count) {
                    #expect(part == Array(Self.edited[at..<(at + count)]), "\(place)")
                }
            }
            #expect(try fixture.workspace.verify().isClean == false, "\(place)")
            let copy = fixture.directory("mended")
            try ChildProcess.check(["cp", "-a", fixture.storePath, copy], seconds: 60)
            var options = Fsck.Options()
            options.repairs = true
            #expect(try Fsck(copy, options).run().outcome == .repaired, "\(place)")
            #expect(try readFile("\(copy)/\(path)") == whole, "\(place)")
            try StoreCopy.remove(copy)
        }
    }
}
