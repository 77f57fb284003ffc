// DiffTests: tests the lines of a diff against the base, a moment and another workspace.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct DiffTests {
    private func lines(
        _ fixture: WorkspaceFixture, _ ground: DiffGround = .base
    ) throws -> [String] {
        try fixture.set.differences(of: fixture.workspace, from: ground).map { line in
            let from = line.oldPath.map { String(decoding: $0, as: UTF8.self) + " > " } ?? ""
            let sizes = [line.oldSize, line.newSize].map { $0.map { "\($0)" } ?? "-" }
            return "\(line.status.rawValue) \(sizes.joined(separator: " ")) \(from)"
                + String(decoding: line.path, as: UTF8.self)
        }
    }

    private func fixture() throws -> WorkspaceFixture {
        try WorkspaceFixture { base in
            for path in ["d", "d/sub", "e"] { try makeDirectory("\(base)/\(path)") }
            for path in ["a", "b", "d/f", "d/sub/g", "e/h"] {
                try writeFile("\(base)/\(path)", "content of \(path)")
            }
        }
    }

    /// A file that was changed under a name which was removed then: only the base gives it its other one.
    private func hiddenName() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/one", "content")
            try must("link", link("\(base)/one", "\(base)/other"))
        }
        try fixture.tree.write("one", "longer content")
        try fixture.tree.unlink("one")
        return fixture
    }

    private func change(_ tree: WorkspaceTree) throws {
        try tree.write("a", "X")
        try tree.changeMode("b", 0o600)
        try tree.rename("d", to: "moved")
        try tree.write("moved/sub/g", "Y")
        try tree.makeDirectory("new")
        try tree.makeFile("new/f")
        try tree.write("new/f", "12345")
        try tree.unlink("e/h")
        try tree.removeDirectory("e")
        try tree.makeFile("e")
    }

    private let changed = [
        "M 12 12 a", "P 12 12 b", "T - 0 e", "D 14 - e/h", "R - - d > moved",
        "M 18 18 moved/sub/g", "A - - new", "A - 5 new/f",
    ]

    @Test("A diff against the base shows each status")
    func base() throws {
        let fixture = try fixture()
        #expect(try lines(fixture) == [])
        try change(fixture.tree)
        for turn in 0..<3 {
            #expect(try lines(fixture).sorted() == changed.sorted(), "turn \(turn)")
            if turn == 0 {
                fixture.tree.forget()
                fixture.workspace.maintenance.maintain(checkpointNow: true)
            } else {
                try fixture.reopenAfterKill()
            }
        }
    }

    @Test("A diff against a moment shows only later changes")
    func moment() throws {
        let fixture = try fixture()
        try change(fixture.tree)
        let name = try FileName("b")
        _ = try fixture.workspace.moments.backup(name, comment: [], caller: fixture.tree.caller)
        #expect(try lines(fixture, .moment(.backup(name))) == [])
        try fixture.tree.write("new/f", "0", at: 4)
        try fixture.tree.rename("moved/f", to: "f")
        #expect(
            try lines(fixture, .moment(.backup(name))).sorted()
                == ["M 5 5 new/f", "R 14 14 moved/f > f"])
        #expect(try lines(fixture, .moment(.sequence(0))).contains("M 12 12 a"))
    }

    @Test("A diff between two moments shows what happened between them, in both directions")
    func moments() throws {
        let fixture = try fixture()
        let first = fixture.workspace.accounts.statistics.sequence
        try change(fixture.tree)
        let second = fixture.workspace.accounts.statistics.sequence
        try fixture.tree.write("new/f", "0", at: 4)
        try fixture.tree.rename("moved", to: "again")
        try fixture.tree.unlink("a")
        try fixture.tree.makeFile("later")
        for turn in 0..<2 {
            let forth = try lines(fixture, .moments(.sequence(first), .sequence(second)))
            #expect(forth.sorted() == changed.sorted())
            #expect(
                try lines(fixture, .moments(.sequence(second), .sequence(first))).sorted() == [
                    "A - 14 e/h", "D - - new", "D 5 - new/f", "M 12 12 a", "M 18 18 d/sub/g", "P 12 12 b",
                    "R - - moved > d", "T 0 - e",
                ])
            #expect(try lines(fixture, .moments(.sequence(second), .sequence(second))) == [])
            if turn == 0 { try fixture.reopenAfterKill() }
        }
        #expect(throws: CommandError.self) {
            try lines(fixture, .moments(.sequence(0), .sequence(100_000)))
        }
    }

    @Test("What was written and taken back, or written as it was, is no difference")
    func equal() throws {
        let fixture = try fixture()
        let tree = fixture.tree!
        try tree.write("a", "content")
        #expect(try lines(fixture) == [])
        try tree.write("b", "X")
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: tree.caller)
        #expect(try lines(fixture) == [])
        try tree.unlink("d/f")
        try tree.makeFile("d/f")
        try tree.write("d/f", "content of d/f")
        #expect(try lines(fixture) == [])
        try tree.changeMode("d/f", 0o640)
        #expect(try lines(fixture) == ["P 14 14 d/f"])
    }

    @Test("A removed copy has no line at the path of its source")
    func goneCopy() throws {
        let fixture = try fixture()
        let tree = fixture.tree!
        _ = try fixture.workspace.commands.clone(
            Array("d".utf8), to: Array("copy".utf8), caller: tree.caller)
        try tree.changeMode("copy/f", 0o640)
        let moment = fixture.workspace.accounts.statistics.sequence
        for turn in 0..<2 {
            _ = try fixture.workspace.commands.rollback(
                to: .sequence(0), paths: [], keepsTimes: false, caller: tree.caller)
            if turn == 1 { try fixture.reopenAfterKill() }
            let found = try lines(fixture, .moment(.sequence(moment)))
            #expect(found == ["D - - copy", "D 14 - copy/f", "D - - copy/sub", "D 18 - copy/sub/g"])
        }
    }

    @Test("A base file that a new file replaced by a rename is modified")
    func replaced() throws {
        let fixture = try fixture()
        let tree = fixture.tree!
        try tree.makeFile("temporary")
        try tree.write("temporary", "longer than before")
        try tree.rename("temporary", to: "a")
        #expect(try lines(fixture) == ["M 12 18 a"])
        try tree.rename("b", to: "a")
        #expect(try lines(fixture) == ["D 12 - a", "R 12 12 b > a"])
    }

    @Test("A path that only the base gives a changed file has one line if another file took it later")
    func replacedHiddenName() throws {
        let fixture = try hiddenName()
        let tree = fixture.tree!
        let moment = fixture.workspace.accounts.statistics.sequence
        try tree.makeFile("temporary")
        try tree.rename("temporary", to: "other")
        let now = fixture.workspace.accounts.statistics.sequence
        #expect(try lines(fixture, .moments(.sequence(now), .sequence(moment))) == ["M 0 14 other"])
        #expect(try lines(fixture, .moments(.sequence(moment), .sequence(now))) == ["M 14 0 other"])
    }

    @Test("A file that was moved from a name that only the base gives it has a line for its content too")
    func movedFromHiddenName() throws {
        let fixture = try hiddenName()
        let tree = fixture.tree!
        let moment = fixture.workspace.accounts.statistics.sequence
        try tree.write("other", "another content")
        try tree.rename("other", to: "new")
        #expect(
            try lines(fixture, .moment(.sequence(moment))) == ["R 14 15 other > new", "M 14 15 new"])
    }

    @Test("A diff between two workspaces shows the changes of both")
    func workspaces() throws {
        let fixture = try fixture()
        let other = try FileName("other")
        let record = try fixture.set.create(other)
        let tree = WorkspaceTree(try fixture.set.workspace(record))
        #expect(try lines(fixture, .workspace(other)) == [])
        try change(fixture.tree)
        #expect(try lines(fixture, .workspace(other)).sorted() == changed.sorted())
        try change(tree)
        #expect(try lines(fixture, .workspace(other)) == [])
        try tree.write("new/f", "abcde")
        try tree.makeFile("only there")
        try fixture.tree.rename("moved/f", to: "moved/f2")
        #expect(
            try lines(fixture, .workspace(other)).sorted() == [
                "D 0 - only there", "M 5 5 new/f", "R 14 14 moved/f > moved/f2",
            ])
        #expect(try lines(fixture, .workspace(try FileName("main"))) == [])
    }

    @Test("A diff compares moments of two workspaces, also of a fork and its parent")
    func points() throws {
        let fixture = try fixture()
        let (name, own) = (try FileName("fork"), fixture.tree!)
        try own.makeFile("inherited")
        try own.write("inherited", "as inherited")
        try own.write("a", "A")
        let start = fixture.workspace.accounts.statistics.sequence
        let fork = try fixture.fork("fork")
        #expect(try lines(fixture, .workspace(name)) == [])
        try fork.write("inherited", "f")
        try fork.makeFile("only there")
        let middle = fork.workspace.accounts.statistics.sequence
        try fork.unlink("b")
        try fork.rename("a", to: "z")
        try own.write("d/f", "D")
        try own.changeMode("inherited", 0o600)
        #expect(
            try lines(fixture, .workspace(name)).sorted() == [
                "A - 12 b", "D 0 - only there", "M 12 12 inherited", "M 14 14 d/f", "R 12 12 z > a",
            ])
        let moment = DiffPoint(name, at: .sequence(middle))
        #expect(
            try lines(fixture, .points(moment, DiffPoint(at: .sequence(start)))).sorted() == [
                "D 0 - only there", "M 12 12 inherited",
            ])
        #expect(
            try lines(fixture, .points(DiffPoint(name, at: .sequence(start)), DiffPoint())).sorted() == [
                "M 14 14 d/f", "P 12 12 inherited",
            ])
        #expect(
            try lines(
                fixture, .points(DiffPoint(name, at: .sequence(start)), DiffPoint(at: .sequence(start))))
                == [])
        // What the workspace itself compares does not count for the two points.
        #expect(
            try lines(fixture, .points(moment, DiffPoint(name))).sorted() == ["D 12 - b", "R 12 12 a > z"])
        // All sides of a history may be compared with the base's state.
        let first = DiffPoint(name, at: .sequence(0))
        #expect(try lines(fixture, .points(first, DiffPoint(at: .sequence(0)))) == [])
        #expect(try lines(fixture, .point(first)) == lines(fixture))
    }

    @Test("A large file is compared only where it was written")
    func large() throws {
        let fixture = try WorkspaceFixture { base in
            let file = try File.open("\(base)/big", flags: 0o102)
            try file.truncate(to: 1 << 32)
        }
        let tree = fixture.tree!
        try tree.write("big", "\0\0\0\0", at: 1 << 31)
        #expect(try lines(fixture) == [])
        try tree.write("big", "x", at: 1 << 31)
        #expect(try lines(fixture) == ["M 4294967296 4294967296 big"])
    }

    @Test("Unknown moments and workspaces are refused")
    func unknown() throws {
        let fixture = try fixture()
        for ground in [
            DiffGround.moment(.backup(try FileName("no"))), .moment(.sequence(1_000)),
            .workspace(try FileName("no")), .point(DiffPoint(try FileName("no"), at: .sequence(0))),
            .points(DiffPoint(try FileName("main"), at: .sequence(1_000)), DiffPoint()),
        ] {
            var found: Errno?
            do throws(CommandError) {
                _ = try fixture.set.differences(of: fixture.workspace, from: ground)
            } catch {
                found = error.errno
            }
            #expect(found == .noEntry)
        }
    }
}
