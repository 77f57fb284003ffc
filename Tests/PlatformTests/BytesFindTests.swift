// BytesFindTests: compares the search for bytes in a byte array with a naive search.

import Platform
import TestSupport
import Testing

@Suite struct BytesFindTests {
    @Test("Bytes are found where a naive search finds them", arguments: TestSeeds.all())
    func random(testSeed: TestSeed) {
        var random = testSeed.generator
        for _ in 0..<200 {
            // Few different bytes give many partial matches.
            let bytes = (0..<Int.random(in: 0...300, using: &random)).map { _ in
                UInt8.random(in: 0...2, using: &random)
            }
            let needle = (0..<Int.random(in: 1...6, using: &random)).map { _ in
                UInt8.random(in: 0...2, using: &random)
            }
            for start in [0, 1, bytes.count / 2, bytes.count, bytes.count + 1] {
                let naive = bytes.indices.first {
                    $0 >= start && bytes[$0...].starts(with: needle)
                }
                #expect(bytes.place(of: needle, from: start) == naive)
            }
        }
    }
}
