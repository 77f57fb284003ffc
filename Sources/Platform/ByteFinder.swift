// ByteFinder: finds a text in blocks of bytes. It looks first at those bytes of the text that a sample of
// what is searched has least: most of a block is then passed 64 places at a time.

package struct ByteFinder: Sendable {
    package let needle: [UInt8]
    /// Positions in the needle of four bytes that are rare; nil where memmem(3) is better.
    private(set) var rare: [UInt32]?

    /// - Parameter needle: not empty.
    package init(_ needle: [UInt8]) { self.needle = needle }

    /// Bytes of a sample that are counted.
    private static let sampleLength = 4 << 10
    /// Bytes of the needle's front among which the rare ones are chosen.
    private static let chosenFrom = 256

    /// Learns which of the needle's bytes are rare in what is to be searched.
    /// - Parameter length: of the bytes, how many count.
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
                // A byte that is compared already tells less at another position.
                let again = chosen.filter { needle[$0] == byte }.count
                let cost = (counts[Int(byte)] + 1) << (2 * again)
                if cost < best?.cost ?? .max { best = (position, cost) }
            }
            guard let best else { return }
            chosen.append(best.position)
        }
        // Both of the first two fit by chance at so many of 64 places.
        let share = chosen.prefix(2).map { Double(counts[Int(needle[$0])] + 1) / Double(sample.count) }
        guard share[0] * share[1] * 64 < 0.5 else { return }
        rare = chosen.map { UInt32($0) }
    }

    /// The first place of the needle at or behind `start` in the first `end` bytes.
    package func place(in bytes: [UInt8], from start: Int, to end: Int) -> Int? {
        guard let rare else { return bytes.place(of: needle, from: start, to: end) }
        return bytes.place(of: needle, comparingFirst: rare, from: start, to: end)
    }
}
