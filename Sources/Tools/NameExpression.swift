// NameExpression: renames copies with a regular expression. The first match in a name is replaced; `$1` and
// `${name}` stand for groups.

internal import Platform

package struct NameExpression: Sendable {
    private let pattern: String
    private let replacement: [UInt8]

    /// - Throws: `usage` if the expression is invalid.
    package init(_ pattern: String, replacement: String) throws(ToolError) {
        self.pattern = pattern
        self.replacement = Array(replacement.utf8)
        _ = try RegularExpression(pattern, encoding: .utf8)
    }

    /// Returns the name with its first match replaced. A name that is not UTF-8, or that has no match,
    /// stays as it is.
    /// The expression is compiled on each call: plans may pass between threads, compiled expressions must
    /// not.
    /// - Throws: `usage` if the result is not a valid name.
    func name(for old: [UInt8]) throws(ToolError) -> [UInt8] {
        let expression = try RegularExpression(pattern, encoding: .utf8)
        let text = try TextFile(NameAsFile(bytes: old), encoding: .utf8)
        var new = old
        try expression.search(text) { match throws(ToolError) in
            let part = try expression.replacement(replacement, for: match, atMost: Self.longestPart)
            new.replaceSubrange(Int(match.range.lowerBound)..<Int(match.range.upperBound), with: part)
            return false
        }
        return new == old ? old : try CopyPlan.checked(new)
    }

    private static let longestPart = 4_096

    /// A name in the form of a file, so that the search in files can read it.
    private struct NameAsFile: GroundFile {
        let bytes: [UInt8]

        func status() throws(ToolError) -> FileStatus {
            FileStatus(
                device: 0, inode: 0, mode: FileType.regular.modeBits, links: 1, user: 0, group: 0,
                specialDevice: 0, size: UInt64(bytes.count), blocks: 0, accessTime: 0,
                modificationTime: 0, changeTime: 0, birthTime: 0)
        }

        func read(_ count: Int, at offset: UInt64) throws(ToolError) -> [UInt8] {
            Array(bytes.dropFirst(Int(clamping: offset)).prefix(count))
        }
    }
}
