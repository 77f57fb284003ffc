// FsckTests: tests fsck on stores with known damage: lost records of workspaces and of the store, of the
// tree log and the database, and lost edit logs.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct FsckTests {
    private let sample: FlipSample
    private let path: String

    init() throws {
        sample = try FlipSample()
        path = sample.directory("damaged")
    }

    private var disk: HostDisk {
        get throws { HostDisk(root: try File.open(path, flags: O_RDONLY | O_DIRECTORY)) }
    }

    private func damage(_ change: (String, inout [UInt8]) -> Void) throws {
        try sample.copy.write(to: path, change: change)
    }

    @discardableResult
    private func fsck(repairs: Bool = false, base: String? = nil) throws -> Fsck.Report {
        var options = Fsck.Options()
        options.repairs = repairs
        options.base = base
        return try Fsck(path, options).run()
    }

    private func sentences(_ report: Fsck.Report) -> String {
        report.check.findings.map { "\($0.severity) \($0.sentence)" }.joined(separator: " | ")
    }

    /// Reads all paths of the sample. Returns the error of each path that is missing or cannot be read.
    private func readAll(_ name: String = "main") throws -> [String: Errno] {
        let set = try sample.open(path)
        defer { set.close() }
        let record = try #require(set.find(try FileName(name)))
        let tree = WorkspaceTree(try set.workspace(record))
        var missing: [String: Errno] = [:]
        for (name, expected) in sample.expected {
            do throws(Errno) {
                let found = try FlipSample.describe(name, tree)
                #expect(found == expected, "\(name)")
            } catch {
                missing[name] = error
            }
        }
        return missing
    }

    @Test("A store that was closed is clean, and a check does not change it")
    func clean() throws {
        try damage { _, _ in }
        let report = try fsck()
        #expect(report.outcome == .clean, "\(sentences(report))")
        #expect(report.check.findings.isEmpty, "\(sentences(report))")
        #expect(report.check.recordsChecked > 80)
        #expect(try StoreCopy(path).differences(to: sample.copy) == [])
        #expect(report.pairs.first?.key == "outcome")
    }

    @Test("A store in use is refused with a message")
    func inUse() throws {
        try damage { _, _ in }
        let set = try sample.open(path)
        defer { set.close() }
        let error = #expect(throws: StorageError.self) { try fsck() }
        #expect(error?.description.contains("is in use by a test") == true)
    }

    @Test("A workspace whose record is lost leaves the others usable, and gets a new record")
    func lostRecord() throws {
        try damage { name, bytes in
            if name.hasSuffix("/workspace") { bytes = [UInt8](repeating: 0, count: bytes.count) }
        }
        do {
            let set = try sample.open(path)
            defer { set.close() }
            #expect(set.records.isEmpty)
            #expect(set.events.events.contains { $0.message.contains("workspace number 1") })
            let other = try set.create(try FileName("other"))
            #expect(other.id == 2)
            _ = try set.workspace(other)
        }
        #expect(try fsck().outcome == .damaged)
        let report = try fsck(repairs: true)
        #expect(report.outcome == .repaired, "\(sentences(report))")
        #expect(try fsck().outcome == .clean)
        #expect(try readAll("recovered-1") == [:])
    }

    @Test("A repair writes a lost superblock if the base is given")
    func lostSuperblock() throws {
        try damage { name, bytes in if name == "superblock" { bytes = Array(bytes.prefix(10)) } }
        #expect(throws: StorageError.self) { try sample.open(path) }
        #expect(try fsck(repairs: true).outcome == .damaged)
        let report = try fsck(repairs: true, base: sample.directory("base"))
        #expect(report.outcome == .repaired, "\(sentences(report))")
        #expect(try fsck().outcome == .clean)
        #expect(try readAll() == [:])
    }

    @Test("fsck and the next start write a lost key file from the superblock")
    func lostKey() throws {
        func lose() throws {
            try damage { name, bytes in
                if name == "key" { bytes = [UInt8](repeating: 0, count: bytes.count) }
            }
        }
        try lose()
        #expect(try fsck().outcome == .damaged)
        let report = try fsck(repairs: true)
        #expect(report.outcome == .repaired, "\(sentences(report))")
        #expect(try fsck().outcome == .clean)
        #expect(try readAll() == [:])
        try StoreCopy.remove(path)
        try lose()
        #expect(try readAll() == [:])
        #expect(try fsck().outcome == .clean)
    }

    @Test("Without superblock and key fsck changes nothing and reports the reason")
    func lostKeyAndSuperblock() throws {
        try damage { name, bytes in
            if name == "superblock" || name == "key" { bytes = Array(bytes.prefix(10)) }
        }
        let before = try StoreCopy(path)
        let report = try fsck(repairs: true, base: sample.directory("base"))
        #expect(report.outcome == .damaged)
        #expect(sentences(report).contains("records cannot be checked"))
        let changed = try StoreCopy(path).differences(to: before).filter { !$0.contains("lock") }
        #expect(changed == [])
        #expect(throws: StorageError.self) { try sample.open(path) }
    }

    @Test("Lost records of the tree log lose nothing while the database is undamaged")
    func lostChanges() throws {
        try damage { name, bytes in
            if name.hasSuffix("tree.log") {
                for index in bytes.count / 3..<bytes.count / 2 { bytes[index] = 0xaa }
            }
        }
        let report = try fsck(repairs: true)
        #expect(report.outcome == .repaired, "\(sentences(report))")
        let again = try fsck()
        #expect(again.outcome == .clean, "\(sentences(again))")
        #expect(again.check.findings.contains { $0.severity == .notice })
        #expect(try readAll() == [:])
        let kept = try disk.list("workspaces/0001").filter { $0.hasPrefix("tree.log.damaged-") }
        #expect(!kept.isEmpty)
    }

    @Test("With the database lost too, the workspace opens with the changes before and after the gap")
    func lostChangesAndDatabase() throws {
        try damage { name, bytes in
            if name.hasSuffix("tree.log") {
                for index in bytes.count / 3..<bytes.count / 2 { bytes[index] = 0xaa }
            }
            if name.hasSuffix("tree.db") { bytes[5_000] ^= 0xff }
        }
        let report = try fsck(repairs: true)
        #expect(report.outcome == .repaired, "\(sentences(report))")
        #expect(report.events.contains { $0.message.contains("changes up to number") })
        let again = try fsck()
        #expect(again.outcome == .clean, "\(sentences(again))")
        let set = try sample.open(path)
        defer { set.close() }
        let record = try #require(set.find(sample.name))
        let tree = WorkspaceTree(try set.workspace(record))
        #expect(try tree.contents(tree.resolve("edited")) == Array("of EDITEDse: edited".utf8))
        #expect(try tree.text("made/deep/file") == "deep")
        try tree.makeFile("goes on")
    }

    @Test("A missing or cut log fails with EIO, and a new log never supplies its bytes")
    func lostLogs() throws {
        try damage { name, bytes in
            if sample.logs["big"]?.contains(name) == true { bytes = [] }
            if sample.logs["new"]?.contains(name) == true { bytes.removeLast(bytes.count - 64) }
        }
        for name in sample.logs["large"] ?? [] { try disk.remove("\(name)") }
        let report = try fsck(repairs: true)
        #expect(report.outcome == .repaired, "\(sentences(report))")
        let again = try fsck()
        #expect(again.outcome == .clean, "\(sentences(again))")
        let lost: Set<String> = ["big", "clone", "new", "linked", "large"]
        #expect(try Set(readAll().keys) == lost)
        // New logs of the same numbers do not have the bytes that other files share with the old logs.
        let set = try sample.open(path)
        defer { set.close() }
        let record = try #require(set.find(sample.name))
        let tree = WorkspaceTree(try set.workspace(record))
        for name in ["big", "new", "large"] {
            try tree.truncate(name, to: 0)
            try tree.write(try tree.resolve(name), bytes(40_000, fill: 99), at: 0)
            #expect(try tree.contents(tree.resolve(name)) == bytes(40_000, fill: 99))
        }
        #expect(failure { () throws(Errno) in try tree.contents(tree.resolve("clone")) } == .inputOutput)
    }

    @Test("A missing tree log begins again after the position of the database")
    func missingTreeLog() throws {
        try damage { _, _ in }
        try disk.remove("workspaces/0001/tree.log")
        let report = try fsck(repairs: true)
        #expect(report.outcome == .repaired, "\(sentences(report))")
        let again = try fsck()
        #expect(again.outcome == .clean, "\(sentences(again))")
        #expect(try readAll() == [:])
    }

    @Test("The loss of pool files loses nothing while the base is unchanged")
    func pool() throws {
        try damage { _, _ in }
        let pool = sample.copy.files.map(\.path).filter { $0.hasPrefix("pool/") }
        #expect(pool.count > 3)
        for path in pool { try disk.remove(path) }
        let report = try fsck()
        #expect(report.outcome == .clean)
        #expect(Set(report.check.findings.map(\.file)) == Set(pool), "\(sentences(report))")
        #expect(try readAll() == [:])
    }

    @Test("A tree log that is cut at its header is clean after one repair", arguments: [1, 15, 63, 64, 65])
    func cutHeader(length: Int) throws {
        try damage { name, bytes in
            if name == "workspaces/0001/tree.log" { bytes.removeLast(bytes.count - length) }
        }
        _ = try fsck(repairs: true)
        let again = try fsck()
        #expect(again.outcome == .clean, "\(sentences(again))")
    }

    @Test("Any larger damage: never wrong bytes, and after a repair the rest is there")
    func largerDamage() throws {
        let seeds = TestSeeds.list("larger damage", memorable: [286_168_532])
        var generators = seeds.map(\.generator)
        for step in 0..<200 {
            // The seeds take turns.
            let seed = seeds[step % seeds.count]
            var random = generators[step % seeds.count]
            defer { generators[step % seeds.count] = random }
            let file = sample.copy.files[Int.random(in: 0..<sample.copy.files.count, using: &random)]
            guard file.path != "lock", file.bytes.count > 8 else { continue }
            let start = Int.random(in: 0..<file.bytes.count, using: &random)
            let end = min(file.bytes.count, start + Int.random(in: 1...900, using: &random))
            let kind = Int.random(in: 0..<3, using: &random)
            try damage { name, bytes in
                guard name == file.path else { return }
                switch kind {
                case 0: for index in start..<end { bytes[index] = 0 }
                case 1: for index in start..<end { bytes[index] &+= UInt8(1 + index % 255) }
                default: bytes.removeLast(bytes.count - start)
                }
            }
            let place = "\(seed), step \(step), kind \(kind), \(file.path), \(start)..<\(end)"
            if file.path == "superblock", try fsck().check.findings.contains(where: {
                $0.file == "superblock" && $0.what.contains("missing")
            }) {
                try StoreCopy.remove(path)
                continue
            }
            _ = try fsck(repairs: true)
            let again = try fsck()
            // A log header with more than one wrong bit cannot be repaired.
            let isHeader = file.path.contains("/logs/") && start < 64
            if !isHeader { #expect(again.outcome == .clean, "\(place): \(sentences(again))") }
            let isRecord = file.path.hasSuffix("/workspace") && again.check.files > 0
            let missing = try isRecord ? [:] : readAll()
            for (name, error) in missing {
                let isHit = sample.logs[name]?.contains(file.path) ?? false
                #expect(error == .inputOutput && isHit, "\(place): \(name) \(error)")
            }
            try StoreCopy.remove(path)
        }
    }
}
