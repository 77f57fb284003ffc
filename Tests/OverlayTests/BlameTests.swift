// BlameTests: tests that blame gives the change that wrote each byte of a file.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct BlameTests {
    private func words(_ fixture: WorkspaceFixture, _ path: String) throws -> [String] {
        try fixture.workspace.changes.blame(try fixture.tree.resolve(path)).map { part in
            let range = "\(part.range.lowerBound)-\(part.range.upperBound)"
            switch part.source {
            case .base: return "\(range) base"
            case .hole: return "\(range) hole"
            case .change(let item):
                let path = String(decoding: item.path, as: UTF8.self)
                return "\(range) \(item.operation) \(path) \(item.pid)"
            }
        }
    }

    @Test("Bytes are told apart by who wrote them, and the base's and holes by themselves")
    func sources() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", "0123456789") }
        let tree = fixture.tree!
        #expect(try words(fixture, "f") == ["0-10 base"])
        tree.caller.pid = 11
        try tree.write("f", "abcdef", at: 2)
        tree.caller.pid = 22
        try tree.write("f", "XY", at: 4)
        try tree.write("f", "Z", at: 20)
        _ = try fixture.workspace.content.edit(
            Array("f".utf8), [Splice(offset: 1, delete: 1, insert: Array("new".utf8))],
            caller: tree.caller)
        let expected = [
            "0-1 base", "1-4 edit f 22", "4-6 write f 11", "6-8 write f 22", "8-10 write f 11",
            "10-12 base", "12-22 hole", "22-23 write f 22",
        ]
        #expect(try words(fixture, "f") == expected)
        try fixture.reopenAfterKill()
        #expect(try words(fixture, "f") == expected)
        let items = try fixture.workspace.changes.history(1...UInt64.max)
        for part in try fixture.workspace.changes.blame(try fixture.tree.resolve("f")) {
            guard case .change(let item) = part.source else { continue }
            #expect(items.contains { $0.sequence == item.sequence && $0.time == item.time })
        }
    }

    @Test("After an undo the bytes belong to the changes that wrote them")
    func rollback() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeFile("f")
        try tree.write("f", "one")
        let before = try fixture.workspace.changes.blame(try tree.resolve("f"))
        try tree.write("f", "two, longer")
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: tree.caller)
        let after = try fixture.workspace.changes.blame(try tree.resolve("f"))
        #expect(before.map(\.range) == after.map(\.range))
        for (one, two) in zip(before, after) {
            guard case .change(let first) = one.source, case .change(let second) = two.source else {
                Issue.record("no change")
                continue
            }
            #expect(first.sequence == second.sequence)
        }
    }

    @Test("Copied bytes belong to the change that wrote them in the source")
    func copied() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        tree.caller.pid = 33
        try tree.makeFile("f")
        try tree.write("f", "source")
        tree.caller.pid = 44
        try tree.makeFile("g")
        _ = try tree.copyRange(
            from: try tree.resolve("f"), at: 0, to: try tree.resolve("g"), at: 0, length: 6)
        #expect(try words(fixture, "g") == ["0-6 write f 33"])
    }

    @Test("Blame fails unless the file is regular and its log is undamaged")
    func failures() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeDirectory("d")
        let (parent, name) = try tree.place("s")
        _ = try tree.makeNode(name, in: parent, mode: 0o120777, device: 0, target: [0x61])
        func failure(_ number: InodeNumber) -> Errno? {
            do throws(CommandError) {
                _ = try fixture.workspace.changes.blame(number)
                return nil
            } catch {
                return error.errno
            }
        }
        #expect(failure(try tree.resolve("d")) == .isDirectory)
        #expect(failure(try tree.resolve("s")) == .invalid)
        #expect(failure(12_345) == .noEntry)
        let empty = try tree.makeFile("f")
        #expect(try fixture.workspace.changes.blame(empty).isEmpty)
        try tree.write("f", "first")
        try tree.write("f", "2", at: 1)
        try fixture.reopen()
        let file = try File.open(
            "\(fixture.storePath)/workspaces/0001/logs/03/800000000003.log", flags: O_RDWR)
        let number = try fixture.tree.resolve("f")
        let zeros = [UInt8](repeating: 0, count: 16)
        try zeros.withUnsafeBytes {
            try file.write($0, UnsafeRawBufferPointer(start: nil, count: 0), at: 64)
        }
        #expect(failure(number) == .inputOutput)
    }
}
