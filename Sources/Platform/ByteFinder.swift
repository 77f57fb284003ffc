// ByteFinder: finds a text in blocks of bytes. It first compares those bytes of the text that are
// rarest in a sample of the searched bytes. Most of a block is then skipped 64 positions at a time.

package struct ByteFinder: Sendable {
    package let needle: [UInt8]
    /// The positions of four rare bytes in the needle. Nil if memmem(3) is faster.
    private(set) var rare: [UInt32]?

    /// - Parameter needle: Not empty.
    package init(_ needle: [UInt8]) { self.needle = needle }

    /// The number of bytes of a sample that are counted.
    private static let sampleLength = 4 << 10
    /// The rare bytes are chosen among this many first bytes of the needle.
    private static let chosenFrom = 256

    /// Determines which of the needle's bytes are rare in the bytes to search.
    /// - Parameter length: The number of valid bytes in `bytes`.
    package mutating func learn(from bytes: [UInt8], _ length: Int) {
        rare = nil
        let sample = bytes.prefix(min(length, Self.sampleLength))
        guard needle.count >= 4, !sample.isEmpty else { return }
        var counts = [Int](repeating: 0, count: 256)
        for byte in sample { counts[Int(byte)] += 1 }
        var chosen: [Int] = []
        while chosen.count < 4 {
            var best: (position: Int, cost: Int)?
            for position in needle.prefix(Self.chosenFrom).indices where !chosen.contains(position) {
                let byte = needle[position]
                // A byte that is already compared tells less at another position.
                let again = chosen.filter { needle[$0] == byte }.count
                let cost = (counts[Int(byte)] + 1) << (2 * again)
                if cost < best?.cost ?? .max { best = (position, cost) }
            }
            guard let best else { return }
            chosen.append(best.position)
        }
        // Estimates at how many of 64 positions the first two bytes both match by chance.
        let share = chosen.prefix(2).map { Double(counts[Int(needle[$0])] + 1) / Double(sample.count) }
        guard share[0] * share[1] * 64 < 0.5 else { return }
        rare = chosen.map { UInt32($0) }
    }

    /// Returns the first position of the needle at or after `start` in the first `end` bytes.
    package func place(in bytes: [UInt8], from start: Int, to end: Int) -> Int? {
        guard let rare else { return bytes.place(of: needle, from: start, to: end) }
        return bytes.place(of: needle, comparingFirst: rare, from: start, to: end)
    }
}
