// RecoveryTests: tests the opening of a workspace after a clean end, after a kill, with a torn tree log,
// and with a lost or damaged database.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct RecoveryTests {
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for index in 0..<20 { try writeFile("\(base)/d/f\(index)", "base \(index)") }
        }
        let tree = fixture.tree!
        for index in 0..<10 { try tree.write("d/f\(index)", "EDIT") }
        try tree.makeDirectory("new")
        for index in 0..<5 { try tree.rename("d/f\(index)", to: "new/g\(index)") }
        for index in 15..<20 { try tree.unlink("d/f\(index)") }
        try tree.setXattr(
            Array("user.a".utf8), of: try tree.resolve("d/f12"), to: [7], mode: .create)
        #expect(fixture.workspace.maintenance.checkpoint())
        try tree.write("new/g0", "after the checkpoint")
        try tree.link("new/g0", to: "d/link")
        return fixture
    }

    private func snapshot(_ tree: WorkspaceTree) throws -> [String: String] {
        var found: [String: String] = [:]
        for directory in ["d", "new"] {
            for name in try tree.names(directory) {
                let path = "\(directory)/\(name)"
                let node = try tree.resolve(path)
                let xattrs = try tree.xattrNames(of: node)
                found[path] = "\(node) \(try tree.facts(node)) \(xattrs) \(try tree.text(path))"
            }
        }
        return found
    }

    @Test("After a clean end nothing is replayed")
    func clean() throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        try fixture.reopen()
        #expect(try snapshot(fixture.tree) == before)
        let (tree, report) = try fixture.recover { _ in }
        #expect(try snapshot(tree) == before)
        #expect(report.replayed == 0 && report.tornBytes == 0 && !report.rebuiltDatabase)
        #expect(!report.afterPowerCut)
    }

    @Test("After a kill the changes since the checkpoint are replayed")
    func killed() throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        let (tree, report) = try fixture.recover { _ in }
        #expect(try snapshot(tree) == before)
        #expect(report.replayed > 0 && report.replayed < 10)
        #expect(report.tornBytes == 0 && !report.rebuiltDatabase)
    }

    @Test("A deleted database is made again from the tree log")
    func deletedDatabase() throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        let (tree, report) = try fixture.recover { path in
            for suffix in ["", "-wal", "-shm"] { unlink("\(path)/tree.db\(suffix)") }
        }
        #expect(try snapshot(tree) == before)
        #expect(report.replayed > 10)
    }

    @Test("A damaged database is made again, and an event reports it", arguments: 0..<3)
    func damagedDatabase(kind: Int) throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        try fixture.reopen()
        let (tree, report) = try fixture.recover { path in
            let database = "\(path)/tree.db"
            let size = Int(try status(database).st_size)
            try withOpen(database, O_RDWR) { descriptor in
                switch kind {
                case 0: try writeAll(descriptor, bytes(100, fill: 1), at: 0)
                case 1: try must("ftruncate", ftruncate(descriptor, off_t(size / 2)))
                default:
                    for at in stride(from: 4_096, to: size, by: 512) {
                        try writeAll(descriptor, bytes(64, fill: UInt64(at)), at: Int64(at))
                    }
                }
            }
        }
        #expect(try snapshot(tree) == before)
        #expect(report.rebuiltDatabase)
        #expect(report.replayed > 10)
        #expect(fixture.messages.contains { $0.contains("is rebuilt from") })
    }

    @Test("A torn record at the tree log's end is cut off, and all earlier changes remain")
    func tornTreeLog() throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        let (tree, report) = try fixture.recover { path in
            try withOpen("\(path)/tree.log", O_WRONLY | O_APPEND) {
                try writeAll($0, bytes(37, fill: 9))
            }
        }
        #expect(try snapshot(tree) == before)
        // Records start at multiples of 8 bytes, so up to 7 of the bytes count as padding.
        #expect((30...37).contains(report.tornBytes))
    }

    @Test("An incomplete last record is ignored")
    func halfRecord() throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        try fixture.tree.makeFile("d/late")
        let (tree, report) = try fixture.recover { path in
            let size = try status("\(path)/tree.log").st_size
            try withOpen("\(path)/tree.log", O_WRONLY) {
                _ = try must("ftruncate", ftruncate($0, size - 20))
            }
        }
        #expect(try snapshot(tree) == before)
        #expect(report.tornBytes > 0)
    }

    @Test(
        "An event names a damaged seal, database or mark, and nothing is lost",
        arguments: ["tree.db.sum", "tree.db", "in-use"])
    func named(file: String) throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        if file != "in-use" { try fixture.reopen() }
        guard file == "in-use" || fixture.set.close() else { throw CheckFailure("not closed") }
        let (tree, report) = try fixture.recover { path in
            try withOpen("\(path)/\(file)", O_RDWR) { held in
                let old = try readBytes(held, 1, at: 9)
                try writeAll(held, [old[0] ^ 4], at: 9)
            }
        }
        #expect(try snapshot(tree) == before)
        #expect(fixture.messages.contains { $0.contains("/\(file) is damaged") })
        #expect(report.rebuiltDatabase == (file == "tree.db"))
        #expect(report.afterPowerCut == (file == "in-use"))
    }

    @Test("After a mark of another boot recovery works as after a power cut")
    func powerCut() throws {
        let fixture = try fixture()
        let before = try snapshot(fixture.tree)
        let (tree, report) = try fixture.recover { path in
            try writeFile("\(path)/in-use", ChecksummedText.encode(Array("another boot".utf8)))
        }
        #expect(report.afterPowerCut)
        #expect(try snapshot(tree) == before)
    }

    @Test("A new workspace that was killed before its first change is empty and usable")
    func newWorkspace() throws {
        let fixture = try WorkspaceFixture()
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("").isEmpty)
        try fixture.tree.makeFile("f")
        try fixture.reopenAfterKill()
        #expect(try fixture.tree.names("") == ["f"])
    }

    @Test("A file whose log lost all bytes without a power cut is EIO, never empty")
    func emptiedLog() throws {
        let fixture = try WorkspaceFixture { try writeFile("\($0)/f", bytes(5_000, fill: 1)) }
        try fixture.tree.write("f", "edit", at: 80)
        let number = try fixture.tree.resolve("f")
        try fixture.reopenAfterKill { directory in
            let path = LogDirectory.path(number).dropFirst("workspaces/0001".count)
            try must("truncate", truncate(directory + path, 0))
        }
        #expect(throws: Errno.inputOutput) {
            try fixture.tree.contents(try fixture.tree.resolve("f"))
        }
        #expect(try !fixture.workspace.verify().isClean)
        #expect(fixture.messages.contains { $0.contains("it is empty, and the file was edited") })
    }
}
