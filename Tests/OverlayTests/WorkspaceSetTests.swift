// Tests of the workspaces of one store: their isolation, creation, renaming and removal, and statistics.

import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct WorkspaceSetTests {
    private func fixture() throws -> WorkspaceFixture {
        try WorkspaceFixture { try writeFile("\($0)/f", "base") }
    }

    private func open(_ fixture: WorkspaceFixture, _ name: String) throws -> WorkspaceTree {
        let name = try FileName(name)
        let record = try fixture.set.find(name) ?? fixture.set.create(name)
        return WorkspaceTree(try fixture.set.workspace(record))
    }

    @Test("A workspace does not show the changes of another")
    func isolation() throws {
        let fixture = try fixture()
        let other = try open(fixture, "other")
        try fixture.tree.write("f", "edit")
        try fixture.tree.makeFile("new")
        try fixture.tree.changeMode("f", 0o600)
        #expect(try other.text("f") == "base")
        #expect(try other.names("") == ["f"])
        #expect(try other.mode("f") == 0o644)
        #expect(try other.resolve("f") != fixture.tree.resolve("f"))
        try other.unlink("f")
        #expect(try fixture.tree.text("f") == "edit")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("f") == "edit")
        #expect(try open(fixture, "other").names("").isEmpty)
    }

    @Test("Names are unique, and records survive a reopening")
    func names() throws {
        let fixture = try fixture()
        let record = try fixture.set.create(try FileName("second"))
        #expect(throws: Errno.exists) { try fixture.set.create(try FileName("second")) }
        #expect(throws: Errno.exists) {
            try fixture.set.rename(record.id, to: try FileName("main"))
        }
        try fixture.set.rename(record.id, to: try FileName("third"))
        #expect(fixture.set.find(try FileName("second")) == nil)
        try fixture.reopenAfterKill()
        #expect(fixture.set.records.map(\.name.description) == ["main", "third"])
        #expect(fixture.set.find(try FileName("third"))?.id == record.id)
        #expect(throws: Errno.noEntry) {
            try fixture.set.rename(999, to: try FileName("fourth"))
        }
    }

    @Test("A workspace with changes cannot be removed, one without changes can")
    func removal() throws {
        let fixture = try fixture()
        let tree = try open(fixture, "second")
        _ = try tree.text("f")
        let name = try FileName("second")
        let record = try #require(fixture.set.find(name))
        try tree.makeFile("new")
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        #expect(try tree.names("") == ["f", "new"])

        let empty = try fixture.set.create(try FileName("empty"))
        _ = try open(fixture, "empty").text("f")
        try fixture.set.remove(empty)
        #expect(fixture.set.find(try FileName("empty")) == nil)
        #expect(fixture.set.opened(empty.id) == nil)
        try fixture.reopen()
        #expect(fixture.set.records.map(\.name.description) == ["main", "second"])
    }

    @Test("A store that is open cannot be opened again")
    func lock() throws {
        let fixture = try fixture()
        let path = fixture.storePath
        let error = #expect(throws: StorageError.self) {
            try Store.open(
                path, basePath: Array(fixture.basePath.utf8),
                baseInode: fixture.workspace.base.rootStatus.inode, holder: "second", now: 0)
        }
        #expect(error?.description.contains("is in use by test") == true)
    }

    @Test("A base that was moved keeps its store, another base does not get it")
    func otherBase() throws {
        let fixture = try fixture()
        try fixture.reopen()
        let copy = fixture.directory("copy")
        try ChildProcess.check(["cp", "-a", fixture.storePath, copy], seconds: 20)
        let inode = fixture.workspace.base.rootStatus.inode
        func open(_ base: String, _ inode: UInt64) throws -> (base: [UInt8], names: [String]) {
            let store = try Store.open(
                copy, basePath: Array(base.utf8), baseInode: inode, holder: "test", now: 0)
            return (store.superblock.basePath, store.workspaces.map(\.name.description))
        }
        for _ in 0..<2 {
            let moved = try open("/moved", inode)
            #expect(moved.base == Array("/moved".utf8) && moved.names == ["main"])
        }
        let error = #expect(throws: StorageError.self) { _ = try open("/elsewhere", inode ^ 1) }
        #expect(error?.description.contains("belongs to the base /moved, not to /elsewhere") == true)
    }
}

@Suite struct StatisticsTests {
    @Test("Statistics count changed inodes, inodes held by the kernel, and open logs")
    func counts() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base") }
        var found = fixture.workspace.accounts.statistics
        #expect(found.dirtyKeys == 0 && found.openLogs == 0 && found.kernelInodes == 0)
        try fixture.tree.write("f", "edit")
        found = fixture.workspace.accounts.statistics
        #expect(found.openLogs == 1)
        #expect(found.kernelInodes == 1)
        #expect(found.touchedInodes == 2, "the file and the root")
        #expect(found.dirtyKeys > 0)
        #expect(found.sequence > 0)
        #expect(fixture.workspace.removal.isTouched)
        #expect(fixture.workspace.accounts.usage.logFiles == 1)
        #expect(fixture.workspace.accounts.usage.databaseBytes == 0)
        fixture.tree.forget()
        #expect(fixture.workspace.maintenance.checkpoint())
        fixture.workspace.maintenance.sweep()
        found = fixture.workspace.accounts.statistics
        #expect(found.dirtyKeys == 0 && found.openLogs == 0 && found.kernelInodes == 0)
        #expect(!found.checkpointFailed)
        #expect(fixture.workspace.accounts.usage.databaseBytes > 0)
    }

    @Test("Names that were not used lately are offered for forgetting, directories are not")
    func pruning() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeDirectory("d")
        for index in 0..<100 { try fixture.tree.makeFile("d/\(index)") }
        #expect(fixture.workspace.accounts.pruneCandidates(above: 1_000, atMost: 5).isEmpty)
        let directory = try fixture.tree.resolve("d")
        let found = fixture.workspace.accounts.pruneCandidates(above: 10, atMost: 5)
        #expect(found.count == 5)
        #expect(found.allSatisfy { $0.parent == directory })
        _ = try fixture.tree.resolve("d/0")
        let all = fixture.workspace.accounts.pruneCandidates(above: 10, atMost: 1_000)
        let names = all.map(\.name.description)
        #expect(names.count > 80 && all.allSatisfy { $0.parent == directory })
        #expect(names.contains("1") && !names.contains("0") && !names.contains("d"))
    }
}
