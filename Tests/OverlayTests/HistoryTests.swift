// HistoryTests: tests the changes in the history, their order, paths and process names.

import Glibc
import Overlay
import Past
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

/// Returns each change as one line: operation, path, old path, range.
private func lines(_ items: [HistoryItem]) -> [String] {
    items.map { item in
        var line = "\(item.operation) \(String(decoding: item.path, as: UTF8.self))"
        if let old = item.oldPath { line += " < \(String(decoding: old, as: UTF8.self))" }
        if let range = item.range { line += " \(range.lowerBound)-\(range.upperBound)" }
        return line
    }
}

@Suite struct HistoryTests {
    private func all(_ fixture: WorkspaceFixture) throws -> [HistoryItem] {
        try fixture.workspace.changes.history(1...UInt64.max)
    }

    @Test("Every change is shown once, in order, with the path right after it")
    func changes() throws {
        let fixture = try WorkspaceFixture {
            try makeDirectory("\($0)/src")
            try writeFile("\($0)/src/a", "base content")
        }
        let tree = fixture.tree!
        try tree.write("src/a", "edit", at: 2)
        try tree.makeDirectory("new")
        try tree.makeFile("new/f")
        try tree.write("new/f", "one")
        try tree.rename("new", to: "old")
        try tree.write("old/f", "two", at: 3)
        try tree.truncate("old/f", to: 1)
        try tree.changeMode("src/a", 0o600)
        try tree.link("src/a", to: "link")
        try tree.rename("old/f", to: "src/f")
        try tree.removeDirectory("old")
        try tree.setXattr(Array("user.x".utf8), of: try tree.resolve("src/f"), to: [1], mode: .either)
        try tree.removeXattr(Array("user.x".utf8), of: try tree.resolve("src/f"))
        // An ACL that is equivalent to mode 750.
        let minimal: [UInt8] = [
            2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255,
            32, 0, 0, 0, 255, 255, 255, 255,
        ]
        let acl = AccessControlList.accessName
        try tree.setXattr(acl, of: try tree.resolve("src/a"), to: minimal, mode: .either)
        try tree.allocate(
            try tree.resolve("src/a"), mode: [.punchHole, .keepSize], offset: 1, length: 2)
        try tree.unlink("link")
        try tree.unlink("src/f")
        let expected = [
            "write src/a 2-6", "mkdir new", "create new/f", "write new/f 0-3",
            "rename old < new", "write old/f 3-6", "truncate old/f 1-1", "setattr src/a",
            "link link", "rename src/f < old/f", "rmdir old", "setxattr src/f",
            "removexattr src/f", "setxattr src/a", "punch src/a 1-3", "unlink link", "unlink src/f",
        ]
        for turn in 0..<4 {
            let found = try all(fixture)
            // A file with two names is shown by one of them.
            let shown = lines(found).map { line in
                ["setattr link", "setxattr link"].contains(line)
                    ? line.replacing("link", with: "src/a") : line
            }
            #expect(shown == expected, "turn \(turn)")
            #expect(found.map(\.sequence) == found.map(\.sequence).sorted())
            for (one, next) in zip(found, found.dropFirst()) {
                #expect(one.sequence < next.sequence && one.time <= next.time)
            }
            switch turn {
            case 0:
                fixture.workspace.maintenance.maintain(checkpointNow: true)
            case 1:
                tree.forget()
                fixture.workspace.maintenance.maintain(checkpointNow: true)
            case 2: try fixture.reopenAfterKill()
            default: break
            }
        }
    }

