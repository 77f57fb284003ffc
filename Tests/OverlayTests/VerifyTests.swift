// VerifyTests: tests verify while a workspace is in use, and files whose logs cannot be opened.

import Check
import Glibc
import Overlay
import Platform
import Storage
import Synchronization
import TestSupport
import Testing

@Suite struct VerifyTests {
    private func fixture() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture { base in
            try makeDirectory("\(base)/d")
            for name in ["a", "d/b", "d/c"] { try writeFile("\(base)/\(name)", "of the base") }
        }
        let tree = fixture.tree!
        for name in ["a", "d/b"] { try tree.write(name, "EDIT") }
        try tree.makeFile("new")
        try tree.write(try tree.resolve("new"), bytes(50_000, fill: 3), at: 0)
        return fixture
    }

    private func log(_ path: String, _ fixture: WorkspaceFixture) throws -> String {
        LogDirectory.path(try fixture.tree.resolve(path))
    }

    private func flip(_ path: String, at offset: Int64, _ fixture: WorkspaceFixture) throws {
        try withOpen("\(fixture.storePath)/\(path)", O_RDWR) { held in
            let old = try readBytes(held, 1, at: offset)
            try writeAll(held, [old[0] ^ 1], at: offset)
        }
    }

    @Test("A workspace in use is clean, its records are counted, and the progress only grows")
    func clean() throws {
        let fixture = try fixture()
        let seen = Mutex<[(UInt64, UInt64)]>([])
        let report = try fixture.workspace.verify { done, total in
            seen.withLock { $0.append((done, total)) }
            return true
        }
        #expect(report.isClean && report.findings.isEmpty, "\(report.findings.map(\.sentence))")
        #expect(report.recordsChecked > 5 && report.files > 5)
        let steps = seen.withLock { $0 }
        #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.0 <= $1.0 })
        #expect(steps.allSatisfy { $0.0 <= $0.1 })
        #expect(steps.last.map { $0.0 } == report.bytesChecked)
    }

    @Test("A flipped byte in a log in use is reported with the file's path")
    func named() throws {
        let fixture = try fixture()
        try flip(try log("new", fixture), at: 30_000, fixture)
        let report = try fixture.workspace.verify()
        let finding = try #require(report.findings.first)
        #expect(report.errors == 1 && !report.isClean)
        #expect(finding.path == Array("new".utf8))
        #expect(finding.range?.contains(30_000) == true)
        #expect(try finding.file == log("new", fixture))
        #expect(fixture.messages.contains { $0.contains("verify found 1 errors") })
        #expect(report.pairs.contains { $0.key == "findings" })
    }

    @Test("Only the given paths are checked")
    func paths() throws {
        let fixture = try fixture()
        try flip(try log("new", fixture), at: 30_000, fixture)
        try flip(try log("d/b", fixture), at: 140, fixture)
        let report = try fixture.workspace.verify([Array("d".utf8)])
        #expect(report.findings.map(\.path) == [Array("d/b".utf8)])
        #expect(try fixture.workspace.verify([Array("a".utf8)]).isClean)
        let error = #expect(throws: CommandError.self) {
            try fixture.workspace.verify([Array("none".utf8)])
        }
        #expect(error?.errno == .noEntry)
    }

    @Test("A check can be cancelled")
    func cancelled() throws {
        let report = try fixture().workspace.verify { _, _ in false }
        #expect(report.wasCancelled && !report.isClean)
    }

    @Test("A changed base file of an edited file is reported")
    func drift() throws {
        let fixture = try fixture()
        try writeFile(fixture.base("d/b"), "something else")
        let report = try fixture.workspace.verify()
        #expect(report.isClean)
        #expect(report.findings.contains {
            $0.severity == .warning && $0.path == Array("d/b".utf8) && $0.what.contains("has changed")
        })
    }

    @Test("A missing log and a damaged superblock, record, mark and lock file are reported")
    func others() throws {
        let fixture = try fixture()
        for path in ["superblock", "workspaces/0001/workspace", "workspaces/0001/in-use", "lock"] {
            try flip(path, at: 20, fixture)
        }
        let log = try log("new", fixture)
        try must("unlink", unlink("\(fixture.storePath)/\(log)"))
        let report = try fixture.workspace.verify()
        let named = Set(report.findings.map(\.file))
        #expect(named == [
            "superblock", "workspaces/0001/workspace", "workspaces/0001/in-use", "lock", log,
        ])
    }

    @Test("Writers go on while a workspace is verified, and nothing is found")
    func busy() throws {
        var limits = Limits()
        limits.replayRecords = 4
        limits.cacheBytes = 4_096
        let fixture = try WorkspaceFixture(limits: limits)
        let workspace = fixture.workspace
        let running = Atomic<Int>(2)
        let checks = Atomic<Int>(0)
        let problems = Mutex<[String]>([])
        try onThreads(3) { index in
            do {
                if index < 2 {
                    defer { running.subtract(1, ordering: .relaxed) }
                    let tree = WorkspaceTree(workspace)
                    for round in 0..<400 {
                        let name = "f\(index)-\(round % 9)"
                        if !tree.exists(name) { try tree.makeFile(name) }
                        let node = try tree.resolve(name)
                        try tree.write(node, bytes(700, fill: UInt64(round)), at: UInt64(round * 11))
                        if round % 20 == 0 { workspace.maintenance.maintain(checkpointNow: true) }
                        tree.forget()
                    }
                    return
                }
                repeat {
                    let report = try workspace.verify()
                    problems.withLock { $0 += report.findings.map(\.sentence) }
                    checks.add(1, ordering: .relaxed)
                } while running.load(ordering: .relaxed) > 0
            } catch {
                problems.withLock { $0.append("\(error)") }
            }
        }
        #expect(problems.withLock { $0 } == [])
        let checkCount = checks.load(ordering: .relaxed)
        #expect(checkCount > 0)
    }

    @Test(
        "A file whose log cannot be opened answers EIO, and can be truncated to 0 and written again",
        arguments: ["header", "missing", "no logs at all", "end"])
    func mending(kind: String) throws {
        let fixture = try fixture()
        try fixture.reopen()
        let log = try log("new", fixture)
        let other = try fixture.tree.resolve("new")
        try fixture.tree.makeFile("clone")
        _ = try fixture.tree.copyRange(
            from: other, at: 0, to: try fixture.tree.resolve("clone"), at: 0, length: 3_000)
        fixture.tree.forget()
        try fixture.reopen()
        fixture.tree.forget()
        try fixture.reopenAfterKill { path in
            let store = path.split(separator: "/").dropLast(2).joined(separator: "/")
            let full = "/\(store)/\(log)"
            switch kind {
            case "header": try withOpen(full, O_WRONLY) { try writeAll($0, [9, 9, 9], at: 8) }
            case "missing": try must("unlink", unlink(full))
            case "end": try must("truncate", truncate(full, 64))
            default: try ChildProcess.check(["rm", "-r", "\(path)/logs"])
            }
        }
        let tree = fixture.tree!
        let node = try tree.resolve("new")
        #expect(failure { () throws(Errno) in try tree.contents(node) } == .inputOutput)
        #expect(failure { () throws(Errno) in try tree.truncate("new", to: 5) } == .inputOutput)
        try tree.truncate("new", to: 0)
        #expect(try tree.facts(node).size == 0)
        try tree.write(node, bytes(60_000, fill: 8), at: 0)
        for isReopened in [false, true] {
            if isReopened { try fixture.reopenAfterKill() }
            let tree = fixture.tree!
            #expect(try tree.contents(tree.resolve("new")) == bytes(60_000, fill: 8))
            // The clone shares bytes of the old log, which the new log must not supply.
            #expect(
                failure { () throws(Errno) in try tree.contents(tree.resolve("clone")) } == .inputOutput)
        }
        if kind == "header" || kind == "end" {
            #expect(access("\(fixture.storePath)/\(log).damaged", F_OK) == 0)
        }
        try fixture.tree.makeFile("another")
        try fixture.tree.write("another", "works")
    }
}
