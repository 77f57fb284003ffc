// WorkspacePast: a workspace's control files as tools use them, whatever stands behind: a mount, or an
// engine in the same process.

internal import Platform

package protocol WorkspacePast: Sendable {
    /// The workspace's root.
    var root: ToolPath { get }

    /// Has a command carried out, as a line in one of the files: `backup`, `rollback`, `undo`, `verify`.
    func command(_ file: String, _ words: [[UInt8]]) throws(ToolError)

    /// A file's text, at most so many bytes: `backup`, `history`, `history.SEQ`, `diff`, `blame/PATH`.
    func read(_ file: String, _ most: Int) throws(ToolError) -> [UInt8]
}

extension WorkspacePast {
    /// A command's words as a line, quoted as for a shell, whatever their bytes are.
    package static func line(_ words: [[UInt8]]) -> [UInt8] {
        Array(words.map(quoted).joined(separator: [0x20])) + [0x0a]
    }

    private static func quoted(_ word: [UInt8]) -> [UInt8] {
        var quoted: [UInt8] = [0x27]
        for byte in word { quoted += byte == 0x27 ? Array("'\\''".utf8) : [byte] }
        return quoted + [0x27]
    }
}
