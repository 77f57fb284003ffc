// MomentSyntax: parses moments in commands: NAME of a backup, @SEQ, @TIME, -AGE; and in names of
// control files (`at/MOMENT`, `history.SEQ`).

package import Overlay
package import Past
package import Platform

extension Moment {
    /// - Parameter now: Nanoseconds since 1970, for -AGE.
    /// - Throws: EINVAL, ENAMETOOLONG.
    package init(_ word: [UInt8], now: Int64) throws(CommandError) {
        switch word.first {
        case Byte.at: self = try Moment.absolute(word.dropFirst(), of: word)
        case Byte.dash:
            guard let age = Amounts.age(word.dropFirst()) else {
                throw .invalid(
                    "\(shown(word)) is not an age: write a number and s, m, h, d or w, like -10m")
            }
            self = .time(now.subtractingReportingOverflow(age).partialValue)
        default: self = .backup(try FileName(backup: word))
        }
    }

    private static func absolute(
        _ text: ArraySlice<UInt8>, of word: [UInt8]
    ) throws(CommandError) -> Moment {
        if !text.isEmpty, text.allSatisfy(Byte.isDigit) {
            guard let sequence = UInt64(digits: text) else {
                throw .invalid("\(shown(word)) is not a change: the number is too large")
            }
            return .sequence(sequence)
        }
        guard let time = ISOTime.time(text) else {
            throw .invalid(
                "\(shown(word)) is not a moment: write @ and the number of a change, or a time "
                    + "with its zone, like @2026-01-31T12:00:00Z or @2026-01-31")
        }
        return .time(time)
    }

    /// Parses a name in `at/`: SEQ, @SEQ, TIME, @TIME or -AGE.
    /// - Returns: Nil for anything else. Such a name does not exist.
    package init?(nameInAt name: FileName, now: Int64) {
        let isPlain = name.bytes.first.map { Byte.isDigit($0) } ?? false
        let word = isPlain ? [Byte.at] + name.bytes : name.bytes
        guard word.first == Byte.at || word.first == Byte.dash,
            let moment = try? Moment(word, now: now)
        else { return nil }
        self = moment
    }
}

/// The range of changes that `history` and history.SEQ show.
package enum HistoryName {
    /// The largest number of changes in one read of `history`.
    package static let length: UInt64 = 5_000

    /// - Returns: The last change of history.SEQ, or nil if the name is not of that form.
    package static func sequence(controlFile name: FileName) -> UInt64? {
        let prefix = Array("history.".utf8)
        guard name.bytes.starts(with: prefix) else { return nil }
        return UInt64(digits: name.bytes.dropFirst(prefix.count))
    }

    /// Returns the changes up to and including `last`. Changes are counted from 1.
    package static func range(upTo last: UInt64) -> ClosedRange<UInt64>? {
        last == 0 ? nil : (last > length ? last - length + 1 : 1)...last
    }
}

extension FileName {
    /// Makes the name of a backup: 1 to 255 bytes, no `/`, no control characters. It must not begin
    /// with `@`, `-` or `.`, so that it differs from other moments and options.
    /// - Throws: EINVAL, ENAMETOOLONG.
    package init(backup word: [UInt8]) throws(CommandError) {
        if word.isEmpty { throw .invalid("the name of a backup is empty: give a name") }
        if word.count > FileName.maximumLength {
            throw CommandError(
                .nameTooLong,
                "the name of a backup has \(word.count) bytes: "
                    + "it may have at most \(FileName.maximumLength)")
        }
        if let first = word.first, [Byte.at, Byte.dash, Byte.dot].contains(first) {
            throw .invalid(
                "\(shown(word)) is not a name for a backup: it may not begin with @, - or .")
        }
        if word.contains(where: { $0 < 0x20 || $0 == 0x7f || $0 == Byte.slash }) {
            throw .invalid(
                "\(shown(word)) is not a name for a backup: it may hold neither / nor control characters")
        }
        if zip(word, word.dropFirst()).contains(where: { $0 == Byte.dot && $1 == Byte.dot }) {
            throw .invalid(
                "\(shown(word)) is not a name for a backup: two dots in a row stand between two moments")
        }
        self.init(trusted: word)
    }
}
