// Support: helpers that convert text to bytes, parse commands and check errors.

import Control
import Overlay
import Platform
import Testing

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

func name(_ text: String) -> FileName { FileName(trusted: bytes(text)) }

/// 2026-01-31T12:00:00Z
let noon: Int64 = 1_769_860_800_000_000_000

/// Returns the commands of a write to a control file up to the first mistake, and the error of the mistake.
func read(_ written: [UInt8], _ file: CommandFile) -> (commands: [Command], error: CommandError?) {
    var reader = CommandReader(written, of: file, now: noon)
    var commands: [Command] = []
    do throws(CommandError) {
        while let command = try reader.next() { commands.append(command) }
    } catch {
        return (commands, error)
    }
    return (commands, nil)
}

func read(_ written: String, _ file: CommandFile) -> (commands: [Command], error: CommandError?) {
    read(bytes(written), file)
}

/// Checks that a write has no command before its mistake, and fails with the errno and with a message of
/// one line that contains the words.
func expectFailure(
    _ written: String, _ file: CommandFile, _ errno: Errno = .invalid, says words: String,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    let result = read(written, file)
    #expect(result.commands == [], "\(written)", sourceLocation: sourceLocation)
    #expect(result.error?.errno == errno, "\(written)", sourceLocation: sourceLocation)
    let sentence = result.error?.description ?? ""
    #expect(sentence.contains(words), "\(written): \(sentence)", sourceLocation: sourceLocation)
    #expect(!sentence.contains("\n"), "\(written)", sourceLocation: sourceLocation)
}
