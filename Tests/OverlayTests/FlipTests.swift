// FlipTests: flips one bit of one file in a store with each kind of record, a thousand times. A check
// reports the file and the position, no read returns wrong bytes, and after a repair all other content is
// present and a second check finds nothing.

import Check
import Glibc
import Overlay
import Platform
import Storage
import TestSupport
import Testing

@Suite struct FlipTests {
    private struct Flip {
        var file: String
        var byte: Int
        var bit: UInt8
    }

    @Test("A flipped bit of any file of a store is named, never read, and repaired")
    func thousandFlips() throws {
        let seeds = TestSeeds.list("flipped bits")
        let sample = try FlipSample()
        #expect(sample.copy.files.contains { $0.path.hasSuffix(".pieces") })
        #expect(sample.copy.files.contains { $0.path.hasSuffix(".sum") })
        #expect(sample.copy.files.contains { $0.path.hasSuffix(".cut") })
        #expect(sample.copy.files.contains { $0.path.hasSuffix(".cut-64") })
        let steps = Int(TestEnvironment.variable("DRAFTFS_TEST_STEPS") ?? "") ?? 1_000
        var generators = seeds.map(\.generator)
        var failures = 0
        var counts = Counts()
        for step in 0..<steps {
            // The seeds take turns.
            let seed = seeds[step % seeds.count]
            var random = generators[step % seeds.count]
            defer { generators[step % seeds.count] = random }
            let file = sample.copy.files[Int.random(in: 0..<sample.copy.files.count, using: &random)]
            guard !file.bytes.isEmpty else { continue }
            // A quarter of the flips hit the first 64 bytes, because more depends on the headers.
            let end = step / seeds.count % 4 == 0 ? min(64, file.bytes.count) : file.bytes.count
            let flip = Flip(
                file: file.path, byte: Int.random(in: 0..<end, using: &random),
                bit: UInt8.random(in: 0..<8, using: &random))
            for problem in try check(flip, sample, &counts) {
                failures += 1
                Issue.record("\(seed), step \(step), \(flip): \(problem)")
            }
            if failures > 20 { break }
        }
        print("flipped bits: \(counts)")
        #expect(counts.refused > 0 && counts.lost > steps / 10)
        // A repair restores a single flipped bit.
        #expect(counts.lostAfterRepair == 0)
    }

    /// Counts that show that the test meets the interesting cases.
    private struct Counts {
        /// How often the workspace could not be opened before the repair.
        var refused = 0
        /// How many files failed with EIO before a repair.
        var lost = 0
        /// How many files failed with EIO after a repair.
        var lostAfterRepair = 0
    }

    private func check(
        _ flip: Flip, _ sample: FlipSample, _ counts: inout Counts
    ) throws -> [String] {
        let path = sample.directory("flipped")
        defer { try? StoreCopy.remove(path) }
        try write(flip, sample, path)
        var problems: [String] = []
        // A check without repair reports the flip and changes nothing.
        let report = try Fsck(path).run()
        problems += names(report, flip)
        let changed = try StoreCopy(path).differences(to: sample.copy)
        if changed != [flip.file] { problems.append("the check changed \(changed)") }
        problems += readAll(path, sample, flip, "before repair", mustOpen: false, &counts)
        try StoreCopy.remove(path)
        // A check with repair makes the store clean.
        try write(flip, sample, path)
        var options = Fsck.Options()
        options.repairs = true
        let repair = try Fsck(path, options).run()
        if repair.outcome != .repaired {
            problems.append("the repair ended \(repair.outcome): \(sentences(repair))")
        }
        let second = try Fsck(path).run()
        if second.outcome != .clean {
            problems.append("the second check ended \(second.outcome): \(sentences(second))")
        }
        problems += readAll(path, sample, flip, "after repair", mustOpen: true, &counts)
        return problems
    }

    private func write(_ flip: Flip, _ sample: FlipSample, _ path: String) throws {
        try sample.copy.write(to: path) { name, bytes in
            if name == flip.file { bytes[flip.byte] ^= 1 << flip.bit }
        }
    }

    private func sentences(_ report: Fsck.Report) -> String {
        (report.check.findings.map { "\($0.severity) \($0.sentence)" } + report.events.map(\.message))
            .joined(separator: " | ")
    }

    private func names(_ report: Fsck.Report, _ flip: Flip) -> [String] {
        let named = report.check.findings.filter { $0.severity == .error && $0.file == flip.file }
        if named.isEmpty { return ["the check does not name it: \(sentences(report))"] }
        guard flip.file.hasSuffix(".log"), !named.contains(where: {
            $0.range?.contains(UInt64(flip.byte)) ?? false
        }) else { return [] }
        return ["no range holds the byte: \(sentences(report))"]
    }

    /// Opens the store and reads each file. Returns a problem for wrong bytes, and for EIO in a file whose
    /// logs do not have the flip.
    private func readAll(
        _ path: String, _ sample: FlipSample, _ flip: Flip, _ when: String, mustOpen: Bool,
        _ counts: inout Counts
    ) -> [String] {
        do {
            let set = try sample.open(path)
            defer { set.close() }
            guard let record = set.find(sample.name) else {
                return mustOpen ? ["\(when): the workspace is not there"] : []
            }
            let tree = WorkspaceTree(try set.workspace(record))
            let (problems, lost) = compare(tree, sample, flip)
            if mustOpen { counts.lostAfterRepair += lost } else { counts.lost += lost }
            return problems.map { "\(when): \($0)" }
        } catch {
            counts.refused += 1
            // Before a repair the store may be refused.
            return mustOpen ? ["\(when): \(error)"] : []
        }
    }

    private func compare(
        _ tree: WorkspaceTree, _ sample: FlipSample, _ flip: Flip
    ) -> (problems: [String], lost: Int) {
        var problems: [String] = []
        var lost = 0
        for (name, expected) in sample.expected {
            do {
                let found = try FlipSample.describe(name, tree)
                if found != expected { problems.append("\(name) is wrong") }
            } catch {
                lost += 1
                let isHit = sample.logs[name]?.contains(flip.file) ?? false
                if error != .inputOutput || !isHit {
                    problems.append("\(name): \(error)")
                }
            }
        }
        return (problems, lost)
    }
}
