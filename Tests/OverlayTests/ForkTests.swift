// ForkTests: forks of workspaces in the engine: what each sees, what a fork costs, and what becomes of a fork
// when its parent is changed, discarded or removed.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct ForkTests {
    func fixture(files: Int = 3) throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for index in 0..<files { try writeFile("\(base)/f\(index)", "base \(index)") }
            try writeFile("\(base)/d/g", "of the base")
        }
    }

    func change(_ tree: WorkspaceTree) throws {
        try tree.write("f0", "EDIT")
        try tree.makeFile("new")
        try tree.write("new", "content")
        try tree.unlink("d/g")
        try tree.rename("f1", to: "d/moved")
    }

    func checkChanged(_ tree: WorkspaceTree) throws {
        #expect(try tree.text("f0") == "EDIT 0")
        #expect(try tree.text("new") == "content")
        #expect(try tree.names("d") == ["moved"])
        #expect(try tree.text("d/moved") == "base 1")
    }

    enum After: CaseIterable { case nothing, checkpoint, reopening, kill }

    private func pass(_ after: After, _ fixture: WorkspaceFixture) throws {
        switch after {
        case .nothing: break
        case .checkpoint: for workspace in fixture.set.opened { workspace.maintenance.checkpoint() }
        case .reopening: try fixture.reopen()
        case .kill: try fixture.reopenAfterKill()
        }
    }

    @Test(
        "Parent and fork begin equal, and neither sees what the other changes later",
        arguments: After.allCases)
    func isolation(after: After) throws {
        let fixture = try fixture()
        try change(fixture.tree)
        try fixture.fork("fork")
        try pass(after, fixture)
        let fork = try fixture.open("fork")
        try checkChanged(fork)
        try fork.write("new", "CHILD!!")
        try fork.unlink("f0")
        try fork.makeFile("d/g")
        try fixture.tree.write("f0", "PARENT")
        try fixture.tree.write("f2", "PARENT")
        try fixture.tree.unlink("d/moved")
        try pass(after, fixture)
        let again = try fixture.open("fork")
        #expect(try again.text("new") == "CHILD!!")
        #expect(try again.names("") == ["d", "f2", "new"])
        #expect(try again.text("f2") == "base 2")
        #expect(try again.names("d") == ["g", "moved"])
        #expect(try again.text("d/moved") == "base 1")
        #expect(try fixture.tree.text("new") == "content")
        #expect(try fixture.tree.text("f0") == "PARENT")
        #expect(try fixture.tree.names("d") == [])
        #expect(try again.workspace.verify().isClean && fixture.workspace.verify().isClean)
    }

    @Test("The past of a fork reaches into that of its parent", arguments: After.allCases)
    func past(after: After) throws {
        let fixture = try fixture()
        try change(fixture.tree)
        let kept = try fixture.workspace.moments.backup(
            FileName("kept"), comment: [], caller: fixture.tree.caller)
        try fixture.tree.write("new", "LATER..")
        try fixture.fork("fork")
        // The parent's changes after the fork are not in the past of the fork.
        try fixture.tree.write("new", "PARENT.")
        try pass(after, fixture)
        let fork = try fixture.open("fork")
        #expect(fork.workspace.moments.backups.map(\.name.description) == ["kept"])
        let view = try PastTree(fork.workspace.moments.view(at: kept.sequence))
        #expect(try view.text("new") == "content")
        let history = try fork.workspace.changes.history(1...UInt64.max)
        #expect(history.contains { $0.path == Array("d/g".utf8) && $0.operation == "unlink" })
        #expect(history.count { $0.path == Array("new".utf8) && $0.operation == "write" } == 2)
        let blame = try fork.workspace.changes.blame(fork.resolve("new"))
        #expect(blame.count == 1 && blame[0].range == 0..<7)
        _ = try fork.workspace.commands.undo(1, paths: [], caller: fork.caller)
        try checkChanged(fork)
        _ = try fork.workspace.commands.rollback(
            to: .sequence(0), paths: [], keepsTimes: false, caller: fork.caller)
        #expect(try fork.names("d") == ["g"])
        #expect(try fork.names("") == ["d", "f0", "f1", "f2"])
        #expect(try fork.text("f0") == "base 0")
        _ = try fork.workspace.commands.rollback(
            to: .backup(FileName("kept")), paths: [], keepsTimes: false, caller: fork.caller)
        try checkChanged(fork)
        #expect(try fixture.tree.text("new") == "PARENT.")
    }

    @Test("A fork of a moment begins with the state of that moment, and its history goes on")
    func moment() throws {
        let fixture = try fixture()
        try change(fixture.tree)
        let sequence = fixture.workspace.sequence.last
        try fixture.tree.write("new", "LATER..")
        let made = try fixture.set.forks.fork(
            fixture.workspace, as: FileName("fork"), at: .sequence(sequence), caller: fixture.tree.caller)
        #expect(made.fork?.moment == sequence)
        try checkChanged(fixture.open("fork"))
        try fixture.reopenAfterKill()
        try checkChanged(fixture.open("fork"))
        #expect(try fixture.tree.text("new") == "LATER..")
        #expect(try !fixture.set.hasChanges(fixture.open("fork").workspace))
        #expect {
            _ = try fixture.set.forks.fork(
                fixture.workspace, as: FileName("fork"), at: .sequence(sequence), caller: fixture.tree.caller)
        } throws: { ($0 as? CommandError)?.errno == .exists }
        #expect {
            _ = try fixture.set.forks.fork(
                fixture.workspace, as: FileName("other"), at: .backup(FileName("none")),
                caller: fixture.tree.caller)
        } throws: { ($0 as? CommandError)?.errno == .noEntry }
        #expect(fixture.set.records.count == 2)
    }

    @Test("A fork of a moment that is being made is not in the list, and a kill takes it")
    func unfinished() throws {
        let fixture = try fixture()
        try change(fixture.tree)
        let record = try #require(fixture.set.records.first)
        let made = try fixture.set.forks.fork(
            record, as: FileName("fork"), moment: 1, caller: fixture.tree.caller)
        #expect(fixture.set.records.count == 1)
        #expect(fixture.set.find(made.name) == nil)
        try fixture.reopenAfterKill()
        #expect(fixture.set.store.allWorkspaces.count == 1)
        #expect(access("\(fixture.storePath)/workspaces/0002", F_OK) != 0)
        try fixture.fork("fork")
        try checkChanged(fixture.open("fork"))
    }

    @Test(
        "Forks of forks, each with changes of its own, at a depth of 12",
        arguments: [After.nothing, .reopening, .kill])
    func nested(after: After) throws {
        let fixture = try fixture()
        for depth in 0..<12 {
            try fixture.tree.makeFile("n\(depth)")
            try fixture.tree.write("n\(depth)", "depth \(depth)")
            try fixture.tree.write("f0", "\(depth % 10)")
            if depth % 3 == 1 { try fixture.tree.unlink("n\(depth - 1)") }
            try fixture.fork("fork \(depth)", follows: true)
        }
        try pass(after, fixture)
        let names = (0..<12).filter { $0 % 3 != 0 }.map { "n\($0)" }.sorted()
        #expect(try fixture.tree.names("") == ["d", "f0", "f1", "f2"] + names)
        for name in names { #expect(try fixture.tree.text(name) == "depth \(name.dropFirst())") }
        #expect(try fixture.tree.text("f0") == "1ase 0")
        // The middle one as well, which has layers below and forks above. It was changed once more.
        let middle = try fixture.open("fork 5")
        #expect(try middle.text("f0") == "6ase 0")
        #expect(try middle.names("").filter { $0.hasPrefix("n") } == ["n1", "n2", "n4", "n5", "n6"])
    }

    @Test("A fork keeps all after its parent was removed, and the last fork frees the parent's data")
    func removedParent() throws {
        let fixture = try fixture()
        try fixture.fork("parent", follows: true)
        try change(fixture.tree)
        try fixture.fork("one", follows: true)
        try fixture.fork("two")
        let parent = try #require(fixture.set.find(FileName("parent")))
        try fixture.set.discards.remove(parent)
        #expect(fixture.set.find(parent.name) == nil)
        #expect(fixture.set.records.map(\.name.description) == ["main", "one", "two"])
        try checkChanged(fixture.open("one"))
        try fixture.reopenAfterKill()
        try checkChanged(fixture.open("one"))
        try checkChanged(fixture.open("two"))
        let view = try PastTree(fixture.workspace.moments.view(at: 1))
        #expect(try view.names("d") == ["g"])
        // Its name is free.
        _ = try fixture.set.create(parent.name)
        let path = "\(fixture.storePath)/workspaces/0002"
        #expect(access(path, F_OK) == 0)
        for name in ["two", "one"] {
            #expect(access(path, F_OK) == 0)
            try fixture.set.discards.remove(try #require(fixture.set.find(FileName(name))))
        }
        #expect(access(path, F_OK) != 0)
        #expect(fixture.set.store.allWorkspaces.map(\.name.description) == ["main", "parent"])
    }

    @Test("A fork without changes of its own is clean as long as its parent is there")
    func clean() throws {
        let fixture = try fixture()
        try change(fixture.tree)
        let fork = try fixture.fork("fork")
        #expect(try fixture.workspace.removal.hasChanges())
        #expect(try !fixture.set.hasChanges(fork.workspace))
        let from = fork.workspace.sequence.last
        try fork.write("new", "NEW")
        #expect(try fixture.set.hasChanges(fork.workspace))
        _ = try fork.workspace.commands.rollback(
            to: .sequence(from), paths: [], keepsTimes: false, caller: fork.caller)
        #expect(try !fixture.set.hasChanges(fork.workspace))
        try fixture.set.remove(try #require(fixture.set.find(FileName("fork"))))
        try checkChanged(fixture.tree)
        // Without its parent it is the last one that has the changes.
        try fixture.fork("parent", follows: true)
        let last = try fixture.fork("last", follows: true)
        try fixture.set.discards.discard(try #require(fixture.set.find(FileName("parent"))))
        #expect(try fixture.set.hasChanges(last.workspace))
        #expect(throws: Errno.notEmpty) {
            try fixture.set.remove(try #require(fixture.set.find(FileName("last"))))
        }
        // One that shows what the base has holds nothing.
        _ = try last.workspace.commands.rollback(
            to: .sequence(0), paths: [], keepsTimes: false, caller: last.caller)
        #expect(try !fixture.set.hasChanges(last.workspace))
    }

    @Test("Forking again without a change in between makes no further layer, and a change makes one")
    func sharedLayer() throws {
        let fixture = try fixture()
        try change(fixture.tree)
        for index in 0..<5 { try fixture.fork("a\(index)") }
        #expect(Set(fixture.set.records.compactMap { $0.fork?.generation }) == [0])
        try fixture.tree.write("new", "N")
        for index in 0..<5 { try fixture.fork("b\(index)") }
        #expect(Set(fixture.set.records.compactMap { $0.fork?.generation }) == [0, 1])
        #expect(try fixture.open("a3").text("new") == "content")
        #expect(try fixture.open("b3").text("new") == "Nontent")
    }

    @Test("A first edit in a fork shares the content: the store grows by little, and nothing is lost")
    func sharedContent() throws {
        let fixture = try fixture()
        try fixture.tree.makeFile("large")
        for index in 0..<64 {
            try fixture.tree.write(
                fixture.tree.resolve("large"), [UInt8](repeating: UInt8(index), count: 65_536),
                at: UInt64(index) * 65_536)
        }
        let fork = try fixture.fork("fork")
        try fork.write(fork.resolve("large"), [255], at: 1_000_000)
        #expect(fork.workspace.accounts.usage.logBytes < 16_384)
        let bytes = try fork.read(fork.resolve("large"), at: 999_999, count: 3)
        #expect(bytes == [15, 255, 15])
        // The parent writes over all of it.
        try fixture.tree.truncate("large", to: 0)
        #expect(try fork.read(fork.resolve("large"), at: 999_999, count: 3) == [15, 255, 15])
        try fixture.reopenAfterKill()
        let again = try fixture.open("fork")
        #expect(try again.read(again.resolve("large"), at: 999_999, count: 3) == [15, 255, 15])
        #expect(try again.read(again.resolve("large"), at: 4_194_303, count: 9) == [63])
    }

    @Test("Damage of a layer's database is found by fsck, and it is made again from the tree log")
    func damagedLayer() throws {
        let fixture = try fixture()
        try change(fixture.tree)
        try fixture.fork("fork", follows: true)
        try fixture.tree.write("new", "CHILD!!")
        try fixture.open("main").write("new", "PARENT.")
        #expect(fixture.set.close())
        let path = "\(fixture.storePath)/workspaces/0001/tree.db"
        var bytes = try readFile(path)
        #expect(bytes.count > 8_192)
        for index in stride(from: 4_096, to: bytes.count, by: 512) { bytes[index] ^= 0x55 }
        try File.open(path, flags: O_RDWR).writeBytes(bytes, at: 0)
        let report = try fixture.repaired()
        #expect(report.check.findings.contains { $0.sentence.contains("tree.db") })
        #expect(report.outcome == .repaired)
        #expect(try fixture.tree.text("new") == "CHILD!!")
        #expect(try fixture.tree.text("f0") == "EDIT 0")
        #expect(try fixture.open("main").text("new") == "PARENT.")
        #expect(try fixture.repaired().outcome == .clean)
    }

    @Test("Edits under way beside forks are in the fork whole or not at all", arguments: 0..<6)
    func writers(round: Int) throws {
        let fixture = try fixture()
        try fixture.tree.makeFile("counter")
        let file = try fixture.tree.resolve("counter")
        let workspace = fixture.workspace
        let set = fixture.set!
        let record = try #require(set.records.first)
        let caller = fixture.tree.caller
        let failures = Mutex<[String]>([])
        try onThreads(2) { index in
            do {
                if index == 0 {
                    let tree = WorkspaceTree(workspace)
                    for step in 1...400 {
                        let value = [UInt8](repeating: UInt8(step % 251), count: 100)
                        try tree.write(file, value, at: 0)
                    }
                } else {
                    for index in 0..<8 {
                        usleep(UInt32(500 * (round + 1)))
                        _ = try set.forks.fork(record, as: FileName("fork \(index)"), caller: caller)
                    }
                }
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        #expect(failures.withLock { $0 } == [])
        if round % 2 == 0 { try fixture.reopenAfterKill() }
        for index in 0..<8 {
            let fork = try fixture.open("fork \(index)")
            let bytes = try fork.read(fork.resolve("counter"), at: 0, count: 200)
            #expect(bytes.isEmpty || bytes.count == 100 && Set(bytes).count == 1)
        }
    }
}
