// Tests of base inodes whose numbers do not fit (network file systems, a draftfs as the base): a lookup
// stores nothing, and they keep their numbers while they are known. And tests of base files that change
// within one tick of the clock.

import Glibc
import Overlay
import Past
import Platform
import Storage
import TestSupport
import Testing

@Suite struct LargeNumberTests {
    private func fixture(limits: Limits = Limits()) throws -> WorkspaceFixture {
        var probe = BaseProbe()
        probe.adjust = { status in
            var status = status
            status.inode |= 1 << 45
            // A device other than that of the root.
            if status.size == 7 { status.device ^= 0xff00 }
            return status
        }
        return try WorkspaceFixture(limits: limits, probe: probe) { base in
            for index in 0..<200 { try writeFile("\(base)/f\(index)", "of the base \(index)") }
            try must("link", link("\(base)/f0", "\(base)/hard"))
            try makeDirectory("\(base)/d")
            try writeFile("\(base)/d/g", "g")
            try writeFile("\(base)/d/far", "far off")
        }
    }

    @Test("Looking at files with large inode numbers, or on other devices, stores nothing")
    func looking() throws {
        var limits = Limits()
        limits.passingAliases = 10
        let fixture = try fixture(limits: limits)
        let treeLog = fixture.treeLogBytes
        for _ in 0..<3 {
            for name in try fixture.tree.names("") where name != "d" {
                #expect(try fixture.tree.text(name).hasPrefix("of the base"))
                fixture.tree.forget()
            }
            #expect(try fixture.tree.text("d/g") == "g")
            #expect(try fixture.tree.text("d/far") == "far off")
            let view = try fixture.workspace.moments.view(at: 0)
            for (name, _) in try view.list(view.root) { _ = try view.lookup(name, in: view.root) }
            fixture.tree.forget()
            fixture.workspace.maintenance.maintain(checkpointNow: true)
        }
        #expect(fixture.treeLogBytes == treeLog)
        // The number of aliases is bounded by the inodes in memory.
        #expect(fixture.workspace.accounts.statistics.passingAliases < 60)
        #expect(try !fixture.workspace.removal.hasChanges())
    }

    @Test("A file keeps its number while it is known, and always after a change")
    func stability() throws {
        let fixture = try fixture()
        let numbers = try (0..<200).map { try fixture.tree.resolve("f\($0)") }
        #expect(Set(numbers).count == 200)
        #expect(try fixture.tree.resolve("hard") == numbers[0])
        #expect(try (0..<200).map { try fixture.tree.resolve("f\($0)") } == numbers)
        let far = try fixture.tree.resolve("d/far")
        for name in ["f0", "f7", "d/far"] { try fixture.tree.write(name, "EDIT") }
        let treeLog = fixture.treeLogBytes
        for step in 0..<2 {
            #expect(try fixture.tree.resolve("f7") == numbers[7], "step \(step)")
            #expect(try fixture.tree.resolve("hard") == numbers[0], "step \(step)")
            #expect(try fixture.tree.resolve("d/far") == far, "step \(step)")
            #expect(try fixture.tree.text("hard") == "EDIThe base 0", "step \(step)")
            #expect(try fixture.tree.text("d/far") == "EDIToff", "step \(step)")
            if step == 0 { try fixture.reopenAfterKill() }
        }
        #expect(fixture.treeLogBytes == treeLog)
        #expect(try fixture.tree.makeFile("new") > far)
    }

    @Test("A rollback of paths, a clone and a diff work with large inode numbers")
    func commands() throws {
        let fixture = try fixture()
        let caller = fixture.tree.caller
        let name = try FileName("one")
        _ = try fixture.workspace.moments.backup(name, comment: [], caller: caller)
        try fixture.tree.unlink("f3")
        try fixture.tree.unlink("hard")
        try fixture.tree.write("f4", "EDIT")
        func lines(_ ground: DiffGround) throws -> [String] {
            try fixture.set.differences(of: fixture.workspace, from: ground).map { line in
                "\(line.status.rawValue) " + String(decoding: line.path, as: UTF8.self)
            }.sorted()
        }
        #expect(try lines(.moment(.backup(name))) == ["D f3", "D hard", "M f4"])
        #expect(try lines(.base) == ["D f3", "D hard", "M f4"])
        _ = try fixture.workspace.commands.rollback(
            to: .backup(name), paths: ["f3", "hard", "f4"].map { Array($0.utf8) },
            keepsTimes: false, caller: caller)
        _ = try fixture.workspace.commands.clone(Array("f5".utf8), to: Array("d/copy".utf8), caller: caller)
        for step in 0..<2 {
            #expect(try fixture.tree.text("f3") == "of the base 3", "step \(step)")
            #expect(try fixture.tree.text("f4") == "of the base 4", "step \(step)")
            #expect(try fixture.tree.text("hard") == "of the base 0", "step \(step)")
            #expect(try fixture.tree.text("d/copy") == "of the base 5", "step \(step)")
            #expect(try lines(.moment(.backup(name))) == ["A d/copy"], "step \(step)")
            if step == 0 { try fixture.reopenAfterKill() }
        }
    }
}

