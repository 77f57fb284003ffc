// EditPlanner+Matches: plans replacements by an expression, or line by line without white space at the
// ends.

internal import Platform

extension EditPlanner {
    // MARK: Expressions

    func expressions(
        _ name: String, _ pattern: String, _ new: String, _ everywhere: Bool
    ) throws(ToolError) -> [PlannedEdit] {
        let expression = try RegularExpression(pattern, encoding: text.encoding)
        guard let replacement = withLineEnds(new) else { throw unencodable(name, new) }
        let most = everywhere ? Self.mostPlaces + 1 : Self.shownPlaces + 1
        var splices: [ByteSplice] = []
        var room = Self.mostInserted
        do throws(ToolError) {
            try expression.search(text) { match throws(ToolError) in
                let insert = try expression.replacement(replacement, for: match, atMost: room)
                room -= insert.count
                splices.append(
                    ByteSplice(
                        offset: match.range.lowerBound,
                        delete: match.range.upperBound - match.range.lowerBound, insert: insert))
                return splices.count < most
            }
        } catch {
            throw ToolError(error.kind, name + error.description)
        }
        guard !splices.isEmpty else {
            throw ToolError(
                .noMatch, "\(name)the expression \(pattern.prefix(60)) matches nowhere in the file")
        }
        try checkCount(name, splices.map(\.offset), everywhere)
        var planned: [PlannedEdit] = []
        for splice in splices {
            planned.append(
                PlannedEdit(
                    splice: splice, line: try text.line(at: splice.offset), foundBy: .expression))
        }
        return planned
    }

    // MARK: White space

    /// The lines of a text, to be searched for with any white space at their ends.
    struct LooseSearch {
        var search: LineSearch
        var lines: [[UInt8]]
        /// Whether the last line has its line end in the text.
        var endsLine: Bool
    }

    /// Returns nil if the lines cannot be compared like this.
    func looseSearch(_ old: String) -> LooseSearch? {
        // A line end at the end belongs to the last line, and does not begin an empty one.
        var lines = Self.split(old)
        let endsLine = lines.count > 1 && lines.last?.isEmpty == true
        if endsLine { lines.removeLast() }
        let bytes = lines.map { encoded($0) ?? [] }
        guard text.encoding.unit == 1, let search = LineSearch(bytes) else { return nil }
        return LooseSearch(search: search, lines: bytes, endsLine: endsLine)
    }

    /// - Parameter candidates: the candidates of the search; nil to read the whole file.
    func looseReplacement(
        _ name: String, _ old: String, _ new: String, _ everywhere: Bool, _ loose: LooseSearch,
        _ candidates: [UInt64]?
    ) throws(ToolError) -> [PlannedEdit] {
        let (oldLines, endsLine) = (loose.lines, loose.endsLine)
        var newLines: [[UInt8]] = []
        for line in Self.split(new) {
            guard let bytes = encoded(line) else { throw unencodable(name, new) }
            newLines.append(bytes)
        }
        if endsLine, newLines.count > 1, newLines.last?.isEmpty == true { newLines.removeLast() }
        let most = everywhere ? Self.mostPlaces + 1 : Self.shownPlaces + 1
        var found: [(range: Range<UInt64>, lines: FoundLines)] = []
        for place in try loose.search.places(in: text, candidates, atMost: most) {
            // The lines were found by hashes, so they are compared here.
            guard let lines = try foundLines(place.range, like: oldLines) else { continue }
            found.append((place.range, lines))
        }
        if found.isEmpty { throw notFound(name, old) }
        try checkCount(name, found.map(\.range.lowerBound), everywhere)
        var planned: [PlannedEdit] = []
        for (range, lines) in found {
            // If nothing replaces whole lines, the line end of the last one is deleted too.
            let takesEnd = endsLine && new.isEmpty
            let end = takesEnd ? try self.end(behind: range.upperBound) : range.upperBound
            planned.append(
                PlannedEdit(
                    splice: ByteSplice(
                        offset: range.lowerBound, delete: end - range.lowerBound,
                        insert: lines.replaced(by: newLines, lineEnd: lineEnd)),
                    line: try text.line(at: range.lowerBound), foundBy: .loose))
        }
        return planned
    }

    private func foundLines(
        _ range: Range<UInt64>, like old: [[UInt8]]
    ) throws(ToolError) -> FoundLines? {
        guard range.upperBound - range.lowerBound <= LineSearch.longestPlace else { return nil }
        return FoundLines(try text.read(range), like: old)
    }

    /// Returns the offset after the line end at an offset.
    private func end(behind offset: UInt64) throws(ToolError) -> UInt64 {
        let bytes = try text.read(offset..<offset + 2)
        if bytes.first == 0x0a { return offset + 1 }
        return bytes == [0x0d, 0x0a] ? offset + 2 : offset
    }
}

