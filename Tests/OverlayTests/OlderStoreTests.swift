// A store of the version before: it is opened, its database is made anew, and nothing of it is lost.

import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite("Stores of version 1")
struct OlderStoreTests {
    @Test("A database of version 1 is made anew from the journal, with what it had let go")
    func database() throws {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for name in ["a", "b"] { try writeFile("\(base)/d/\(name)", name) }
        }
        try fixture.tree.write("d/a", "changed")
        let name = try FileName("before")
        _ = try fixture.workspace.backup(name, comment: [], caller: fixture.tree.caller)
        try fixture.tree.unlink("d/a")
        try fixture.tree.unlink("d/b")
        try fixture.tree.removeDirectory("d")
        fixture.tree.forget()
        #expect(fixture.workspace.checkpoint())
        try fixture.reopenAfterKill { path in
            let database = try SQLiteConnection("\(path)/tree.db")
            try database.execute(
                "DROP TABLE backups; DELETE FROM entries WHERE parent NOT IN (SELECT number FROM inodes);"
                    + "PRAGMA user_version = 1")
            database.close()
        }
        #expect(!fixture.tree.exists("d"))
        #expect(fixture.messages.contains { $0.contains("older version") })
        #expect(fixture.workspace.backups.map(\.name) == [name])
        _ = try fixture.workspace.rollback(
            to: .backup(name), paths: [], keepsTimes: false, caller: fixture.tree.caller)
        #expect(try fixture.tree.text("d/a") == "changed")
        #expect(try fixture.tree.text("d/b") == "b")
    }
}
