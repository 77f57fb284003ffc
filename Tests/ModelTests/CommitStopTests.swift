// CommitStopTests: a commit that ends before any of its steps, by a kill or by an error, and what the next
// start makes of it. The base is then as before or as after the commit, and no workspace has seen anything
// of it.

import Glibc
import Overlay
import Past
import Platform
import TestSupport
import Testing

@Suite struct CommitStopTests {
    private static func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            for name in ["kept", "moved", "moved/deep", "gone"] { try makeDirectory("\(base)/\(name)") }
            let kept = ["edited", "linked", "removed"].map { "kept/\($0)" }
            for file in kept + ["moved/deep/file", "gone/file", "swap", "twice"] {
                try writeFile("\(base)/\(file)", "the base's \(file)")
            }
            try must("link", link("\(base)/kept/linked", "\(base)/other"))
        }
        let tree = fixture.tree!
        // The one that is committed first was renamed.
        try tree.rename("twice", to: "late")
        _ = try Commits(fixture.set).commit(fixture.workspace, CommitRequest(), time: 1)
        for path in ["kept/edited", "other"] {
            try tree.write(try tree.resolve(path), Array("edited \(path)".utf8), at: 0)
        }
        try tree.unlink("kept/removed")
        try tree.unlink("gone/file")
        try tree.removeDirectory("gone")
        let (root, name) = try tree.place("moved")
        try tree.rename(name, in: root, to: try FileName("renamed"), in: root, flags: [])
        try tree.makeDirectory("made")
        try tree.makeFile("made/file")
        try tree.write("made/file", "made here")
        try tree.makeLink(to: try tree.resolve("made/file"), try FileName("made link"), in: tree.root)
        // A file that was renamed gets a second name: it is moved there, and gets its own again.
        try tree.link("late", to: "kept/late")
        // A directory takes the place of a file.
        try tree.unlink("swap")
        try tree.makeDirectory("swap")
        try tree.makeFile("swap/inner")
        var change = AttributeChange()
        change.mode = 0o750
        try tree.setAttributes(try tree.resolve("kept"), change)
        _ = try fixture.open("sibling")
        tree.forget()
        return fixture
    }

    private static func image(_ fixture: WorkspaceFixture, _ name: String) throws -> TreeImage {
        let tree = try fixture.open(name)
        defer { tree.forget() }
        return try TreeImage(tree)
    }

    private static func base(_ fixture: WorkspaceFixture) throws -> TreeImage {
        try TreeImage(try ReferenceFileSystem(copyOf: fixture.basePath))
    }

    @Test(
        "A commit that ends before any of its steps is completed or did nothing, and no workspace sees it",
        arguments: [false, true], [false, true])
    func stops(isKill: Bool, copies: Bool) throws {
        let whole = try Self.fixture()
        let old = try Self.base(whole)
        #expect(try Commits(whole.set).commit(whole.workspace, CommitRequest(), time: 1).number == 2)
        let new = try Self.base(whole)
        #expect(!old.differences(to: new).isEmpty)
        var step = 0
        var isDone = false
        var undone = 0
        while !isDone, step < 500 {
            step += 1
            let fixture = try Self.fixture()
            let before = (try Self.image(fixture, "main"), try Self.image(fixture, "sibling"))
            func check(_ when: String) throws {
                for (name, expected) in [("main", before.0), ("sibling", before.1)] {
                    let found = expected.differences(to: try Self.image(fixture, name))
                    #expect(found == [], "\(name), \(when), step \(step)")
                }
            }
            let stop = Countdown(step)
            do {
                _ = try Commits(fixture.set)
                    .observed(alwaysCopies: copies) { stop.hit() ? .inputOutput : nil }
                    .commit(fixture.workspace, CommitRequest(), time: 1)
                isDone = true
            } catch {
                #expect(stop.wasHit, "\(error)")
            }
            try check("when it ended")
            if isKill { try fixture.reopenAfterKill() } else { try fixture.reopen() }
            try check("after the start")
            try Commits(fixture.set).finishInterrupted()
            try check("when it was completed")
            let found = try Self.base(fixture)
            if old.differences(to: found).isEmpty {
                undone += 1
                let again = try Commits(fixture.set).commit(fixture.workspace, CommitRequest(), time: 1)
                #expect(again.number == 2)
                try check("after a second commit")
                #expect(new.differences(to: try Self.base(fixture)) == [], "step \(step)")
            } else {
                #expect(new.differences(to: found) == [], "step \(step)")
            }
            fixture.set.close()
        }
        // Most steps come after the point from which a commit is completed.
        #expect(isDone && step > 10 && undone < step / 2, "\(step) steps, \(undone) undone")
    }
}
