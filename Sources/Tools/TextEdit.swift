// TextEdit: what is to be changed in a text, and the byte splices that this comes to. Planning reads
// the file and changes nothing; several edits of one call are planned over one state, so each is found
// in the file as it is, and none may overlap another.

internal import Platform

package enum TextEdit: Equatable, Sendable {
    /// Text that stands in the file once, or `everywhere`: as it is, or else line by line without
    /// regard to white space at the lines' ends.
    case replace(old: String, new: String, everywhere: Bool, match: TextMatch = .loose)
    /// Lines, the first is 1; `last` below `first` inserts before `first`.
    case lines(first: UInt64, last: UInt64, new: String)
    /// Bytes.
    case bytes(offset: UInt64, delete: UInt64, insert: [UInt8])
}

/// How a text is compared with a file.
package enum TextMatch: String, Sendable, CaseIterable {
    /// Byte for byte, or with the file's line ends.
    case exact
    /// Exactly, and where it is not there, line by line without white space at the lines' ends.
    case loose = "whitespace"
    /// As an expression of PCRE2; the new text may name its groups: `$1`, `${name}`.
    case expression = "regex"
}

/// One edit found in the file.
package struct PlannedEdit: Equatable, Sendable {
    package var splice: ByteSplice
    /// The line it begins in, from 1.
    package var line: UInt64
    /// White space at the ends of lines was different.
    package var ignoredWhitespace = false
}

