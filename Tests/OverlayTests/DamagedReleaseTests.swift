// DamagedReleaseTests: logs of which records were released, and that are damaged besides: nothing more is
// lost than was damaged, and no reader gets other bytes than were written.

import Check
import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct DamagedReleaseTests {
    private static let page = 4_096
    private static let pages = 64

    /// A workspace with a log of which many records were released.
    private struct Released {
        let fixture: WorkspaceFixture
        var content: [UInt8]
        let number: InodeNumber

        init() throws {
            fixture = try WorkspaceFixture()
            content = [UInt8](repeating: 7, count: pages * page)
            try fixture.tree.makeFile("database")
            number = try fixture.tree.resolve("database")
            try fixture.tree.write(number, content, at: 0)
            try write(600, seed: 1)
            try release()
            try write(20, seed: 2)
        }

        mutating func write(_ times: Int, seed: UInt64) throws {
            var random = SeededGenerator(seed: seed)
            let node = try fixture.tree.resolve("database")
            for _ in 0..<times {
                let at = Int.random(in: 0..<pages, using: &random) * page
                let bytes = (0..<page).map { _ in UInt8.random(in: 0...255, using: &random) }
                try fixture.tree.write(node, bytes, at: UInt64(at))
                content.replaceSubrange(at..<(at + page), with: bytes)
            }
        }

        @discardableResult
        func release() throws -> ReleaseReport {
            var request = ReleaseRequest()
            request.age = 0
            request.waitsForReads = false
            return Releases(fixture.set).run(request)
        }

        func path(_ relative: String) -> String { "\(fixture.storePath)/\(relative)" }
        var log: String { path(LogDirectory.path(number)) }
        var list: String { path(LogDirectory.releasedPath(number)) }

        /// Returns the positions of the write records that can be read, with their numbers.
        func records() throws -> [ScannedRecord] {
            var found: [ScannedRecord] = []
            try EditLog.records(of: number, in: fixture.workspace.logs, range: 0...UInt64.max) {
                found.append($0)
            }
            return found
        }

        func flip(_ position: UInt64, in path: String) throws {
            try withOpen(path, O_RDWR) { file in
                let byte = try readBytes(file, 1, at: Int64(position))
                try writeAll(file, [byte[0] ^ 1], at: Int64(position))
            }
        }

        func shows() throws -> [UInt8] { try fixture.tree.contents(try fixture.tree.resolve("database")) }
    }

    @Test("A release leaves a log alone that is damaged while its list cannot be read")
    func damagedAndUnlisted() throws {
        let released = try Released()
        let records = try released.records()
        #expect(records.contains { $0.releasedBefore > 0 } && records.contains(where: \.header.isDedupe))
        guard let last = records.last(where: { !$0.header.isDedupe }), records.count > 10 else {
            Issue.record("no records")
            return
        }
        // One that comes after the dedupe record, the last one, and one before it that the content needs.
        let needed = records.first { $0.releasedBefore > 0 && !$0.header.isDedupe }
        for damaged in [records[records.count - 5], last, try #require(needed)] {
            try released.fixture.reopenAfterKill { _ in }
            let list = try readFile(released.list) as [UInt8]
            try released.flip(damaged.position + 8, in: released.log)
            try writeFile(released.list, "not a list")
            for _ in 0..<2 { _ = try released.release() }
            try released.flip(damaged.position + 8, in: released.log)
            try released.fixture.reopenAfterKill { _ in }
            #expect(try released.shows() == released.content)
            // A list may have been made of what is missing.
            if try readFile(released.list) as [UInt8] == Array("not a list".utf8) {
                try writeFile(released.list, list)
            }
            try released.fixture.reopenAfterKill { _ in }
            #expect(try released.shows() == released.content)
        }
        let report = try released.fixture.workspace.verify()
        #expect(report.isClean, "\(report.findings.map(\.sentence))")
    }

    @Test("A repair mends the header of a record of which parts were released")
    func partlyReleased() throws {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeFile("file")
        let number = try fixture.tree.resolve("file")
        var content = (0..<100_001).map { UInt8(truncatingIfNeeded: $0 / 391) }
        try fixture.tree.write(number, content, at: 0)
        for range in [20_000..<70_000, 80_000..<100_001] {
            let bytes = [UInt8](repeating: 9, count: range.count)
            content.replaceSubrange(range, with: bytes)
            try fixture.tree.write(number, bytes, at: UInt64(range.lowerBound))
        }
        fixture.tree.forget()
        var request = ReleaseRequest()
        request.age = 0
        request.waitsForReads = false
        for part in Releases(fixture.set).run(request).parts { #expect(part.releasedBytes > 40_000) }
        let log = LogDirectory.path(number)
        try fixture.reopenAfterKill { workspace in
            try withOpen("\(workspace)/../../\(log)", O_RDWR) { file in
                // The number of the first record.
                let at = Int64(Format.logHeaderLength) + 8
                try writeAll(file, [try readBytes(file, 1, at: at)[0] ^ 1], at: at)
            }
        }
        fixture.set.close()
        _ = try fixture.repaired()
        try fixture.reopenAfterKill { _ in }
        #expect(try fixture.tree.contents(try fixture.tree.resolve("file")) == content)
        #expect(try fixture.workspace.verify().isClean)
    }

    @Test("Content that only a piece checkpoint knows is not released")
    func checkpointOnly() throws {
        let fixture = try WorkspaceFixture()
        let tree = fixture.tree!
        try tree.makeFile("file")
        let number = try tree.resolve("file")
        let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 / 977) }
        try tree.write(number, [1, 2, 3], at: 0)
        for start in stride(from: 0, to: content.count, by: 100) {
            try tree.write(number, Array(content[start..<(start + 100)]), at: UInt64(start))
        }
        tree.forget()
        try fixture.reopen()
        let log = LogDirectory.path(number)
        #expect(access("\(fixture.storePath)/\(LogDirectory.piecesPath(number))", F_OK) == 0)
        var first: UInt64?
        try EditLog.records(of: number, in: fixture.workspace.logs, range: 0...UInt64.max) {
            if first == nil { first = $0.position }
        }
        guard let first else {
            Issue.record("no record")
            return
        }
        try fixture.reopenAfterKill { workspace in
            try withOpen("\(workspace)/../../\(log)", O_RDWR) { file in
                // More than one bit, so that only a filler mends it.
                try writeAll(file, [0xff, 0xff, 0xff, 0xff], at: Int64(first) + 10)
            }
        }
        fixture.set.close()
        _ = try fixture.repaired()
        try fixture.reopenAfterKill { _ in }
        #expect(try fixture.tree.contents(number) == content)
        for _ in 0..<2 {
            fixture.tree.forget()
            var request = ReleaseRequest()
            request.age = 0
            request.waitsForReads = false
            for part in Releases(fixture.set).run(request).parts { #expect(part.fault == nil) }
            try fixture.reopenAfterKill { _ in }
            #expect(try fixture.tree.contents(try fixture.tree.resolve("file")) == content)
        }
    }

    @Test("A moment whose content was released answers an error, also if nothing says that it was")
    func lostHorizon() throws {
        let released = try Released()
        let last = released.fixture.workspace.horizon.record.first
        try released.fixture.reopenAfterKill { workspace in
            #expect(unlink("\(workspace)/\(HorizonRecord.fileName)") == 0)
        }
        #expect(released.fixture.workspace.horizon.record.first == 0)
        for moment in stride(from: 4, to: last - 1, by: 37) {
            let view = PastTree(try released.fixture.workspace.moments.view(at: moment))
            let bytes = try? view.read(
                view.lookup(try FileName("database"), in: view.root), at: 0, count: Self.pages * Self.page)
            #expect(bytes == nil, "@\(moment)")
        }
        #expect(try released.shows() == released.content)
    }

    /// What is wrong after a power cut.
    enum Fault: CaseIterable { case list, dedupe, noList, tail }

    @Test("A power cut does not cut off what was synced behind released records", arguments: Fault.allCases)
    func powerCut(fault: Fault) throws {
        let released = try Released()
        var more = released
        try more.write(3, seed: 5)
        let last = released.fixture.workspace.sequence.last
        let records = try released.records()
        let length = try status(released.log).st_size
        released.fixture.tree.forget()
        try released.fixture.reopenAfterKill { _ in }
        var synced: UInt64 = 0
        switch fault {
        case .list: try writeFile(released.list, "not a list")
        case .noList:
            // Then only the numbers tell.
            synced = last
            #expect(unlink(released.list) == 0)
        case .dedupe:
            guard let dedupe = records.last(where: \.header.isDedupe) else { return }
            try released.flip(dedupe.payloadPosition + 20, in: released.log)
        case .tail: try released.flip(records[records.count - 2].position + 8, in: released.log)
        }
        let logs = released.fixture.workspace.logs
        let log = try EditLog.open(
            released.number, in: logs, afterPowerCut: true, synced: synced, report: { _ in })
        if fault == .tail {
            // What was not synced goes, with what follows it.
            let end = records[records.count - 2].position
            #expect(try status(released.log).st_size == Int64(end))
            #expect(try log.content(at: .max).pieces.length == UInt64(released.content.count))
            return
        }
        #expect(try status(released.log).st_size == length, "\(fault)")
        // Without the dedupe record it is not known; without the list it is known from there on.
        #expect(log.version.size == UInt64(released.content.count) || fault == .dedupe)
        #expect(log.lastSequence == last || fault == .dedupe)
    }

    @Test("An undo does not go back over released changes to a backup before them")
    func undo() throws {
        var released = try Released()
        let fixture = released.fixture
        _ = try fixture.workspace.moments.backup(
            try FileName("kept"), comment: [], caller: fixture.tree.caller)
        try fixture.tree.makeDirectory("directory")
        try released.write(400, seed: 3)
        for _ in 0..<2 { try released.release() }
        try fixture.tree.makeFile("new")
        do throws(CommandError) {
            _ = try fixture.workspace.commands.undo(40, paths: [], caller: fixture.tree.caller)
            Issue.record("undone")
        } catch {
            #expect(error.errno == .stale || error.errno == .noEntry)
        }
        #expect(try released.shows() == released.content)
        _ = try fixture.workspace.commands.undo(1, paths: [], caller: fixture.tree.caller)
        #expect(throws: Errno.noEntry) { try fixture.tree.resolve("new") }
        #expect(try released.shows() == released.content)
    }
}
