// ByteSearch: finds bytes in a file of any size, in one pass and in bounded memory (Boyer, Moore
// and Horspool: R. N. Horspool, Practical Fast Searching in Strings, 1980).

package struct ByteSearch: Sendable {
    package let needle: [UInt8]
    /// How far to go on when the last byte of the window is this one.
    private let shifts: [Int]

    /// The longest text that is searched for, in bytes.
    package static let longestNeedle = 1 << 20

    /// - Parameter needle: not empty.
    package init?(_ needle: [UInt8]) {
        guard !needle.isEmpty, needle.count <= Self.longestNeedle else { return nil }
        self.needle = needle
        var shifts = [Int](repeating: needle.count, count: 256)
        for (index, byte) in needle.dropLast().enumerated() {
            shifts[Int(byte)] = needle.count - 1 - index
        }
        self.shifts = shifts
    }

    /// The places in `text` in order, none overlapping another unless asked for.
    /// - Parameters:
    ///   - range: bytes of the file that a place must lie in as a whole.
    ///   - most: places after which the search ends.
    package func places(
        in text: TextFile, _ range: Range<UInt64>, atMost most: Int, overlapping: Bool = false
    ) throws(ToolError) -> [UInt64] {
        var found: [UInt64] = []
        let end = min(range.upperBound, text.size)
        var start = range.lowerBound
        let unit = UInt64(text.encoding.unit)
        while start < end, end - start >= UInt64(needle.count), found.count < most {
            if text.isCancelled() { throw ToolError(.cancelled, "the call was cancelled") }
            let stop = min(end, start + text.window + UInt64(needle.count) - 1)
            let bytes = try text.read(start..<stop)
            var index = 0
            while found.count < most, let place = next(in: bytes, from: index) {
                // A match inside a unit of UTF-16 is none.
                if (start + UInt64(place)) % unit == 0 {
                    found.append(start + UInt64(place))
                    index = place + (overlapping ? 1 : needle.count)
                } else {
                    index = place + 1
                }
            }
            // What was found may reach into the next part.
            let whole = bytes.count - needle.count + 1
            if whole <= 0 { break }
            start += UInt64(max(index, whole))
        }
        return found
    }

    /// The first place at or after `from`.
    func next(in bytes: [UInt8], from: Int) -> Int? {
        let length = needle.count
        let last = length - 1
        let lastByte = needle[last]
        var position = from
        let stop = bytes.count - length
        while position <= stop {
            let byte = bytes[position + last]
            if byte == lastByte {
                var index = 0
                while index < last, bytes[position + index] == needle[index] { index += 1 }
                if index == last { return position }
            }
            position += shifts[Int(byte)]
        }
        return nil
    }
}
