// ByteSearch: finds bytes in a file of any size, in one pass and in bounded memory.

internal import Platform

package struct ByteSearch: Sendable {
    package let needle: [UInt8]

    /// The longest text that is searched for, in bytes.
    package static let longestNeedle = 1 << 20

    /// - Parameter needle: not empty.
    package init?(_ needle: [UInt8]) {
        guard !needle.isEmpty, needle.count <= Self.longestNeedle else { return nil }
        self.needle = needle
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
            while found.count < most, let place = bytes.place(of: needle, from: index) {
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
}
