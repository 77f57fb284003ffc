// ShellWords: words for control files, quoted as a shell would take them.

enum ShellWords {
    /// A word that needs no quotes as it is, any other between single quotes.
    static func quoted(_ word: String) -> String {
        let harmless = word.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte)
                || (0x61...0x7a).contains(byte) || "@%_+=:,./-".utf8.contains(byte)
        }
        if harmless, !word.isEmpty { return word }
        return "'" + word.split(separator: "'", omittingEmptySubsequences: false)
            .joined(separator: "'\\''") + "'"
    }

    /// A command line. A line end inside a word is quoted and does not end it.
    static func line(_ words: [String]) -> String {
        words.map(quoted).joined(separator: " ") + "\n"
    }
}
