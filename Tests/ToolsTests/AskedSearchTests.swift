// Searches in which the keeper of the file does a part, and edits that are found by one search. Both find
// what a plain search of the whole file finds.

import Platform
import Synchronization
import TestSupport
import Testing

@testable import Tools

/// A file that answers searches, a little at a time.
private final class AskedFile: GroundFile {
    private let file: any GroundFile
    private let bytes: [UInt8]
    private let mostBytes: UInt64
    private let mostPlaces: Int
    let questions = Atomic(0)

    init(_ file: any GroundFile, _ bytes: [UInt8], _ random: inout SeededGenerator) {
        self.file = file
        self.bytes = bytes
        mostBytes = UInt64.random(in: 1...400, using: &random)
        mostPlaces = Int.random(in: 1...20, using: &random)
    }

    func status() throws(ToolError) -> FileStatus { try file.status() }
    func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8] {
        try file.read(count, at: offset)
    }

    func places(_ search: ContentSearch) throws(ToolError) -> ContentSearch.Places? {
        questions.add(1, ordering: .relaxed)
        var found = ContentSearch.Places([], end: search.starts.lowerBound)
        let end = min(search.starts.upperBound, found.end + mostBytes)
        while found.end < end, found.places.count < min(search.most, mostPlaces) {
            if bytes[Int(found.end)...].starts(with: search.text) { found.places.append(found.end) }
            found.end += 1
        }
        return found
    }
}

@Suite struct AskedSearchTests {
    private static func content(_ random: inout SeededGenerator) -> [UInt8] {
        let parts = ["ab", "aab", "a", " ", "\n", "\r\n", "é", "  ab\n", "ab \n", "aabaab", "%", "\0"]
        // The same long run repeatedly, so that long texts nearly match in many places.
        let run = (0..<60).map { _ in parts.randomElement(using: &random) ?? "" }.joined()
        var bytes: [UInt8] = []
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            bytes += Array(run.utf8)
            bytes += Array((parts.randomElement(using: &random) ?? "").utf8)
        }
        return bytes
    }

    private static func needle(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
        let length = min(bytes.count, [4, 40, 400].randomElement(using: &random) ?? 4)
        let start = Int.random(in: 0...bytes.count - length, using: &random)
        return Array(bytes[start..<start + Int.random(in: 1...length, using: &random)])
    }

    @Test("A search that the file answers in parts finds what a whole one finds", arguments: TestSeeds.all())
    func places(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        var questions = 0
        for _ in 0..<20 {
            let bytes = Self.content(&random)
            try bench.write("f", bytes)
            let asked = AskedFile(try bench.ground.open(try bench.path("f")), bytes, &random)
            let text = try TextFile(asked, encoding: .utf8)
            text.window = UInt64.random(in: 1...40, using: &random)
            for _ in 0..<10 {
                let needle = Self.needle(bytes, &random)
                let search = try #require(ByteSearch(needle))
                let most = Bool.random(using: &random) ? 10_000 : Int.random(in: 1...3, using: &random)
                for overlapping in [true, false] {
                    var expected: [UInt64] = []
                    var index = 0
                    while expected.count < most, let place = bytes.place(of: needle, from: index) {
                        expected.append(UInt64(place))
                        index = place + (overlapping ? 1 : needle.count)
                    }
                    let found = try search.places(
                        in: text, 0..<text.size, atMost: most, overlapping: overlapping)
                    #expect(found == expected, "\(needle), \(overlapping), window \(text.window), \(most)")
                }
            }
            questions += asked.questions.load(ordering: .relaxed)
        }
        #expect(questions > 100)
    }

    @Test("One search finds the edit that several would find", arguments: TestSeeds.all())
    func edits(seed: TestSeed) throws {
        let bench = try Bench()
        var random = seed.generator
        var found = 0
        for _ in 0..<20 {
            let bytes = Self.content(&random)
            try bench.write("f", bytes)
            let asked = AskedFile(try bench.ground.open(try bench.path("f")), bytes, &random)
            for _ in 0..<10 {
                var old = String(decoding: Self.needle(bytes, &random), as: UTF8.self)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: old = old.replacing("\r\n", with: "\n")
                case 1: old = old.replacing("\n", with: "\r\n")
                case 2: old = old.replacing("  ab", with: "\tab")
                default: break
                }
                let match: TextMatch = Bool.random(using: &random) ? .exact : .loose
                let edit = TextEdit.replace(
                    old: old, new: "x\ny", everywhere: Bool.random(using: &random), match: match)
                func plan(_ text: TextFile) -> Result<[ByteSplice], ToolError> {
                    do throws(ToolError) {
                        return .success(try EditPlanner(text).plan([edit]).map(\.splice))
                    } catch {
                        return .failure(error)
                    }
                }
                let whole = try bench.text("f", .utf8)
                whole.window = 1 << 20
                let parts = try TextFile(asked, encoding: .utf8)
                parts.window = UInt64.random(in: 1...40, using: &random)
                switch (plan(whole), plan(parts)) {
                case (.success(let one), .success(let other)):
                    found += 1
                    #expect(one == other, "\(edit), window \(parts.window)")
                case (.failure(let one), .failure(let other)):
                    #expect(one.kind == other.kind && "\(one)" == "\(other)", "\(edit)")
                case (let one, let other):
                    Issue.record("\(edit), window \(parts.window): \(one), and \(other)")
                }
            }
        }
        #expect(found > 20)
    }
}