    @Test("A part of the history has the same items as the whole history")
    func parts() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/a", "base") }
        let tree = fixture.tree!
        for turn in 0..<20 {
            try tree.write("a", "turn \(turn)", at: UInt64(turn))
            try tree.makeFile("f\(turn)")
            try tree.write("f\(turn)", "text")
            if turn % 3 == 0 { try tree.rename("f\(turn)", to: "g\(turn)") }
            if turn % 3 == 1 { try tree.unlink("f\(turn)") }
            if turn == 10 {
                tree.forget()
                fixture.workspace.maintenance.maintain(checkpointNow: true)
            }
        }
        let whole = try all(fixture)
        let last = whole.last?.sequence ?? 0
        for lower in stride(from: UInt64(0), to: last + 3, by: 7) {
            for upper in [lower, lower + 5, lower + 40] {
                let part = try fixture.workspace.changes.history(lower...upper)
                let expected = whole.filter { (lower...upper).contains($0.sequence) }
                #expect(lines(part) == lines(expected), "\(lower) to \(upper)")
            }
        }
        #expect(try fixture.workspace.changes.history(last + 1...UInt64.max).isEmpty)
    }

    @Test("Edits before and after the removal of a file's name are shown")
    func removed() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/b", "base") }
        let tree = fixture.tree!
        try tree.makeFile("f")
        try tree.write("f", "one")
        try tree.write("b", "B")
        let (file, base) = (try tree.resolve("f"), try tree.resolve("b"))
        try tree.unlink("f")
        try tree.unlink("b")
        try tree.write(file, Array("two".utf8), at: 3)
        try tree.write(base, Array("X".utf8), at: 1)
        let expected = [
            "create f", "write f 0-3", "write b 0-1", "unlink f", "unlink b", "write f 3-6",
            "write b 1-2",
        ]
        #expect(lines(try all(fixture)) == expected)
        let last = try all(fixture).last?.sequence ?? 0
        #expect(lines(try fixture.workspace.changes.history(last...last)) == ["write b 1-2"])
        tree.forget()
        fixture.workspace.maintenance.maintain(checkpointNow: true)
        #expect(lines(try all(fixture)) == expected)
    }

    @Test("Backups, rollbacks, undos and edits are changes too")
    func commands() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/a", "base") }
        let (tree, workspace) = (fixture.tree!, fixture.workspace)
        let name = try FileName("b")
        _ = try workspace.moments.backup(name, comment: [], caller: tree.caller)
        try tree.write("a", "edit")
        _ = try workspace.commands.rollback(
            to: .backup(name), paths: [], keepsTimes: false, caller: tree.caller)
        _ = try workspace.commands.undo(1, paths: [], caller: tree.caller)
        try workspace.moments.renameBackup(name, to: try FileName("c"), caller: tree.caller)
        try workspace.moments.removeBackup(try FileName("c"), caller: tree.caller)
        _ = try workspace.content.edit(
            Array("a".utf8), [Splice(offset: 1, insert: Array("xy".utf8))], caller: tree.caller)
        _ = try workspace.commands.clone(Array("a".utf8), to: Array("z".utf8), caller: tree.caller)
        #expect(
            lines(try all(fixture)) == [
                "backup .draft/backups/b", "write a 0-4", "rollback ", "undo ",
                "backup-rename .draft/backups/c < .draft/backups/b",
                "backup-delete .draft/backups/c", "edit a 1-3", "clone z",
            ])
    }

    @Test("The records that begin the log of a sparse base file are not shown as changes")
    func sparse() throws {
        let fixture = try WorkspaceFixture { base in
            let file = try File.open("\(base)/s", flags: O_RDWR | O_CREAT)
            try file.truncate(to: 1 << 20)
        }
        let tree = fixture.tree!
        try tree.write("s", "x", at: 500)
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: tree.caller)
        try tree.write("s", "y", at: 500)
        #expect(lines(try all(fixture)) == ["write s 500-501", "undo ", "write s 500-501"])
    }

    @Test("Damage to an edit log hides only the changes of that log")
    func damaged() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeFile("f")
        try fixture.tree.makeFile("g")
        try fixture.tree.write("f", "text of f")
        try fixture.tree.write("g", "text of g")
        try fixture.reopenAfterKill { path in
            let log = "\(path)/logs/01/800000000001.log"
            let file = try File.open(log, flags: O_RDWR)
            try file.truncate(to: 100)
        }
        #expect(
            lines(try all(fixture)).filter { $0.hasPrefix("write") }
                == ["write g 0-9"])
    }
}

@Suite(.serialized) struct ProcessNameTests {
    /// The number of this thread. /proc/thread-self is a link to PID/task/TID (proc(5)).
    private let thread: UInt32 = {
        var buffer = [UInt8](repeating: 0, count: 64)
        let length = buffer.withUnsafeMutableBytes { raw in
            readlink("/proc/thread-self", raw.baseAddress!, raw.count)
        }
        let text = String(decoding: buffer.prefix(max(0, length)), as: UTF8.self)
        return text.split(separator: "/").last.flatMap { UInt32($0) } ?? 0
    }()

    /// Runs `body` while this thread has another name.
    private func named(_ name: String, _ body: () throws -> Void) throws {
        let old = try #require(ProcessFacts.name(of: thread))
        try rename(Array(name.utf8))
        defer { try? rename(old) }
        try body()
    }

    private func rename(_ name: [UInt8]) throws {
        let file = try File.open("/proc/thread-self/comm", flags: O_WRONLY)
        // The file has no position, so a plain write(2) is used.
        let count = name.withUnsafeBytes { write(file.descriptor, $0.baseAddress!, $0.count) }
        try #require(count == name.count)
    }

    @Test("A change has the name that its process had at that time")
    func names() throws {
        let time = HandClock()
        let fixture = try WorkspaceFixture(clock: time.clock)
        fixture.tree.caller = Caller(user: 5, group: 5, pid: thread, umask: 0)
        try named("first") { try fixture.tree.makeFile("f") }
        time.advance(200_000_000)
        try named("second") { try fixture.tree.write("f", "x") }
        time.advance(200_000_000)
        try named("second") { try fixture.tree.write("f", "y") }
        fixture.tree.caller = Caller(user: 5, group: 5, pid: 0, umask: 0)
        try fixture.tree.write("f", "z")
        fixture.tree.caller = Caller(user: 5, group: 5, pid: UInt32.max - 1, umask: 0)
        try fixture.tree.write("f", "z")
        let expected = ["first", "second", "second", "kernel", ""]
        func commands() throws -> [String] {
            try fixture.workspace.changes.history(1...UInt64.max).map {
                String(decoding: $0.command, as: UTF8.self)
            }
        }
        #expect(try commands() == expected)
        try fixture.reopenAfterKill()
        #expect(try commands() == expected)
        let items = try fixture.workspace.changes.history(1...UInt64.max)
        #expect(items.first?.pid == thread)
        #expect(items.allSatisfy { $0.uid == 5 })
    }

    @Test("The name of a process is logged once, not with each change")
    func records() throws {
        let fixture = try WorkspaceFixture()
        fixture.tree.caller.pid = thread
        try fixture.tree.makeFile("f")
        try fixture.tree.write("f", "x")
        let before = fixture.treeLogBytes
        for turn in 0..<200 { try fixture.tree.write("f", "\(turn)") }
        #expect(fixture.treeLogBytes == before)
    }
}

/// A clock that only the test advances.
final class HandClock: Sendable {
    private let now = Atomic<Int64>(1_700_000_000_000_000_000)

    var clock: Clock {
        Clock(
            realtime: { self.now.load(ordering: .relaxed) },
            monotonic: { self.now.load(ordering: .relaxed) })
    }

    func advance(_ nanoseconds: Int64) {
        _ = now.wrappingAdd(nanoseconds, ordering: .relaxed)
    }
}
