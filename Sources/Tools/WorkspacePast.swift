// WorkspacePast: the control files of a workspace as tools use them, from a mount or from an engine in the
// same process.

internal import Platform

package protocol WorkspacePast: Sendable {
    /// The workspace's root.
    var root: ToolPath { get }

    /// Runs a command, as a line in one of the files: `backup`, `rollback`, `undo`, `verify`.
    func command(_ file: String, _ words: [[UInt8]]) throws(ToolError)

    /// Returns at most `most` bytes of a file: `backup`, `history`, `history.SEQ`, `diff`, `blame/PATH`.
    func read(_ file: String, _ most: Int) throws(ToolError) -> [UInt8]
}

extension WorkspacePast {
    /// Returns the words of a command as a line, quoted as for a shell; the words may have any bytes.
    package static func line(_ words: [[UInt8]]) -> [UInt8] {
        Array(words.map(quoted).joined(separator: [0x20])) + [0x0a]
    }

    private static func quoted(_ word: [UInt8]) -> [UInt8] {
        var quoted: [UInt8] = [0x27]
        for byte in word { quoted += byte == 0x27 ? Array("'\\''".utf8) : [byte] }
        return quoted + [0x27]
    }
}
