// ExecutorTests: tests which call of the engine the executor makes for each command, and which command ends
// a write.

import Control
import Overlay
import Past
import Platform
import Synchronization
import Testing

/// Records each call, and fails the calls for the name "bad".
private final class Recorder: CommandTarget {
    private let list = Mutex<[String]>([])
    var calls: [String] { list.withLock { $0 } }
    var lastSequence: UInt64 { 99 }

    func note(_ words: Any..., failsFor name: [UInt8] = []) throws(CommandError) {
        let line = words.map { "\($0)" }.joined(separator: " ")
        list.withLock { $0.append(line) }
        if name == bytes("bad") { throw CommandError(.noEntry, "there is no bad") }
    }

    func backup(
        _ name: FileName, comment: [UInt8], caller: Caller
    ) throws(CommandError) -> Backup {
        try note("backup", name, text(comment), caller.pid, failsFor: name.bytes)
        return Backup(name: name, sequence: 5, time: 0)
    }
    func removeBackup(_ name: FileName, caller: Caller) throws(CommandError) {
        try note("remove", name, failsFor: name.bytes)
    }
    func renameBackup(
        _ name: FileName, to newName: FileName, caller: Caller
    ) throws(CommandError) { try note("rename", name, newName) }
    func rollback(
        to moment: Moment, paths: [[UInt8]], keepsTimes: Bool, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try note("rollback", moment == .sequence(3), paths.map(text), keepsTimes)
        return CommandOutcome(sequence: 6)
    }
    func undo(
        _ count: Int, paths: [[UInt8]], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try note("undo", count, paths.map(text))
        return CommandOutcome(sequence: 7)
    }
    func clone(
        _ source: [UInt8], to target: [UInt8], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try note("clone", text(source), text(target))
        return CommandOutcome(sequence: 8)
    }
    func edit(
        _ path: [UInt8], _ splices: [Splice], caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try note("edit", text(path), splices.count, failsFor: path)
        return CommandOutcome(sequence: 9)
    }
    func noteRun(
        status: Int32, milliseconds: Int64, command: [UInt8], output: [UInt8]
    ) throws(CommandError) {
        try note("run", status, milliseconds, text(command), text(output))
    }
}

private struct Handlers: CommandHandlers {
    func verify(_ target: Recorder, paths: [[UInt8]], caller: Caller) throws(CommandError) {
        try target.note("verify", paths.map(text))
    }
    func setLimit(
        _ key: LimitKey, to value: LimitValue, of target: Recorder, caller: Caller
    ) throws(CommandError) { try target.note("limit", key.rawValue, value) }
    func acceptDrift(
        _ path: [UInt8], of target: Recorder, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try target.note("accept", text(path))
        return CommandOutcome(sequence: 10)
    }
    func keepOurs(
        _ path: [UInt8], over version: [UInt8]?, of target: Recorder, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try target.note("ours", text(path), version.map(text) ?? "any")
        return CommandOutcome(sequence: 13)
    }

    func dropDrift(
        _ path: [UInt8], of target: Recorder, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try target.note("drop", text(path))
        return CommandOutcome(sequence: 11)
    }
    func refresh(
        _ target: Recorder, _ request: RefreshRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try target.note("refresh")
        return CommandOutcome(sequence: 12)
    }
    func release(_ target: Recorder, isDryRun: Bool, age: UInt64?) throws(CommandError) {
        try target.note("release", isDryRun, age.map { "\($0)" } ?? "-")
    }
    func merge(
        _ target: Recorder, _ request: MergeRequest, caller: Caller
    ) throws(CommandError) -> CommandOutcome {
        try target.note(
            "merge", request.target, request.choice, request.isDryRun, request.decides.map(text),
            request.sequence.map { "\($0)" } ?? "now")
        return CommandOutcome(sequence: 14)
    }
    func commit(
        _ target: Recorder, _ request: CommitRequest, caller: Caller
    ) throws(CommandError) {
        try target.note("commit", request.choice, request.isDryRun, request.paths.map(text))
    }

    func fork(
        _ target: Recorder, as name: FileName, at moment: Moment?, caller: Caller
    ) throws(CommandError) {
        try target.note("fork", name, moment.map { "\($0)" } ?? "now", failsFor: name.bytes)
    }
}

@Suite("Execution of commands")
struct ExecutorTests {
    private static let caller = Caller(user: 1, group: 2, pid: 3, umask: 0)

    private static func run(
        _ written: String, _ file: CommandFile
    ) -> (calls: [String], sequences: [UInt64], error: CommandError?) {
        let target = Recorder()
        var sequences: [UInt64] = []
        do throws(CommandError) {
            try Executor(Handlers()).write(bytes(written), to: file, of: target, caller: caller) {
                sequences.append($0.sequence)
            }
        } catch {
            return (target.calls, sequences, error)
        }
        return (target.calls, sequences, nil)
    }

    static let rows: [(file: CommandFile, written: String, calls: [String], sequences: [UInt64])] = [
        (.backup, "one two three", ["backup one two three 3"], [5]),
        (.backup, "--delete one\n--rename a b", ["remove one", "rename a b"], [99, 99]),
        (.rollback, "@3 a --times", [#"rollback true ["a"] true"#], [6]),
        (.undo, "2\n", ["undo 2 []"], [7]),
        (.undo, "\n", ["undo 1 []"], [7]),
        (.clone, "a b", ["clone a b"], [8]),
        (.edit, #"{"path":"a","edits":[{"at":0,"delete":1}]}"#, ["edit a 1"], [9]),
        (.verify, "a", [#"verify ["a"]"#], [99]),
        (.limits, "files none", ["limit files none"], [99]),
        (.drift, "accept a\ndrop b\n", ["accept a", "drop b"], [10, 11]),
        (.drift, "ours a\nours b 1-2-3-4\n", ["ours a any", "ours b 1-2-3-4"], [13, 13]),
        (.refresh, ".\n", ["refresh"], [12]),
        (.gc, ".\n--dry-run --older-than 1h\n", ["release false -", "release true 3600000000000"], [99, 99]),
        (.fork, "two\nthree @4\n", ["fork two now", "fork three sequence(4)"], [99, 99]),
        (
            .merge, "two\nthree --theirs a --at 7\n",
            ["merge two refuse false [] now", #"merge three theirs false ["a"] 7"#], [14, 14]
        ),
        (
            .commit, ".\n--ours a b --dry-run\n",
            ["commit refuse false []", #"commit ours true ["a", "b"]"#], [99, 99]
        ),
    ]

    @Test(arguments: rows)
    func `Each command becomes its call`(
        row: (file: CommandFile, written: String, calls: [String], sequences: [UInt64])
    ) {
        let result = Self.run(row.written, row.file)
        #expect(result.error == nil)
        #expect(result.calls == row.calls)
        #expect(result.sequences == row.sequences)
    }

    @Test func `The first command that fails ends the write, and the error names its line`() {
        let result = Self.run("one\n\nbad\ntwo\n", .backup)
        #expect(result.calls.count == 2)
        #expect(result.sequences == [5])
        #expect(result.error?.errno == .noEntry)
        #expect(result.error?.description == "line 3: there is no bad")
        #expect(Self.run("bad", .backup).error?.description == "there is no bad")
        let edit = Self.run(#"{"path":"bad","edits":[{"at":0,"delete":1}]} x"#, .edit)
        #expect(edit.calls == ["edit bad 1"])
        #expect(edit.error?.description == "there is no bad")
    }

    @Test func `A workspace is a target of commands`() {
        func takes<Target: CommandTarget>(_: Target.Type) -> Bool { true }
        #expect(takes(Workspace.self))
    }
}
