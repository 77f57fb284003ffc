// LostLogTests: tests edit logs that are empty or missing after a kill although rows or content marks
// refer to them. Their files fail with EIO and are never empty. fsck reports them before the store is
// opened, and verify afterwards.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct LostLogTests {
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try writeFile("\(base)/f", bytes(5_000, fill: 1))
            try writeFile("\(base)/untouched", bytes(50, fill: 2))
        }
        try fixture.tree.write(fixture.tree.resolve("f"), bytes(16, fill: 3), at: 80)
        try fixture.tree.write(fixture.tree.makeFile("n"), bytes(4, fill: 4), at: 0)
        // A file that was never written has no log and is empty.
        try fixture.tree.makeFile("empty")
        return fixture
    }

    private func loseLogs(below path: String, removes: Bool) throws {
        let command = removes ? "-delete" : "-exec truncate -s 0 {} +"
        try ChildProcess.shell("find '\(path)/logs' -name '*.log' \(command)", seconds: 20)
    }

    @Test(
        "A file whose log is lost fails with EIO until it is truncated to 0",
        arguments: [(true, false), (true, true), (false, false), (false, true)])
    func lost(checkpoints: Bool, removes: Bool) throws {
        let fixture = try fixture()
        if checkpoints { #expect(fixture.workspace.maintenance.checkpoint()) }
        try fixture.reopenAfterKill { path in
            try loseLogs(below: path, removes: removes)
            let store = String(path.dropLast("/workspaces/0001".count))
            let report = try Fsck(store).run()
            #expect(report.outcome == .damaged)
            #expect(report.check.errors == 2, "\(report.check.findings.map(\.sentence))")
        }
        let tree = fixture.tree!
        for name in ["f", "n"] {
            #expect(throws: Errno.inputOutput, "\(name)") { try tree.text(name) }
            #expect(try tree.facts(tree.resolve(name)).size > 0)
            #expect(fixture.messages.contains { $0.contains("answers EIO") || $0.contains("missing") })
        }
        #expect(try tree.text("empty") == "")
        #expect(try tree.text("untouched").count > 0)
        let report = try fixture.workspace.verify()
        #expect(report.errors == 2, "\(report.findings.map(\.sentence))")
        for name in ["f", "n"] {
            try tree.truncate(name, to: 0)
            try tree.write(name, "next")
            #expect(try tree.text(name) == "next")
        }
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.text("f") == "next")
        #expect(try fixture.workspace.verify().errors == 0)
    }

    @Test("After a repair the store is clean and the files still fail with EIO", arguments: [false, true])
    func repaired(removes: Bool) throws {
        let fixture = try fixture()
        try fixture.reopenAfterKill { path in
            try loseLogs(below: path, removes: removes)
            let store = String(path.dropLast("/workspaces/0001".count))
            var options = Fsck.Options()
            options.repairs = true
            #expect(try Fsck(store, options).run().outcome == .repaired)
            #expect(try Fsck(store).run().outcome == .clean)
        }
        for name in ["f", "n"] {
            #expect(throws: Errno.inputOutput, "\(name)") { try fixture.tree.text(name) }
            // The kernel sends no read for a file of 0 bytes.
            #expect(try fixture.tree.facts(fixture.tree.resolve(name)).size > 0)
        }
        #expect(try fixture.tree.text("empty") == "")
    }
}
