// RequiredText: text that every match of an expression holds, if that is certain and no match extends over
// more than a line. Such an expression is searched for only in the lines that hold the text, which are
// found much faster. A pattern that is not fully understood has no such text and is searched for
// everywhere. The syntax is that of pcre2pattern(3).

struct RequiredText {
    /// Consecutive bytes that every match holds.
    let bytes: [UInt8]

    /// The minimum number of bytes; a shorter text is nearly everywhere.
    static let shortest = 3

    /// - Parameters:
    ///   - pattern: a valid pattern, without options that change how it is read.
    init?(_ pattern: [UInt8], isUTF8: Bool) {
        var reader = Reader(pattern, isUTF8: isUTF8)
        guard let bytes = reader.longestRun(), bytes.count >= Self.shortest else { return nil }
        self.bytes = bytes
    }

    /// The part of a pattern between two parentheses, or the whole pattern.
    private struct Group {
        /// The longest run so far that each match holds.
        var longest: [UInt8] = []
        /// The run of characters that ends at the current place.
        var run: [UInt8] = []
        /// Whether the group has alternatives: then no run is in all matches.
        var hasAlternatives = false

        mutating func endRun() {
            if run.count > longest.count { longest = run }
            run = []
        }

        var required: [UInt8] { hasAlternatives ? [] : longest }
    }

    private struct Reader {
        private let pattern: [UInt8]
        private let isUTF8: Bool
        private var index = 0
        /// The open groups, innermost last.
        private var groups = [Group()]

        init(_ pattern: [UInt8], isUTF8: Bool) {
            self.pattern = pattern
            self.isUTF8 = isUTF8
        }

        private func byte(_ ahead: Int = 0) -> UInt8? {
            index + ahead < pattern.count ? pattern[index + ahead] : nil
        }

        /// Returns nil if the pattern has a part that is not understood, or that may match a line end.
        mutating func longestRun() -> [UInt8]? {
            while let byte = byte() {
                guard readPart(byte), var last = groups.popLast() else { return nil }
                // Quantifiers were read together with the part that they belong to.
                if byte == UInt8(ascii: "|") {
                    last.endRun()
                    last.hasAlternatives = true
                }
                groups.append(last)
            }
            guard groups.count == 1, var all = groups.popLast() else { return nil }
            all.endRun()
            return all.required
        }

