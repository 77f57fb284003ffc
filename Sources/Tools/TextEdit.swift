// TextEdit: changes of a text, and the byte splices that they are planned as. Planning reads the file and
// changes nothing. All edits of one call are planned over one state: each is found in the file as it is,
// and none may overlap another.

internal import Platform

package enum TextEdit: Equatable, Sendable {
    /// Replaces a text that is in the file once, or `everywhere`. It is searched for as it is, and then
    /// line by line without the white space at the ends of lines.
    case replace(old: String, new: String, everywhere: Bool, match: TextMatch = .loose)
    /// Replaces lines; the first is 1. `last` below `first` inserts before `first`.
    case lines(first: UInt64, last: UInt64, new: String)
    /// Replaces bytes.
    case bytes(offset: UInt64, delete: UInt64, insert: [UInt8])
}

/// How a text is compared with a file.
package enum TextMatch: String, Sendable, CaseIterable {
    /// Byte for byte, or with the file's line ends.
    case exact
    /// Exactly, and if it is not found, line by line without white space at the ends of lines.
    case loose = "whitespace"
    /// As an expression of PCRE2; the new text may refer to its groups: `$1`, `${name}`.
    case expression = "regex"
}

/// One edit with its place in the file.
package struct PlannedEdit: Equatable, Sendable {
    package var splice: ByteSplice
    /// The line in which the edit begins, from 1.
    package var line: UInt64
    /// How the replaced text was found; nil for lines and bytes.
    package var foundBy: TextMatch?

    /// Whether the white space at the ends of lines was different.
    package var ignoredWhitespace: Bool { foundBy == .loose }
}

