// ReleaseTests: releases of history that end in the middle, or beside which files are changed.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct ReleaseTests {
    private static func request() -> ReleaseRequest {
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        return request
    }

    /// The blocks that the logs of the workspace take, in bytes.
    private func blocks(_ fixture: WorkspaceFixture) throws -> Int {
        let logs = "\(fixture.storePath)/workspaces/0001/logs"
        let text = try ChildProcess.check(["du", "-s", "--block-size=1", logs], seconds: 60)
        return Int(text.prefix { $0.isNumber }) ?? 0
    }

    @Test("A release that ends before any of its steps is finished by the next one")
    func interrupted() throws {
        for steps in 0..<12 {
            let fixture = try WorkspaceFixture()
            try fixture.tree.makeFile("f")
            try fixture.tree.makeFile("g")
            let node = try fixture.tree.resolve("f")
            for round in 0..<4 {
                try fixture.tree.write(node, [UInt8](repeating: UInt8(round), count: 400_000), at: 0)
            }
            try fixture.tree.write("g", String(repeating: "g", count: 50_000))
            try fixture.tree.unlink("g")
            fixture.tree.forget()
            let count = Atomic<Int>(0)
            _ = Releases(fixture.set).observed {
                count.wrappingAdd(1, ordering: .relaxed).newValue > steps ? .inputOutput : nil
            }.run(Self.request())
            if steps % 2 == 0 { try fixture.reopenAfterKill() }
            let report = Releases(fixture.set).run(Self.request())
            #expect(report.parts.allSatisfy { $0.fault == nil })
            #expect(try blocks(fixture) < 700_000, "after \(steps) steps")
            #expect(try fixture.tree.text("f").utf8.allSatisfy { $0 == 3 })
            #expect(try fixture.workspace.verify().isClean)
            let used = fixture.logBytes
            #expect(used < 700_000)
            try fixture.reopenAfterKill()
            #expect(fixture.logBytes == used, "counted again")
        }
    }

    @Test("Room that the tree log sets aside for removed names comes back with their history")
    func room() throws {
        let fixture = try WorkspaceFixture()
        let treeLog = fixture.workspace.treeLog
        var rooms: [UInt64] = []
        for _ in 0..<4 {
            for number in 0..<4_000 { try fixture.tree.makeFile("f\(number)") }
            for number in 0..<4_000 { try fixture.tree.unlink("f\(number)") }
            fixture.tree.forget()
            rooms.append(treeLog.room)
            _ = Releases(fixture.set).run(Self.request())
        }
        // The first release notes what is needed, the others give back what was needed before that.
        #expect(rooms[3] <= rooms[1] + 1 << 20)
        let kept = treeLog.room
        #expect(kept >= 4_000 << 10 && kept < 8_000 << 10)
        try fixture.tree.makeFile("more")
        #expect(treeLog.room >= 4_000 << 10)
        // A backup may bring all of it back.
        _ = try fixture.workspace.moments.backup(
            FileName("kept"), comment: [], caller: fixture.tree.caller)
        for number in 0..<4_000 { try fixture.tree.makeFile("g\(number)") }
        _ = Releases(fixture.set).run(Self.request())
        #expect(treeLog.room >= kept)
    }

    @Test("The log of a file that is edited and removed beside a release stays")
    func editedMeanwhile() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "base content") }
        let tree = fixture.tree!
        try tree.write("f", "edited")
        _ = try fixture.workspace.commands.rollback(
            to: .sequence(0), paths: [], keepsTimes: false, caller: tree.caller)
        tree.forget()
        nonisolated(unsafe) let caller = tree
        let isDone = Atomic<Bool>(false)
        let hits = Atomic<Int>(0)
        // The last calls come before the removal of the log.
        let report = Releases(fixture.set).observed {
            guard hits.wrappingAdd(1, ordering: .relaxed).newValue == 3,
                !isDone.exchange(true, ordering: .relaxed) else { return nil }
            do {
                try caller.write("f", "once more")
                try caller.makeFile("copy")
                let (source, target) = (try caller.resolve("f"), try caller.resolve("copy"))
                _ = try caller.copyRange(from: source, at: 0, to: target, at: 0, length: 9)
                try caller.unlink("f")
                caller.forget()
            } catch {
                return .invalid
            }
            return nil
        }.run(Self.request())
        let wasEdited = isDone.load(ordering: .relaxed)
        #expect(wasEdited)
        #expect(report.parts.allSatisfy { $0.fault == nil })
        #expect(try tree.text("copy") == "once more")
        try fixture.reopen()
        #expect(try fixture.tree.text("copy") == "once more")
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("A log that a repair has filled, and that was rewritten, does not keep others from a release")
    func filled() throws {
        let fixture = try WorkspaceFixture()
        for name in ["f", "g"] {
            try fixture.tree.makeFile(name)
            try fixture.tree.write(name, String(repeating: "1", count: 100_000))
        }
        let number = try fixture.tree.resolve("f")
        fixture.tree.forget()
        #expect(fixture.set.close())
        // A header in the middle of the log is lost.
        let path = "\(fixture.storePath)/\(LogDirectory.path(number))"
        let log = try File.open(path, flags: O_RDWR)
        try log.writeBytes([UInt8](repeating: 0xff, count: 72), at: 64)
        _ = try fixture.repaired()
        let tree = fixture.tree!
        var change = AttributeChange()
        change.size = 0
        try tree.setAttributes(tree.resolve("f"), change)
        try tree.write("f", "new content")
        try tree.write("g", String(repeating: "2", count: 100_000))
        let report = Releases(fixture.set).run(Self.request())
        #expect(report.parts.allSatisfy { $0.fault == nil }, "\(report.parts.compactMap(\.fault))")
        #expect(report.releasedBytes > 90_000)
        #expect(try tree.text("f") == "new content")
        #expect(try tree.text("g") == String(repeating: "2", count: 100_000))
    }
}
