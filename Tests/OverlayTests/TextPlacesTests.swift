// TextPlacesTests: compares the places of a text that the engine finds in a file with a naive search.

import Overlay
import Platform
import Synchronization
import TestSupport
import Testing

@Suite struct TextPlacesTests {
    @Test("The engine finds the places that a naive search finds", arguments: TestSeeds.all())
    func random(testSeed: TestSeed) throws {
        var random = testSeed.generator
        // The content is longer than one read of the engine, and is cut within texts.
        let part = Array("abcabd\0\0abe ".utf8)
        var content: [UInt8] = []
        while content.count < 600_000 {
            content += part.prefix(Int.random(in: 0...part.count, using: &random))
            if Int.random(in: 0...50, using: &random) == 0 { content += Array("needle".utf8) }
        }
        let clock = Clock(realtime: Clock.system.realtime, monotonic: { 0 })
        let fixture = try WorkspaceFixture(clock: clock) { try writeFile("\($0)/f", content) }
        let tree = fixture.tree!
        let file = try tree.resolve("f")
        for round in 0..<3 {
            if round > 0 {
                let at = Int.random(in: 0..<content.count - 100, using: &random)
                try tree.write(file, Array("needle abcabd".utf8), at: UInt64(at))
                content.replaceSubrange(at..<at + 13, with: Array("needle abcabd".utf8))
            }
            for text in ["needle", "abcabd", "\0\0a", "a", "e needle", "not there"] {
                let bytes = Array(text.utf8)
                let start = UInt64(Int.random(in: 0...content.count, using: &random))
                let end = start + UInt64(Int.random(in: 0...content.count, using: &random))
                let most = Bool.random(using: &random) ? 5 : Int.max
                let search = ContentSearch(bytes, startingIn: start..<end, atMost: most)
                let found = try fixture.workspace.content.places(search, in: file)
                var expected: [UInt64] = []
                var index = Int(start)
                let bound = min(most, ContentSearch.mostPlaces)
                while expected.count < bound, let place = content.place(of: bytes, from: index),
                    place < end {
                    expected.append(UInt64(place))
                    index = place + 1
                }
                #expect(found.places == expected, "\(text.debugDescription), \(start)..<\(end), \(most)")
                // The number of offsets at which the text can begin in the file.
                let last = UInt64(content.count - bytes.count + 1)
                let wanted = expected.count == bound ? UInt64(index) : max(start, min(end, last))
                #expect(found.end == wanted, "\(text.debugDescription), \(start)..<\(end), \(most)")
            }
        }
    }

    @Test("One search covers at most 16 MiB, and only regular files")
    func bounds() throws {
        let clock = Clock(realtime: Clock.system.realtime, monotonic: { 0 })
        let fixture = try WorkspaceFixture(clock: clock) { try makeDirectory("\($0)/d") }
        let file = try fixture.tree.makeFile("f")
        try fixture.tree.truncate("f", to: 40 << 20)
        try fixture.tree.write(file, Array("here".utf8), at: 16 << 20)
        let here = Array("here".utf8)
        func places(_ starts: Range<UInt64>) throws -> ContentSearch.Places {
            try fixture.workspace.content.places(ContentSearch(here, startingIn: starts, atMost: 9), in: file)
        }
        #expect(try places(0 ..< .max) == ContentSearch.Places([], end: 16 << 20))
        #expect(try places(16 << 20 ..< .max) == ContentSearch.Places([16 << 20], end: 32 << 20))
        #expect(try places(.max - 1 ..< .max) == ContentSearch.Places([], end: .max - 1))
        let directory = try fixture.tree.resolve("d")
        let search = ContentSearch(here, startingIn: 0..<9, atMost: 9)
        #expect(throws: Errno.noData) { try fixture.workspace.content.places(search, in: directory) }
    }

    @Test("A search that takes too long returns early, and can be continued")
    func late() throws {
        let ticks = Atomic<Int64>(0)
        let clock = Clock(
            realtime: Clock.system.realtime,
            monotonic: { ticks.add(30_000_000, ordering: .relaxed).newValue })
        let content = [UInt8](repeating: 0x61, count: 4 << 20)
        let fixture = try WorkspaceFixture(clock: clock) { try writeFile("\($0)/f", content) }
        let file = try fixture.tree.resolve("f")
        var start: UInt64 = 0
        var questions = 0
        while start < 4 << 20 {
            let search = ContentSearch([0x62], startingIn: start..<4 << 20, atMost: 9)
            let found = try fixture.workspace.content.places(search, in: file)
            try #require(found.end > start)
            start = found.end
            questions += 1
        }
        #expect(questions > 4)
    }
}
