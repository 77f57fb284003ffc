// PendingChangesTests: tests the pending changes during a checkpoint. A dirty change takes precedence over
// the change that the checkpoint writes.

import Past
import Platform
import Storage
import TestSupport
import Testing

@testable import Overlay

@Suite struct PendingChangesTests {
    @Test(
        "A file that is restored while a checkpoint writes its removal exists",
        arguments: [true, false])
    func cameBack(isWritten: Bool) throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeFile("f")
        try fixture.tree.write("f", "content")
        // After this the file is in the database only.
        try fixture.reopen()
        let tree = fixture.tree!
        let before = fixture.workspace.sequence.last
        func rollBack(to sequence: UInt64) throws {
            _ = try fixture.workspace.commands.rollback(
                to: .sequence(sequence), paths: [], keepsTimes: false, caller: tree.caller)
        }
        try rollBack(to: 0)
        let taken = try fixture.workspace.withTree { (tree) throws(Errno) in
            tree.checkpoints.startCheckpoint()
        }
        let (batch, position) = try #require(taken)
        try rollBack(to: before)
        #expect(try tree.text("f") == "content")
        // The checkpoint succeeds or fails. The next one writes the later changes.
        try fixture.workspace.withTree { (tree) throws(Errno) in
            if isWritten {
                try tree.read { (reader) throws(StorageError) in try reader.apply(batch, at: position) }
            }
            tree.checkpoints.finishCheckpoint(written: isWritten)
        }
        #expect(try tree.text("f") == "content")
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        tree.forget()
        #expect(try tree.text("f") == "content")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("f") == "content")
    }

    @Test("After a cancelled flush its changes are dirty again, and later changes win")
    func cancelled() throws {
        var pending = PendingChanges()
        let (one, two) = (try FileName("one"), try FileName("two"))
        let entry = Entry(inode: 9, type: .regular)
        pending.setEntry(one, in: 1, entry)
        pending.setEntry(two, in: 1, entry)
        #expect(pending.canFlush && pending.hasDirty)
        #expect(pending.startFlush { _ in nil }.entries[1]?.count == 2)
        #expect(!pending.canFlush && !pending.hasDirty && !pending.isEmpty)
        pending.setEntry(one, in: 1, nil)
        #expect(pending.entry(one, in: 1) == .some(nil))
        #expect(pending.entry(two, in: 1) == .some(entry))
        pending.cancelFlush()
        #expect(pending.canFlush)
        #expect(pending.entry(one, in: 1) == .some(nil))
        #expect(pending.entry(two, in: 1) == .some(entry))
        var entries = [one: entry]
        pending.overlay(&entries, of: 2)
        #expect(entries == [one: entry])
        #expect(pending.startFlush { _ in nil }.entries[1]?.count == 2)
        #expect(pending.finishFlush().isEmpty && pending.isEmpty)
        #expect(pending.entry(one, in: 1) == nil)
    }
}
