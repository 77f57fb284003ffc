// ReserveTests: tests the reserve on a simulated disk. Removals work when appends fail with ENOSPC, and
// calls that need space fail until the reserve is complete again.

import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct ReserveTests {
    private final class Bench {
        let directory: TemporaryDirectory
        let disk = SimulatedDisk(seed: 1)
        let events = EventLog()
        let set: WorkspaceSet
        let tree: WorkspaceTree

        init() throws {
            directory = try TemporaryDirectory("reserve")
            try writeFile(directory("base"), bytes(9_000, fill: 4))
            let base = try BaseTree(directory.path)
            let store = try Store.open(on: disk, basePath: [0x2f], baseInode: 1, now: 1)
            set = WorkspaceSet(store: store, base: base, events: events)
            tree = WorkspaceTree(try set.workspace(try set.create(try FileName("w"))))
            tree.caller = Caller(user: getuid(), group: getgid(), pid: 1, umask: 0)
        }

        func fail(_ times: Int) {
            disk.set(SimulatedDisk.Plan(callsBefore: 0, errno: .noSpace, times: times))
        }

        var reserve: SpaceReserve { self.set.store.logs.reserve }
    }

    @Test("Removals, renames and truncations use the reserve", arguments: 1...2)
    func removals(failures: Int) throws {
        let bench = try Bench()
        bench.set.maintainReserve()
        #expect(bench.disk.contents(of: SpaceReserve.path)?.count == 1 << 20)
        let tree = bench.tree
        for name in ["a", "b", "c"] { try tree.write(tree.makeFile(name), bytes(500, fill: 1), at: 0) }
        try tree.makeDirectory("d")
        let steps: [(String, () throws -> Void)] = [
            ("unlink", { try tree.unlink("a") }),
            ("rmdir", { try tree.removeDirectory("d") }),
            ("rename", { try tree.rename("b", to: "moved") }),
            ("truncate", { try tree.truncate("c", to: 0) }),
            ("truncate of a base file", { try tree.truncate("base", to: 0) }),
        ]
        for (name, step) in steps {
            // The append fails, and perhaps the cut of its remains. The first edit of a base file begins
            // with the creation of a log, which leaves nothing to be cut.
            bench.fail(name == "truncate of a base file" ? 1 : failures)
            #expect(throws: Never.self, "\(name)") { try step() }
            bench.disk.set(nil)
            #expect(bench.reserve.isShort, "\(name)")
            #expect(throws: Errno.noSpace, "\(name)") { try tree.makeFile("new") }
            #expect(throws: Errno.noSpace, "\(name)") {
                try tree.write(try tree.resolve("c"), [1], at: 0)
            }
            bench.set.maintainReserve()
            #expect(bench.reserve.isWhole && !bench.reserve.isShort, "\(name)")
        }
        #expect(try tree.names("") == ["base", "c", "moved"])
        try tree.makeFile("new")
    }

    @Test("A spent reserve gives ENOSPC, and is filled again when the disk has space")
    func spent() throws {
        let bench = try Bench()
        try bench.tree.makeFile("a")
        bench.fail(1)
        #expect(throws: Errno.noSpace) { try bench.tree.unlink("a") }
        bench.disk.set(nil)
        bench.set.maintainReserve()
        while bench.reserve.giveBack() {}
        bench.fail(1)
        #expect(throws: Errno.noSpace) { try bench.tree.unlink("a") }
        bench.fail(1)
        bench.set.maintainReserve()
        #expect(bench.events.events.map(\.severity) == [.warning])
        bench.fail(1)
        bench.set.maintainReserve()
        #expect(bench.events.events.count == 1)
        bench.disk.set(nil)
        bench.set.maintainReserve()
        #expect(bench.events.events.map(\.severity) == [.warning, .notice])
        try bench.tree.unlink("a")
    }

    @Test("The reserve of an earlier session is taken over")
    func takenOver() throws {
        let bench = try Bench()
        bench.set.maintainReserve()
        #expect(bench.reserve.giveBack())
        let rest = bench.reserve.length
        #expect(rest > 1 && rest < SpaceReserve.size)
        // On a disk that is still full, the next session can use what is left.
        let again = SpaceReserve(bench.disk)
        #expect(again.giveBack(1) && again.length == rest - 1)
        #expect(again.fill() && again.length == SpaceReserve.size)
        // The size that an earlier session wanted is kept.
        again.want(files: 0, atLeast: 3 * SpaceReserve.size, atMost: .max)
        #expect(again.fill() && again.length == 3 * SpaceReserve.size)
        let third = SpaceReserve(bench.disk)
        #expect(third.fill() && third.length == 3 * SpaceReserve.size)
    }

    @Test("A shortage that did not use the reserve ends with the next maintenance")
    func noted() throws {
        let bench = try Bench()
        bench.set.maintainReserve()
        // The reserve itself was not touched.
        bench.reserve.noteShort()
        #expect(bench.reserve.isShort)
        bench.set.maintainReserve()
        #expect(!bench.reserve.isShort)
        try bench.tree.makeFile("b")
    }
}
