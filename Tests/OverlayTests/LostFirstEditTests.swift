// LostFirstEditTests: tests damage to the record of the first edit of a base file. After a repair the file
// never shows the base content as if it had no edits. It fails with EIO until it is truncated or removed.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct LostFirstEditTests {
    private let runSeed = TestEnvironment.seed()

    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/f", bytes(5_000, fill: 1))
        }
        try fixture.tree.makeFile("before")
        try fixture.tree.write(fixture.tree.resolve("d/f"), bytes(16, fill: 3), at: 80)
        try fixture.tree.write(fixture.tree.makeFile("made"), bytes(400, fill: 4), at: 0)
        try fixture.tree.makeFile("after")
        return fixture
    }

    /// Returns the range in the tree log of the transaction of that operation with index `number`.
    private func record(
        _ operation: TreeOperation, number: Int, _ fixture: WorkspaceFixture
    ) throws -> Range<Int> {
        let key = fixture.set.store.logs.key
        let path = fixture.storePath + "/workspaces/0001"
        let file = try File.open("\(path)/tree.log", flags: O_RDONLY)
        var scanner = try LogScanner(file, log: 1 << 48, key: key)
        var found: [Range<Int>] = []
        try scanner.headers(from: UInt64(Format.logHeaderLength)) { record in
            if record.header.kind == RecordKind.transaction.rawValue,
                let payload = try? LogFile.payload(of: record, in: file, log: 1 << 48, key: key),
                TreeChange.decode(payload)?.0 == operation {
                let end = record.payloadPosition + UInt64(record.header.payloadLength)
                found.append(Int(record.position)..<Int(end))
            }
            return true
        }
        return try #require(found.count > number ? found[number] : nil)
    }

    private func repair(_ path: String, _ fixture: WorkspaceFixture) throws {
        var options = Fsck.Options()
        options.repairs = true
        options.base = fixture.basePath
        let report = try Fsck(String(path.dropLast("/workspaces/0001".count)), options).run()
        #expect(report.outcome == .repaired, "\(report.check.findings.map(\.sentence))")
    }

    private func damaged(_ fixture: WorkspaceFixture, _ range: Range<Int>) throws {
        try fixture.reopenAfterKill { path in
            try withOpen("\(path)/tree.log", O_RDWR) { held in
                let old = try readBytes(held, range.count, at: Int64(range.lowerBound))
                try writeAll(held, old.map { $0 ^ 0xff }, at: Int64(range.lowerBound))
            }
            try repair(path, fixture)
        }
    }

    @Test("Wherever the record is damaged, the base's content is not shown as the file's")
    func everyOffset() throws {
        let fixture = try fixture()
        let edited = try fixture.tree.contents(fixture.tree.resolve("d/f"))
        let range = try record(.edit, number: 0, fixture)
        let step = TestEnvironment.isFull ? 1 : 11
        let start = Int(runSeed % UInt64(step))
        var doubted = 0
        for offset in stride(from: range.lowerBound + start, to: range.upperBound, by: step) {
            let copy = try self.fixture()
            try damaged(copy, offset..<(offset + 1))
            do throws(Errno) {
                #expect(try copy.tree.contents(copy.tree.resolve("d/f")) == edited, "offset \(offset)")
            } catch {
                #expect(error == .inputOutput)
                doubted += 1
            }
            #expect(try copy.tree.names("").contains("after"), "offset \(offset)")
            #expect(try copy.workspace.verify().errors == 0, "offset \(offset)")
        }
        #expect(doubted > 0)
    }

    @Test("A file with a lost first edit can be emptied or removed", arguments: ["truncate", "unlink"])
    func decided(how: String) throws {
        let fixture = try fixture()
        let range = try record(.edit, number: 0, fixture)
        try damaged(fixture, range)
        let tree = fixture.tree!
        #expect(throws: Errno.inputOutput) { try tree.contents(tree.resolve("d/f")) }
        #expect(throws: Errno.inputOutput) { try tree.write(tree.resolve("d/f"), [1], at: 0) }
        #expect(try tree.names("d") == ["f"])
        try fixture.reopenAfterKill()
        #expect(throws: Errno.inputOutput) { try fixture.tree.contents(fixture.tree.resolve("d/f")) }
        switch how {
        case "truncate":
            try fixture.tree.truncate("d/f", to: 0)
            try fixture.tree.write("d/f", "new")
            #expect(try fixture.tree.text("d/f") == "new")
        default:
            try fixture.tree.unlink("d/f")
            #expect(try fixture.tree.names("d") == [])
        }
        #expect(try fixture.workspace.verify().errors == 0)
    }

    @Test("A file whose create record was lost has its content under a new name")
    func making() throws {
        let fixture = try fixture()
        // The second create is that of the file `made`.
        let range = try record(.create, number: 1, fixture)
        try damaged(fixture, range)
        let name = try #require(
            try fixture.tree.names("").first { $0.hasPrefix("recovered-") })
        #expect(try fixture.tree.contents(fixture.tree.resolve(name)) == bytes(400, fill: 4))
        #expect(try fixture.workspace.verify().errors == 0)
    }
}
