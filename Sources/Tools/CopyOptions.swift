// CopyOptions: which files are copied, under which names and with which attributes, and what happens if the
// destination exists.

internal import Platform

/// The attributes of files that a copy keeps.
package struct KeptAttributes: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let mode = KeptAttributes(rawValue: 1)
    package static let times = KeptAttributes(rawValue: 2)
    package static let xattrs = KeptAttributes(rawValue: 4)
    /// As far as the system lets the caller give files away.
    package static let owner = KeptAttributes(rawValue: 8)
    package static let usual: KeptAttributes = [.mode, .times, .xattrs]
    package static let all: KeptAttributes = [.mode, .times, .xattrs, .owner]
}

package struct CopyOptions: Sendable {
    package enum Conflict: String, Sendable, CaseIterable {
        /// The call fails and nothing is copied.
        case fail
        case skip
        case overwrite
        /// The copy gets a free name: `name (2).txt`.
        case rename
        /// The file is overwritten if the source was modified later.
        case newer
        /// The changes of both sides since `mergeBase` are merged.
        case merge
    }

    package enum Symlinks: String, Sendable, CaseIterable {
        case preserve
        /// The target of a link is copied, if it lies in the roots.
        case follow
        case skip
    }

    /// The rules for what is copied; empty for everything.
    package var include = GlobRules()
    package var exclude = GlobRules()
    package var respectsGitignore = false
    /// Bounds on the size of files, in bytes.
    package var smallest: UInt64?
    package var largest: UInt64?
    /// Bounds on the modification time, inclusive, in nanoseconds since 1970.
    package var modifiedAfter: Int64?
    package var modifiedBefore: Int64?
    /// How the names of files are made; nil keeps them.
    package var names: NamePattern?
    /// An expression whose match in the name of a file is replaced; nil keeps the names.
    package var nameExpression: NameExpression?
    /// Whether all files go directly into the destination.
    package var flattens = false
    package var symlinks = Symlinks.preserve
    package var keeps = KeptAttributes.usual
    package var conflict = Conflict.fail
    /// The tree or file that both the source and the destination come from.
    package var mergeBase: ToolPath?
    package var overlap = TextMerge.Overlap.fail
    /// The values of `{{name}}` in texts and names; nil leaves these as they are.
    package var variables: [String: String]?

    package init() {}

    /// - Parameters:
    ///   - pattern: a pattern with braces, or the replacement for the match of `expression`.
    ///   - expression: nil for a pattern with braces.
    package mutating func setNames(pattern: String?, expression: String?) throws(ToolError) {
        if let expression {
            guard let pattern else {
                throw ToolError(.usage, "a rename by an expression needs a replacement: rename")
            }
            nameExpression = try NameExpression(expression, replacement: pattern)
        } else if let pattern {
            names = try NamePattern(pattern)
        }
    }

    /// Whether everything is copied as it is.
    var isPlain: Bool {
        include.isEmpty && exclude.isEmpty && !respectsGitignore && smallest == nil
            && largest == nil && modifiedAfter == nil && modifiedBefore == nil && names == nil
            && nameExpression == nil && !flattens && symlinks == .preserve && variables == nil
    }
}

/// A pattern for the names of copied files: `{stem}-old{ext}`.
package struct NamePattern: Sendable {
    private enum Part: Sendable {
        case text([UInt8])
        case name, stem, extension_
        /// The number of the file, from 1, with at least this many digits.
        case number(digits: Int)
    }

    private let parts: [Part]

    /// - Throws: `usage` for an unknown word in braces.
    package init(_ text: String) throws(ToolError) {
        var parts: [Part] = []
        var rest = text[...]
        while let open = rest.firstIndex(of: "{") {
            if open > rest.startIndex { parts.append(.text(Array(rest[..<open].utf8))) }
            guard let close = rest[open...].firstIndex(of: "}") else {
                throw ToolError(.usage, "the pattern \(text) has a { without a }")
            }
            let word = rest[rest.index(after: open)..<close]
            switch word {
            case "name": parts.append(.name)
            case "stem": parts.append(.stem)
            case "ext": parts.append(.extension_)
            default:
                guard let zeros = Self.digits(word) else {
                    throw ToolError(
                        .usage,
                        "{\(word)} is not known in a pattern of names: use {name}, {stem}, {ext} "
                            + "(with its dot), {n}, {nnn}")
                }
                parts.append(.number(digits: zeros))
            }
            rest = rest[rest.index(after: close)...]
        }
        if !rest.isEmpty { parts.append(.text(Array(rest.utf8))) }
        self.parts = parts
    }

    /// Returns the number of digits: `n` is 1, `nnn` is 3.
    private static func digits(_ word: Substring) -> Int? {
        !word.isEmpty && word.count <= 9 && word.allSatisfy({ $0 == "n" }) ? word.count : nil
    }

    /// - Throws: `usage` if the result is not a valid name.
    func name(for old: [UInt8], number: Int) throws(ToolError) -> [UInt8] {
        let (stem, suffix) = Self.split(old)
        var name: [UInt8] = []
        for part in parts {
            switch part {
            case .text(let bytes): name += bytes
            case .name: name += old
            case .stem: name += stem
            case .extension_: name += suffix
            case .number(let digits):
                let text = String(number)
                name += Array(String(repeating: "0", count: max(0, digits - text.utf8.count)).utf8)
                name += Array(text.utf8)
            }
        }
        return try CopyPlan.checked(name)
    }

    /// Splits a name at the last dot, unless that is its first byte.
    static func split(_ name: [UInt8]) -> (stem: [UInt8], suffix: [UInt8]) {
        guard let dot = name.lastIndex(of: 0x2e), dot > 0 else { return (name, []) }
        return (Array(name[..<dot]), Array(name[dot...]))
    }
}
