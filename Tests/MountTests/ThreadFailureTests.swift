// Threads that the system does not start: nothing waits for their work.

import Control
import Fuse
import Logging
import Overlay
import Platform
import TestSupport
import Testing

@testable import MountServer

@Suite struct ThreadFailureTests {
    @Test("A check whose thread does not start fails and is not listed as running")
    func verification() throws {
        let fixture = try WorkspaceFixture()
        let jobs = JobList()
        let canStart = Shared(false)
        let service = VerificationService(fixture.set, jobs) { body in
            guard canStart.value else { return false }
            body()
            return true
        }
        func text() -> String { String(decoding: service.text(fixture.workspace), as: UTF8.self) }
        for _ in 0..<2 {
            do throws(CommandError) {
                try service.start(fixture.workspace, [])
                Issue.record("it was started")
            } catch {
                #expect(error.errno == .again, "\(error)")
            }
            #expect(jobs.running.isEmpty)
            #expect(text().contains("none"))
        }
        canStart.value = true
        try service.start(fixture.workspace, [])
        #expect(text().contains("clean"))
    }

    @Test(
        "A base without a watching thread is not reported as watched, and an event says so",
        .enabled(if: TestEnvironment.canWatchDirectories, "needs fanotify(7) in the TMPDIR"))
    func watcher() throws {
        let fixture = try WorkspaceFixture()
        let set: WorkspaceSet = fixture.set
        let control = ControlDirectory(
            set, root: .list(set), synchronizer: MountSynchronizer("/", barrier: "none"),
            services: ControlServices())
        let operations = DraftOperations(
            root: .list(set), set: set, control: control, negatives: NegativeNames())
        let watcher = try BaseWatcher(set, operations)
        watcher.start { _ in false }
        #expect(!set.base.isWatched)
        #expect(fixture.events.events.contains { $0.message.contains("only after a refresh") })
    }

    @Test(
        "A mount without its threads fails, and nothing stays mounted",
        .enabled(
            if: TestEnvironment.canMount && TestEnvironment.isRoot,
            "mounts in the process of the tests: needs /dev/fuse and root"))
    func mount() throws {
        let directory = try TemporaryDirectory("threads")
        for name in ["base", "mnt"] { try makeDirectory(directory(name)) }
        let request = MountRequest(
            base: directory("base"), mountPoint: directory("mnt"), store: directory("store"),
            workspace: "w", options: try MountOptions("", privileged: true), version: "test")
        do throws(MountServerError) {
            _ = try MountServer(
                request, logger: Logger(label: "test"), startThread: { _ in false })
            Issue.record("it was mounted")
        } catch {
            #expect(error.errno == .again, "\(error)")
            #expect(error.description.contains("cannot start the threads"))
        }
        #expect(Session.mountedType(on: directory("mnt")) == nil)
    }
}
