// DriftCommandTests: tests the list of drifted files, the commands accept and drop, and the refresh that
// shows changes of the base.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite(.disabled(if: TestEnvironment.sharesExtents, "content is pinned, so nothing drifts"))
struct DriftCommandTests {
    private static let size = 100_000

    /// Makes a fixture whose pool keeps no base content.
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for name in ["f", "g", "h"] {
                try writeFile("\(base)/d/\(name)", bytes(Self.size, fill: 1))
            }
            try writeFile("\(base)/e", "e")
        }
        try fixture.workspace.accounts.setLimit(.pin, to: 0)
        return fixture
    }

    private func path(_ text: String) -> [UInt8] { Array(text.utf8) }

    private func drifted(_ fixture: WorkspaceFixture) throws -> [String] {
        try fixture.workspace.baseFiles.driftedFiles()
            .map { String(decoding: $0.path, as: UTF8.self) }.sorted()
    }

    private func contents(_ fixture: WorkspaceFixture, _ path: String) throws -> [UInt8] {
        try fixture.tree.contents(try fixture.tree.resolve(path))
    }

    @Test("The list has the drifted files with their path in the workspace and a reason")
    func list() throws {
        let fixture = try fixture()
        for name in ["f", "g", "h"] { try fixture.tree.write("d/\(name)", "edit") }
        try fixture.tree.changeMode("e", 0o600)
        #expect(try drifted(fixture) == [])
        try writeFile(fixture.base("d/new"), "new")
        try must("rename", rename(fixture.base("d/new"), fixture.base("d/f")))
        try must("chmod", chmod(fixture.base("d/g"), 0o600))
        try must("unlink", unlink(fixture.base("e")))
        try fixture.tree.rename("d/f", to: "moved")
        for step in 0..<2 {
            let list = try fixture.workspace.baseFiles.driftedFiles()
            let reasons = Dictionary(
                uniqueKeysWithValues: list.map { (String(decoding: $0.path, as: UTF8.self), $0.reason) })
            #expect(reasons.keys.sorted() == ["d/g", "e", "moved"], "step \(step)")
            #expect(reasons["moved"]?.contains("replaced") == true)
            #expect(reasons["d/g"]?.contains("mode") == true)
            #expect(reasons["e"]?.contains("gone") == true)
            try fixture.reopen()
        }
        // A file that needs no base content has not drifted.
        try fixture.tree.truncate("d/g", to: 0)
        #expect(try drifted(fixture) == ["e", "moved"])
        var steps: [Int] = []
        _ = try fixture.workspace.baseFiles.driftedFiles { done, _ in
            steps.append(done)
            return true
        }
        #expect(steps.last == fixture.workspace.accounts.statistics.touchedInodes)
    }

    @Test("Edits are never applied to another base content", arguments: [0, 30, 100_000, 150_000])
    func accept(newSize: Int) throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "start")
        try fixture.tree.write("d/f", "middle", at: 50_000)
        try writeFile(fixture.base("d/f"), bytes(newSize, fill: 2))
        #expect(throws: Errno.inputOutput) { try contents(fixture, "d/f") }
        #expect(fixture.workspace.baseFiles.driftedReads == 1)
        #expect(fixture.workspace.baseFiles.driftedReadPaths(atMost: 9) == [path("d/f")])
        do throws(CommandError) {
            _ = try fixture.workspace.commands.acceptDrift(path("/d/f"), caller: fixture.tree.caller)
            Issue.record("it was accepted")
        } catch {
            #expect(error.errno == .busy)
            #expect(error.description.contains("theirs"))
        }
        #expect(throws: Errno.inputOutput) { try contents(fixture, "d/f") }
        #expect(try drifted(fixture) == ["d/f"])
        try fixture.reopenAfterKill()
        #expect(throws: Errno.inputOutput) { try contents(fixture, "d/f") }
    }

    @Test("A completely rewritten file is accepted over any base, and does not change")
    func acceptWrittenAnew() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "start")
        try writeFile(fixture.base("d/f"), bytes(70_000, fill: 2))
        try fixture.tree.truncate("d/f", to: 0)
        try fixture.tree.write("d/f", "all of it")
        _ = try fixture.workspace.commands.acceptDrift(path("d/f"), caller: fixture.tree.caller)
        #expect(try fixture.tree.text("d/f") == "all of it")
        #expect(try drifted(fixture) == [])
        #expect(fixture.workspace.baseFiles.driftedReads == 0)
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("d/f") == "all of it")
        #expect(throws: CommandError.self) {
            try fixture.workspace.commands.acceptDrift(path("d/f"), caller: fixture.tree.caller)
        }
    }

    @Test("Accept succeeds for a base file of which only the attributes changed")
    func acceptAttributes() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        try fixture.tree.changeMode("e", 0o600)
        for name in ["d/f", "e"] { try must("chmod", chmod(fixture.base(name), 0o640)) }
        try writeFile(fixture.base("e"), "longer")
        #expect(try drifted(fixture) == ["d/f"])
        _ = try fixture.workspace.commands.acceptDrift(path("d/f"), caller: fixture.tree.caller)
        #expect(try contents(fixture, "d/f") == Array("edit".utf8) + bytes(Self.size, fill: 1).dropFirst(4))
        #expect(try fixture.tree.text("e") == "longer")
        #expect(try drifted(fixture) == [])
    }

    @Test("Drop shows the base file again, or no file if the base has none")
    func drop() throws {
        let fixture = try fixture()
        for name in ["f", "g"] { try fixture.tree.write("d/\(name)", "edit", at: 99_999) }
        let other = bytes(5_000, fill: 9)
        try writeFile(fixture.base("d/f"), other)
        try must("unlink", unlink(fixture.base("d/g")))
        for name in ["f", "g"] {
            _ = try fixture.workspace.commands.dropDrift(path("d/\(name)"), caller: fixture.tree.caller)
        }
        #expect(try contents(fixture, "d/f") == other)
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("d/g") }
        try fixture.reopen()
        #expect(try contents(fixture, "d/f") == other)
        #expect(try drifted(fixture) == [])
    }

    @Test("Accept and drop of a file that is missing or has not drifted fail with a message")
    func refused() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        let caller = fixture.tree.caller
        for (name, errno) in [
            ("d/f", Errno.invalid), ("d/g", .invalid), ("d", .invalid), ("none", .noEntry),
            ("d/f/x", .notDirectory),
        ] {
            for command in [TreeCommands.acceptDrift, TreeCommands.dropDrift] {
                do throws(CommandError) {
                    _ = try command(fixture.workspace.commands)(path(name), caller)
                    Issue.record("\(name) was taken")
                } catch {
                    #expect(error.errno == errno, "\(name)")
                    #expect(error.description.contains(name), "\(error)")
                }
            }
        }
        try must("unlink", unlink(fixture.base("d/f")))
        #expect(throws: CommandError.self) {
            try fixture.workspace.commands.acceptDrift(path("d/f"), caller: caller)
        }
    }

    @Test("A drifted base file with holes cannot be accepted, but can be dropped")
    func sparse() throws {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/s", bytes(4_096, fill: 1))
            try must("truncate", truncate("\(base)/s", 1 << 20))
        }
        try fixture.workspace.accounts.setLimit(.pin, to: 0)
        try fixture.tree.write("s", "edit")
        try writeFile(fixture.base("s"), bytes(1 << 20, fill: 3))
        do throws(CommandError) {
            _ = try fixture.workspace.commands.acceptDrift(path("s"), caller: fixture.tree.caller)
            Issue.record("it was taken")
        } catch {
            #expect(error.errno == .busy)
        }
        let outcome = try fixture.workspace.commands.dropDrift(path("s"), caller: fixture.tree.caller)
        #expect(fixture.workspace.moments.backups.map(\.name) == [try #require(outcome.backup)])
        #expect(try contents(fixture, "s") == bytes(1 << 20, fill: 3))
    }

    @Test("A refresh shows base changes of untouched files, and returns the stale inodes")
    func refresh() throws {
        let fixture = try fixture()
        try fixture.tree.write("d/f", "edit")
        #expect(try fixture.tree.text("e") == "e")
        let changed = try fixture.tree.resolve("e")
        let same = try fixture.tree.resolve("d/g")
        let gone = try fixture.tree.resolve("d/h")
        let edited = try fixture.tree.resolve("d/f")
        _ = try fixture.tree.names("d")
        try writeFile(fixture.base("e"), "longer")
        try must("unlink", unlink(fixture.base("d/h")))
        try writeFile(fixture.base("d/new"), "new")
        let stale = fixture.workspace.baseFiles.refresh()
        #expect(try fixture.tree.contents(changed) == Array("longer".utf8))
        #expect(try fixture.workspace.attributes(changed).size == 6)
        #expect(stale.inodes[changed] == true)
        #expect(stale.inodes[same] == nil)
        #expect(stale.inodes[edited] == nil)
        #expect(stale.inodes[gone] == true)
        #expect(stale.inodes[try fixture.tree.resolve("d")] == true)
        #expect(stale.entries.map { "\($0.name)" } == ["h"])
        #expect(try fixture.tree.names("d") == ["f", "g", "new"])
        #expect(fixture.workspace.baseFiles.refresh([]).inodes.isEmpty)
        try writeFile(fixture.base("e"), "longest!")
        let change = BaseChange(directory: [], name: path("e"))
        let part = fixture.workspace.baseFiles.refresh([change])
        #expect(part.inodes[changed] == true)
        #expect(part.inodes[try fixture.tree.resolve("d")] == nil)
        #expect(try fixture.tree.contents(changed) == Array("longest!".utf8))
    }
}
