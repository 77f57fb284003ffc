// Glob: one pattern by the rules of gitignore(5), matched against paths of bytes. The time is proportional
// to the length of the pattern times the length of the path for every pattern: nothing is tried twice.

/// A parsed pattern.
package struct Glob: Sendable, Equatable {
    private enum Part: Sendable, Equatable {
        /// `**`: any number of names, including none.
        case anyNames
        case name([Token])
    }

    private enum Token: Sendable, Equatable {
        case byte(UInt8)
        /// `?`: one character, which may have several bytes, such as `é`.
        case anyCharacter
        /// `*`
        case anyBytes
        case set([ClosedRange<UInt8>], isNegated: Bool)
    }

    private let parts: [Part]
    /// `!`: a match includes the path again.
    package let isNegated: Bool
    /// `/` at the end: matches directories only.
    package let isDirectoryOnly: Bool

    /// The maximum number of bytes of a pattern.
    package static let longest = 4096

    /// - Returns: nil for a blank line or a comment.
    /// - Throws: `usage` for an invalid pattern.
    package init?(_ pattern: some Sequence<UInt8>) throws(ToolError) {
        var bytes = Self.trimmed(Array(pattern))
        guard bytes.count <= Self.longest else {
            throw ToolError(.bounds, "a pattern has \(bytes.count) bytes: the maximum is \(Self.longest)")
        }
        if bytes.isEmpty || bytes[0] == 0x23 { return nil }
        isNegated = bytes[0] == 0x21
        if isNegated { bytes.removeFirst() }
        isDirectoryOnly = bytes.last == 0x2f
        while bytes.last == 0x2f { bytes.removeLast() }
        let isAnchored = bytes.contains(0x2f)
        var parts: [Part] = isAnchored ? [] : [.anyNames]
        for name in bytes.split(separator: 0x2f) {
            if name.elementsEqual([0x2a, 0x2a]) {
                if parts.last != .anyNames { parts.append(.anyNames) }
            } else {
                parts.append(.name(try Self.tokens(name)))
            }
        }
        if parts.allSatisfy({ $0 == .anyNames }), bytes.isEmpty { return nil }
        // `a/**` matches everything in a, but not a itself.
        if parts.last == .anyNames { parts.append(.name([.anyBytes])) }
        self.parts = parts
    }

    /// Removes the line end and trailing blanks; a backslash keeps a blank.
    private static func trimmed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        while bytes.last == 0x0d || bytes.last == 0x0a { bytes.removeLast() }
        while bytes.last == 0x20, bytes.dropLast().last != 0x5c { bytes.removeLast() }
        return bytes
    }

    private static func tokens(_ name: ArraySlice<UInt8>) throws(ToolError) -> [Token] {
        var tokens: [Token] = []
        var index = name.startIndex
        while index < name.endIndex {
            let byte = name[index]
            index += 1
            switch byte {
            case 0x2a:
                if tokens.last != .anyBytes { tokens.append(.anyBytes) }
            case 0x3f:
                tokens.append(.anyCharacter)
            case 0x5b:
                tokens.append(try set(name, &index))
            case 0x5c where index < name.endIndex:
                tokens.append(.byte(name[index]))
                index += 1
            default:
                tokens.append(.byte(byte))
            }
        }
        return tokens
    }

    /// Parses a set such as `[a-z]`, `[!a]` or `[]a]`; `index` is after the opening bracket.
    private static func set(
        _ name: ArraySlice<UInt8>, _ index: inout Int
    ) throws(ToolError) -> Token {
        var ranges: [ClosedRange<UInt8>] = []
        var isNegated = false
        if index < name.endIndex, name[index] == 0x21 || name[index] == 0x5e {
            isNegated = true
            index += 1
        }
        var isFirst = true
        while index < name.endIndex {
            var low = name[index]
            if low == 0x5d, !isFirst {
                index += 1
                return .set(ranges, isNegated: isNegated)
            }
            isFirst = false
            index += 1
            if low == 0x5c, index < name.endIndex {
                low = name[index]
                index += 1
            }
            if index + 1 < name.endIndex, name[index] == 0x2d, name[index + 1] != 0x5d {
                let high = name[index + 1]
                index += 2
                if low <= high { ranges.append(low...high) }
            } else {
                ranges.append(low...low)
            }
        }
        throw ToolError(
            .usage, "the pattern \(String(decoding: name, as: UTF8.self)) has a [ without a ]")
    }

    // MARK: Matching

    /// - Parameter names: the names of the path below the directory that the pattern belongs to.
    package func matches(_ names: some Collection<[UInt8]>, isDirectory: Bool) -> Bool {
        if isDirectoryOnly, !isDirectory { return false }
        // The states of an automaton: the numbers of parts that have matched the names so far.
        var states = Set([0])
        close(&states)
        for name in names {
            var next: Set<Int> = []
            for state in states where state < parts.count {
                switch parts[state] {
                case .anyNames: next.insert(state)
                case .name(let tokens):
                    if Self.fits(tokens, name) { next.insert(state + 1) }
                }
            }
            states = next
            close(&states)
            if states.isEmpty { return false }
        }
        return states.contains(parts.count)
    }

    private func close(_ states: inout Set<Int>) {
        for state in states {
            if state < parts.count, parts[state] == .anyNames { states.insert(state + 1) }
        }
    }

    /// Matches one name. Only the last `*` is remembered: going back to an earlier one cannot succeed where
    /// the last one fails.
    private static func fits(_ tokens: [Token], _ name: [UInt8]) -> Bool {
        var token = 0
        var index = 0
        var star: (token: Int, index: Int)?
        while index < name.count {
            if token < tokens.count {
                switch tokens[token] {
                case .anyBytes:
                    star = (token, index)
                    token += 1
                    continue
                case .byte(let byte) where byte == name[index]:
                    token += 1
                    index += 1
                    continue
                case .anyCharacter:
                    token += 1
                    index += 1
                    while index < name.count, name[index] & 0xc0 == 0x80 { index += 1 }
                    continue
                case .set(let ranges, let isNegated)
                where ranges.contains(where: { $0.contains(name[index]) }) != isNegated:
                    token += 1
                    index += 1
                    continue
                default: break
                }
            }
            guard let last = star else { return false }
            token = last.token + 1
            index = last.index + 1
            star = (last.token, index)
        }
        while token < tokens.count, tokens[token] == .anyBytes { token += 1 }
        return token == tokens.count
    }
}

/// Patterns in order; the last one that matches decides.
package struct GlobRules: Sendable, Equatable {
    private var globs: [Glob] = []

    package init() {}

    /// - Throws: `usage` for an invalid pattern.
    package init(_ patterns: [String]) throws(ToolError) {
        for pattern in patterns {
            if let glob = try Glob(pattern.utf8) { globs.append(glob) }
        }
    }

    /// Reads the rules of a file such as `.gitignore`; an invalid line matches nothing.
    package init(file bytes: [UInt8]) {
        for line in bytes.split(separator: 0x0a) {
            if let glob = try? Glob(line) { globs.append(glob) }
        }
    }

    package var isEmpty: Bool { globs.isEmpty }

    /// Returns nil if no pattern matches, and false if the last one that does begins with `!`.
    package func verdict(_ names: some Collection<[UInt8]>, isDirectory: Bool) -> Bool? {
        globs.last { $0.matches(names, isDirectory: isDirectory) }.map { !$0.isNegated }
    }
}
