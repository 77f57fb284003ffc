// ReplacedFilesTests: a new file that takes the name of an old one shares with it what both have.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct ReplacedFilesTests {
    private static func bytes(_ count: Int, seed: UInt64) -> [UInt8] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
    }

    private static func runs(
        _ old: [UInt8], _ new: [UInt8], atLeast least: UInt64
    ) throws -> [CommonRuns.Run] {
        try CommonRuns(
            oldLength: UInt64(old.count), newLength: UInt64(new.count), atLeast: least,
            old: { Array(old[Int($0.lowerBound)..<Int($0.upperBound)]) },
            new: { Array(new[Int($0.lowerBound)..<Int($0.upperBound)]) }
        ).runs
    }

    // MARK: Common runs

    @Test("Common runs are the same bytes, and most of what was left as it was", arguments: TestSeeds.all())
    func commonRuns(seed: TestSeed) throws {
        var random = seed.generator
        let old = Self.bytes(Int.random(in: 0...1_200_000, using: &random), seed: seed.value)
        var new = old
        var changed = 0
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let at = Int.random(in: 0...new.count, using: &random)
            let removed = min(new.count - at, Int.random(in: 0...3_000, using: &random))
            let inserted = Self.bytes(Int.random(in: 0...3_000, using: &random), seed: random.next())
            new.replaceSubrange(at..<(at + removed), with: inserted)
            // What is left of a block, at both of its ends.
            changed += inserted.count + 2 * 2 * (16 << 10)
        }
        let runs = try Self.runs(old, new, atLeast: 16 << 10)
        var end: UInt64 = 0
        for run in runs {
            #expect(run.length >= 16 << 10 && run.new >= end)
            end = run.new + run.length
            let same = old[Int(run.old)..<Int(run.old + run.length)].elementsEqual(
                new[Int(run.new)..<Int(run.new + run.length)])
            #expect(same, "\(run)")
        }
        let found = runs.reduce(0) { $0 + Int($1.length) }
        #expect(found >= new.count - changed - (16 << 10), "\(seed): \(found) of \(new.count)")
    }

    @Test("Blocks that changed places are found, and content made of equal blocks ends soon")
    func specialRuns() throws {
        let (one, two) = (Self.bytes(300_000, seed: 1), Self.bytes(400_000, seed: 2))
        let runs = try Self.runs(one + two, two + one, atLeast: 4_096)
        #expect(runs.reduce(0) { $0 + $1.length } > 680_000)
        let zeros = [UInt8](repeating: 0, count: 3_000_000)
        #expect(try Self.runs(zeros + one, [1] + zeros + [2] + one, atLeast: 4_096).count >= 2)
        #expect(try Self.runs([], one, atLeast: 1) == [])
        #expect(try Self.runs(one, [], atLeast: 1) == [])
    }

    // MARK: Files

    private static let size = 1_000_000
    private static let old = bytes(size, seed: 7)
    private static var new: [UInt8] {
        Array(old[..<400_000]) + Array("a line that is longer".utf8) + Array(old[400_010...])
    }

    private static func request() -> ReleaseRequest {
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        return request
    }

    private static func rewrite(_ tree: WorkspaceTree) throws {
        try tree.makeFile("temporary")
        // An editor writes in parts, and sets the times last.
        let node = try tree.resolve("temporary")
        for start in stride(from: 0, to: new.count, by: 100_000) {
            try tree.write(node, Array(new[start..<min(new.count, start + 100_000)]), at: UInt64(start))
        }
        var change = AttributeChange()
        change.modificationTime = .at(1_000_000_000_000_000_000)
        try tree.setAttributes(node, change)
        try tree.rename("temporary", to: "file")
    }

    private static func backUp(_ fixture: WorkspaceFixture) throws {
        _ = try fixture.workspace.moments.backup(
            try FileName("kept"), comment: [], caller: fixture.tree.caller)
    }

    private static func content(_ tree: WorkspaceTree) throws -> [UInt8] {
        try tree.contents(try tree.resolve("file"))
    }

    @Test("The file of an editor takes kilobytes after a release", arguments: [false, true])
    func shares(isInBase: Bool) throws {
        let fixture = try WorkspaceFixture { base in
            if isInBase { try writeFile("\(base)/file", Self.old) }
        }
        let tree = fixture.tree!
        // What replaces a file of the base shares nothing: the base may change.
        try tree.makeFile("first")
        try tree.write(try tree.resolve("first"), Self.old, at: 0)
        try tree.rename("first", to: "file")
        try Self.backUp(fixture)
        // Two editors, one after the other: what the first wrote goes.
        try Self.rewrite(tree)
        try Self.rewrite(tree)
        tree.forget()
        let before = fixture.workspace.sequence.last
        let history = try fixture.workspace.changes.history(1...UInt64.max).map(\.sequence)
        var request = Self.request()
        // The moment before the rename stays.
        request.firsts[fixture.workspace.id] = before - 1
        #expect(Releases(fixture.set).run(request).parts.allSatisfy { $0.fault == nil })
        #expect(try fixture.workspace.changes.history(1...UInt64.max).map(\.sequence) == history)
        for turn in 0..<3 {
            #expect(try Self.content(fixture.tree) == Self.new, "turn \(turn)")
            if turn < 2 {
                let view = PastTree(try fixture.workspace.moments.view(at: before))
                let node = try view.lookup(try FileName("file"), in: view.root)
                #expect(try view.read(node, at: 0, count: Self.new.count) == Self.new)
            }
            #expect(try fixture.workspace.verify().isClean)
            fixture.tree.forget()
            if turn == 0 { try fixture.reopenAfterKill() }
            if turn == 1 {
                #expect(Releases(fixture.set).run(Self.request()).parts.allSatisfy { $0.fault == nil })
                #expect(fixture.logBytes < Self.size + 100_000)
            }
        }
        let facts = try fixture.workspace.attributes(try fixture.tree.resolve("file"))
        #expect(facts.modificationTime == 1_000_000_000_000_000_000)
        if isInBase { try writeFile(fixture.base("file"), "another program") }
        try fixture.reopen()
        #expect(try Self.content(fixture.tree) == Self.new)
    }

    @Test("A fork made before and one made after show the file, whatever is released")
    func forks() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeFile("file")
        try tree.write(try tree.resolve("file"), Self.old, at: 0)
        try Self.backUp(fixture)
        try Self.rewrite(tree)
        func fork(_ name: String) throws {
            guard let record = fixture.set.find(try FileName("main")) else { return }
            _ = try fixture.set.forks.fork(
                record, as: try FileName(name), caller: Caller(user: 0, group: 0, pid: 1, umask: 0))
        }
        try fork("before")
        // It has read the file's own bytes.
        #expect(try Self.content(try fixture.open("before")) == Self.new)
        tree.forget()
        var request = Self.request()
        request.firsts[fixture.workspace.id] = 1
        _ = Releases(fixture.set).run(request)
        try fork("after")
        for turn in 0..<3 {
            try fixture.tree.unlink("file")
            try fixture.tree.makeFile("file")
            for name in ["before", "after"] { (try fixture.open(name)).forget() }
            #expect(Releases(fixture.set).run(Self.request()).parts.allSatisfy { $0.fault == nil })
            for name in ["before", "after"] {
                #expect(try Self.content(try fixture.open(name)) == Self.new, "\(name), turn \(turn)")
            }
            try fixture.reopenAfterKill()
        }
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("A file whose former content goes takes no more than itself")
    func noMore() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeFile("file")
        try fixture.tree.write(try fixture.tree.resolve("file"), Self.old, at: 0)
        try Self.rewrite(fixture.tree)
        fixture.tree.forget()
        for _ in 0..<2 {
            #expect(Releases(fixture.set).run(Self.request()).parts.allSatisfy { $0.fault == nil })
        }
        #expect(fixture.logBytes < Self.size + 100_000)
        #expect(try Self.content(fixture.tree) == Self.new)
    }

    @Test("A file of holes, and one over a base file, share nothing")
    func leftAlone() throws {
        let fixture = try WorkspaceFixture { base in try writeFile("\(base)/file", Self.old) }
        let tree = fixture.tree!
        try tree.makeFile("copy")
        try tree.write(try tree.resolve("copy"), Self.old, at: 0)
        try tree.rename("copy", to: "file")
        for name in ["one", "other"] {
            try tree.makeFile(name)
            try tree.truncate(name, to: 1 << 60)
            try tree.write(try tree.resolve(name), Self.old, at: 1 << 40)
        }
        try tree.rename("one", to: "other")
        tree.forget()
        let before = fixture.logBytes
        #expect(Releases(fixture.set).run(Self.request()).parts.allSatisfy { $0.fault == nil })
        #expect(fixture.logBytes < before + 100_000, "what was replaced")
        #expect(fixture.logBytes >= 2 * UInt64(Self.size))
        try writeFile(fixture.base("file"), "another program")
        try fixture.reopen()
        #expect(try Self.content(fixture.tree) == Self.old)
        let node = try fixture.tree.resolve("other")
        #expect(try fixture.tree.read(node, at: 1 << 40, count: Self.size) == Self.old)
    }

    @Test("A file that is changed meanwhile stays as it is")
    func changed() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeFile("file")
        try tree.write("file", "content")
        let number = try tree.resolve("file")
        let log = try fixture.workspace.withTree { (tree) throws(Errno) in try tree.historicLog(number) }
        guard let known = LogDedupe(log) else {
            Issue.record("the log is not settled")
            return
        }
        try tree.write("file", "CON")
        let isDone = try Deduplication(fixture.workspace).run(
            number, to: PieceTree([.hole(7)]), from: known, sources: [])
        #expect(!isDone)
        #expect(try tree.text("file") == "CONtent")
    }
}