package struct EditPlanner {
    let text: TextFile
    let lineEnd: [UInt8]
    /// The maximum number of places that an error lists.
    static let shownPlaces = 5
    /// The maximum number of edits of one replacement.
    package static let mostPlaces = 10_000
    /// The maximum number of bytes that the edits of one call may insert together: a workspace takes them
    /// as one command.
    package static let mostInserted = 8 << 20

    package init(_ text: TextFile) throws(ToolError) {
        self.text = text
        lineEnd = try Self.lineEnd(of: text)
    }

    /// Returns the first line end of the file, or LF if it has none.
    private static func lineEnd(of text: TextFile) throws(ToolError) -> [UInt8] {
        let feed = text.encoding.encode("\n") ?? [0x0a]
        let ending = text.encoding.encode("\r\n") ?? []
        // The first line may have a line end even if there is no second one.
        let second = try text.start(ofLine: 2) ?? text.size
        guard second >= UInt64(ending.count), !ending.isEmpty else { return feed }
        let found = try text.read(second - UInt64(ending.count)..<second)
        return found == ending ? ending : feed
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
        let inserted = planned.reduce(0) { $0 + $1.splice.insert.count }
        guard planned.count == 1 || inserted <= Self.mostInserted else {
            throw ToolError(
                .bounds,
                "the edits insert \(inserted) bytes, but one call takes \(Self.mostInserted): make them in "
                    + "several")
        }
        let sorted = planned.enumerated().sorted {
            ($0.element.splice.offset, $0.offset) < ($1.element.splice.offset, $1.offset)
        }.map(\.element)
        for (one, other) in zip(sorted, sorted.dropFirst())
        where one.splice.offset + one.splice.delete > other.splice.offset {
            throw ToolError(
                .usage,
                "two edits overlap in line \(other.line): make them one edit, or make them in two "
                    + "calls")
        }
        return sorted
    }

    // MARK: Text

    private func replacement(
        _ name: String, _ old: String, _ new: String, _ everywhere: Bool, _ match: TextMatch
    ) throws(ToolError) -> [PlannedEdit] {
        if match == .expression { return try expressions(name, old, new, everywhere) }
        guard !old.isEmpty else {
            throw ToolError(.usage, "\(name)the text to replace is empty: give that text")
        }
        guard let insert = encoded(new) else { throw unencodable(name, new) }
        // A text with characters that the encoding does not have cannot be in the file.
        guard let needle = encoded(old) else { throw notFound(name, old) }
        guard needle.count <= ByteSearch.longestNeedle else {
            throw ToolError(
                .bounds, "\(name)the text to replace is longer than \(ByteSearch.longestNeedle) bytes")
        }
        let whole = 0..<text.size
        let most = everywhere ? Self.mostPlaces + 1 : Self.shownPlaces + 1
        // For one place, places that overlap count: `yy` is in `yyy` twice. For all places they do not. The
        // text is searched for as it is, and then with the file's line ends.
        var spellings = [needle]
        if let other = withLineEnds(old), other != needle { spellings.append(other) }
        // If one search may not be enough, the longest line is searched for once: all spellings are around
        // it.
        let lines = match == .exact && spellings.count == 1 ? nil : looseSearch(old)
        let candidates = try lines?.search.candidates(in: text)
        for spelling in spellings {
            let places: [UInt64]
            if let lines, let candidates,
                let found = try lines.search.places(
                    ofWhole: spelling, in: text, candidates, atMost: most, overlapping: !everywhere) {
                places = found
            } else {
                places =
                    try ByteSearch(spelling)?.places(
                        in: text, whole, atMost: most, overlapping: !everywhere) ?? []
            }
            if places.isEmpty { continue }
            try checkCount(name, places, everywhere)
            var planned: [PlannedEdit] = []
            // A text of several lines was found with its own line ends; otherwise the new text gets the
            // file's.
            let isVerbatim = spelling == needle && Self.split(old).count > 1 || new.contains("\r\n")
            let replaced = isVerbatim ? insert : withLineEnds(new) ?? insert
            for place in places {
                planned.append(
                    PlannedEdit(
                        splice: ByteSplice(
                            offset: place, delete: UInt64(spelling.count), insert: replaced),
                        line: try text.line(at: place), foundBy: .exact))
            }
            return planned
        }
        guard match != .exact, let lines else { throw notFound(name, old) }
        return try looseReplacement(name, old, new, everywhere, lines, candidates)
    }

    func checkCount(
        _ name: String, _ places: [UInt64], _ everywhere: Bool
    ) throws(ToolError) {
        if everywhere {
            guard places.count <= Self.mostPlaces else {
                throw ToolError(
                    .bounds,
                    "\(name)the text occurs in more than \(Self.mostPlaces) places: give a longer one")
            }
            return
        }
        guard places.count > 1 else { return }
        var lines: [String] = []
        for place in places.prefix(Self.shownPlaces) { lines.append("\(try text.line(at: place))") }
        let more = places.count > Self.shownPlaces ? " and more" : ""
        throw ToolError(
            .ambiguous,
            "\(name)the text occurs in several places, in lines \(lines.joined(separator: ", "))\(more): "
                + "give more of the text around it, or request all places")
    }

    func notFound(_ name: String, _ old: String) -> ToolError {
        let first = Self.split(old).first { !$0.allSatisfy(\.isWhitespace) } ?? ""
        return ToolError(
            .noMatch,
            "\(name)the text that begins with \"\(first.prefix(60))\" is not in the file: read the "
                + "part again, it may have changed")
    }

    func unencodable(_ name: String, _ new: String) -> ToolError {
        ToolError(
            .encoding,
            "\(name)the new text has characters that the file's encoding \(text.encoding.rawValue) "
                + "does not have: write the file in UTF-8, or use other characters")
    }

    // MARK: Lines and bytes

    private func lines(
        _ name: String, _ first: UInt64, _ last: UInt64, _ new: String
    ) throws(ToolError) -> PlannedEdit {
        guard first >= 1 else { throw ToolError(.usage, "\(name)lines are counted from 1") }
        guard last >= first - 1 else {
            throw ToolError(
                .usage, "\(name)line \(last) is before line \(first): give the first line first")
        }
        let total = try text.lineCount()
        guard first <= total + 1, last <= total else {
            throw ToolError(
                .usage, "\(name)the file has \(total) lines: there is no line \(max(first, last))")
        }
        guard var insert = withLineEnds(new) else { throw unencodable(name, new) }
        let start = try text.start(ofLine: first) ?? text.size
        let end = last < first ? start : try text.start(ofLine: last + 1) ?? text.size
        // Whole lines are replaced: the new text ends with a line end, unless it comes to the end of a file
        // that has no line end there.
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
                .usage, "\(name)\(delete) bytes at offset \(offset) are not in the file: it has \(text.size)")
        }
        return PlannedEdit(
            splice: ByteSplice(offset: offset, delete: delete, insert: insert),
            line: try text.line(at: offset))
    }

    // MARK: Encoding

    func encoded(_ string: String) -> [UInt8]? { text.encoding.encode(string) }

    /// Returns the text with the file's line ends.
    func withLineEnds(_ string: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        for (index, line) in Self.split(string).enumerated() {
            if index > 0 { bytes += lineEnd }
            guard let part = encoded(line) else { return nil }
            bytes += part
        }
        return bytes
    }

    /// Returns the lines without their ends, LF or CR LF. (CR LF is one Character in Swift.)
    static func split(_ string: String) -> [String] {
        string.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }.map(String.init)
    }
}
