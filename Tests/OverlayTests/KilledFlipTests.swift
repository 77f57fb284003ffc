// KilledFlipTests: tests flipped bits in a store whose daemon was killed: the database is behind the tree
// log, and its write-ahead log is present. The unfinished state is cut off or replayed, and no read gives
// wrong bytes.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct KilledFlipTests {
    private static func content(_ index: Int) -> [UInt8] {
        bytes(100 + index * 1_700, fill: UInt64(index + 1))
    }

    @Test("A flipped bit in a killed store gives no wrong byte, and fsck makes the store usable")
    func flips() throws {
        let seeds = TestSeeds.list("flipped after a kill")
        var generators = seeds.map(\.generator)
        let fixture = try WorkspaceFixture { base in
            for index in 0..<6 { try writeFile("\(base)/b\(index)", Self.content(index + 20)) }
        }
        let tree = fixture.tree!
        for index in 0..<6 {
            try tree.makeFile("f\(index)")
            try tree.write(try tree.resolve("f\(index)"), Self.content(index), at: 0)
            try tree.write("b\(index)", "EDIT", at: UInt64(index))
            if index == 3 { fixture.workspace.maintenance.checkpoint() }
        }
        let copy = try StoreCopy(fixture.storePath)
        let place = try TemporaryDirectory("killed", inMemory: true)
        let path = place("store")
        var flips = 0
        for step in 0..<200 {
            // The seeds take turns.
            let seed = seeds[step % seeds.count]
            var random = generators[step % seeds.count]
            defer { generators[step % seeds.count] = random }
            let file = copy.files[Int.random(in: 0..<copy.files.count, using: &random)]
            guard !file.bytes.isEmpty else { continue }
            let byte = Int.random(in: 0..<file.bytes.count, using: &random)
            let bit = UInt8.random(in: 0..<8, using: &random)
            func writeFlipped() throws {
                try copy.write(to: path) { name, bytes in
                    if name == file.path { bytes[byte] ^= 1 << bit }
                }
            }
            flips += 1
            try writeFlipped()
            let what = "\(seed), step \(step), bit \(bit) of byte \(byte) of \(file.path)"
            let before = try StoreCopy(path)
            _ = try Fsck(path).run()
            // The -shm file is SQLite's index of its write-ahead log and has no content.
            let changed = try StoreCopy(path).differences(to: before).filter { !$0.hasSuffix("-shm") }
            #expect(changed == [], "\(what): the check changed")
            try read(path, fixture, what)
            try StoreCopy.remove(path)
            try writeFlipped()
            var options = Fsck.Options()
            options.repairs = true
            let repair = try Fsck(path, options).run()
            let again = try Fsck(path).run()
            #expect(again.check.isClean, "\(what): \(again.check.findings.map(\.sentence))")
            let said = repair.check.errors + repair.check.findings.count + repair.events.count
            try read(path, fixture, "\(what), repaired", isRepaired: true, mayLose: said > 0)
            try StoreCopy.remove(path)
        }
        #expect(flips > 100)
    }

    /// Checks that each file has its content or the base's content, fails with EIO, or is missing. A store
    /// that was repaired must open, and have the workspace.
    private func read(
        _ path: String, _ fixture: WorkspaceFixture, _ what: String, isRepaired: Bool = false,
        mayLose: Bool = true
    ) throws {
        let base = try BaseTree(fixture.basePath)
        let events = EventLog()
        let set: WorkspaceSet
        let tree: WorkspaceTree
        do throws(StorageError) {
            set = WorkspaceSet(
                store: try Store.open(
                    path, basePath: Array(fixture.basePath.utf8),
                    baseInode: base.rootStatus.inode, holder: "a test", now: 1),
                base: base, events: events)
            guard let record = set.find(FileName(trusted: Array("main".utf8))) else {
                #expect(!isRepaired, "\(what): the workspace is not there")
                return
            }
            tree = WorkspaceTree(try set.workspace(record))
        } catch {
            #expect(!isRepaired, "\(what): \(error)")
            return
        }
        defer { set.close() }
        for index in 0..<6 {
            var edited = Self.content(index + 20)
            edited.replaceSubrange(index..<(index + 4), with: Array("EDIT".utf8))
            let seen: [(String, [[UInt8]])] = [
                ("f\(index)", [Self.content(index)]),
                ("b\(index)", [edited, Self.content(index + 20)]),
            ]
            for (name, allowed) in seen {
                guard let node = try? tree.resolve(name), let found = try? tree.contents(node) else {
                    #expect(mayLose, "\(what): \(name) is gone and nothing was said")
                    continue
                }
                // A new file whose content was lost with a report is empty.
                let isRight = found == allowed[0]
                let isEarlier = allowed.contains(found) || found.isEmpty
                #expect(isEarlier, "\(what): \(name) is wrong")
                #expect(isRight || mayLose || events.count > 0, "\(what): \(name) is older")
            }
        }
    }
}