/// Lines of a file together with the given ones, which differ in the white space at their ends.
struct FoundLines {
    /// The lines of the file, without line ends.
    private var lines: [[UInt8]] = []
    /// The line ends; the last line has none in the range.
    private var ends: [[UInt8]] = []
    private let written: [[UInt8]]

    /// - Returns: nil if the lines differ in more than white space.
    init?(_ bytes: [UInt8], like written: [[UInt8]]) {
        self.written = written
        for line in bytes.split(separator: 0x0a, omittingEmptySubsequences: false) {
            let hasReturn = line.last == 0x0d
            lines.append(Array(hasReturn ? line.dropLast() : line))
            ends.append(hasReturn ? [0x0d, 0x0a] : [0x0a])
        }
        guard lines.count == written.count else { return nil }
        for (one, other) in zip(lines, written) where TrimmedHash.trimmed(one) != TrimmedHash.trimmed(other) {
            return nil
        }
    }

    private static func indentation(_ line: [UInt8]) -> ArraySlice<UInt8> {
        line.prefix { TrimmedHash.isBlank($0) }
    }

    /// Returns the replacement of the lines. Lines at the front or the end that are in both texts stay as
    /// the file has them; the others are indented like the lines that they replace.
    func replaced(by new: [[UInt8]], lineEnd: [UInt8]) -> [UInt8] {
        let most = min(new.count, written.count)
        let first = zip(new, written).prefix { $0 == $1 }.count
        let last = zip(new.reversed(), written.reversed()).prefix(most - first)
            .prefix { $0 == $1 }.count
        let goes = first..<written.count - last
        var bytes: [UInt8] = []
        for (index, line) in new.enumerated() {
            let isAtFront = index < first
            let isAtEnd = index >= new.count - last
            let old = isAtFront ? index : isAtEnd ? written.count - (new.count - index) : nil
            bytes += old.map { lines[$0] } ?? indented(line, index, goes)
            if index + 1 < new.count {
                bytes += old.flatMap { $0 + 1 < lines.count ? ends[$0] : nil } ?? lineEnd
            }
        }
        return bytes
    }

    /// Returns a new line with its white space as in the file.
    private func indented(_ line: [UInt8], _ index: Int, _ goes: Range<Int>) -> [UInt8] {
        let indentation = Self.indentation(line)
        if indentation.count == line.count { return line }
        let rest = line.dropFirst(indentation.count)
        // The lines that are removed come first, then the others; in each group the nearest first.
        let texts = written.indices.filter { !TrimmedHash.trimmed(written[$0]).isEmpty }
        let order = texts.sorted { one, other in
            let (isOne, isOther) = (goes.contains(one), goes.contains(other))
            if isOne != isOther { return isOne }
            return (abs(one - index), one) < (abs(other - index), other)
        }
        var best: (length: Int, bytes: [UInt8])?
        for old in order {
            let writtenSpace = Self.indentation(written[old])
            let fileSpace = Self.indentation(lines[old])
            if indentation.starts(with: writtenSpace) {
                if let known = best, known.length >= writtenSpace.count { continue }
                let deeper = indentation.dropFirst(writtenSpace.count)
                best = (
                    writtenSpace.count,
                    Array(fileSpace) + spelled(deeper, like: fileSpace, for: writtenSpace)
                )
            } else if best == nil, writtenSpace.starts(with: indentation) {
                // The line is less deep than the given one: reduce the file's indentation by the same
                // amount.
                let missing = spelled(
                    writtenSpace.dropFirst(indentation.count), like: fileSpace, for: writtenSpace)
                guard fileSpace.reversed().starts(with: missing.reversed()) else { continue }
                best = (-1, Array(fileSpace.dropLast(missing.count)))
            }
        }
        return (best?.bytes ?? Array(indentation)) + rest
    }

    /// The depth of one step of indentation in the given lines and in the file.
    private var step: (written: Int, file: Int)? {
        let depths = zip(written, lines).filter { !TrimmedHash.trimmed($0.0).isEmpty }
            .map { (Self.indentation($0.0).count, Self.indentation($0.1).count) }
        for (one, other) in zip(depths, depths.dropFirst()) {
            let (deeper, found) = (abs(other.0 - one.0), abs(other.1 - one.1))
            if deeper > 0, found > 0 { return (deeper, found) }
        }
        return nil
    }

    /// Returns white space in the file's spelling, if one of both uses tabs and the other blanks.
    private func spelled(
        _ space: ArraySlice<UInt8>, like fileSpace: ArraySlice<UInt8>, for written: ArraySlice<UInt8>
    ) -> [UInt8] {
        guard let one = written.first, let other = fileSpace.first, one != other,
            (written + space).allSatisfy({ $0 == one }), fileSpace.allSatisfy({ $0 == other })
        else { return Array(space) }
        let step = step ?? (written.count, fileSpace.count)
        let (count, left) = space.count.quotientAndRemainder(dividingBy: step.written)
        return [UInt8](repeating: other, count: count * step.file) + [UInt8](repeating: one, count: left)
    }
}
