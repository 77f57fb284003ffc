// WorkspaceRemovalTests: tests rmdir of a workspace. A workspace without changes is removed, whatever was
// done in it before, and no acknowledged write is lost.

import Glibc
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct WorkspaceRemovalTests {
    private func fixture() throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for name in ["f", "d/g"] { try writeFile("\(base)/\(name)", "of the base") }
        }
    }

    private func open(
        _ fixture: WorkspaceFixture, _ name: String
    ) throws -> (record: WorkspaceRecord, tree: WorkspaceTree) {
        let record = try fixture.set.create(try FileName(name))
        return (record, WorkspaceTree(try fixture.set.workspace(record)))
    }

    private func change(_ tree: WorkspaceTree) throws {
        try tree.write("f", "EDITED")
        try tree.changeMode("d/g", 0o600)
        try tree.makeDirectory("new")
        try tree.makeFile("new/file")
        try tree.unlink("d/g")
    }

    @Test("A workspace whose changes were all rolled back is removed", arguments: [false, true])
    func rolledBack(checkpoints: Bool) throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try change(tree)
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        if checkpoints { #expect(tree.workspace.maintenance.checkpoint()) }
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        #expect(try tree.names("") == ["d", "f", "new"])
        _ = try tree.workspace.commands.rollback(
            to: .sequence(0), paths: [], keepsTimes: false, caller: tree.caller)
        if checkpoints { #expect(tree.workspace.maintenance.checkpoint()) }
        try fixture.set.remove(record)
        #expect(fixture.set.find(record.name) == nil && fixture.set.opened(record.id) == nil)
        let directory = "\(fixture.storePath)/\(LogDirectory.workspacePath(record.id))"
        #expect(access(directory, F_OK) != 0 && access(directory + ".dead", F_OK) != 0)
        #expect(throws: Errno.stale) { try tree.lookup(FileName("f"), in: tree.root) }
        #expect(throws: Errno.noEntry) { try fixture.set.remove(record) }
        try fixture.reopen()
        #expect(fixture.set.records.map(\.name.description) == ["main"])
    }

    @Test("A change that was reverted by hand does not keep the workspace, any difference does")
    func byHand() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try tree.makeFile("new")
        try tree.unlink("new")
        try tree.write("f", "OF the base")
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        try tree.write("f", "of")
        try tree.changeMode("f", 0o600)
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        try tree.changeMode("f", 0o644)
        try tree.rename("d", to: "e")
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        try tree.rename("e", to: "d")
        try fixture.set.remove(record)
    }

    @Test("A removed name of the base keeps the workspace")
    func removedName() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try tree.unlink("d/g")
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        #expect(!tree.exists("d/g"))
    }

    @Test("A backup that a user named keeps the workspace, automatic ones do not")
    func backups() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try tree.write("f", "EDITED")
        let name = try FileName("kept")
        _ = try tree.workspace.moments.backup(name, comment: [], caller: tree.caller)
        _ = try tree.workspace.commands.rollback(
            to: .sequence(0), paths: [], keepsTimes: false, caller: tree.caller)
        #expect(tree.workspace.moments.backups.contains { $0.isAutomatic })
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        try tree.workspace.moments.removeBackup(name, caller: tree.caller)
        try fixture.set.remove(record)
    }

    @Test("A file that was edited and reverted by hand keeps the workspace after a base change")
    func drifted() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        try tree.write("f", "OF")
        try tree.write("f", "of")
        try writeFile(fixture.base("f"), "of another base")
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
    }

    @Test("A workspace whose removal fails takes calls again")
    func failed() throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        // The directory cannot take the name of one that holds something.
        let dead = "\(fixture.storePath)/\(LogDirectory.workspacePath(record.id)).dead"
        try makeDirectory(dead)
        try writeFile("\(dead)/x", "x")
        #expect(throws: Errno.notEmpty) { try fixture.set.remove(record) }
        #expect(try tree.text("f") == "of the base")
        try must("unlink", unlink("\(dead)/x"))
        try fixture.set.remove(record)
        #expect(fixture.set.find(record.name) == nil)
    }

    /// The writer stops at its first error. Its acknowledged writes must not be lost.
    @Test("Each acknowledged write is in a workspace that is there, or the removal failed",
        arguments: 0..<12)
    func race(round: Int) throws {
        let fixture = try fixture()
        let (record, tree) = try open(fixture, "second")
        let workspace = tree.workspace
        let file = try tree.resolve("f")
        let set = fixture.set!
        let written = Mutex<[String]>([])
        let removal = Mutex<Errno?>(nil)
        try onThreads(2) { index in
            if index == 1 {
                usleep(UInt32(round * 150))
                let failure = failure { () throws(Errno) in try set.remove(record) }
                removal.withLock { $0 = failure ?? Errno(0) }
                return
            }
            usleep(UInt32(round % 4 * 200))
            writeUntilFailure(WorkspaceTree(workspace), file, steps: 40, round: round, written)
        }
        let acknowledged = written.withLock { $0 }
        let removed = removal.withLock { $0 }
        let outcome = try #require(removed)
        if outcome == Errno(0) {
            #expect(acknowledged.isEmpty, "lost: \(acknowledged)")
            #expect(fixture.set.find(record.name) == nil)
        } else {
            #expect(outcome == .notEmpty || outcome == .busy)
            #expect(fixture.set.find(record.name) != nil)
            let now = WorkspaceTree(try fixture.set.workspace(record))
            try checkWritten(acknowledged, now)
        }
    }
}

/// Writes `wN` into a file and makes files `nN` in turns, until a call fails.
/// - Parameter written: gets the name of each call that was acknowledged.
func writeUntilFailure(
    _ tree: WorkspaceTree, _ file: InodeNumber, steps: Int, round: Int,
    _ written: borrowing Mutex<[String]>
) {
    for step in 0..<steps {
        let name = step % 2 == round % 2 ? "n\(step)" : "w\(step)"
        let failure = failure { () throws(Errno) in
            if name.hasPrefix("w") {
                try tree.write(file, Array(name.utf8), at: 0)
            } else {
                try tree.makeFile(name)
            }
        }
        if failure != nil { return }
        written.withLock { $0.append(name) }
    }
}

/// Checks that the acknowledged calls of `writeUntilFailure` to the file `f` are there.
func checkWritten(_ acknowledged: [String], _ now: WorkspaceTree) throws {
    let names = try now.names("")
    for name in acknowledged where name.hasPrefix("n") { #expect(names.contains(name)) }
    if let last = acknowledged.last(where: { $0.hasPrefix("w") }) {
        #expect(try now.text("f").hasPrefix(last))
    }
}
