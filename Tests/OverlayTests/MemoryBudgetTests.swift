// MemoryBudgetTests: tests the memory budget. The bounds follow from it, all workspaces share it, a writer
// far above it writes a checkpoint itself, and an event warns of high usage.

import Platform
import Storage
import TestSupport
import Testing

@testable import Overlay

@Suite struct MemoryBudgetTests {
    @Test("The bounds follow from the budget")
    func scale() throws {
        let fixture = try WorkspaceFixture()
        let memory = fixture.workspace.memory
        #expect(memory.bytes == 256 << 20)
        #expect(memory.inodes == 200_000 && memory.dirtyKeys == 20_000)
        try fixture.workspace.accounts.setLimit(.memory, to: 64 << 20)
        fixture.set.maintain()
        #expect(memory.bytes == 64 << 20 && fixture.set.memory.bytes == 64 << 20)
        // SQLite's memory is that of the whole process. Other tests may have taken most of this budget.
        let part = memory.isTight ? 2 : 1
        #expect(memory.inodes == 50_000 / part && memory.listedNames == 25_000 / part)
        try fixture.workspace.accounts.setLimit(.memory, to: 1 << 30)
        fixture.set.maintain()
        #expect(memory.inodes == 800_000)
        try fixture.set.setLimit(.memory, to: 128 << 20)
        fixture.set.maintain()
        #expect(memory.bytes == 128 << 20)
        try fixture.set.setLimit(.memory, to: nil)
        try fixture.workspace.accounts.setLimit(.memory, to: nil)
        fixture.set.maintain()
        #expect(memory.bytes == 256 << 20)
    }

    @Test("The caches of all workspaces together stay within the bound")
    func shared() throws {
        var limits = Limits()
        limits.cacheBytes = 400_000
        limits.checkpointInterval = 0
        let fixture = try WorkspaceFixture(limits: limits)
        var trees = [fixture.tree!]
        for name in ["b", "c", "d"] {
            trees.append(
                WorkspaceTree(try fixture.set.workspace(try fixture.set.create(try FileName(name)))))
        }
        for tree in trees {
            for index in 0..<8 {
                let file = try tree.makeFile("f\(index)")
                for piece in 0..<600 {
                    try tree.write(file, [UInt8(index)], at: UInt64(piece) * 10)
                }
            }
        }
        for _ in 0..<3 {
            for tree in trees { try tree.changeMode("f0", 0o600) }
            fixture.set.maintain()
        }
        #expect(fixture.set.memoryParts.caches <= 400_000)
        for tree in trees {
            let file = try tree.resolve("f7")
            #expect(try tree.read(file, at: 5_990, count: 10) == [7])
        }
    }

    @Test("A writer that is faster than the background writes checkpoints itself")
    func door() throws {
        var limits = Limits()
        limits.dirtyKeys = 20
        let fixture = try WorkspaceFixture(limits: limits)
        for index in 0..<3_000 {
            try fixture.tree.makeFile("f\(index)")
            fixture.tree.forget()
            if index % 100 == 0 { #expect(fixture.workspace.accounts.statistics.dirtyKeys < 600) }
        }
        #expect(fixture.workspace.accounts.statistics.cachedInodes < 600)
        try fixture.reopen()
        #expect(try fixture.tree.names("").count == 3_000)
    }

    @Test("Usage above 80 % of the budget gives one warning until it falls")
    func warning() throws {
        let fixture = try WorkspaceFixture()
        func warnings() -> Int { fixture.messages.count { $0.contains("memory") } }
        let budget = 256 << 20
        fixture.set.maintain(resident: budget / 100 * 79)
        #expect(warnings() == 0)
        for _ in 0..<3 { fixture.set.maintain(resident: budget / 100 * 85) }
        #expect(warnings() == 1)
        #expect(fixture.workspace.memory.inodes == 200_000)
        fixture.set.maintain(resident: budget / 100 * 95)
        #expect(fixture.workspace.memory.inodes == 100_000)
        fixture.set.maintain(resident: budget / 2)
        #expect(fixture.workspace.memory.inodes == 200_000)
        fixture.set.maintain(resident: budget / 100 * 86)
        #expect(warnings() == 2)
    }

    @Test("The names to forget above the bound come from all workspaces together")
    func forgetting() throws {
        var limits = Limits()
        limits.inodes = 100
        let fixture = try WorkspaceFixture(limits: limits)
        for index in 0..<90 { try fixture.tree.makeFile("f\(index)") }
        #expect(fixture.set.namesToForget(atMost: 1_000).isEmpty)
        let other = WorkspaceTree(try fixture.set.workspace(try fixture.set.create(try FileName("o"))))
        for index in 0..<90 { try other.makeFile("f\(index)") }
        let names = fixture.set.namesToForget(atMost: 1_000)
        #expect(Set(names.map { $0.workspace.id }) == [1, 2])
        #expect(fixture.set.namesToForget(atMost: 3).count == 3)
    }
}
