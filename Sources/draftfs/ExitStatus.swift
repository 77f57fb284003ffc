// ExitStatus: what the command's exit codes mean, and printing to standard error.

import ArgumentParser
import Glibc

enum ExitStatus {
    static let success: Int32 = 0
    /// Something failed; standard error says what, on what, and what to do.
    static let failure: Int32 = 1
    /// The command line was wrong.
    static let usage: Int32 = 2
}

/// A failure with one sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

func exitProcess(_ code: Int32) -> Never { exit(code) }

func printError(_ text: String) {
    let line = text.hasSuffix("\n") ? text : text + "\n"
    var bytes = Array(line.utf8)[...]
    while !bytes.isEmpty {
        let count = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        if count <= 0 { return }
        bytes = bytes.dropFirst(count)
    }
}

/// Prints the sentence and ends with exit code 1.
func fail(_ sentence: String) -> ExitCode {
    printError("draftfs: \(sentence)")
    return ExitCode(ExitStatus.failure)
}
