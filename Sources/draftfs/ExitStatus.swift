// ExitStatus: the exit codes of the command, and output to standard output and standard error.

import ArgumentParser
import Glibc
import Platform

enum ExitStatus {
    static let success: Int32 = 0
    /// Something failed. Standard error says what failed, on which object, and what to do.
    static let failure: Int32 = 1
    /// The command line was wrong.
    static let usage: Int32 = 2
}

/// A failure described by one sentence.
struct Failure: Error, CustomStringConvertible {
    let description: String
    /// The error of the system, if that is the cause of the failure.
    let errno: Errno?

    init(_ description: String, errno: Errno? = nil) {
        self.description = description
        self.errno = errno
    }
}

/// Writes bytes to standard output, unchanged.
func printBytes(_ bytes: some Sequence<UInt8>) {
    fflush(nil)
    writeBytes(bytes, to: STDOUT_FILENO)
}

func writeBytes(_ bytes: some Sequence<UInt8>, to descriptor: Int32) {
    var rest = Array(bytes)[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        if count <= 0 { return }
        rest = rest.dropFirst(count)
    }
}

func exitProcess(_ code: Int32) -> Never { exit(code) }

/// Writes to standard error without adding a line end.
func writeError(_ text: String) { writeBytes(text.utf8, to: STDERR_FILENO) }

func printError(_ text: String) {
    writeBytes((text.hasSuffix("\n") ? text : text + "\n").utf8, to: STDERR_FILENO)
}

/// Prints the sentence and returns exit code 1.
func fail(_ sentence: String) -> ExitCode {
    printError("draftfs: \(sentence)")
    return ExitCode(ExitStatus.failure)
}
