// RegularExpression+Lines: finds the lines of a large file that hold the text which every match holds. The
// expression is searched for only in these lines.

extension RegularExpression {
    /// The maximum number of places of the text; with more of them the whole file is searched.
    private static let mostRequired = 20_000
    /// The maximum number of bytes of a line that is searched by itself.
    private static let longestLine: UInt64 = 64 << 10

    /// Returns the lines, with their ends, outside of which nothing matches. Returns nil if the whole file
    /// must be searched.
    func linesWithRequired(
        _ text: TextFile, from first: UInt64
    ) throws(ToolError) -> [Range<UInt64>]? {
        guard let required, text.size > text.window else { return nil }
        let places = try required.places(
            in: text, first..<text.size, atMost: Self.mostRequired + 1, overlapping: true)
        guard places.count <= Self.mostRequired else { return nil }
        var lines: [Range<UInt64>] = []
        for place in places where place >= lines.last?.upperBound ?? 0 {
            let found = try text.lines(
                around: place, before: 0, count: 1, from: first, atMost: Self.longestLine)
            guard case .lines(let line) = found else { return nil }
            lines.append(line)
        }
        return lines
    }

    /// Returns the view of a line, with the bytes before it that a lookbehind may read.
    func view(
        _ text: TextFile, at line: Range<UInt64>, from first: UInt64
    ) throws(ToolError) -> View {
        let back = min(line.lowerBound - first, UInt64(lookbehind))
        let base = line.lowerBound - back
        // The library must see that something follows the line.
        var bytes = try part(text, base, Int(line.upperBound - base) + 16)
        guard bytes.count > Int(back) else { throw GroundScan.shrank }
        // The view begins at the start of a character. It does not begin at the start of the line, which
        // would count as the start of a text.
        let keep = boundary(bytes, Int(min(max(back, 1) - 1, 3)))
        bytes.removeFirst(keep)
        var view = View(base: base + UInt64(keep), bytes: bytes, start: Int(back) - keep)
        findInvalid(&view)
        return view
    }

    /// Checks the bytes before the start, which only a lookbehind reads.
    func findInvalid(_ view: inout View) {
        view.hasInvalid = isUTF8
            && UTF8Scan.firstInvalid(view.bytes, from: 0, to: view.start) < view.start
    }

    /// Returns a part that ends between characters and not after a line end. There `^` must not match, and
    /// `\Z` would match before the line end, unless the library sees that something follows.
    func part(_ text: TextFile, _ offset: UInt64, _ count: Int) throws(ToolError) -> [UInt8] {
        var count = count
        while true {
            var bytes = try text.read(offset..<min(text.size, offset + UInt64(count)))
            guard offset + UInt64(bytes.count) < text.size else { return bytes }
            if isUTF8, bytes.count > 8 {
                var index = bytes.count - 1
                while index > bytes.count - 4, bytes[index] & 0xc0 == 0x80 { index -= 1 }
                if bytes[index] >= 0xc0 { bytes.removeLast(bytes.count - index) }
            }
            if let last = bytes.lastIndex(where: { $0 != 0x0a && $0 != 0x0d }) {
                bytes.removeLast(bytes.count - 1 - last)
                return bytes
            }
            // The part has line ends alone. More is read, but not more than a match may have.
            guard !bytes.isEmpty, count < Self.longestMatch else { return bytes }
            count = count * 4 + 64
        }
    }

    static func window(_ text: TextFile) -> Int {
        max(16, min(Self.mostWindow, Int(clamping: text.window)))
    }
}
