// Long calls: they become jobs, show their progress, can be cancelled, and leave nothing behind.

import Glibc
import MCP
import Synchronization
import TestSupport
import Testing

@testable import ToolServer

/// The observations of another thread.
private final class Seen: Sendable {
    let isBegun = Atomic<Bool>(false)
    let isEnded = Atomic<Bool>(false)
    let steps = Mutex<[Int64]>([])
}

@Suite struct JobTests {
    private func desk(files: Int) throws -> Desk {
        let desk = try Desk { $0.patience = .zero }
        try makeDirectory(desk("s"))
        for number in 0..<files { try desk.write("s/\(number)", "\(number)") }
        return desk
    }

    private let copy: [String: JSON] = [
        "source_path": "s", "destination_path": "t", "rename": "{name}.c",
    ]

    @Test("A long call returns a job, and the finished job has the result")
    func job() throws {
        let desk = try desk(files: 2_000)
        let reply = try desk.use("copy_files", copy)
        let id = try #require(reply["job_id"])
        #expect(reply["state"] == "running" && reply.text.contains("read_job_progress"))
        #expect(try desk.use("read_job_progress", [:]).text.hasPrefix("job-1 copy_files: "))
        var done = try desk.use("read_job_progress", ["job_id": id, "wait_seconds": 20])
        for _ in 0..<10 where done["state"] == "running" {
            done = try desk.use("read_job_progress", ["job_id": id, "wait_seconds": 20])
        }
        #expect(done["state"] == "done" && done["result"]?["files"] == 2_000)
        #expect(done["done"] == 2_000 && done["total"] == 2_000)
        #expect(try names(in: desk("t")).count == 2_000)
        #expect(try desk.failure("read_job_progress", ["job_id": "job-9"]).kind == "missing")
    }

    @Test("A read that counts a large file becomes a job too, and a read by bytes does not")
    func reading() throws {
        let desk = try Desk { $0.patience = .zero }
        try desk.write("f", String(repeating: "a line\n", count: 500_000) + "the last\n")
        for (tool, arguments) in [
            ("read_file_range", ["tail_lines": 1]), ("read_text_file", ["tail": 1]),
            ("read_file_range", ["start_line": 500_001]),
        ] as [(String, [String: JSON])] {
            let path = ["path": "f"] as [String: JSON]
            let id = try #require(try desk.use(tool, path.merging(arguments) { $1 })["job_id"], "\(tool)")
            let done = try desk.use("read_job_progress", ["job_id": id, "wait_seconds": 20])
            #expect(done["state"] == "done" && done.texts.contains { $0.hasPrefix("the last") }, "\(tool)")
            try desk.write("f", try desk.string("f"))  // another version: it is counted again
        }
        let part = try desk.use("read_file_range", ["path": "f", "offset": 3_500_000, "length": 8])
        #expect(part["job_id"] == nil && part.text == "the last")
    }

    @Test("A cancelled job leaves nothing behind")
    func ended() throws {
        let desk = try desk(files: 3_000)
        let id = try #require(try desk.use("copy_files", copy)["job_id"])
        var state = try desk.use("cancel_job", ["job_id": id])
        for _ in 0..<20 where state["state"] == "running" {
            state = try desk.use("read_job_progress", ["job_id": id, "wait_seconds": 10])
        }
        if state["state"] == "cancelled" { #expect(!exists(desk("t"))) }
        #expect(state["state"] != "failed")
        #expect(try ChildProcess.shell("find '\(desk.root)' -name '.draftfs*'") == "")
    }

    @Test("A call that its client cancels ends its job")
    func givenUp() throws {
        let desk = try desk(files: 0)
        let context = CallContext()
        let seen = Seen()
        let workbench = Workbench(ground: desk.ground, settings: ToolSettings())
        _ = WorkerThread.start { [context, seen] in
            while !seen.isBegun.load(ordering: .acquiring) { usleep(500) }
            context.cancel()
        }
        _ = workbench.run("test", context) { job in
            seen.isBegun.store(true, ordering: .releasing)
            for _ in 0..<20_000 where !job.isCancelled { usleep(500) }
            seen.isEnded.store(job.isCancelled, ordering: .releasing)
            return .failure("cancelled")
        }
        var isEnded = false
        for _ in 0..<20_000 where !isEnded {
            isEnded = seen.isEnded.load(ordering: .acquiring)
            usleep(500)
        }
        #expect(isEnded)
    }

    @Test("Progress of a job reaches the call that waits for it")
    func progress() throws {
        let desk = try desk(files: 0)
        let seen = Seen()
        let context = CallContext(
            interval: .zero, onProgress: { progress in seen.steps.withLock { $0.append(progress.done) } })
        let workbench = Workbench(ground: desk.ground, settings: ToolSettings())
        let reply = workbench.run("test", context) { job in
            for step in 1...3 as ClosedRange<Int64> {
                job.progress(done: step, total: 3)
                usleep(120_000)
            }
            return .text("done")
        }
        #expect(reply.text == "done" && seen.steps.withLock { $0 }.last == 3)
        #expect(workbench.jobs.all.isEmpty)
    }
}