@Suite struct RacyBaseTests {
    /// A clock with ticks of one second, and a base probe that gives all files the change time `changed`.
    private final class SlowClock: Sendable {
        let now = Shared<Int64>(1_000_000_000_000)
        let changed = Shared<Int64>(1_000_000_000_000)
        let pauses = Shared<Int>(0)
        let duringPause = Shared<@Sendable () -> Void>({})

        var probe: BaseProbe {
            var probe = BaseProbe()
            probe.adjust = { [changed] status in
                var status = status
                guard status.type == .regular else { return status }
                (status.modificationTime, status.changeTime) = (changed.value, changed.value)
                return status
            }
            probe.coarseTime = { [now] in (now.value, 1_000_000_000) }
            probe.pause = { [now, pauses, duringPause] nanoseconds in
                pauses.value += 1
                duringPause.value()
                now.value += nanoseconds
            }
            return probe
        }
    }

    @Test(
        "A base file that is rewritten in the tick of its time is seen as it is then",
        arguments: [0, 1 << 20])
    func rewritten(pin: UInt64) throws {
        let clock = SlowClock()
        let fixture = try WorkspaceFixture(probe: clock.probe) { base in
            try writeFile("\(base)/f", "first content")
        }
        try fixture.workspace.accounts.setLimit(.pin, to: pin)
        let path = fixture.base("f")
        // A build that writes a file twice leaves the same size and the same times.
        clock.duringPause.value = { try? writeFile(path, "other content") }
        try fixture.tree.write("f", "EDIT", at: 0)
        #expect(clock.pauses.value == 1)
        #expect(try fixture.tree.text("f") == "EDITr content")
        clock.duringPause.value = {}
        // A change in a later tick has its own time.
        try writeFile(path, "third content")
        clock.changed.value = clock.now.value
        if pin == 0 {
            #expect(throws: Errno.inputOutput) { try fixture.tree.text("f") }
        } else {
            #expect(try fixture.tree.text("f") == "EDITr content")
        }
        #expect(try fixture.workspace.baseFiles.driftedFiles().count == 1)
    }

    @Test("A base file that is rewritten in the tick of a drop is read with the new content")
    func settledInTick() throws {
        let clock = SlowClock()
        let fixture = try WorkspaceFixture(probe: clock.probe) { base in
            try writeFile("\(base)/f", "first content")
        }
        clock.changed.value -= 1
        try fixture.tree.write("f", "EDIT", at: 0)
        clock.now.value += 9_000_000_000
        clock.changed.value = clock.now.value
        let path = fixture.base("f")
        try writeFile(path, "other content")
        clock.duringPause.value = { try? writeFile(path, "third content") }
        _ = try fixture.workspace.commands.dropDrift(Array("f".utf8), caller: fixture.tree.caller)
        clock.duringPause.value = {}
        #expect(clock.pauses.value == 1)
        #expect(try fixture.tree.text("f") == "third content")
        #expect(try fixture.workspace.baseFiles.driftedFiles().isEmpty)
        try writeFile(path, "later content")
        clock.changed.value = clock.now.value
        // The file has no edits since the drop, so it shows the base.
        #expect(try fixture.tree.text("f") == "later content")
        #expect(try fixture.workspace.baseFiles.driftedFiles().isEmpty)
    }

    @Test("The first edit does not wait for a file with an old or a future time")
    func settled() throws {
        let clock = SlowClock()
        let fixture = try WorkspaceFixture(probe: clock.probe) { base in
            for name in ["old", "future", "now"] { try writeFile("\(base)/\(name)", "content") }
        }
        clock.changed.value -= 1
        try fixture.tree.write("old", "EDIT", at: 0)
        clock.changed.value += 9_000_000_000
        try fixture.tree.write("future", "EDIT", at: 0)
        #expect(clock.pauses.value == 0)
        clock.changed.value = clock.now.value
        try fixture.tree.write("now", "EDIT", at: 0)
        #expect(clock.pauses.value == 1)
    }
}
