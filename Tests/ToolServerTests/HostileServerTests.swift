// The program with hostile clients and a hostile tree: messages of 1 GB and of 10,000 levels, bytes that
// are not text, and names that become links while they are used. Each is refused in one sentence, and the
// server continues.

import Glibc
import MCP
import Synchronization
import TestSupport
import Testing

@testable import ToolServer

@Suite(.serialized) struct HostileServerTests {
    private static let megabytes = TestEnvironment.isOptimized ? 1_000 : 64

    @Test("A client that sends unexpected messages is answered, in little memory")
    func messages() throws {
        let directory = try TemporaryDirectory("hostile")
        let script = "\(TestEnvironment.packageRoot)/Tests/ToolServerTests/Clients/hostile.py"
        let result = try ChildProcess.run(
            [TestEnvironment.python, script, TestEnvironment.binary, directory.path, "\(Self.megabytes)",
                // A sanitizer has memory of its own.
                Sanitizer.isOn ? "0" : "128",
            ],
            seconds: 600)
        #expect(result.succeeded, "\(result.text.suffix(500)) \(result.errorText.suffix(2_000))")
        #expect(result.text.hasPrefix("ok"))
    }

    /// Makes `d` a directory and a link that leads outside, in turns, until `isOver` is set.
    private static func turn(_ desk: String, _ outside: String, _ isOver: borrowing Atomic<Bool>) {
        while !isOver.load(ordering: .acquiring) {
            rename("\(desk)/d", "\(desk)/real")
            symlink(outside, "\(desk)/d")
            usleep(20)
            unlink("\(desk)/d")
            rename("\(desk)/real", "\(desk)/d")
            usleep(20)
        }
    }

    private final class Turning: Sendable {
        let isOver = Atomic(false)
        let isDone = Atomic(false)
    }

    @Test("A directory that becomes a link while it is used leads nowhere outside", arguments: Place.all)
    func race(place: Place) throws {
        let desk = try Desk(place) { $0.allowed = Set(ToolGroup.allCases) }
        let outside = desk.directory("outside")
        try makeDirectory(outside)
        try writeFile("\(outside)/f", "secret")
        try makeDirectory(desk("d"))
        try desk.write("d/f", "inside")
        let turning = Turning()
        let root = desk.root
        let isStarted = WorkerThread.start { [turning] in
            Self.turn(root, outside, turning.isOver)
            turning.isDone.store(true, ordering: .releasing)
        }
        #expect(isStarted)
        var succeeded = 0
        for step in 0..<300 {
            let number = JSON.text("d/n\(step)")
            let calls: [(String, [String: JSON])] = [
                ("read_file", ["path": "d/f"]), ("list_directory", ["path": "d"]),
                ("write_file", ["path": "d/f", "content": "inside"]),
                ("write_file", ["path": number, "content": "inside"]),
                ("edit_file", ["path": "d/f", "edits": [["oldText": "inside", "newText": "inside"]]]),
                ("edit_file", ["path": "d/f", "edits": [["append": true, "newText": ""]]]),
                ("edit_file_append_chunk",
                 ["path": "d/f", "content": "inside", "chunk_index": 0, "final": true, "overwrite": true]),
                ("copy_files", ["source_path": "d", "destination_path": .text("c\(step)")]),
                ("copy_file", ["source_path": "d/f", "destination_path": "f", "overwrite": true]),
                ("search_files", ["path": ".", "pattern": "f"]), ("directory_tree", ["path": "d"]),
                ("delete_file", ["path": number]), ("create_directory", ["path": .text("d/e\(step)")]),
            ]
            // One call per step, so that each of them meets both states.
            let (tool, arguments) = calls[step % calls.count]
            let reply = try desk.call(tool, arguments)
            #expect(!reply.texts.joined().contains("secret"), "\(tool)")
            if reply.isError { #expect(!reply.text.contains("\n"), "\(reply.text)") } else { succeeded += 1 }
        }
        turning.isOver.store(true, ordering: .releasing)
        for _ in 0..<20_000 where !turning.isDone.load(ordering: .acquiring) { usleep(500) }
        let isDone = turning.isDone.load(ordering: .acquiring)
        try #require(isDone)
        #expect(succeeded > 0)
        #expect(try names(in: outside) == [Array("f".utf8)])
        #expect(try readText("\(outside)/f") == "secret")
        let found = try ChildProcess.run(["grep", "-rl", "secret", desk.root])
        #expect(found.text == "", "what lies outside was copied")
    }
}
