// ShellWords: words for control files, quoted as for a shell.

enum ShellWords {
    /// Returns a word unchanged if it needs no quotes, else in single quotes.
    static func quoted(_ word: String) -> String {
        let harmless = word.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
                || (0x61...0x7a).contains(byte) || "@%_+=:,./-".utf8.contains(byte)
        }
        if harmless, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }

    /// Returns a command line. A line end inside a word is quoted and does not end the line.
    static func line(_ words: [String]) -> String {
        words.map(quoted).joined(separator: " ") + "\n"
    }
}
