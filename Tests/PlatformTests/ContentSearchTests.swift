// Compares ByteFinder with a naive search, and tests how the request and the reply of a content search are
// encoded and decoded.

import TestSupport
import Testing

@testable import Platform

@Suite struct ByteFinderTests {
    @Test("Bytes are found where a naive search finds them, for any sample", arguments: TestSeeds.all())
    func random(testSeed: TestSeed) {
        var random = testSeed.generator
        for _ in 0..<200 {
            // The texts range from many partial matches to rare bytes that decide.
            let most: UInt8 = [1, 2, 20, 255].randomElement(using: &random) ?? 1
            let bytes = (0..<Int.random(in: 0...2_000, using: &random)).map { _ in
                UInt8.random(in: 0...most, using: &random)
            }
            var needle = (0..<Int.random(in: 1...40, using: &random)).map { _ in
                UInt8.random(in: 0...most, using: &random)
            }
            if bytes.count > needle.count, Bool.random(using: &random) {
                let start = Int.random(in: 0...bytes.count - needle.count, using: &random)
                needle = Array(bytes[start..<start + needle.count])
            }
            var finder = ByteFinder(needle)
            let sample = Bool.random(using: &random)
                ? bytes : [UInt8](repeating: 200, count: 4_096) + bytes
            finder.learn(from: sample, Int.random(in: 0...sample.count, using: &random))
            let end = Int.random(in: 0...bytes.count, using: &random)
            for start in [0, 1, end / 2, end, end + 1] {
                let naive = bytes[..<end].indices.first {
                    $0 >= start && bytes[$0..<end].starts(with: needle)
                }
                #expect(
                    finder.place(in: bytes, from: start, to: end) == naive, "\(needle), \(start) to \(end)")
            }
        }
    }

    @Test("A text is found although a wrong sample chose its rare bytes")
    func wrongSample() {
        let bytes = [UInt8](repeating: 0x61, count: 100_000) + Array("aaaabaaa".utf8)
        // The sample has no byte of the text, so all bytes of the text seem to be rare.
        let sample = (0..<8_192).map { UInt8(0x80 + $0 % 100) }
        let long = String(repeating: "a", count: 5_000) + "b"
        for text in ["aaaab", "abaa", "aaaa", "aaaaaaaaaaaaaaaaaab", long] {
            var finder = ByteFinder(Array(text.utf8))
            finder.learn(from: sample, sample.count)
            #expect(finder.rare != nil)
            let found = finder.place(in: bytes, from: 0, to: bytes.count)
            #expect(found == bytes.place(of: finder.needle, from: 0))
        }
    }
}

@Suite struct ContentSearchTests {
    @Test("A search request and its reply are decoded as they were encoded", arguments: TestSeeds.all())
    func roundTrip(testSeed: TestSeed) throws {
        var random = testSeed.generator
        for _ in 0..<100 {
            let letters: [UInt8] = [0, 0x25, 0x3a, 0x30, 0x0a, 0xff]
            let text = (0..<Int.random(in: 1...400, using: &random)).map { _ in
                letters.randomElement(using: &random) ?? 0
            }
            let front = ContentSearch.front(of: text)
            #expect(!front.isEmpty && text.starts(with: front))
            let ends = [UInt64.random(in: 0 ... .max, using: &random), 0, .max].shuffled(using: &random)
            let search = ContentSearch(
                front, startingIn: min(ends[0], ends[1])..<max(ends[0], ends[1]),
                atMost: Int.random(in: 1...9_999_999, using: &random))
            #expect(search.name.count <= 255 && !search.name.contains(0))
            #expect(ContentSearch(name: search.name) == search)
            if front.count < text.count {
                let longer = ContentSearch(
                    Array(text.prefix(front.count + 1)), startingIn: .max - 1 ..< .max, atMost: 9_999_999)
                #expect(longer.name.count > 255)
            }
            let found = ContentSearch.Places(
                (0..<Int.random(in: 0...20, using: &random)).map { UInt64($0) << 40 }, end: ends[0])
            #expect(ContentSearch.Places(found.bytes) == found)
            #expect(ContentSearch.Places(Array(found.bytes.dropLast())) == nil)
        }
        #expect(ContentSearch.Places([]) == nil)
    }

    @Test("Malformed search requests are refused")
    func malformed() {
        let front = "user.draftfs.places:"
        #expect(!ContentSearch.isName(Array("user.draftfs.place".utf8)))
        for rest in [
            "", "0-5", "0-5:1", "0-5:1:", "5-0:1:a", "-5:1:a", "0-:1:a", "0-5-6:1:a", "0-5:0:a", "0-5::a",
            "+0-5:1:a", "0-18446744073709551616:1:a", "0-5:1:%", "0-5:1:%2", "0-5:1:%41", "0-5:x:a",
        ] {
            #expect(ContentSearch.isName(Array((front + rest).utf8)))
            #expect(ContentSearch(name: Array((front + rest).utf8)) == nil, "\(rest)")
        }
        let name = Array((front + "0-5:18446744073709551615:a:%25%00b").utf8)
        let search = ContentSearch(name: name)
        #expect(search?.text == Array("a:%\0b".utf8) && search?.most == .max)
    }
}