package struct EditPlanner {
    private let text: TextFile
    let lineEnd: [UInt8]
    /// Places that an error lists.
    private static let shownPlaces = 5
    /// Edits that one replacement may come to.
    static let mostPlaces = 10_000

    package init(_ text: TextFile) throws(ToolError) {
        self.text = text
        lineEnd = try Self.lineEnd(of: text)
    }

    /// The line end that the file uses first; LF where it has none.
    private static func lineEnd(of text: TextFile) throws(ToolError) -> [UInt8] {
        let plain = text.encoding.encode("\n") ?? [0x0a]
        let ending = text.encoding.encode("\r\n") ?? []
        // The first line's end is that of the file where there is one line only.
        let second = try text.start(ofLine: 2) ?? text.size
        guard second >= UInt64(ending.count), !ending.isEmpty else { return plain }
        return try text.read(second - UInt64(ending.count)..<second) == ending ? ending : plain
    }

    static func hasLineEnd(_ text: TextFile) throws(ToolError) -> Bool {
        if try text.start(ofLine: 2) != nil { return true }
        let unit = UInt64(text.encoding.unit)
        guard text.size >= unit else { return false }
        return text.isLineEnd(try text.read(text.size - unit..<text.size), 0)
    }

    /// - Returns: the edits in the order of the file.
    package func plan(_ edits: [TextEdit]) throws(ToolError) -> [PlannedEdit] {
        var planned: [PlannedEdit] = []
        for (index, edit) in edits.enumerated() {
            let name = edits.count > 1 ? "edit \(index + 1): " : ""
            switch edit {
            case .replace(let old, let new, let everywhere, let match):
                planned += try replacement(name, old, new, everywhere, match)
            case .lines(let first, let last, let new):
                planned.append(try lines(name, first, last, new))
            case .bytes(let offset, let delete, let insert):
                planned.append(try bytes(name, offset, delete, insert))
            }
        }
        let sorted = planned.enumerated().sorted {
            ($0.element.splice.offset, $0.offset) < ($1.element.splice.offset, $1.offset)
        }.map(\.element)
        for (one, other) in zip(sorted, sorted.dropFirst())
        where one.splice.offset + one.splice.delete > other.splice.offset {
            throw ToolError(
                .usage,
                "two edits overlap in line \(other.line): make one of them, or make them one after "
                    + "the other")
        }
        return sorted
    }

    // MARK: Text

    private func expressions(
        _ name: String, _ pattern: String, _ new: String, _ everywhere: Bool
    ) throws(ToolError) -> [PlannedEdit] {
        let expression = try RegularExpression(pattern, encoding: text.encoding)
        let most = everywhere ? Self.mostPlaces + 1 : Self.shownPlaces + 1
        let matches = try expression.matches(in: text, atMost: most)
        guard !matches.isEmpty else {
            throw ToolError(
                .noMatch, "\(name)the expression \(pattern.prefix(60)) fits nowhere in the file")
        }
        try checkCount(name, matches.map(\.range.lowerBound), everywhere)
        guard let replacement = withLineEnds(new) else { throw unencodable(name, new) }
        var planned: [PlannedEdit] = []
        let lines = try text.lines(at: matches.map(\.range.lowerBound))
        for (match, line) in zip(matches, lines) {
            planned.append(
                PlannedEdit(
                    splice: ByteSplice(
                        offset: match.range.lowerBound,
                        delete: match.range.upperBound - match.range.lowerBound,
                        insert: try expression.replacement(replacement, for: match)),
                    line: line))
        }
        return planned
    }

    private func replacement(
        _ name: String, _ old: String, _ new: String, _ everywhere: Bool, _ match: TextMatch
    ) throws(ToolError) -> [PlannedEdit] {
        if match == .expression { return try expressions(name, old, new, everywhere) }
        guard !old.isEmpty else {
            throw ToolError(.usage, "\(name)the text to replace is empty: say which text is to go")
        }
        guard let insert = encoded(new) else { throw unencodable(name, new) }
        guard let needle = encoded(old), needle.count <= ByteSearch.longestNeedle else {
            throw ToolError(
                .bounds, "\(name)the text to replace is longer than \(ByteSearch.longestNeedle) bytes")
        }
        let whole = 0..<text.size
        let most = everywhere ? Self.mostPlaces + 1 : Self.shownPlaces + 1
        // As it is; then with the file's line ends.
        var spellings = [needle]
        if let other = withLineEnds(old), other != needle { spellings.append(other) }
        for spelling in spellings {
            guard let search = ByteSearch(spelling) else { continue }
            let places = try search.places(in: text, whole, atMost: most)
            if places.isEmpty { continue }
            try checkCount(name, places, everywhere)
            var planned: [PlannedEdit] = []
            let lines = try text.lines(at: places)
            // A text of several lines was found with its own line ends; else the file's are used.
            let isVerbatim = spelling == needle && Self.split(old).count > 1 || new.contains("\r\n")
            let replaced = isVerbatim ? insert : withLineEnds(new) ?? insert
            for (place, line) in zip(places, lines) {
                planned.append(
                    PlannedEdit(
                        splice: ByteSplice(
                            offset: place, delete: UInt64(spelling.count), insert: replaced),
                        line: line))
            }
            return planned
        }
        if match == .exact { throw notFound(name, old) }
        return try looseReplacement(name, old, new, everywhere)
    }

    private func looseReplacement(
        _ name: String, _ old: String, _ new: String, _ everywhere: Bool
    ) throws(ToolError) -> [PlannedEdit] {
        // A last line end belongs to the last line, not to an empty one behind it.
        var lines = Self.split(old)
        let endsLine = lines.count > 1 && lines.last?.isEmpty == true
        if endsLine { lines.removeLast() }
        guard text.encoding.unit == 1, let search = LineSearch(lines.map { encoded($0) ?? [] }) else {
            throw notFound(name, old)
        }
        let most = everywhere ? Self.mostPlaces + 1 : Self.shownPlaces + 1
        let places = try search.places(in: text, 0..<text.size, atMost: most)
        if places.isEmpty { throw notFound(name, old) }
        try checkCount(name, places.map(\.range.lowerBound), everywhere)
        var newLines = Self.split(new)
        if endsLine, newLines.count > 1, newLines.last?.isEmpty == true { newLines.removeLast() }
        var planned: [PlannedEdit] = []
        let numbers = try text.lines(at: places.map(\.range.lowerBound))
        for (place, number) in zip(places, numbers) {
            let shifted = indented(newLines, like: place.indentation, old: lines)
            var insert: [UInt8] = []
            for (index, line) in shifted.enumerated() {
                if index > 0 { insert += lineEnd }
                insert += line
            }
            planned.append(
                PlannedEdit(
                    splice: ByteSplice(
                        offset: place.range.lowerBound,
                        delete: place.range.upperBound - place.range.lowerBound, insert: insert),
                    line: number, ignoredWhitespace: true))
        }
        return planned
    }

    /// The new lines moved by as much as the first old line stands off in the file.
    private func indented(_ lines: [String], like found: [UInt8], old: [String]) -> [[UInt8]] {
        let bytes = lines.map { encoded($0) ?? [] }
        let written = (old.first.flatMap { encoded($0) } ?? []).prefix { TrimmedHash.isBlank($0) }
        if written.elementsEqual(found) { return bytes }
        return bytes.map { line in
            if line.allSatisfy({ TrimmedHash.isBlank($0) }) { return line }
            guard line.starts(with: written) else { return line }
            return found + line.dropFirst(written.count)
        }
    }

    private func checkCount(
        _ name: String, _ places: [UInt64], _ everywhere: Bool
    ) throws(ToolError) {
        if everywhere {
            guard places.count <= Self.mostPlaces else {
                throw ToolError(
                    .bounds,
                    "\(name)the text stands in more than \(Self.mostPlaces) places: give a longer one")
            }
            return
        }
        guard places.count > 1 else { return }
        var lines: [String] = []
        for place in places.prefix(Self.shownPlaces) { lines.append("\(try text.line(at: place))") }
        let more = places.count > Self.shownPlaces ? " and more" : ""
        throw ToolError(
            .ambiguous,
            "\(name)the text stands in several places, in lines \(lines.joined(separator: ", "))\(more): "
                + "give more of what stands around it, or ask for all of them")
    }

    private func notFound(_ name: String, _ old: String) -> ToolError {
        let first = Self.split(old).first { !$0.allSatisfy(\.isWhitespace) } ?? ""
        return ToolError(
            .noMatch,
            "\(name)the text that begins with \"\(first.prefix(60))\" is not in the file: read the "
                + "part again, it may have changed")
    }

    private func unencodable(_ name: String, _ new: String) -> ToolError {
        ToolError(
            .encoding,
            "\(name)the new text has characters that the file's encoding \(text.encoding.rawValue) "
                + "does not have: write the file anew in UTF-8, or use others")
    }

    // MARK: Lines and bytes

    private func lines(
        _ name: String, _ first: UInt64, _ last: UInt64, _ new: String
    ) throws(ToolError) -> PlannedEdit {
        guard first >= 1 else { throw ToolError(.usage, "\(name)lines are counted from 1") }
        guard last >= first - 1 else {
            throw ToolError(
                .usage, "\(name)line \(last) stands before line \(first): give the first line first")
        }
        let total = try text.lineCount()
        guard first <= total + 1, last <= total else {
            throw ToolError(
                .usage, "\(name)the file has \(total) lines: there is no line \(max(first, last))")
        }
        guard var insert = withLineEnds(new) else { throw unencodable(name, new) }
        let start = try text.start(ofLine: first) ?? text.size
        let end = last < first ? start : try text.start(ofLine: last + 1) ?? text.size
        // Whole lines come and go: the new ones end as lines do, but for the end of a file that
        // has no line end there.
        let isLast = end == text.size
        let endsLine = try endsWithLineEnd(end)
        if !insert.isEmpty, !ends(insert), !isLast || endsLine { insert += lineEnd }
        if start == text.size, start > 0, try !endsWithLineEnd(start), !insert.isEmpty {
            insert = lineEnd + insert
        }
        return PlannedEdit(
            splice: ByteSplice(offset: start, delete: end - start, insert: insert), line: first)
    }

    private func endsWithLineEnd(_ end: UInt64) throws(ToolError) -> Bool {
        let unit = UInt64(text.encoding.unit)
        guard end >= unit else { return false }
        return text.isLineEnd(try text.read(end - unit..<end), 0)
    }

    private func ends(_ bytes: [UInt8]) -> Bool {
        let unit = text.encoding.unit
        return bytes.count >= unit && text.isLineEnd(Array(bytes.suffix(unit)), 0)
    }

    private func bytes(
        _ name: String, _ offset: UInt64, _ delete: UInt64, _ insert: [UInt8]
    ) throws(ToolError) -> PlannedEdit {
        guard offset <= text.size, delete <= text.size - offset else {
            throw ToolError(
                .usage, "\(name)bytes \(offset) and \(delete) more are not in the file: it has \(text.size)")
        }
        return PlannedEdit(
            splice: ByteSplice(offset: offset, delete: delete, insert: insert),
            line: try text.line(at: offset))
    }

    // MARK: Encoding

    private func encoded(_ string: String) -> [UInt8]? { text.encoding.encode(string) }

    /// The text with the file's own line ends.
    private func withLineEnds(_ string: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for (index, line) in Self.split(string).enumerated() {
            if index > 0 { bytes += lineEnd }
            guard let part = encoded(line) else { return nil }
            bytes += part
        }
        return bytes
    }

    /// Lines without their ends, LF or CR LF. (A Character of Swift is CR and LF together.)
    static func split(_ string: String) -> [String] {
        string.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
    }
}