        private mutating func readPart(_ byte: UInt8) -> Bool {
            switch byte {
            case UInt8(ascii: "("):
                guard skipGroupStart() else { return false }
                change { $0.endRun() }
                groups.append(Group())
                return true
            case UInt8(ascii: ")"):
                index += 1
                guard groups.count > 1, var closed = groups.popLast() else { return false }
                closed.endRun()
                guard let repeats = readQuantifier() else { return false }
                if repeats != .maybeNone {
                    change { if closed.required.count > $0.longest.count { $0.longest = closed.required } }
                }
                return true
            case UInt8(ascii: "|"):
                index += 1
                return true
            case UInt8(ascii: "^"), UInt8(ascii: "$"), UInt8(ascii: "."):
                index += 1
                return readOther()
            case UInt8(ascii: "["):
                return skipClass() && readOther()
            case UInt8(ascii: "\\"):
                return readEscape()
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"), UInt8(ascii: "{"),
                0x00...0x1f:
                return false
            default:
                var length = 1
                while isUTF8, byte >= 0xc0, let next = self.byte(length), next & 0xc0 == 0x80 { length += 1 }
                let character = Array(pattern[index..<index + length])
                index += length
                return readCharacter(character)
            }
        }

        private mutating func change(_ body: (inout Group) -> Void) {
            guard var last = groups.popLast() else { return }
            body(&last)
            groups.append(last)
        }

        private mutating func readCharacter(_ character: [UInt8]) -> Bool {
            guard let repeats = readQuantifier() else { return false }
            change { group in
                if repeats != .maybeNone { group.run += character }
                if repeats != .once { group.endRun() }
            }
            return true
        }

        /// Reads the quantifier of a part that matches various characters.
        private mutating func readOther() -> Bool {
            change { $0.endRun() }
            return readQuantifier() != nil
        }

        private enum Repeats {
            case once, atLeastOnce, maybeNone
        }

        /// Returns nil for a quantifier that is not understood.
        private mutating func readQuantifier() -> Repeats? {
            var repeats = Repeats.once
            switch byte() {
            case UInt8(ascii: "*"), UInt8(ascii: "?"):
                repeats = .maybeNone
                index += 1
            case UInt8(ascii: "+"):
                repeats = .atLeastOnce
                index += 1
            case UInt8(ascii: "{"):
                // {n}, {n,} and {n,m}. Other text after a brace is literal in some versions and not in
                // others.
                var ahead = 1
                var isZero = true
                while let digit = byte(ahead), (0x30...0x39).contains(digit) {
                    if digit != 0x30 { isZero = false }
                    ahead += 1
                }
                guard ahead > 1 else { return nil }
                if byte(ahead) == UInt8(ascii: ",") {
                    ahead += 1
                    while let digit = byte(ahead), (0x30...0x39).contains(digit) { ahead += 1 }
                }
                guard byte(ahead) == UInt8(ascii: "}") else { return nil }
                index += ahead + 1
                repeats = isZero ? .maybeNone : .atLeastOnce
            default:
                return .once
            }
            // Lazy (`?`) and possessive (`+`) quantifiers.
            if byte() == UInt8(ascii: "?") || byte() == UInt8(ascii: "+") { index += 1 }
            return repeats
        }

        /// Accepts plain groups, (?: and named groups. All others change what a match holds, or how the
        /// rest is read.
        private mutating func skipGroupStart() -> Bool {
            index += 1
            if byte() == UInt8(ascii: "*") { return false }
            guard byte() == UInt8(ascii: "?") else { return true }
            index += 1
            if byte() == UInt8(ascii: ":") {
                index += 1
                return true
            }
            if byte() == UInt8(ascii: "P") { index += 1 }
            guard byte() == UInt8(ascii: "<"), let first = byte(1), Self.isLetter(first) else { return false }
            index += 1
            while let next = byte(), next != UInt8(ascii: ">") { index += 1 }
            index += 1
            return index <= pattern.count
        }

        private static func isLetter(_ byte: UInt8) -> Bool {
            (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte) || byte == 0x5f
        }

        /// Escapes that do not match a line end, and have no argument after their letter.
        private static let inLine = Set("dwShNbBAZz".utf8)

        private mutating func readEscape() -> Bool {
            guard let letter = byte(1) else { return false }
            index += 2
            if letter == UInt8(ascii: "t") { return readCharacter([0x09]) }
            if Self.inLine.contains(letter) { return readOther() }
            // An escaped punctuation character is literal; other letters and digits are not understood.
            guard (0x21...0x7e).contains(letter), !Self.isLetter(letter), !(0x30...0x39).contains(letter)
            else { return letter == 0x20 ? readCharacter([0x20]) : false }
            return readCharacter([letter])
        }

        /// Skips a class that does not match a line end.
        private mutating func skipClass() -> Bool {
            index += 1
            if byte() == UInt8(ascii: "^") { return false }
            var isFirst = true
            while let next = byte() {
                index += 1
                switch next {
                case UInt8(ascii: "]") where !isFirst:
                    return true
                case UInt8(ascii: "["):
                    // POSIX names such as [:alpha:].
                    if let sign = byte(), sign == 0x3a || sign == 0x2e || sign == 0x3d { return false }
                case UInt8(ascii: "\\"):
                    guard let letter = byte() else { return false }
                    index += 1
                    let isKnown = Set("dwSh".utf8).contains(letter)
                        || !Self.isLetter(letter) && !(0x30...0x39).contains(letter) && letter < 0x80
                    if !isKnown { return false }
                case 0x00...0x1f:
                    return false
                default:
                    break
                }
                isFirst = false
            }
            return false
        }
    }
}
