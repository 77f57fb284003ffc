// DiscardedWorkspaceTests: tests the records of discarded workspaces, and what a failure, a kill or a power
// cut at each step of a change leaves.

import Platform
import Storage
import TestSupport
import Testing

@Suite("Discarded workspaces in a store")
struct DiscardedWorkspaceTests {
    private static func open(_ disk: SimulatedDisk) throws -> Store {
        try Store.open(on: disk, basePath: [0x2f], baseInode: 1, now: 1)
    }

    private static func name(_ text: String) throws -> FileName { try FileName(text) }

    @Test("A discarded workspace keeps its id and its data, and its name is free")
    func discard() throws {
        let disk = SimulatedDisk(seed: 1)
        let store = try Self.open(disk)
        let one = try store.createWorkspace(Self.name("one"), now: 1)
        #expect(try store.discardWorkspace(one.id, now: 5).discarded == 5)
        #expect(throws: Errno.noEntry) { try store.discardWorkspace(one.id, now: 6) }
        #expect(throws: Errno.noEntry) { try store.renameWorkspace(one.id, to: Self.name("x")) }
        #expect(store.workspaces.isEmpty && store.workspace(named: one.name) == nil)
        let two = try store.createWorkspace(one.name, now: 7)
        #expect(two.id != one.id)
        #expect(throws: Errno.exists) { try store.restoreWorkspace(one.id, as: one.name) }
        #expect(throws: Errno.noEntry) { try store.restoreWorkspace(two.id, as: Self.name("x")) }
        _ = try store.discardWorkspace(two.id, now: 9)
        #expect(store.discardedWorkspaces.map(\.id) == [two.id, one.id])
        let again = try Self.open(disk)
        #expect(again.discardedWorkspaces == store.discardedWorkspaces && again.workspaces.isEmpty)
        let third = try again.createWorkspace(Self.name("three"), now: 10)
        #expect(third.id > two.id)
        _ = try again.restoreWorkspace(one.id, as: Self.name("uno"))
        #expect(try Self.open(disk).workspaces.map(\.name.description) == ["uno", "three"])
        #expect(again.allWorkspaces.map(\.id) == [one.id, two.id, third.id])
    }

    @Test("A record that needs the time and lacks it is damaged, one of a newer version is refused")
    func versions() throws {
        let disk = SimulatedDisk(seed: 1)
        let record = try Self.open(disk).createWorkspace(Self.name("one"), now: 3)
        let path = "workspaces/0001/workspace"
        func write(version: UInt16) throws {
            var writer = ByteWriter()
            writer.integer(record.id)
            writer.integer(version)
            writer.integer(UInt32(0))
            writer.integer(record.created)
            writer.string(record.name.bytes)
            try SealedFile.write(
                writer.bytes, magic: Format.workspaceMagic, copies: 2, to: path, on: disk, durable: true)
        }
        try write(version: 0)
        #expect(try WorkspaceRecord(from: path, on: disk) == record)
        try write(version: 4)
        #expect { try Self.open(disk) } throws: { "\($0)".contains("format version 4") }
        // Version 1 must have the time.
        try write(version: 1)
        #expect { try WorkspaceRecord(from: path, on: disk) } throws: { "\($0)".contains("too short") }
    }

    /// What is done to the workspace `one`, which a change finds live or discarded.
    enum Change: CaseIterable {
        case discard, restore, remove

        func run(_ store: Store, _ id: UInt16) throws {
            switch self {
            case .discard: _ = try store.discardWorkspace(id, now: 5)
            case .restore: _ = try store.restoreWorkspace(id, as: FileName("two"))
            case .remove: try store.removeWorkspace(id)
            }
        }
    }

    /// Makes a store with one workspace that has a file, and one beside it.
    private static func prepare(_ change: Change) throws -> (SimulatedDisk, Store, UInt16) {
        let disk = SimulatedDisk(seed: 1)
        let store = try open(disk)
        let id = try store.createWorkspace(name("one"), now: 1).id
        _ = try store.createWorkspace(name("other"), now: 1)
        try disk.open("workspaces/0001/tree.log", .create).writeBytes([1, 2, 3], at: 0)
        if change != .discard { _ = try store.discardWorkspace(id, now: 4) }
        try disk.synchronizeAll()
        return (disk, store, id)
    }

    private static func data(_ disk: SimulatedDisk) -> [UInt8]? {
        disk.contents(of: "workspaces/0001/tree.log")
    }

    @Test("After a failed change the next opening finds what the store says", arguments: Change.allCases)
    func failures(change: Change) throws {
        var call = 0
        while true {
            let (disk, store, id) = try Self.prepare(change)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: .inputOutput))
            let isDone = (try? change.run(store, id)) != nil
            let isOver = disk.isPlanOpen
            disk.set(nil)
            let again = try Self.open(disk)
            #expect(again.allWorkspaces == store.allWorkspaces, "call \(call)")
            if !isDone { #expect(Self.data(disk) == [1, 2, 3], "call \(call)") }
            if isOver { break }
            call += 1
        }
        #expect(call > 2)
    }

    @Test("A kill or a power cut at any step leaves the state before or after", arguments: Change.allCases)
    func cuts(change: Change) throws {
        let (_, before, _) = try Self.prepare(change)
        let (_, after, id) = try Self.prepare(change)
        try change.run(after, id)
        var call = 0
        while true {
            let (disk, store, id) = try Self.prepare(change)
            disk.set(SimulatedDisk.Plan(callsBefore: call, errno: nil))
            let isDone = (try? change.run(store, id)) != nil
            let isOver = disk.isPlanOpen
            disk.set(nil)
            for (index, left) in [disk.afterKill()]
                .appending((0..<10).map { disk.afterPowerCut(seed: $0) }).enumerated() {
                let again = try Self.open(left)
                let found = again.allWorkspaces
                // A removal whose sync fails is done; a power cut may bring the workspace back, unchanged.
                let isUnsynced = change == .remove && call == 1
                #expect(
                    found == after.allWorkspaces
                        || (!isDone || isUnsynced) && found == before.allWorkspaces,
                    "call \(call), state \(index): \(found)")
                let isThere = again.allWorkspaces.contains { $0.id == id }
                #expect(Self.data(left) == (isThere ? [1, 2, 3] : nil), "call \(call), state \(index)")
            }
            if isOver { break }
            call += 1
        }
        #expect(call > 2)
    }
}

extension Array {
    fileprivate func appending(_ others: [Element]) -> [Element] { self + others }
}
