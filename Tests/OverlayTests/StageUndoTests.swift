// StageUndoTests: tests the undo of calls that prepare their change in a stage directory. The step lasts
// from the making of the stage to its removal, also for overlapping calls. A stage that a dead call left
// is not part of another step.

import Overlay
import Past
import Platform
import TestSupport
import Testing

@Suite struct StageUndoTests {
    private struct Call {
        let process: UInt32
        let stage: String

        init(_ fixture: WorkspaceFixture, _ process: UInt32) throws {
            self.process = process
            stage = "\(WorkingName.stage)\(process)"
            fixture.tree.caller.pid = process
            try fixture.tree.makeDirectory(stage)
        }

        func makes(_ fixture: WorkspaceFixture, _ name: String) throws {
            fixture.tree.caller.pid = process
            try fixture.tree.makeFile("\(stage)/new")
            try fixture.tree.write("\(stage)/new", name)
            try fixture.tree.rename("\(stage)/new", to: name)
        }

        func ends(_ fixture: WorkspaceFixture, by process: UInt32? = nil) throws {
            fixture.tree.caller.pid = process ?? self.process
            try fixture.tree.removeDirectory(stage)
        }
    }

    private func bench() throws -> WorkspaceFixture {
        let fixture = try WorkspaceFixture()
        try fixture.tree.makeFile("a")
        return fixture
    }

    private func undo(_ fixture: WorkspaceFixture, _ count: Int = 1) throws -> [String] {
        _ = try fixture.workspace.commands.undo(count, paths: [], caller: fixture.tree.caller)
        return try fixture.tree.names("").filter { !$0.hasPrefix(WorkingName.stage) }
    }

    @Test("A call with a stage is one step, including the changes of others during the call")
    func one() throws {
        let fixture = try bench()
        let call = try Call(fixture, 1)
        try call.makes(fixture, "b")
        fixture.tree.caller.pid = 9
        try fixture.tree.makeFile("other")
        try call.makes(fixture, "c")
        try call.ends(fixture)
        fixture.tree.caller.pid = 9
        try fixture.tree.makeFile("late")
        #expect(try undo(fixture) == ["a", "b", "c", "other"])
        // The first undo is a step too.
        #expect(try undo(fixture, 3) == ["a"])
    }

    @Test("The removal of a dead call's stage by another process is a step of its own")
    func left() throws {
        let fixture = try bench()
        let dead = try Call(fixture, 1)
        try dead.makes(fixture, "b")
        for name in ["c", "d", "e"] {
            fixture.tree.caller.pid = 9
            try fixture.tree.makeFile(name)
        }
        try dead.ends(fixture, by: 9)
        // The steps are the removal and the last file before it.
        #expect(try undo(fixture, 2) == ["a", "b", "c", "d"])
    }

    /// Makes a stage of a call that died, a file of another process, and a call that has made a file.
    private func calls(_ fixture: WorkspaceFixture) throws -> (dead: Call, call: Call) {
        let dead = try Call(fixture, 1)
        fixture.tree.caller.pid = 9
        try fixture.tree.makeFile("b")
        let call = try Call(fixture, 2)
        try call.makes(fixture, "c")
        return (dead, call)
    }

    @Test("A call is a step of its own if a dead call's stage is removed after it")
    func leftBefore() throws {
        let fixture = try bench()
        let (dead, call) = try calls(fixture)
        try call.ends(fixture)
        try dead.ends(fixture, by: 9)
        #expect(try undo(fixture, 2) == ["a", "b"])
    }

    @Test("The removal of a dead call's stage during a call does not make the step longer")
    func leftWithin() throws {
        let fixture = try bench()
        let (dead, call) = try calls(fixture)
        try dead.ends(fixture, by: 9)
        try call.makes(fixture, "d")
        try call.ends(fixture)
        #expect(try undo(fixture) == ["a", "b"])
    }

    @Test("Overlapping calls are undone together", arguments: [false, true])
    func overlapping(isNested: Bool) throws {
        let fixture = try bench()
        let first = try Call(fixture, 1)
        try first.makes(fixture, "b")
        let second = try Call(fixture, 2)
        try second.makes(fixture, "c")
        try first.makes(fixture, "d")
        try (isNested ? second : first).ends(fixture)
        fixture.tree.caller.pid = 9
        try fixture.tree.makeFile("e")
        try (isNested ? first : second).ends(fixture)
        #expect(try undo(fixture) == ["a"])
    }

    @Test("A chain of overlapping calls is undone as a whole")
    func chain() throws {
        let fixture = try bench()
        var calls: [Call] = []
        for number in 1...5 {
            calls.append(try Call(fixture, UInt32(number)))
            try calls[number - 1].makes(fixture, "f\(number)")
            if number > 1 { try calls[number - 2].ends(fixture) }
        }
        try calls[4].ends(fixture)
        #expect(try undo(fixture) == ["a"])
    }

    @Test("The removal of each of many dead calls' stages is a step")
    func manyLeft() throws {
        let fixture = try bench()
        let dead = try (1...80).map { try Call(fixture, UInt32($0)) }
        fixture.tree.caller.pid = 999
        try fixture.tree.makeFile("b")
        for call in dead { try call.ends(fixture, by: 999) }
        #expect(try undo(fixture, 81) == ["a"])
    }

    @Test("An undo of a call during which a dead call's stage was removed keeps earlier calls")
    func wholeCallBefore() throws {
        let fixture = try bench()
        let dead = try Call(fixture, 1)
        let before = try Call(fixture, 3)
        try before.makes(fixture, "b")
        try before.ends(fixture)
        fixture.tree.caller.pid = 9
        try fixture.tree.makeFile("c")
        let call = try Call(fixture, 2)
        try call.makes(fixture, "d")
        try dead.ends(fixture, by: 9)
        try call.ends(fixture)
        #expect(try undo(fixture) == ["a", "b", "c"])
        // The steps are the undo and two steps before it.
        #expect(try undo(fixture, 3) == ["a", "b"])
    }

    @Test("Changes of a process before it made its stage are not in the step", arguments: [false, true])
    func sameProcess(isRemoved: Bool) throws {
        let fixture = try bench()
        fixture.tree.caller.pid = 1
        try fixture.tree.makeFile("x")
        let call = try Call(fixture, 1)
        try call.makes(fixture, "b")
        if isRemoved { try call.ends(fixture) }
        _ = try fixture.workspace.commands.undo(1, paths: [Array("b".utf8)], caller: fixture.tree.caller)
        #expect(try fixture.tree.names("").contains("x"))
        #expect(try !fixture.tree.names("").contains("b"))
    }
}
