// Sentences: common parts of the errors of commands: one line of text, whatever names it contains.

internal import Overlay
internal import Platform

extension CommandError {
    static func invalid(_ sentence: String) -> CommandError { CommandError(.invalid, sentence) }
}

/// Returns a word of a command between quotes, on one line and not too long.
/// - Parameter limit: The number of bytes after which the rest is omitted.
func shown(_ word: [UInt8], limit: Int = 200) -> String {
    let text = String(decoding: word.prefix(limit), as: UTF8.self)
    return JSONText.quoted(word.count > limit ? text + "…" : text)
}

func shown(_ name: FileName) -> String { shown(name.bytes) }
