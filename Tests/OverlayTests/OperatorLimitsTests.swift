// OperatorLimitsTests: tests the limits that an operator sets: their file, enforcement, counters and
// events.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct OperatorLimitsTests {
    private func fixture(_ prepare: (String) throws -> Void = { _ in }) throws -> WorkspaceFixture {
        try WorkspaceFixture(prepare: prepare)
    }

    private func truncate(_ fixture: WorkspaceFixture, _ path: String, _ size: UInt64) throws {
        var change = AttributeChange()
        change.size = size
        try fixture.tree.setAttributes(try fixture.tree.resolve(path), change)
    }

    @Test("Limits have defaults and survive a kill")
    func file() throws {
        let fixture = try fixture()
        #expect(fixture.workspace.accounts.operatorLimits == OperatorLimits())
        #expect(fixture.workspace.accounts.operatorLimits[.memory] == 256 << 20)
        #expect(fixture.workspace.accounts.operatorLimits[.largeFile] == 10 << 20)
        try fixture.workspace.accounts.setLimit(.bytes, to: 3 << 10)
        try fixture.workspace.accounts.setLimit(.retention, to: 1_209_600_000_000_000)
        try fixture.workspace.accounts.setLimit(.largeFile, to: nil)
        try fixture.set.setLimit(.bytes, to: 1_500)
        try fixture.reopenAfterKill()
        let limits = fixture.workspace.accounts.operatorLimits
        #expect(limits[.bytes] == 3 << 10 && limits[.retention] == 1_209_600_000_000_000)
        #expect(limits[.largeFile] == nil && limits[.files] == nil)
        #expect(fixture.set.operatorLimits[.bytes] == 1_500)
        try fixture.workspace.accounts.setLimit(.bytes, to: nil)
        #expect(fixture.workspace.accounts.operatorLimits[.bytes] == nil)
    }

    @Test("An invalid limit is refused with a message")
    func refused() throws {
        let fixture = try fixture()
        let cases: [(OperatorLimits.Key, UInt64)] = [(.memory, 1 << 20), (.bytes, .max)]
        for (key, value) in cases {
            do throws(CommandError) {
                try fixture.workspace.accounts.setLimit(key, to: value)
                Issue.record("\(key) \(value) was taken")
            } catch {
                #expect(error.errno == .invalid && error.description.contains("\(value)"))
            }
        }
        #expect(fixture.workspace.accounts.operatorLimits == OperatorLimits())
        #expect(throws: CommandError.self) { try fixture.set.setLimit(.fileSize, to: 1 << 20) }
    }

    @Test("Files above the limit answer EDQUOT until one is removed; the count is exact after restarts")
    func files() throws {
        let fixture = try fixture { try writeFile("\($0)/b", "base") }
        try fixture.workspace.accounts.setLimit(.files, to: 4)
        // The root gets a row with the first new name.
        for name in ["a", "c", "d"] { try fixture.tree.makeFile(name) }
        #expect(fixture.workspace.quota.usedFiles == 4)
        for step in ["at once", "after a clean end", "after a kill"] {
            #expect(throws: Errno.quota, "\(step)") { try fixture.tree.makeFile("e") }
            #expect(throws: Errno.quota, "\(step)") { try fixture.tree.makeDirectory("e") }
            #expect(throws: Errno.quota, "\(step)") { try fixture.tree.write("b", "B") }
            #expect(fixture.workspace.quota.usedFiles == 4, "\(step)")
            if step == "at once" { try fixture.reopen() } else { try fixture.reopenAfterKill() }
        }
        try fixture.tree.write("a", "written")
        try fixture.tree.unlink("c")
        #expect(fixture.workspace.quota.usedFiles == 3)
        try fixture.tree.write("b", "B")
        #expect(try fixture.tree.text("b") == "Base")
        #expect(throws: Errno.quota) { try fixture.tree.makeFile("e") }
        try fixture.reopen()
        #expect(fixture.workspace.quota.usedFiles == 4)
        try fixture.workspace.accounts.setLimit(.files, to: nil)
        try fixture.tree.makeFile("e")
    }

    @Test("Bytes above the limit answer EDQUOT; removing and truncating work")
    func bytesLimit() throws {
        let fixture = try fixture { try writeFile("\($0)/b", bytes(5_000, fill: 1)) }
        try fixture.tree.makeFile("a")
        try fixture.workspace.accounts.setLimit(.bytes, to: 64 << 10)
        let file = try fixture.tree.resolve("a")
        var written: UInt64 = 0
        while written < 1 << 20 {
            do throws(Errno) {
                try fixture.tree.write(file, [UInt8](repeating: 7, count: 4_096), at: written)
            } catch {
                #expect(error == .quota)
                break
            }
            written += 4_096
        }
        #expect(written > 40_000 && written < 65_536)
        #expect(fixture.workspace.quota.usedBytes <= 65_536)
        let used = fixture.workspace.quota.usedBytes
        #expect(used == fixture.workspace.accounts.usage.logBytes + fixture.treeLogBytes)
        try fixture.reopen()
        #expect(fixture.workspace.quota.usedBytes >= used)
        try fixture.reopenAfterKill()
        #expect(
            fixture.workspace.quota.usedBytes
                == fixture.workspace.accounts.usage.logBytes + fixture.treeLogBytes)
        #expect(throws: Errno.quota) {
            try fixture.tree.write(try fixture.tree.resolve("a"), bytes(8_192, fill: 2), at: 0)
        }
        try truncate(fixture, "b", 0)
        try truncate(fixture, "a", 10)
        try fixture.tree.unlink("a")
        #expect(try fixture.tree.names("") == ["b"])
    }

    @Test("A file above file-size answers EFBIG to what makes it larger")
    func fileSize() throws {
        let fixture = try fixture { try writeFile("\($0)/b", bytes(9_000, fill: 1)) }
        try fixture.workspace.accounts.setLimit(.fileSize, to: 4 << 10)
        try fixture.tree.makeFile("a")
        let file = try fixture.tree.resolve("a")
        try fixture.tree.write(file, bytes(96, fill: 1), at: 4_000)
        #expect(throws: Errno.fileTooBig) { try fixture.tree.write(file, [1], at: 4_096) }
        #expect(throws: Errno.fileTooBig) { try truncate(fixture, "a", 4_097) }
        #expect(throws: Errno.fileTooBig) {
            try fixture.tree.allocate(file, mode: [], offset: 0, length: 5_000)
        }
        let base = try fixture.tree.resolve("b")
        #expect(throws: Errno.fileTooBig) {
            _ = try fixture.tree.copyRange(from: base, at: 0, to: file, at: 0, length: 9_000)
        }
        try truncate(fixture, "b", 8_000)
        try fixture.tree.write(base, [9], at: 0)
    }

    @Test("The store's limits count all workspaces, open or closed")
    func store() throws {
        let fixture = try fixture()
        let other = try fixture.set.workspace(try fixture.set.create(try FileName("other")))
        let tree = WorkspaceTree(other)
        try tree.makeFile("x")
        try fixture.tree.makeFile("y")
        #expect(fixture.set.quota.usedFiles == 4)
        try fixture.set.setLimit(.files, to: 4)
        #expect(throws: Errno.quota) { try tree.makeFile("z") }
        let used = fixture.set.quota.usedBytes
        #expect(used == other.quota.usedBytes + fixture.workspace.quota.usedBytes)
        try fixture.reopen()
        #expect(fixture.set.quota.usedFiles == 4)
        #expect(fixture.set.quota.usedBytes >= used)
        #expect(throws: Errno.quota) { try fixture.tree.makeFile("z") }
        try fixture.reopenAfterKill()
        #expect(fixture.set.quota.usedFiles == 4)
        try fixture.tree.unlink("y")
        try fixture.tree.makeFile("z")
    }

    @Test("Usage of 80 and of 100 percent of a limit gives one event each")
    func warnings() throws {
        let fixture = try fixture()
        try fixture.workspace.accounts.setLimit(.files, to: 10)
        func posted() -> [String] {
            fixture.set.maintain()
            return fixture.messages.filter { $0.contains("files") }
        }
        for index in 0..<6 { try fixture.tree.makeFile("f\(index)") }
        #expect(posted().isEmpty)
        try fixture.tree.makeFile("f6")
        #expect(posted().count == 1)
        #expect(posted().count == 1)
        for index in 7..<9 { try fixture.tree.makeFile("f\(index)") }
        #expect(posted().count == 2)
        #expect(throws: Errno.quota) { try fixture.tree.makeFile("f9") }
        #expect(posted().count == 2)
        #expect(posted().last?.contains("EDQUOT") == true)
    }

    @Test("statfs shows no more room than the limits leave")
    func space() throws {
        let fixture = try fixture()
        let disk = try SpaceOnDisk(fixture.storePath)
        #expect(fixture.workspace.quota.constrain(disk).available == disk.available)
        try fixture.workspace.accounts.setLimit(.bytes, to: 1 << 20)
        try fixture.workspace.accounts.setLimit(.files, to: 100)
        try fixture.tree.makeFile("f")
        let seen = fixture.workspace.quota.constrain(disk)
        let used = fixture.workspace.quota.usedBytes
        #expect(seen.blocks * UInt64(seen.blockSize) == 1 << 20)
        #expect(seen.available == (1 << 20 - used) / UInt64(seen.blockSize))
        #expect(seen.files == 100 && seen.freeFiles == 98)
        try fixture.set.setLimit(.files, to: 10)
        #expect(fixture.workspace.quota.constrain(disk).freeFiles == 8)
    }

    @Test("A damaged limits file gives the defaults and an event")
    func damaged() throws {
        let fixture = try fixture()
        try fixture.workspace.accounts.setLimit(.files, to: 10)
        try fixture.reopenAfterKill { directory in
            try writeFile("\(directory)/limits", bytes(200, fill: 3))
        }
        #expect(fixture.workspace.accounts.operatorLimits[.files] == nil)
        #expect(fixture.messages.contains { $0.contains("limits") })
    }
}
