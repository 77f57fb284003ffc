// NameExpression: names of copies by a regular expression: what it fits in a name is replaced, `$1` and
// `${name}` stand for groups.

internal import Platform

package struct NameExpression: Sendable {
    private let pattern: String
    private let replacement: [UInt8]

    /// - Throws: `usage` for what is no expression.
    package init(_ pattern: String, replacement: String) throws(ToolError) {
        self.pattern = pattern
        self.replacement = Array(replacement.utf8)
        _ = try RegularExpression(pattern, encoding: .utf8)
    }

    /// The name with what fits first replaced; a name that is no UTF-8, or in which nothing fits,
    /// stays. The expression is compiled each time: compiled ones cannot pass between threads, as
    /// plans may.
    /// - Throws: `usage` where the result can be no name.
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

    /// A name, for the search in files.
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
